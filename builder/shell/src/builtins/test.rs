//! `test` and `[`.

use crate::shell::{Go, Shell};

/// Parentheses within parentheses.
const MAX_DEPTH: usize = 50;

/// What an expression comes to, or what is wrong with it.
type Found = Result<bool, String>;

impl Shell<'_> {
    pub(super) fn test(&mut self, name: &str, arguments: &[String]) -> Go<u8> {
        let mut words = arguments;
        if name == "[" {
            match words.split_last() {
                Some((last, rest)) if last == "]" => words = rest,
                _ => return self.fail("[: missing ]"),
            }
        }
        if words.is_empty() {
            return Ok(1);
        }
        let found = match self.short(words)? {
            Some(found) => found,
            None => {
                let mut reader = Reader { words, at: 0, depth: 0 };
                let found = reader.or(self)?;
                match found {
                    Ok(_) if reader.at < words.len() => Err(format!("{}: unexpected operator", words[reader.at])),
                    found => found,
                }
            }
        };
        match found {
            Ok(found) => Ok(u8::from(!found)),
            Err(what) => self.fail(&format!("{name}: {what}")),
        }
    }

    /// Up to four words mean what their number says (XCU test, "OPERANDS").
    fn short(&mut self, words: &[String]) -> Go<Option<Found>> {
        Ok(match words {
            [word] => Some(Ok(!word.is_empty())),
            [not, word] if not == "!" => Some(Ok(word.is_empty())),
            [left, op, right] if is_binary(op) => Some(self.binary(left, op, right)?),
            [not, rest @ ..] if not == "!" && (rest.len() == 2 || rest.len() == 3) => {
                self.short(rest)?.map(|found| found.map(|found| !found))
            }
            [open, word, close] if open == "(" && close == ")" => Some(Ok(!word.is_empty())),
            _ => None,
        })
    }

    fn binary(&mut self, left: &str, op: &str, right: &str) -> Go<Found> {
        let numbers = || match (number(left), number(right)) {
            (Some(left), Some(right)) => Ok((left, right)),
            (None, _) => Err(format!("illegal number: {left}")),
            _ => Err(format!("illegal number: {right}")),
        };
        Ok(match op {
            "=" | "==" => Ok(left == right),
            "!=" => Ok(left != right),
            "<" => Ok(left < right),
            ">" => Ok(left > right),
            "-eq" => numbers().map(|(left, right)| left == right),
            "-ne" => numbers().map(|(left, right)| left != right),
            "-lt" => numbers().map(|(left, right)| left < right),
            "-le" => numbers().map(|(left, right)| left <= right),
            "-gt" => numbers().map(|(left, right)| left > right),
            "-ge" => numbers().map(|(left, right)| left >= right),
            "-a" => Ok(!left.is_empty() && !right.is_empty()),
            "-o" => Ok(!left.is_empty() || !right.is_empty()),
            "-nt" | "-ot" | "-ef" => {
                let (has_left, has_right) = (self.test_file('e', left)?, self.test_file('e', right)?);
                match (op, has_left, has_right) {
                    ("-ef", true, true) if self.absolute(left) == self.absolute(right) => Ok(true),
                    ("-nt" | "-ot", true, true) if self.absolute(left) == self.absolute(right) => Ok(false),
                    (op, true, true) => return Err(self.stop(format!("`[ {left} {op} {right} ]`: files have no age"))),
                    // dash asks both for their times before it compares.
                    _ => Ok(false),
                }
            }
            op => Err(format!("{op}: unexpected operator")),
        })
    }

    fn unary(&mut self, op: &str, word: &str) -> Go<Found> {
        Ok(match op {
            "-n" => Ok(!word.is_empty()),
            "-z" => Ok(word.is_empty()),
            // No descriptor is a terminal.
            "-t" => match number(word) {
                Some(_) => Ok(false),
                None => Err(format!("illegal number: {word}")),
            },
            op => match op.chars().nth(1) {
                Some(letter) => Ok(self.test_file(letter, word)?),
                None => Err(format!("{op}: unexpected operator")),
            },
        })
    }
}

struct Reader<'a> {
    words: &'a [String],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn word(&self, ahead: usize) -> Option<&str> {
        self.words.get(self.at + ahead).map(String::as_str)
    }

    fn or(&mut self, shell: &mut Shell<'_>) -> Go<Found> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(shell.stop("`[`: nested too deep"));
        }
        let mut found = self.and(shell)?;
        while self.word(0) == Some("-o") {
            self.at += 1;
            let right = self.and(shell)?;
            found = found.and_then(|left| right.map(|right| left || right));
        }
        self.depth -= 1;
        Ok(found)
    }

    fn and(&mut self, shell: &mut Shell<'_>) -> Go<Found> {
        let mut found = self.not(shell)?;
        while self.word(0) == Some("-a") {
            self.at += 1;
            let right = self.not(shell)?;
            found = found.and_then(|left| right.map(|right| left && right));
        }
        Ok(found)
    }

    fn not(&mut self, shell: &mut Shell<'_>) -> Go<Found> {
        let mut negated = false;
        while self.word(0) == Some("!") && self.word(1).is_some() && !self.word(1).is_some_and(is_binary) {
            self.at += 1;
            negated = !negated;
        }
        Ok(self.primary(shell)?.map(|found| found != negated))
    }

    fn primary(&mut self, shell: &mut Shell<'_>) -> Go<Found> {
        let words = self.words;
        let Some(first) = words.get(self.at) else { return Ok(Err("argument expected".to_owned())) };
        if let (Some(op), Some(right)) = (words.get(self.at + 1), words.get(self.at + 2))
            && is_binary(op)
            && !matches!(op.as_str(), "-a" | "-o")
        {
            self.at += 3;
            return shell.binary(first, op, right);
        }
        if first == "(" {
            self.at += 1;
            let found = self.or(shell)?;
            if self.word(0) != Some(")") {
                return Ok(Err("closing paren expected".to_owned()));
            }
            self.at += 1;
            return Ok(found);
        }
        if is_unary(first)
            && let Some(word) = words.get(self.at + 1)
        {
            self.at += 2;
            return shell.unary(first, word);
        }
        self.at += 1;
        Ok(Ok(!first.is_empty()))
    }
}

fn is_binary(op: &str) -> bool {
    matches!(
        op,
        "=" | "=="
            | "!="
            | "<"
            | ">"
            | "-eq"
            | "-ne"
            | "-lt"
            | "-le"
            | "-gt"
            | "-ge"
            | "-nt"
            | "-ot"
            | "-ef"
            | "-a"
            | "-o"
    ) && op != "=="
}

fn is_unary(op: &str) -> bool {
    let letters = op.strip_prefix('-').unwrap_or_default();
    letters.len() == 1 && "nztefdxrwsSLhpbcgukOG".contains(letters)
}

fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    text.strip_prefix('+').filter(|rest| !rest.starts_with('-')).unwrap_or(text).parse().ok()
}
