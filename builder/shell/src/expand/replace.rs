//! bash's `${x/PATTERN/TEXT}` and `${x^^PATTERN}`.

use super::Mode;
use super::fields::{BARE, Builder};
use crate::pattern::Pattern;
use crate::shell::{Go, Shell};
use crate::syntax::{Parameter, Place, Word};

impl Shell<'_> {
    pub(super) fn replace(&mut self, value: &str, place: Place, parameter: &Parameter) -> Go<String> {
        let written = self.word_of(&parameter.word, false)?.pattern;
        let pattern = self.compile(&written, false)?;
        let with = match &parameter.second {
            None => Vec::new(),
            Some(word) => self.replacement(word)?,
        };
        let mut out = String::new();
        let mut at = 0;
        if written.is_empty() && matches!(place, Place::First | Place::All) {
            return Ok(value.to_owned());
        }
        while at <= value.len() {
            let found = match place {
                Place::Suffix if pattern.fixed().is_some_and(|length| at + length < value.len()) => None,
                Place::Suffix => self.matches(&pattern, &value[at..], written.len())?.then_some(value.len()),
                _ => self.longest(&pattern, &value[at..], written.len())?.map(|length| at + length),
            };
            match found {
                Some(end) if end > at || place == Place::Prefix || place == Place::Suffix => {
                    let Some(matched) = value.get(at..end) else {
                        return Err(self.stop("a pattern cuts a letter in two"));
                    };
                    with.iter().for_each(|piece| match piece {
                        Some(c) => out.push(*c),
                        None => out.push_str(matched),
                    });
                    at = end;
                    if place != Place::All || at >= value.len() {
                        break;
                    }
                    continue;
                }
                _ => {}
            }
            if place == Place::Prefix {
                break;
            }
            let Some(c) = value[at..].chars().next() else { break };
            out.push(c);
            at += c.len_utf8();
        }
        out.push_str(&value[at.min(value.len())..]);
        self.meter.made(out.len(), self.line)?;
        Ok(out)
    }

    fn matches(&mut self, pattern: &Pattern, text: &str, written: usize) -> Go<bool> {
        self.meter.step(pattern.cost(text.len(), written), self.line)?;
        Ok(pattern.matches(text.as_bytes()))
    }

    /// The longest match at the beginning of `text`.
    fn longest(&mut self, pattern: &Pattern, text: &str, written: usize) -> Go<Option<usize>> {
        if let Some(length) = pattern.fixed() {
            self.meter.step(1, self.line)?;
            return Ok(text.as_bytes().get(..length).filter(|head| pattern.matches(head)).map(|_| length));
        }
        let cost = pattern.cost(text.len(), written).saturating_mul(text.len() + 1) / 16;
        self.meter.step(1 + cost, self.line)?;
        Ok((0..=text.len()).rev().find(|&end| pattern.matches(&text.as_bytes()[..end])))
    }

    /// What is put in place: letters, and nothing for a `&` that was not quoted, which stands for what matched.
    fn replacement(&mut self, word: &Word) -> Go<Vec<Option<char>>> {
        let mut builder = Builder::marking();
        self.parts(word, &mut builder, false, false, Mode::Text)?;
        let text = builder.finish().into_iter().next().unwrap_or_default().pattern;
        let mut pieces = Vec::new();
        let mut letters = text.chars();
        while let Some(c) = letters.next() {
            match c {
                '\\' => match letters.next() {
                    Some(BARE) => return Err(self.stop("a backslash that an expansion puts in a replacement")),
                    quoted => pieces.extend(quoted.map(Some)),
                },
                '&' => pieces.push(None),
                c => pieces.push(Some(c)),
            }
        }
        Ok(pieces)
    }

    /// `${x^^PATTERN}` and the like, in the POSIX locale.
    pub(super) fn in_case(&mut self, value: &str, upper: bool, all: bool, word: &Word) -> Go<String> {
        let written = self.word_of(word, false)?.pattern;
        let pattern = self.compile(&written, false)?;
        let mut out = String::new();
        self.meter.step(pattern.cost(value.len(), written.len() + 1), self.line)?;
        for (at, c) in value.char_indices() {
            let wanted = (all || at == 0) && c.is_ascii() && (written.is_empty() || pattern.matches(&[c as u8]));
            out.push(match (wanted, upper) {
                (false, _) => c,
                (true, true) => c.to_ascii_uppercase(),
                (true, false) => c.to_ascii_lowercase(),
            });
        }
        Ok(out)
    }
}
