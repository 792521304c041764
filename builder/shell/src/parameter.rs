//! Characters to what `${…}` holds.

use crate::Stop;
use crate::parse::Parser;
use crate::syntax::{Operation, Parameter, Part, Place, Subscript, Word};
use crate::word::{Within, is_name_start};

impl Parameter {
    /// `$name`.
    pub(crate) fn plain(name: String) -> Parameter {
        let operation = Operation::Plain;
        Parameter { name, subscript: None, indirect: false, operation, word: Vec::new(), second: None }
    }
}

impl Parser {
    /// What follows `${`, its `}` included.
    pub(crate) fn braces(&mut self, quoted: bool, line: usize) -> Result<Part, Stop> {
        let length = self.char() == Some('#') && !matches!(self.char_at(1), Some('}' | ':' | '-' | '=' | '?' | '+' | '%' | '#') | None)
            // `${#-}` and the like are lengths of special parameters.
            || self.char() == Some('#') && matches!(self.char_at(1), Some('-' | '?' | '#')) && self.char_at(2) == Some('}');
        if length {
            self.bump();
        }
        let indirect = self.bash
            && !length
            && self.char() == Some('!')
            && self.char_at(1).is_some_and(|c| is_name_start(c) || c.is_ascii_digit() || matches!(c, '#' | '@' | '*'));
        if indirect {
            self.bump();
        }
        let mut parameter = Parameter::plain(self.parameter_name());
        parameter.indirect = indirect;
        if self.bash && self.char() == Some('[') && parameter.name.starts_with(is_name_start) {
            self.bump();
            parameter.subscript = Some(self.subscript()?);
        }
        parameter.operation = if parameter.name.is_empty() { Operation::Bad } else { self.operation(length) };
        let within = match parameter.operation {
            Operation::Remove { .. } | Operation::Case { .. } => Within::Pattern,
            Operation::Replace(_) => Within::Search,
            Operation::Slice => Within::Offset,
            _ => Within::Braces { quoted },
        };
        let wrong = |stop: Stop| Stop { line, ..stop };
        parameter.word = self.parts(within).map_err(wrong)?;
        if matches!(within, Within::Search | Within::Offset) {
            let more = self.char() != Some('}');
            self.bump();
            if more {
                let (second, slice) = (Within::Pattern, within == Within::Offset);
                let second = self.parts(if slice { Within::Offset } else { second }).map_err(wrong)?;
                if slice {
                    if self.char() != Some('}') {
                        parameter.operation = Operation::Bad;
                        self.parts(Within::Pattern).map_err(wrong)?;
                    } else {
                        self.bump();
                    }
                }
                parameter.second = Some(second);
            }
        }
        let bare = matches!(parameter.operation, Operation::Plain | Operation::Length);
        if bare && !parameter.word.is_empty() {
            parameter.operation = Operation::Bad;
        }
        if parameter.indirect {
            let all = matches!(parameter.subscript, Some(Subscript::Each | Subscript::Joined));
            if all && parameter.operation == Operation::Plain {
                parameter.indirect = false;
                parameter.operation = Operation::Keys;
            } else if parameter.subscript.is_some() || matches!(parameter.name.as_str(), "@" | "*") {
                parameter.operation = Operation::Bad;
            }
        }
        Ok(Part::Parameter(Box::new(parameter)))
    }

    fn parameter_name(&mut self) -> String {
        match self.char() {
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
        }
    }

    /// What stands behind a `[`, and its `]`.
    fn subscript(&mut self) -> Result<Subscript, Stop> {
        for (sign, subscript) in [('@', Subscript::Each), ('*', Subscript::Joined)] {
            if self.char() == Some(sign) && self.char_at(1) == Some(']') {
                self.skip(2);
                return Ok(subscript);
            }
        }
        let word: Word = self.parts(Within::Subscript)?;
        Ok(Subscript::Index(word))
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
            Some(c @ ('%' | '#')) => Operation::Remove { suffix: c == '%', longest: self.doubled(c) },
            Some(c @ ('^' | ',')) if self.bash => Operation::Case { upper: c == '^', all: self.doubled(c) },
            Some(':') if self.bash => Operation::Slice,
            Some('/') if self.bash => {
                let place = match self.char_at(1) {
                    Some('/') => Place::All,
                    Some('#') => Place::Prefix,
                    Some('%') => Place::Suffix,
                    _ => Place::First,
                };
                self.skip(usize::from(place != Place::First));
                Operation::Replace(place)
            }
            _ => return Operation::Plain,
        };
        self.bump();
        operation
    }

    /// Whether `c` stands here twice; one of them is taken then.
    fn doubled(&mut self, c: char) -> bool {
        let doubled = self.char_at(1) == Some(c);
        self.skip(usize::from(doubled));
        doubled
    }
}
