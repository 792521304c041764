//! Characters to tokens. Words stay as they are written, quotes and all: they are expanded when they are met.

use super::NotUnderstood;

/// A token and the line it begins in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// As written.
    Word(String),
    /// `;`, `;;`, `&&`, `||`, `|`, `&`, `(`, `)`, and `newline`.
    Op(&'static str),
    /// `2>`, `<`, `>>`: the target is the next word.
    Redirect(String),
    /// A here-document, its text dropped.
    HereDocument,
}

const OPERATORS: [&str; 8] = [";;", "&&", "||", ";", "|", "&", "(", ")"];

pub(super) fn lex(text: &str) -> Result<Vec<Token>, NotUnderstood> {
    Lexer { text, at: 0, line: 1, tokens: Vec::new(), documents: Vec::new() }.run()
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
    /// Here-documents whose text begins after this line: the delimiter, and whether leading tabs go.
    documents: Vec<(String, bool)>,
}

impl Lexer<'_> {
    fn run(mut self) -> Result<Vec<Token>, NotUnderstood> {
        while let Some(c) = self.peek() {
            let rest = &self.text[self.at..];
            if c == '\n' {
                self.push(Kind::Op("newline"));
                self.bump();
                self.skip_documents()?;
            } else if rest.starts_with("\\\n") {
                self.bump();
                self.bump();
            } else if c.is_whitespace() {
                self.bump();
            } else if c == '#' {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.bump();
                }
            } else if let Some(length) = redirect_length(rest) {
                self.redirect(length)?;
            } else if let Some(op) = OPERATORS.into_iter().find(|op| rest.starts_with(op)) {
                self.push(Kind::Op(op));
                self.at += op.len();
            } else {
                self.word()?;
            }
        }
        self.push(Kind::Op("newline"));
        Ok(self.tokens)
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn bump(&mut self) {
        if let Some(c) = self.peek() {
            self.at += c.len_utf8();
            self.line += usize::from(c == '\n');
        }
    }

    fn push(&mut self, kind: Kind) {
        self.tokens.push(Token { kind, line: self.line });
    }

    fn redirect(&mut self, length: usize) -> Result<(), NotUnderstood> {
        let op = self.text[self.at..self.at + length].to_owned();
        self.at += length;
        if !op.ends_with("<<") {
            self.push(Kind::Redirect(op));
            return Ok(());
        }
        let tabs = self.text[self.at..].starts_with('-');
        if tabs {
            self.at += 1;
        }
        while self.peek().is_some_and(|c| c == ' ' || c == '\t') {
            self.bump();
        }
        let line = self.line;
        self.word()?;
        match self.tokens.pop() {
            Some(Token { kind: Kind::Word(word), .. }) => {
                let delimiter = word.chars().filter(|c| !matches!(c, '\'' | '"' | '\\')).collect();
                self.documents.push((delimiter, tabs));
                self.push(Kind::HereDocument);
                Ok(())
            }
            _ => Err(NotUnderstood::new(line, "here-document without a delimiter")),
        }
    }

    fn skip_documents(&mut self) -> Result<(), NotUnderstood> {
        for (delimiter, tabs) in std::mem::take(&mut self.documents) {
            let begin = self.line;
            loop {
                if self.at >= self.text.len() {
                    return Err(NotUnderstood::new(begin, "here-document without an end"));
                }
                let rest = &self.text[self.at..];
                let length = rest.find('\n').unwrap_or(rest.len());
                let line = &rest[..length];
                self.at = (self.at + length + 1).min(self.text.len());
                self.line += 1;
                if (if tabs { line.trim_start_matches('\t') } else { line }) == delimiter {
                    break;
                }
            }
        }
        Ok(())
    }

    fn word(&mut self) -> Result<(), NotUnderstood> {
        let (begin, line) = (self.at, self.line);
        while let Some(c) = self.peek() {
            match c {
                '\\' => {
                    self.bump();
                    self.bump();
                }
                '\'' => self.until('\'')?,
                '"' => self.double_quotes()?,
                '`' => self.until('`')?,
                '$' => self.dollar()?,
                c if c.is_whitespace() || ";&|()<>".contains(c) => break,
                _ => self.bump(),
            }
        }
        if self.at == begin {
            return Err(NotUnderstood::new(line, "a word was expected"));
        }
        let word = self.text[begin..self.at].to_owned();
        self.tokens.push(Token { kind: Kind::Word(word), line });
        Ok(())
    }

    fn until(&mut self, close: char) -> Result<(), NotUnderstood> {
        let line = self.line;
        self.bump();
        while let Some(c) = self.peek() {
            self.bump();
            if c == close {
                return Ok(());
            }
        }
        Err(NotUnderstood::new(line, format!("`{close}` without an end")))
    }

    fn double_quotes(&mut self) -> Result<(), NotUnderstood> {
        let line = self.line;
        self.bump();
        while let Some(c) = self.peek() {
            match c {
                '"' => {
                    self.bump();
                    return Ok(());
                }
                '\\' => {
                    self.bump();
                    self.bump();
                }
                '$' => self.dollar()?,
                '`' => self.until('`')?,
                _ => self.bump(),
            }
        }
        Err(NotUnderstood::new(line, "`\"` without an end"))
    }

    fn dollar(&mut self) -> Result<(), NotUnderstood> {
        let line = self.line;
        self.bump();
        let (open, close) = match self.peek() {
            Some('(') => ('(', ')'),
            Some('{') => ('{', '}'),
            _ => return Ok(()),
        };
        let mut depth = 0;
        while let Some(c) = self.peek() {
            match c {
                '\'' if open == '(' => {
                    self.until('\'')?;
                    continue;
                }
                '\\' => self.bump(),
                c if c == open => depth += 1,
                c if c == close => depth -= 1,
                _ => {}
            }
            self.bump();
            if depth == 0 {
                return Ok(());
            }
        }
        Err(NotUnderstood::new(line, format!("`${open}` without an end")))
    }
}

/// How long the redirection operator at the start of `rest` is: an optional descriptor, then `<`, `>`, `>>`, `<<`.
fn redirect_length(rest: &str) -> Option<usize> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let operator = &rest[digits..];
    ["<<", ">>", ">|", "<", ">"].iter().find(|op| operator.starts_with(**op)).map(|op| digits + op.len())
}
