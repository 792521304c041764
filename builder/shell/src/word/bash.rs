//! What only bash reads in a word: patterns with parentheses, `<(…)`, `NAME=(…)`, `$'…'`.

use std::sync::Arc;

use super::Within;
use crate::lex::TokenKind;
use crate::parse::Parser;
use crate::syntax::Part;
use crate::{Stop, array, brace};

/// What a letter of a word is.
pub(super) enum Piece {
    Letter,
    Part(Part),
    End,
    /// What it is in every shell.
    Other,
}

impl Parser {
    /// Looks at the letter `c` behind `parts` and `text`, `depth` deep in parentheses.
    pub(super) fn bash_word(
        &mut self,
        c: char,
        within: Within,
        parts: &[Part],
        text: &str,
        depth: &mut usize,
    ) -> Result<Piece, Stop> {
        if *depth > 0 {
            match c {
                '(' => *depth += 1,
                ')' => *depth -= 1,
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' => {}
                _ => return Ok(Piece::Other),
            }
            return Ok(Piece::Letter);
        }
        if within == Within::Regex {
            return Ok(match c {
                '(' => {
                    *depth = 1;
                    Piece::Letter
                }
                '|' => Piece::Letter,
                ' ' | '\t' | '\n' | ';' | '&' | '<' | '>' | ')' => Piece::End,
                _ => Piece::Other,
            });
        }
        match c {
            '<' if self.char_at(1) == Some('(') => {
                let line = self.line;
                self.skip(2);
                let list = self.nested_list()?;
                if !self.take_op(")")? {
                    return Err(Stop::new(line, "`<(` without an end"));
                }
                Ok(Piece::Part(Part::Process(Arc::new(list))))
            }
            '>' if self.char_at(1) == Some('(') => Err(self.stop("`>(` is not followed")),
            '(' if text.ends_with(['?', '*', '+', '@', '!']) && !(text == "!" && parts.is_empty() && self.begins) => {
                *depth = 1;
                Ok(Piece::Letter)
            }
            '(' if parts.is_empty() && array::is_assigned(text) => self.array().map(Piece::Part),
            _ => Ok(Piece::Other),
        }
    }

    /// `(…)` behind `NAME=`.
    fn array(&mut self) -> Result<Part, Stop> {
        let line = self.line;
        self.bump();
        self.enter()?;
        let mut elements = Vec::new();
        loop {
            match self.lex()?.kind {
                TokenKind::Op("newline") => {}
                TokenKind::Op(")") => break,
                TokenKind::Word(word) => match array::element(&word).map_err(|what| Stop::new(line, what))? {
                    Some((subscript, value)) => elements.push((Some(subscript), value)),
                    None => elements.extend(brace::expand(word, self.line)?.into_iter().map(|word| (None, word))),
                },
                _ => return Err(Stop::new(line, "`=(` without an end")),
            }
        }
        self.leave();
        Ok(Part::List(elements))
    }

    /// `'…'` behind a `$`.
    pub(super) fn c_quotes(&mut self) -> Result<String, Stop> {
        let line = self.line;
        self.bump();
        let mut text = String::new();
        loop {
            let Some(c) = self.char() else { return Err(Stop::new(line, "`$'` without an end")) };
            self.bump();
            match c {
                '\'' => break,
                '\\' => {
                    // Taken apart below: only where it ends matters here.
                    text.push('\\');
                    text.extend(self.char());
                    self.bump();
                }
                c => text.push(c),
            }
        }
        let bytes = crate::escape::c_quoted(&text).map_err(|what| Stop::new(line, what))?;
        String::from_utf8(bytes).map_err(|_| Stop::new(line, "`$'`: not UTF-8"))
    }
}
