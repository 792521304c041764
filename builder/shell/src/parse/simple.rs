//! Simple commands, functions' names, redirections.

use std::sync::{Arc, OnceLock};

use super::{Parser, assignment};
use crate::Stop;
use crate::lex::{Pending, TokenKind};
use crate::syntax::{Command, Kind, Part, Redirect, Target, Word};

impl Parser {
    pub(super) fn simple(&mut self, line: usize) -> Result<Command, Stop> {
        let mut assignments = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        let mut redirects = Vec::new();
        loop {
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            if self.is_op("(")? && assignments.is_empty() && words.len() == 1 && redirects.is_empty() {
                return self.function(&words[0], line);
            }
            if !matches!(self.peek()?.kind, TokenKind::Word(_)) {
                break;
            }
            if words.is_empty() && !assignments.is_empty() && self.replace_alias()? {
                continue;
            }
            let word = self.any_word()?;
            match assignment(&word, self.bash) {
                Some(assignment) if words.is_empty() => assignments.push(assignment),
                _ => self.braced(word, &mut words)?,
            }
        }
        if assignments.is_empty() && words.is_empty() && redirects.is_empty() {
            return Err(self.unexpected());
        }
        Ok(Command { kind: Kind::Simple { assignments, words }, redirects, line })
    }

    pub(crate) fn function(&mut self, name: &Word, line: usize) -> Result<Command, Stop> {
        self.peeked = None;
        let name = match name.as_slice() {
            [Part::Text(name)] => name.clone(),
            _ => return Err(Stop::new(line, "a function's name is plain")),
        };
        if !self.take_op(")")? {
            return Err(self.unexpected());
        }
        self.newlines()?;
        let body = Arc::new(self.command()?);
        Ok(Command { kind: Kind::Function { name, body }, redirects: Vec::new(), line })
    }

    pub(super) fn redirect(&mut self) -> Result<Option<Redirect>, Stop> {
        let mut descriptor = None;
        if let TokenKind::Descriptor(digit) = self.peek()?.kind {
            descriptor = Some(digit);
            self.peeked = None;
        }
        let token = self.peek()?;
        let line = token.line;
        let TokenKind::Op(op) = token.kind else { return Ok(None) };
        let default = match op {
            "<" | "<&" | "<>" | "<<" | "<<-" | "<<<" => 0,
            ">" | ">>" | ">|" | ">&" | "&>" | "&>>" => 1,
            _ => return Ok(None),
        };
        self.peeked = None;
        let word = self.any_word()?;
        let to = match op {
            "<" => Target::From(word),
            ">" | ">|" => Target::Over(word),
            ">>" => Target::After(word),
            "<&" | ">&" => Target::Duplicate(word),
            "<<<" => Target::Text(word),
            "&>" | "&>>" => Target::Both { word, append: op == "&>>" },
            "<>" => Target::ReadWrite,
            _ => {
                let slot = Arc::new(OnceLock::new());
                let (delimiter, quoted) =
                    delimiter(&word).ok_or_else(|| Stop::new(line, "a delimiter is plain text"))?;
                self.pending.push(Pending { delimiter, tabs: op == "<<-", quoted, slot: slot.clone(), line });
                Target::Document(slot)
            }
        };
        Ok(Some(Redirect { descriptor: descriptor.unwrap_or(default), to }))
    }
}

/// A here-document's delimiter without its quotes, and whether it had any.
fn delimiter(word: &Word) -> Option<(String, bool)> {
    let mut text = String::new();
    let mut quoted = false;
    for part in word {
        match part {
            Part::Text(part) => text.push_str(part),
            Part::Quoted(part) => {
                text.push_str(part);
                quoted = true;
            }
            Part::Double(parts) => {
                text.push_str(&delimiter(parts)?.0);
                quoted = true;
            }
            _ => return None,
        }
    }
    Some((text, quoted))
}
