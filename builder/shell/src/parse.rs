//! Tokens to a tree of commands (XCU 2.10).

use crate::alias::Reading;
use crate::lex::{Pending, Token, TokenKind};
use crate::syntax::{AndOr, Arm, Assignment, Command, Kind, List, Next, Part, Pipeline, Redirect, Target, Word};
use crate::word::is_name;
use crate::{Dialect, Stop};

mod bash;
mod simple;

/// Words that are looked for before aliases are.
const RESERVED: [&str; 16] =
    ["!", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then", "until", "while", "{", "}"];

/// Deeper nesting than any script in the distribution has; bounded by the stack.
const MAX_DEPTH: usize = 60;

/// Parses a script whose first line is `line`.
pub(crate) fn parse(text: &str, line: usize, dialect: Dialect) -> Result<List, Stop> {
    Parser::new(text, line, 0, dialect == Dialect::Bash).whole()
}

/// A script being read; tokens and words are read by `lex` and `word`.
#[derive(Debug)]
pub(crate) struct Parser {
    text: Vec<char>,
    at: usize,
    pub(crate) line: usize,
    pub(crate) depth: usize,
    pub(crate) pending: Vec<Pending>,
    pub(crate) bash: bool,
    /// Whether a command may begin with the next token, and whether the patterns of a `case` may.
    pub(crate) begins: bool,
    pub(crate) patterns: bool,
    peeked: Option<Token>,
    retries: usize,
    pub(crate) reading: Reading,
}

impl Parser {
    pub(crate) fn new(text: &str, line: usize, depth: usize, bash: bool) -> Parser {
        let text = text.chars().collect();
        Parser {
            text,
            at: 0,
            line,
            depth,
            pending: Vec::new(),
            bash,
            begins: true,
            patterns: false,
            peeked: None,
            retries: 0,
            reading: Reading::default(),
        }
    }

    /// For a text within this one: between backquotes, or a here-document.
    pub(crate) fn inner(&self, text: &str, line: usize) -> Parser {
        let reading = Reading::new(self.reading.aliases.clone());
        Parser { reading, ..Parser::new(text, line, self.depth, self.bash) }
    }

    /// The commands up to the end.
    pub(crate) fn whole(mut self) -> Result<List, Stop> {
        self.enter()?;
        let list = self.list()?;
        match self.peek()?.kind {
            TokenKind::End => Ok(list),
            _ => Err(self.unexpected()),
        }
    }

    /// How many letters are left to be read.
    pub(crate) fn left(&self) -> usize {
        self.text.len() - self.at.min(self.text.len())
    }

    /// Puts `text` before what is read next, in the place of the word that was looked at.
    pub(crate) fn insert(&mut self, text: &str) {
        self.peeked = None;
        let at = self.at.min(self.text.len());
        self.text.splice(at..at, text.chars());
    }

    pub(crate) fn char(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    pub(crate) fn char_at(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    pub(crate) fn bump(&mut self) {
        self.line += usize::from(self.char() == Some('\n'));
        self.at += 1;
    }

    pub(crate) fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.bump();
        }
    }

    pub(crate) fn looking_at(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(ahead, c)| self.char_at(ahead) == Some(c))
    }

    pub(crate) fn stop(&self, what: impl Into<String>) -> Stop {
        Stop::new(self.line, what)
    }

    pub(crate) fn enter(&mut self) -> Result<(), Stop> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(self.stop("nested too deep")) } else { Ok(()) }
    }

    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }

    pub(crate) fn peek(&mut self) -> Result<&Token, Stop> {
        let token = match self.peeked.take() {
            Some(token) => token,
            None => self.lex()?,
        };
        Ok(self.peeked.insert(token))
    }

    pub(crate) fn next(&mut self) -> Result<Token, Stop> {
        match self.peeked.take() {
            Some(token) => Ok(token),
            None => self.lex(),
        }
    }

    pub(crate) fn is_op(&mut self, op: &str) -> Result<bool, Stop> {
        Ok(matches!(self.peek()?.kind, TokenKind::Op(found) if found == op))
    }

    pub(crate) fn take_op(&mut self, op: &str) -> Result<bool, Stop> {
        let is = self.is_op(op)?;
        if is {
            self.peeked = None;
        }
        Ok(is)
    }

    pub(crate) fn is_word(&mut self, words: &[&str]) -> Result<bool, Stop> {
        Ok(self.peek()?.kind.bare().is_some_and(|found| words.contains(&found)))
    }

    pub(crate) fn take_word(&mut self, word: &str) -> Result<bool, Stop> {
        let is = self.is_word(&[word])?;
        if is {
            self.peeked = None;
        }
        Ok(is)
    }

    pub(crate) fn expect_word(&mut self, word: &str) -> Result<(), Stop> {
        if self.take_word(word)? {
            return Ok(());
        }
        let line = self.peek()?.line;
        Err(Stop::new(line, format!("expected `{word}`")))
    }

    pub(crate) fn unexpected(&mut self) -> Stop {
        match self.peek() {
            Ok(token) => {
                let what = match &token.kind {
                    TokenKind::Op(op) => format!("`{op}` was not expected"),
                    TokenKind::End => "the script ends too early".to_owned(),
                    kind => match kind.bare() {
                        Some(word) => format!("`{word}` was not expected"),
                        None => "a word was not expected".to_owned(),
                    },
                };
                Stop::new(token.line, what)
            }
            Err(stop) => stop,
        }
    }

    pub(crate) fn newlines(&mut self) -> Result<(), Stop> {
        while self.take_op("newline")? {}
        Ok(())
    }

    /// The list within `$(`; the caller takes the `)`.
    pub(crate) fn nested_list(&mut self) -> Result<List, Stop> {
        self.enter()?;
        self.begins = true;
        let list = self.list()?;
        self.leave();
        Ok(list)
    }

    /// Commands up to something that can only end a list, which is left in place.
    fn list(&mut self) -> Result<List, Stop> {
        let mut list = Vec::new();
        loop {
            self.newlines()?;
            let done = match &self.peek()?.kind {
                TokenKind::End => true,
                TokenKind::Op(op) => matches!(*op, ")" | ";;" | ";&" | ";;&" | ";" | "&" | "|" | "|&" | "&&" | "||"),
                kind => matches!(kind.bare(), Some("then" | "elif" | "else" | "fi" | "do" | "done" | "esac" | "}")),
            };
            if done {
                return Ok(list);
            }
            let mut and_or = self.and_or()?;
            if self.take_op("&")? {
                and_or.background = true;
            } else if !self.take_op(";")? && !self.is_op("newline")? {
                list.push(and_or);
                return Ok(list);
            }
            list.push(and_or);
        }
    }

    /// A list that must hold a command.
    pub(crate) fn full_list(&mut self) -> Result<List, Stop> {
        let list = self.list()?;
        if list.is_empty() { Err(self.unexpected()) } else { Ok(list) }
    }

    pub(crate) fn and_or(&mut self) -> Result<AndOr, Stop> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            let and = self.take_op("&&")?;
            if !and && !self.take_op("||")? {
                return Ok(AndOr { first, rest, background: false });
            }
            self.newlines()?;
            rest.push((and, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, Stop> {
        let mut negated = self.take_word("!")?;
        // Where `! !` is no mistake, it is none here.
        while self.bash && self.take_word("!")? {
            negated = !negated;
        }
        let mut commands = vec![self.command()?];
        loop {
            let both = self.bash && self.take_op("|&")?;
            if !both && !self.take_op("|")? {
                return Ok(Pipeline { negated, commands });
            }
            if both && let Some(last) = commands.last_mut() {
                let to = Target::Duplicate(vec![Part::Text("1".to_owned())]);
                last.redirects.push(Redirect { descriptor: 2, to });
            }
            self.newlines()?;
            commands.push(self.command()?);
        }
    }

    pub(crate) fn command(&mut self) -> Result<Command, Stop> {
        self.enter()?;
        let line = self.peek()?.line;
        while !self.is_word(&RESERVED)? && self.replace_alias()? {}
        let kind = if let Some(kind) = self.bash_command()? {
            kind
        } else if self.take_op("(")? {
            let list = self.full_list()?;
            if !self.take_op(")")? {
                return Err(self.unexpected());
            }
            Kind::Subshell(list)
        } else {
            let word = self.peek()?.kind.bare().unwrap_or_default().to_owned();
            let reserved = matches!(word.as_str(), "if" | "case" | "for" | "while" | "until" | "{");
            if !reserved {
                let command = if self.bash && self.take_word("function")? {
                    self.named_function(line)
                } else {
                    self.simple(line)
                };
                self.leave();
                return command;
            }
            self.peeked = None;
            match word.as_str() {
                "if" => self.conditional()?,
                "case" => self.case()?,
                "for" => self.for_loop()?,
                "{" => {
                    let list = self.full_list()?;
                    self.expect_word("}")?;
                    Kind::Group(list)
                }
                _ => {
                    let condition = self.full_list()?;
                    Kind::Loop { until: word == "until", condition, body: self.body()? }
                }
            }
        };
        let mut redirects = Vec::new();
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
        }
        self.leave();
        Ok(Command { kind, redirects, line })
    }

    fn conditional(&mut self) -> Result<Kind, Stop> {
        let mut arms = Vec::new();
        loop {
            let condition = self.full_list()?;
            self.expect_word("then")?;
            arms.push((condition, self.full_list()?));
            if self.take_word("elif")? {
                continue;
            }
            let otherwise = if self.take_word("else")? { self.full_list()? } else { Vec::new() };
            self.expect_word("fi")?;
            return Ok(Kind::If { arms, otherwise });
        }
    }

    fn case(&mut self) -> Result<Kind, Stop> {
        let word = self.any_word()?;
        self.newlines()?;
        self.expect_word("in")?;
        let mut arms = Vec::new();
        loop {
            self.newlines()?;
            if self.take_word("esac")? {
                return Ok(Kind::Case { word, arms });
            }
            self.take_op("(")?;
            let mut patterns = vec![self.any_word()?];
            while self.take_op("|")? {
                patterns.push(self.any_word()?);
            }
            if !self.take_op(")")? {
                return Err(self.unexpected());
            }
            let list = self.list()?;
            let next = if self.take_op(";&")? {
                Next::Fall
            } else if self.take_op(";;&")? {
                Next::Search
            } else if self.take_op(";;")? || self.is_word(&["esac"])? {
                Next::End
            } else {
                return Err(self.unexpected());
            };
            arms.push(Arm { patterns, list, next });
        }
    }

    fn for_loop(&mut self) -> Result<Kind, Stop> {
        if let Some(kind) = self.counting_loop()? {
            return Ok(kind);
        }
        let name = match self.next()?.kind.bare() {
            Some(name) if is_name(name) => name.to_owned(),
            _ => return Err(self.stop("expected a variable's name after `for`")),
        };
        let mut words = None;
        let separated = self.take_op(";")?;
        self.newlines()?;
        if !separated && self.take_word("in")? {
            let mut list = Vec::new();
            while matches!(self.peek()?.kind, TokenKind::Word(_)) {
                let word = self.any_word()?;
                self.braced(word, &mut list)?;
            }
            words = Some(list);
            if !self.take_op(";")? && !self.is_op("newline")? {
                return Err(self.unexpected());
            }
            self.newlines()?;
        }
        Ok(Kind::For { name, words, body: self.body()? })
    }

    pub(crate) fn body(&mut self) -> Result<List, Stop> {
        if self.bash && self.take_word("{")? {
            let body = self.full_list()?;
            self.expect_word("}")?;
            return Ok(body);
        }
        self.expect_word("do")?;
        let body = self.full_list()?;
        self.expect_word("done")?;
        Ok(body)
    }

    pub(crate) fn any_word(&mut self) -> Result<Word, Stop> {
        if !matches!(self.peek()?.kind, TokenKind::Word(_)) {
            return Err(self.unexpected());
        }
        match self.next()?.kind {
            TokenKind::Word(word) => Ok(word),
            _ => Err(self.stop("expected a word")),
        }
    }
}

/// `NAME=VALUE`, taken apart.
pub(crate) fn assignment(word: &Word, bash: bool) -> Option<Assignment> {
    let Some(Part::Text(text)) = word.first() else { return None };
    if bash {
        return crate::array::assignment(word);
    }
    let (name, value) = text.split_once('=')?;
    if !is_name(name) {
        return None;
    }
    let value = rest(word, 0, value);
    Some(Assignment { name: name.to_owned(), subscript: None, append: false, value })
}

/// The text of a word without any quote or expansion.
fn bare(word: &Word) -> Option<&str> {
    match word.as_slice() {
        [Part::Text(text)] => Some(text),
        _ => None,
    }
}

/// What follows in a word whose part `at` is left with `text`.
pub(crate) fn rest(word: &Word, at: usize, text: &str) -> Word {
    let mut parts = Vec::new();
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
    parts.extend(word.iter().skip(at + 1).cloned());
    parts
}
