//! What follows `s` and `y`.

use super::Parser;
use crate::tools::sed::script::{Piece, Substitution, Verb};

impl Parser {
    pub(super) fn substitute(&mut self) -> Result<Verb, String> {
        let delimiter = self.next().filter(|&c| c != '\n' && c != '\\').ok_or("a delimiter is missing")?;
        let pattern = self.until(delimiter, true)?;
        let replacement = self.until(delimiter, false)?;
        let (mut global, mut print, mut ignore_case, mut nth) = (false, false, false, 1);
        loop {
            match self.peek() {
                Some('g') => global = true,
                Some('p') => print = true,
                Some('i' | 'I') => ignore_case = true,
                Some('1'..='9') => {
                    nth = self.number()?.unwrap_or(1);
                    continue;
                }
                Some(flag @ ('e' | 'w' | 'm' | 'M')) => {
                    return Err(format!("the flag `{flag}` of `s` is not followed"));
                }
                _ => break,
            }
            self.at += 1;
        }
        let matcher = self.matcher(&pattern, ignore_case)?;
        let replacement = pieces(&replacement)?;
        if let Some(matcher) = &matcher
            && replacement.iter().any(|piece| matches!(piece, Piece::Group(group) if *group >= matcher.groups()))
        {
            return Err("a group that is not there".to_owned());
        }
        Ok(Verb::Substitute(Substitution { matcher, replacement, global, print, nth }))
    }

    pub(super) fn translate(&mut self) -> Result<Verb, String> {
        let delimiter = self.next().filter(|&c| c != '\n' && c != '\\').ok_or("a delimiter is missing")?;
        let from = unescape(&self.until(delimiter, false)?)?;
        let to = unescape(&self.until(delimiter, false)?)?;
        if from.len() != to.len() {
            return Err("`y` wants as many letters as it has".to_owned());
        }
        Ok(Verb::Translate(from.into_iter().zip(to).collect()))
    }
}

/// The letters of `y`.
fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut letters = text.bytes();
    while let Some(byte) = letters.next() {
        bytes.push(match byte {
            b'\\' => match letters.next() {
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'\\') => b'\\',
                _ => return Err("a backslash in `y`".to_owned()),
            },
            byte if byte.is_ascii() => byte,
            _ => return Err("`y` with letters beyond ASCII".to_owned()),
        });
    }
    Ok(bytes)
}

/// The replacement of `s`.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut plain = Vec::new();
    let mut letters = text.chars();
    let mut buffer = [0; 4];
    while let Some(c) = letters.next() {
        let group = match c {
            '&' => 0,
            '\\' => match letters.next() {
                Some(digit @ '0'..='9') => digit as usize - '0' as usize,
                Some('n' | '\n') => {
                    plain.push(b'\n');
                    continue;
                }
                Some('t') => {
                    plain.push(b'\t');
                    continue;
                }
                Some(c) if c.is_ascii_alphabetic() => return Err(format!("`\\{c}` in a replacement is not followed")),
                Some(c) => {
                    plain.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                    continue;
                }
                None => return Err("a backslash at the end of a replacement".to_owned()),
            },
            c => {
                plain.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                continue;
            }
        };
        pieces.push(Piece::Text(std::mem::take(&mut plain)));
        pieces.push(Piece::Group(group));
    }
    pieces.push(Piece::Text(plain));
    Ok(pieces)
}
