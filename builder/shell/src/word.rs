//! Characters to words: quotes, parameters, substitutions.

use std::sync::Arc;

use crate::Stop;
use crate::parse::Parser;
use crate::syntax::{Parameter, Part, Word};

mod bash;

use bash::Piece;

/// Where the text of a word ends and what quotes mean in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Within {
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
    /// What `${x/…/…}` looks for, up to a `/` or the `}`.
    Search,
    /// A number of `${x:…:…}`, up to a `:` or the `}`.
    Offset,
    /// `…]` behind a name.
    Subscript,
    /// A part of `for ((…;…;…))`, up to a `;` or the `))`.
    Clause,
    /// What stands behind `=~`: parentheses and bars are letters.
    Regex,
}

impl Within {
    /// Whether blanks and operators end it.
    fn is_word(self) -> bool {
        matches!(self, Within::Command | Within::Regex)
    }

    fn is_arithmetic(self) -> bool {
        matches!(self, Within::Arithmetic | Within::Offset | Within::Subscript | Within::Clause)
    }
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

    pub(crate) fn parts(&mut self, within: Within) -> Result<Word, Stop> {
        self.enter()?;
        let quoted = matches!(within, Within::Double | Within::Document | Within::Braces { quoted: true })
            || within.is_arithmetic();
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut depth = 0usize;
        let begin = self.line;
        loop {
            let Some(c) = self.char() else {
                if within.is_word() || within == Within::Document {
                    break;
                }
                return Err(Stop::new(begin, "a quote or brace without an end"));
            };
            if self.bash && within.is_word() {
                match self.bash_word(c, within, &parts, &text, &mut depth)? {
                    Piece::Letter => {
                        self.bump();
                        text.push(c);
                        continue;
                    }
                    Piece::Part(part) => {
                        if !text.is_empty() {
                            parts.push(Part::Text(std::mem::take(&mut text)));
                        }
                        parts.push(part);
                        continue;
                    }
                    Piece::End => break,
                    Piece::Other => {}
                }
            }
            match (c, within) {
                (' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')', Within::Command) => break,
                ('/' | '}', Within::Search) | (':' | '}', Within::Offset) if depth == 0 => break,
                (';' | ')', Within::Clause) if depth == 0 => break,
                (']', Within::Subscript) if depth == 0 => {
                    self.bump();
                    break;
                }
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
                '"' if within != Within::Document && !within.is_arithmetic() => {
                    self.bump();
                    Part::Double(self.parts(Within::Double)?)
                }
                '"' if within.is_arithmetic() => {
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
                        ('(', Within::Arithmetic | Within::Clause | Within::Offset) => depth += 1,
                        (')', Within::Arithmetic | Within::Clause) => depth -= 1,
                        (')', Within::Offset) => depth = depth.saturating_sub(1),
                        ('[', Within::Subscript) => depth += 1,
                        (']', Within::Subscript) => depth -= 1,
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
                    let list = self.inner(&text, line).whole()?;
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
        let plain = |name: String| Some(Part::Parameter(Box::new(Parameter::plain(name))));
        match self.char() {
            Some('(') if self.char_at(1) == Some('(') => {
                self.skip(2);
                Ok(Some(Part::Arithmetic(self.parts(Within::Arithmetic)?)))
            }
            Some('(') => {
                self.bump();
                let list = self.nested_list()?;
                if !self.take_op(")")? {
                    return Err(Stop::new(line, "`$(` without an end"));
                }
                Ok(Some(Part::Command(Arc::new(list))))
            }
            Some('\'') if self.bash && !quoted => self.c_quotes().map(|text| Some(Part::Quoted(text))),
            Some('"') if self.bash && !quoted => {
                self.bump();
                Ok(Some(Part::Double(self.parts(Within::Double)?)))
            }
            Some('[') if self.bash => Err(Stop::new(line, "`$[` is not followed")),
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
