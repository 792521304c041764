//! `expr`.

use super::regex::{Matcher, Options, Syntax};
use crate::shell::{Go, Shell};

/// Parentheses within parentheses.
const MAX_DEPTH: usize = 50;

enum Wrong {
    /// Status 2.
    Syntax(String),
    /// Not followed.
    Refused(String),
}

pub(super) fn expr(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let words = words.get(1..).unwrap_or_default();
    let words = if words.first().is_some_and(|word| word == "--") { &words[1..] } else { words };
    shell.meter.step(1 + words.len(), shell.line)?;
    let mut reader = Reader { words, at: 0, depth: 0 };
    let value = reader.or().and_then(|value| {
        if reader.at < words.len() { Err(Wrong::Syntax("syntax error".to_owned())) } else { Ok(value) }
    });
    match value {
        Ok(value) => shell.tool_output(format!("{value}\n").as_bytes(), u8::from(is_null(&value))),
        Err(Wrong::Syntax(what)) => {
            shell.complain(&format!("expr: {what}"))?;
            Ok(2)
        }
        Err(Wrong::Refused(what)) => Err(shell.stop(format!("`expr`: {what}"))),
    }
}

fn is_null(value: &str) -> bool {
    value.is_empty() || value.parse::<i64>() == Ok(0) && value.trim_start_matches('-').bytes().all(|byte| byte == b'0')
}

struct Reader<'a> {
    words: &'a [String],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn take(&mut self, ops: &[&str]) -> Option<String> {
        let word = self.words.get(self.at).filter(|word| ops.contains(&word.as_str()))?;
        self.at += 1;
        Some(word.clone())
    }

    fn or(&mut self) -> Result<String, Wrong> {
        let mut left = self.and()?;
        while self.take(&["|"]).is_some() {
            let right = self.and()?;
            if is_null(&left) {
                left = if right.is_empty() { "0".to_owned() } else { right };
            }
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<String, Wrong> {
        let mut left = self.comparison()?;
        while self.take(&["&"]).is_some() {
            let right = self.comparison()?;
            if is_null(&left) || is_null(&right) {
                left = "0".to_owned();
            }
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<String, Wrong> {
        let mut left = self.sum()?;
        while let Some(op) = self.take(&["<", "<=", "=", "==", "!=", ">=", ">"]) {
            let right = self.sum()?;
            let order = match (left.parse::<i64>(), right.parse::<i64>()) {
                (Ok(left), Ok(right)) => left.cmp(&right),
                _ => left.cmp(&right),
            };
            let holds = match op.as_str() {
                "<" => order.is_lt(),
                "<=" => order.is_le(),
                "!=" => order.is_ne(),
                ">=" => order.is_ge(),
                ">" => order.is_gt(),
                _ => order.is_eq(),
            };
            left = u8::from(holds).to_string();
        }
        Ok(left)
    }

    fn numbers(left: &str, right: &str) -> Result<(i64, i64), Wrong> {
        match (left.parse(), right.parse()) {
            (Ok(left), Ok(right)) => Ok((left, right)),
            _ => Err(Wrong::Syntax("non-integer argument".to_owned())),
        }
    }

    fn sum(&mut self) -> Result<String, Wrong> {
        let mut left = self.product()?;
        while let Some(op) = self.take(&["+", "-"]) {
            let (a, b) = Self::numbers(&left, &self.product()?)?;
            let value = if op == "+" { a.checked_add(b) } else { a.checked_sub(b) };
            left = value.ok_or_else(|| Wrong::Refused("a number too large".to_owned()))?.to_string();
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<String, Wrong> {
        let mut left = self.matching()?;
        while let Some(op) = self.take(&["*", "/", "%"]) {
            let (a, b) = Self::numbers(&left, &self.matching()?)?;
            if op != "*" && b == 0 {
                return Err(Wrong::Syntax("division by zero".to_owned()));
            }
            let value = match op.as_str() {
                "*" => a.checked_mul(b),
                "/" => a.checked_div(b),
                _ => a.checked_rem(b),
            };
            left = value.ok_or_else(|| Wrong::Refused("a number too large".to_owned()))?.to_string();
        }
        Ok(left)
    }

    fn matching(&mut self) -> Result<String, Wrong> {
        let mut left = self.primary()?;
        while self.take(&[":"]).is_some() {
            let pattern = self.primary()?;
            left = matched(&left, &pattern)?;
        }
        Ok(left)
    }

    fn primary(&mut self) -> Result<String, Wrong> {
        let missing = || Wrong::Syntax("missing argument".to_owned());
        let word = self.words.get(self.at).ok_or_else(missing)?.clone();
        self.at += 1;
        let arguments = self.words.len() - self.at;
        match word.as_str() {
            "(" => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(Wrong::Refused("nested too deep".to_owned()));
                }
                let value = self.or()?;
                self.depth -= 1;
                if self.take(&[")"]).is_none() {
                    return Err(Wrong::Syntax("expecting ')'".to_owned()));
                }
                Ok(value)
            }
            "+" if arguments > 0 => {
                self.at += 1;
                Ok(self.words[self.at - 1].clone())
            }
            "length" if arguments > 0 => {
                let (text, _) = (self.nested()?, ());
                Ok(text.len().to_string())
            }
            "match" if arguments > 1 => {
                let text = self.nested()?;
                let pattern = self.nested()?;
                matched(&text, &pattern)
            }
            "index" if arguments > 1 => {
                let text = self.nested()?;
                let letters = self.nested()?;
                let at = text.bytes().position(|byte| letters.as_bytes().contains(&byte));
                Ok(at.map_or(0, |at| at + 1).to_string())
            }
            "substr" if arguments > 2 => {
                let text = self.nested()?;
                let (begin, length) = (self.nested()?, self.nested()?);
                let (Ok(begin), Ok(length)) = (begin.parse::<usize>(), length.parse::<usize>()) else {
                    return Ok(String::new());
                };
                if begin == 0 {
                    return Ok(String::new());
                }
                let bytes: Vec<u8> = text.bytes().skip(begin - 1).take(length).collect();
                String::from_utf8(bytes).map_err(|_| Wrong::Refused("a letter cut in two".to_owned()))
            }
            _ => Ok(word),
        }
    }

    /// An argument of `match` and the like: a whole primary again.
    fn nested(&mut self) -> Result<String, Wrong> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Wrong::Refused("nested too deep".to_owned()));
        }
        let value = self.primary();
        self.depth -= 1;
        value
    }
}

/// `TEXT : PATTERN`, anchored at the beginning.
fn matched(text: &str, pattern: &str) -> Result<String, Wrong> {
    let how = Options { begin: true, ..Options::default() };
    let matcher = Matcher::new(&[pattern], Syntax::Basic, how).map_err(Wrong::Refused)?;
    let found = matcher.find_at(text.as_bytes(), 0).map_err(Wrong::Refused)?;
    let grouped = matcher.groups() > 1;
    let span = found.as_ref().and_then(|spans| spans.get(usize::from(grouped)).copied().flatten());
    match (span, grouped) {
        (Some((begin, end)), true) => {
            text.get(begin..end).map(str::to_owned).ok_or_else(|| Wrong::Refused("a letter cut in two".to_owned()))
        }
        (Some((begin, end)), false) => Ok((end - begin).to_string()),
        (None, true) => Ok(String::new()),
        (None, false) => Ok("0".to_owned()),
    }
}
