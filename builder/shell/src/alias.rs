//! Aliases (XCU 2.3.1), as dash has them: a command's name is replaced as text while its line is read, so each line must be
//! read when the one before it has run.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Stop;
use crate::lex::TokenKind;
use crate::parse::Parser;
use crate::shell::{Go, Shell};
use crate::syntax::List;

/// Names, and the texts they stand for.
pub(crate) type Aliases = Arc<BTreeMap<String, String>>;

/// Letters that may be moved to make room for the texts of aliases.
const MAX_MOVED: usize = 20_000_000;

/// Aliases in a script being read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    pub(crate) aliases: Aliases,
    /// Those whose text is being read, and how many letters are left behind that text: they are not replaced again in it.
    open: Vec<(String, usize)>,
    moved: usize,
}

impl Reading {
    pub(crate) fn new(aliases: Aliases) -> Reading {
        Reading { aliases, ..Reading::default() }
    }
}

impl Parser {
    /// Puts an alias's text in the place of the word that comes next; whether that was one.
    pub(crate) fn replace_alias(&mut self) -> Result<bool, Stop> {
        if self.reading.aliases.is_empty() {
            return Ok(false);
        }
        let Some(name) = self.peek()?.kind.bare().map(str::to_owned) else { return Ok(false) };
        let left = self.left();
        self.reading.open.retain(|(_, behind)| left >= *behind);
        let open = self.reading.open.iter().any(|(known, _)| *known == name);
        let Some(text) = self.reading.aliases.get(&name).filter(|_| !open).cloned() else { return Ok(false) };
        self.reading.moved = self.reading.moved.saturating_add(left + text.len());
        if self.reading.moved > MAX_MOVED {
            return Err(self.stop("too many aliases"));
        }
        self.reading.open.push((name, left));
        self.insert(&text);
        Ok(true)
    }

    /// The commands that end with the next line's end; nothing at the end of the script.
    fn complete(&mut self) -> Result<Option<List>, Stop> {
        self.newlines()?;
        let mut list = Vec::new();
        while !matches!(self.peek()?.kind, TokenKind::End | TokenKind::Op("newline")) {
            let mut and_or = self.and_or()?;
            and_or.background = self.take_op("&")?;
            let more = and_or.background || self.take_op(";")?;
            list.push(and_or);
            if !more && !matches!(self.peek()?.kind, TokenKind::End | TokenKind::Op("newline")) {
                return Err(self.unexpected());
            }
        }
        Ok(if list.is_empty() { None } else { Some(list) })
    }
}

impl Shell<'_> {
    /// Whether a text must be read line by line.
    pub(crate) fn needs_lines(&self, text: &str) -> bool {
        !self.is_bash() && (!self.env.aliases.is_empty() || text.contains("alias"))
    }

    /// Reads and runs a text line by line.
    pub(crate) fn lines(&mut self, text: &str, line: usize, tested: bool) -> Go<u8> {
        let mut parser = Parser::new(text, line, 0, false);
        parser.enter()?;
        let mut status = 0;
        loop {
            parser.reading.aliases = self.env.aliases.clone();
            let Some(list) = parser.complete()? else { return Ok(status) };
            status = self.list(&list, tested)?;
        }
    }

    /// Runs `body` while a text is followed that was read as a whole.
    pub(crate) fn as_a_whole<T>(&mut self, body: impl FnOnce(&mut Self) -> Go<T>) -> Go<T> {
        let outer = std::mem::replace(&mut self.env.read_whole, true);
        let done = body(self);
        self.env.read_whole = outer;
        done
    }

    /// `alias [NAME[=TEXT] …]`.
    pub(crate) fn alias(&mut self, arguments: &[String]) -> Go<u8> {
        if arguments.is_empty() {
            let text: String = self.env.aliases.iter().map(|(name, text)| shown(name, text)).collect();
            self.put(1, text.as_bytes())?;
            return Ok(0);
        }
        let mut status = 0;
        for argument in arguments {
            // dash looks for the `=` behind the first letter.
            let equals = argument.char_indices().skip(1).find(|&(_, c)| c == '=').map(|(at, _)| at);
            let Some(at) = equals else {
                match self.env.aliases.get(argument) {
                    Some(text) => drop(self.put(1, shown(argument, &text.clone()).as_bytes())?),
                    None => {
                        self.complain(&format!("alias: {argument} not found"))?;
                        status = 1;
                    }
                }
                continue;
            };
            let (name, text) = (&argument[..at], &argument[at + 1..]);
            if self.env.read_whole {
                return Err(self.stop(format!("`alias {name}` where the commands that follow are read already")));
            }
            if text.ends_with([' ', '\t']) || text.contains('\n') {
                return Err(self.stop(format!("`alias {name}`: a text that ends with a blank, or has lines")));
            }
            self.meter.made(argument.len(), self.line)?;
            let size: usize = self.env.aliases.iter().map(|(name, text)| name.len() + text.len()).sum();
            self.meter.made(size, self.line)?;
            Arc::make_mut(&mut self.env.aliases).insert(name.to_owned(), text.to_owned());
        }
        Ok(status)
    }

    /// `unalias [-a] NAME …`.
    pub(crate) fn unalias(&mut self, arguments: &[String]) -> Go<u8> {
        if arguments.first().is_some_and(|option| option == "-a") {
            self.env.aliases = Aliases::default();
            return Ok(0);
        }
        let mut status = 0;
        for name in arguments {
            if Arc::make_mut(&mut self.env.aliases).remove(name).is_none() {
                self.complain(&format!("unalias: {name} not found"))?;
                status = 1;
            }
        }
        Ok(status)
    }
}

/// An alias as dash shows it.
pub(crate) fn shown(name: &str, text: &str) -> String {
    format!("{name}='{}'\n", text.replace('\'', "'\"'\"'"))
}
