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
        if let [op @ ("-a" | "-o" | "-N" | "-R"), _] = words.iter().map(String::as_str).collect::<Vec<_>>().as_slice()
            && self.is_bash()
        {
            return Err(self.stop(format!("`[ {op} ]` is not followed")));
        }
        let found = match self.short(words)? {
            Some(found) => found,
            None => {
                let mut reader = Reader { words, at: 0, depth: 0, bash: self.is_bash() };
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
            [left, op, right] if is_binary(op, self.is_bash()) => Some(self.binary(left, op, right)?),
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
            "-nt" | "-ot" | "-ef" => Ok(self.compare_files(left, op, right)?),
            op => Err(format!("{op}: unexpected operator")),
        })
    }

    /// `-nt`, `-ot` and `-ef`.
    pub(crate) fn compare_files(&mut self, left: &str, op: &str, right: &str) -> Go<bool> {
        let (has_left, has_right) = (self.test_file('e', left)?, self.test_file('e', right)?);
        let same = self.absolute(left) == self.absolute(right);
        match (op, has_left, has_right) {
            ("-ef", true, true) if same => Ok(true),
            ("-nt" | "-ot", true, true) if same => Ok(false),
            (op, true, true) => Err(self.stop(format!("`[ {left} {op} {right} ]`: files have no age"))),
            // dash asks both for their times before it compares; for bash what is not there is older.
            ("-nt", true, false) | ("-ot", false, true) => Ok(self.is_bash()),
            _ => Ok(false),
        }
    }

    /// An operator of `[[` with one word.
    pub(crate) fn test_one(&mut self, op: &str, word: &str) -> Go<bool> {
        match op {
            "-a" => self.test_file('e', word),
            "-N" | "-R" | "-o" => Err(self.stop(format!("`[[ {op} ]]` is not followed"))),
            "-v" => self.is_set(word),
            op => match self.unary(op, word)? {
                Ok(found) => Ok(found),
                Err(what) => Err(self.stop(format!("`[[`: {what}"))),
            },
        }
    }

    /// `-v`.
    fn is_set(&mut self, name: &str) -> Go<bool> {
        match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
            Some((_, "@" | "*")) => Err(self.stop(format!("`-v {name}` is not followed"))),
            Some((name, index)) => {
                let index = self.arithmetic(index)?;
                let index = self.index_in(name, index)?;
                Ok(self.list_of(name).contains_key(&index))
            }
            None => Ok(self.value(name)?.is_some()),
        }
    }

    fn unary(&mut self, op: &str, word: &str) -> Go<Found> {
        Ok(match op {
            "-v" => Ok(self.is_set(word)?),
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
    bash: bool,
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
        while self.word(0) == Some("!")
            && self.word(1).is_some()
            && !self.word(1).is_some_and(|op| is_binary(op, self.bash))
        {
            self.at += 1;
            negated = !negated;
        }
        Ok(self.primary(shell)?.map(|found| found != negated))
    }

    fn primary(&mut self, shell: &mut Shell<'_>) -> Go<Found> {
        let words = self.words;
        let Some(first) = words.get(self.at) else { return Ok(Err("argument expected".to_owned())) };
        if let (Some(op), Some(right)) = (words.get(self.at + 1), words.get(self.at + 2))
            && is_binary(op, self.bash)
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
        if is_unary(first, self.bash)
            && let Some(word) = words.get(self.at + 1)
        {
            self.at += 2;
            return shell.unary(first, word);
        }
        self.at += 1;
        Ok(Ok(!first.is_empty()))
    }
}

fn is_binary(op: &str, bash: bool) -> bool {
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
    ) && (bash || op != "==")
}

fn is_unary(op: &str, bash: bool) -> bool {
    let letters = op.strip_prefix('-').unwrap_or_default();
    letters.len() == 1 && ("nztefdxrwsSLhpbcgukOG".contains(letters) || bash && letters == "v")
}

fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    text.strip_prefix('+').filter(|rest| !rest.starts_with('-')).unwrap_or(text).parse().ok()
}
