//! The commands that only bash has.

use std::sync::Arc;

use super::Parser;
use crate::Stop;
use crate::syntax::{Command, Kind, Redirect, Test, Word};
use crate::word::Within;

/// A `((` may turn out to be two subshells: as many times is that tried in a script.
const MAX_RETRIES: usize = 100;

impl Parser {
    /// A command of bash's that begins here.
    pub(super) fn bash_command(&mut self) -> Result<Option<Kind>, Stop> {
        if !self.bash {
            return Ok(None);
        }
        if self.is_op("(")? && self.char() == Some('(') {
            return self.arithmetic_command();
        }
        let word = self.peek()?.kind.bare().unwrap_or_default().to_owned();
        if !matches!(word.as_str(), "[[" | "time" | "coproc" | "select") {
            return Ok(None);
        }
        self.next()?;
        Ok(Some(match word.as_str() {
            "[[" => {
                let test = self.test_or()?;
                self.expect_word("]]")?;
                Kind::Conditional(test)
            }
            "time" => {
                self.pipeline()?;
                Kind::Refused("`time` is not followed")
            }
            "coproc" => {
                self.command()?;
                Kind::Refused("`coproc` is not followed")
            }
            _ => {
                self.for_loop()?;
                Kind::Refused("`select` is not followed")
            }
        }))
    }

    /// `((…))`; nothing where it is a subshell in a subshell.
    fn arithmetic_command(&mut self) -> Result<Option<Kind>, Stop> {
        let (at, line, depth, pending) = (self.at, self.line, self.depth, self.pending.len());
        let peeked = self.peeked.take();
        self.bump();
        match self.parts(Within::Arithmetic) {
            Ok(word) => Ok(Some(Kind::Arithmetic(word))),
            Err(stop) => {
                self.retries += 1;
                if self.retries > MAX_RETRIES {
                    return Err(stop);
                }
                (self.at, self.line, self.depth) = (at, line, depth);
                self.pending.truncate(pending);
                self.peeked = peeked;
                Ok(None)
            }
        }
    }

    /// What follows `function`.
    pub(super) fn named_function(&mut self, line: usize) -> Result<Command, Stop> {
        let name = self.any_word()?;
        if self.is_op("(")? {
            return self.function(&name, line);
        }
        let Some(name) = super::bare(&name) else { return Err(Stop::new(line, "a function's name is plain")) };
        self.newlines()?;
        let body = Arc::new(self.command()?);
        Ok(Command { kind: Kind::Function { name: name.to_owned(), body }, redirects: Vec::<Redirect>::new(), line })
    }

    /// What follows the `for` of `for ((…;…;…))`.
    pub(super) fn counting_loop(&mut self) -> Result<Option<Kind>, Stop> {
        if !self.bash || !self.is_op("(")? || self.char() != Some('(') {
            return Ok(None);
        }
        self.peeked = None;
        self.bump();
        let wrong = |parser: &Parser| parser.stop("`for ((` without its three parts");
        let mut clauses: [Word; 3] = Default::default();
        for (at, clause) in clauses.iter_mut().enumerate() {
            *clause = self.parts(Within::Clause)?;
            let end = if at < 2 { ";" } else { "))" };
            if !self.looking_at(end) {
                return Err(wrong(self));
            }
            self.skip(end.len());
        }
        self.take_op(";")?;
        self.newlines()?;
        Ok(Some(Kind::Count { clauses: Box::new(clauses), body: self.body()? }))
    }

    fn test_or(&mut self) -> Result<Test, Stop> {
        self.enter()?;
        let mut left = self.test_and()?;
        while self.take_op("||")? {
            left = Test::Or(Box::new(left), Box::new(self.test_and()?));
        }
        self.leave();
        Ok(left)
    }

    fn test_and(&mut self) -> Result<Test, Stop> {
        let mut left = self.test_term()?;
        while self.take_op("&&")? {
            left = Test::And(Box::new(left), Box::new(self.test_term()?));
        }
        Ok(left)
    }

    fn test_term(&mut self) -> Result<Test, Stop> {
        self.newlines()?;
        self.enter()?;
        let term = self.bare_term()?;
        self.leave();
        self.newlines()?;
        Ok(term)
    }

    fn bare_term(&mut self) -> Result<Test, Stop> {
        if self.take_word("!")? {
            return Ok(Test::Not(Box::new(self.test_term()?)));
        }
        if self.take_op("(")? {
            let inner = self.test_or()?;
            return if self.take_op(")")? { Ok(inner) } else { Err(self.unexpected()) };
        }
        if self.is_word(&["]]"])? {
            return Err(self.unexpected());
        }
        let left = self.any_word()?;
        if let Some(op) = super::bare(&left).filter(|op| is_unary(op)) {
            return Ok(Test::Unary(op.to_owned(), self.any_word()?));
        }
        for op in ["<", ">"] {
            if self.take_op(op)? {
                return Ok(Test::Binary(left, op.to_owned(), self.any_word()?));
            }
        }
        if !self.is_word(&BINARY)? {
            return Ok(Test::Word(left));
        }
        let op = self.next()?.kind.bare().unwrap_or_default().to_owned();
        if op != "=~" {
            return Ok(Test::Binary(left, op, self.any_word()?));
        }
        while matches!(self.char(), Some(' ' | '\t')) {
            self.bump();
        }
        let right = self.parts(Within::Regex)?;
        if right.is_empty() {
            Err(self.stop("expected an expression after `=~`"))
        } else {
            Ok(Test::Binary(left, op, right))
        }
    }
}

const BINARY: [&str; 13] = ["=", "==", "!=", "=~", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"];

fn is_unary(op: &str) -> bool {
    let letters = op.strip_prefix('-').unwrap_or_default();
    letters.len() == 1 && "abcdefghknoprstuvwxzGLNORS".contains(letters)
}
