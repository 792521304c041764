//! Characters to words: quotes, parameters, substitutions.

use std::sync::Arc;

use crate::Stop;
use crate::parse::{Parser, parse_nested};
use crate::syntax::{Operation, Parameter, Part, Word};

/// Where the text of a word ends and what quotes mean in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// A word of a command.
    Command,
    /// `"…"`.
    Double,
    /// A here-document: double quotes are letters.
    Document,
    /// `$((…))`.
    Arithmetic,
    /// `${x:-…}`; quoted in double quotes or a here-document.
    Braces { quoted: bool },
    /// `${x%…}`: single quotes quote whatever stands around.
    Pattern,
}

impl Parser {
    /// One word; the caller has seen that no operator begins here.
    pub(crate) fn word(&mut self) -> Result<Word, Stop> {
        let word = self.parts(Within::Command)?;
        if word.is_empty() { Err(self.stop("a word was expected")) } else { Ok(word) }
    }

    /// The whole text as a here-document's.
    pub(crate) fn document(&mut self) -> Result<Word, Stop> {
        self.parts(Within::Document)
    }

    fn parts(&mut self, within: Within) -> Result<Word, Stop> {
        self.enter()?;
        let quoted =
            matches!(within, Within::Double | Within::Document | Within::Arithmetic | Within::Braces { quoted: true });
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut depth = 0usize;
        let begin = self.line;
        loop {
            let Some(c) = self.char() else {
                if matches!(within, Within::Command | Within::Document) {
                    break;
                }
                return Err(Stop::new(begin, "a quote or brace without an end"));
            };
            match (c, within) {
                (' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')', Within::Command) => break,
                ('"', Within::Double) | ('}', Within::Braces { .. } | Within::Pattern) => {
                    self.bump();
                    break;
                }
                (')', Within::Arithmetic) if depth == 0 => {
                    self.bump();
                    if self.char() != Some(')') {
                        return Err(Stop::new(begin, "`$((` without an end"));
                    }
                    self.bump();
                    break;
                }
                _ => {}
            }
            let part = match c {
                '\\' if quoted => {
                    let next = self.char_at(1);
                    let special = match next {
                        Some('$' | '`' | '\\' | '\n') => true,
                        Some('"') => within != Within::Document,
                        Some('}') => matches!(within, Within::Braces { .. }),
                        _ => false,
                    };
                    self.bump();
                    match next {
                        Some('\n') => {
                            self.bump();
                            continue;
                        }
                        Some(next) if special => {
                            self.bump();
                            Part::Quoted(next.to_string())
                        }
                        _ => Part::Quoted("\\".to_owned()),
                    }
                }
                '\\' => {
                    self.bump();
                    match self.char() {
                        Some('\n') => {
                            self.bump();
                            continue;
                        }
                        Some(next) => {
                            self.bump();
                            Part::Quoted(next.to_string())
                        }
                        None => Part::Quoted("\\".to_owned()),
                    }
                }
                '\'' if !quoted => Part::Quoted(self.single_quotes()?),
                '"' if !matches!(within, Within::Document | Within::Arithmetic) => {
                    self.bump();
                    Part::Double(self.parts(Within::Double)?)
                }
                '"' if within == Within::Arithmetic => {
                    self.bump();
                    continue;
                }
                '`' => self.backquotes(quoted)?,
                '$' => match self.dollar(quoted)? {
                    Some(part) => part,
                    None => {
                        text.push('$');
                        continue;
                    }
                },
                _ => {
                    match (c, within) {
                        ('(', Within::Arithmetic) => depth += 1,
                        (')', Within::Arithmetic) => depth -= 1,
                        _ => {}
                    }
                    self.bump();
                    text.push(c);
                    continue;
                }
            };
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(part);
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        self.leave();
        Ok(parts)
    }

    fn single_quotes(&mut self) -> Result<String, Stop> {
        let line = self.line;
        self.bump();
        let mut text = String::new();
        while let Some(c) = self.char() {
            self.bump();
            if c == '\'' {
                return Ok(text);
            }
            text.push(c);
        }
        Err(Stop::new(line, "`'` without an end"))
    }

    /// The text between backquotes is a script once its backslashes are taken off (XCU 2.6.3).
    fn backquotes(&mut self, quoted: bool) -> Result<Part, Stop> {
        let line = self.line;
        self.bump();
        let mut text = String::new();
        while let Some(c) = self.char() {
            self.bump();
            match c {
                '`' => {
                    let list = parse_nested(&text, line, self.depth)?;
                    return Ok(Part::Command(Arc::new(list)));
                }
                '\\' => match self.char() {
                    Some(next @ ('$' | '`' | '\\')) => {
                        self.bump();
                        text.push(next);
                    }
                    Some('"') if quoted => {
                        self.bump();
                        text.push('"');
                    }
                    _ => text.push('\\'),
                },
                c => text.push(c),
            }
        }
        Err(Stop::new(line, "`` ` `` without an end"))
    }

    /// What a `$` begins; nothing where it is a letter.
    fn dollar(&mut self, quoted: bool) -> Result<Option<Part>, Stop> {
        let line = self.line;
        self.bump();
        let plain = |name: String| {
            Some(Part::Parameter(Box::new(Parameter { name, operation: Operation::Plain, word: Vec::new() })))
        };
        match self.char() {
            Some('(') if self.char_at(1) == Some('(') => {
                self.skip(2);
                Ok(Some(Part::Arithmetic(self.parts(Within::Arithmetic)?)))
            }
            Some('(') => {
                self.bump();
                self.enter()?;
                let list = self.nested_list()?;
                self.leave();
                if !self.take_op(")")? {
                    return Err(Stop::new(line, "`$(` without an end"));
                }
                Ok(Some(Part::Command(Arc::new(list))))
            }
            Some('{') => {
                self.bump();
                self.braces(quoted, line).map(Some)
            }
            Some(c) if is_name_start(c) => Ok(plain(self.name())),
            Some(c @ ('0'..='9' | '@' | '*' | '#' | '?' | '-' | '$' | '!')) => {
                self.bump();
                Ok(plain(c.to_string()))
            }
            _ => Ok(None),
        }
    }

    fn braces(&mut self, quoted: bool, line: usize) -> Result<Part, Stop> {
        let length = self.char() == Some('#') && !matches!(self.char_at(1), Some('}' | ':' | '-' | '=' | '?' | '+' | '%' | '#') | None)
            // `${#-}` and the like are lengths of special parameters.
            || self.char() == Some('#') && matches!(self.char_at(1), Some('-' | '?' | '#')) && self.char_at(2) == Some('}');
        if length {
            self.bump();
        }
        let name = match self.char() {
            Some(c) if is_name_start(c) => self.name(),
            Some(c) if c.is_ascii_digit() => {
                let mut digits = String::new();
                while let Some(c @ '0'..='9') = self.char() {
                    self.bump();
                    digits.push(c);
                }
                digits
            }
            Some(c @ ('@' | '*' | '#' | '?' | '-' | '$' | '!')) => {
                self.bump();
                c.to_string()
            }
            _ => String::new(),
        };
        let operation = if name.is_empty() { Operation::Bad } else { self.operation(length) };
        let within = match operation {
            Operation::Remove { .. } => Within::Pattern,
            _ => Within::Braces { quoted },
        };
        let word = self.parts(within).map_err(|stop| Stop { line, ..stop })?;
        let bad = matches!(operation, Operation::Plain | Operation::Length) && !word.is_empty();
        let operation = if bad { Operation::Bad } else { operation };
        Ok(Part::Parameter(Box::new(Parameter { name, operation, word })))
    }

    fn operation(&mut self, length: bool) -> Operation {
        if length {
            return Operation::Length;
        }
        let empty = self.char() == Some(':') && matches!(self.char_at(1), Some('-' | '=' | '?' | '+'));
        if empty {
            self.bump();
        }
        let operation = match self.char() {
            Some('-') => Operation::Default { empty },
            Some('=') => Operation::Assign { empty },
            Some('?') => Operation::Error { empty },
            Some('+') => Operation::Alternative { empty },
            Some(c @ ('%' | '#')) => {
                let longest = self.char_at(1) == Some(c);
                if longest {
                    self.bump();
                }
                Operation::Remove { suffix: c == '%', longest }
            }
            _ => return Operation::Plain,
        };
        self.bump();
        operation
    }

    pub(crate) fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.char().filter(|&c| is_name_start(c) || c.is_ascii_digit()) {
            self.bump();
            name.push(c);
        }
        name
    }
}

/// Whether a variable's name may begin with `c`.
pub(crate) fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

/// Whether `text` is a variable's name.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(is_name_start) && text.chars().all(|c| is_name_start(c) || c.is_ascii_digit())
}
