//! Characters to tokens.

use std::sync::{Arc, OnceLock};

use crate::Stop;
use crate::parse::Parser;
use crate::syntax::{Part, Word};
use crate::word::is_name;

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) line: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum TokenKind {
    Word(Word),
    /// Operators, redirections among them, and `newline`.
    Op(&'static str),
    /// The digit before a redirection.
    Descriptor(u8),
    End,
}

impl TokenKind {
    /// The text of a word without any quote or expansion, which is what a reserved word is.
    pub(crate) fn bare(&self) -> Option<&str> {
        match self {
            TokenKind::Word(parts) => match parts.as_slice() {
                [Part::Text(text)] => Some(text),
                _ => None,
            },
            _ => None,
        }
    }
}

/// A here-document whose text begins after the line being read.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) delimiter: String,
    pub(crate) tabs: bool,
    pub(crate) quoted: bool,
    pub(crate) slot: Arc<OnceLock<Word>>,
    pub(crate) line: usize,
}

/// Those bash has besides; longest first.
const BASH_OPERATORS: [&str; 6] = [";;&", "&>>", "<<<", "&>", "|&", ";&"];

/// Longest first.
const OPERATORS: [&str; 18] =
    ["<<-", "&&", "||", ";;", "<<", ">>", "<&", ">&", "<>", ">|", "&", "|", ";", "(", ")", "<", ">", "\n"];

/// Words a command may follow.
const BEGINNINGS: [&str; 11] = ["!", "[[", "do", "elif", "else", "if", "then", "time", "until", "while", "{"];

impl Parser {
    /// Reads the next token.
    pub(crate) fn lex(&mut self) -> Result<Token, Stop> {
        loop {
            match self.char() {
                Some('\\') if self.char_at(1) == Some('\n') => {
                    self.bump();
                    self.bump();
                }
                Some(' ' | '\t') => self.bump(),
                Some('#') => {
                    while self.char().is_some_and(|c| c != '\n') {
                        self.bump();
                    }
                }
                _ => break,
            }
        }
        let line = self.line;
        let kind = match self.char() {
            None => {
                self.documents()?;
                TokenKind::End
            }
            Some('\n') => {
                self.bump();
                self.documents()?;
                TokenKind::Op("newline")
            }
            Some('0'..='9') if self.bash && self.many_digits() => {
                return Err(self.stop("a descriptor of more than one digit is not followed"));
            }
            Some('<' | '>') if self.bash && self.char_at(1) == Some('(') => TokenKind::Word(self.word()?),
            Some(digit @ '0'..='9') if matches!(self.char_at(1), Some('<' | '>')) => {
                self.bump();
                TokenKind::Descriptor(digit as u8 - b'0')
            }
            Some(_) => match self.operator() {
                Some(op) => {
                    self.skip(op.len());
                    TokenKind::Op(op)
                }
                None => {
                    let word = TokenKind::Word(self.word()?);
                    let named = |word: &str| {
                        word.strip_prefix('{').and_then(|name| name.strip_suffix('}')).is_some_and(is_name)
                    };
                    if self.bash && word.bare().is_some_and(named) && matches!(self.char(), Some('<' | '>')) {
                        return Err(self.stop("a descriptor's number in a variable is not followed"));
                    }
                    word
                }
            },
        };
        self.patterns = match &kind {
            TokenKind::Op("newline") => self.patterns,
            TokenKind::Op(op) => matches!(*op, ";;" | ";&" | ";;&"),
            kind => kind.bare() == Some("in"),
        };
        self.begins = match &kind {
            TokenKind::Op(op) => !self.patterns && !op.contains(['<', '>']),
            kind => kind.bare().is_some_and(|word| BEGINNINGS.contains(&word)),
        };
        Ok(Token { kind, line })
    }

    fn operator(&self) -> Option<&'static str> {
        let own = BASH_OPERATORS.into_iter().filter(|_| self.bash);
        own.chain(OPERATORS).find(|op| self.looking_at(op))
    }

    /// Whether digits, more than one, stand before a redirection.
    fn many_digits(&self) -> bool {
        let digits = (0..).take_while(|&ahead| self.char_at(ahead).is_some_and(|c| c.is_ascii_digit())).count();
        digits > 1 && matches!(self.char_at(digits), Some('<' | '>'))
    }

    /// Reads the here-documents that were announced.
    fn documents(&mut self) -> Result<(), Stop> {
        for pending in std::mem::take(&mut self.pending) {
            let mut text = String::new();
            let first = self.line;
            loop {
                // dash takes the end of the file for the delimiter, too; it is a mistake all the same.
                if self.char().is_none() {
                    return Err(Stop::new(pending.line, "here-document without an end"));
                }
                let mut line = String::new();
                while let Some(c) = self.char() {
                    self.bump();
                    if c == '\n' {
                        break;
                    }
                    line.push(c);
                }
                let line = if pending.tabs { line.trim_start_matches('\t') } else { &line };
                if line == pending.delimiter {
                    break;
                }
                text.push_str(line);
                text.push('\n');
            }
            let word = if pending.quoted {
                vec![Part::Quoted(text)]
            } else {
                let mut inner = self.inner(&text, first);
                vec![Part::Double(inner.document()?)]
            };
            // The slot is fresh: nobody else has filled it.
            let _ = pending.slot.set(word);
        }
        Ok(())
    }
}
