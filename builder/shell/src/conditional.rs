//! bash's `[[ … ]]`.

use crate::shell::{Go, Shell};
use crate::syntax::{Test, Word};
use crate::tools::{Matcher, RegexOptions, Syntax};
use crate::variable::List;

impl Shell<'_> {
    pub(crate) fn conditional(&mut self, test: &Test) -> Go<bool> {
        self.meter.step(1, self.line)?;
        self.meter.enter(self.line)?;
        let found = match test {
            Test::Not(test) => !self.conditional(test)?,
            Test::And(left, right) => self.conditional(left)? && self.conditional(right)?,
            Test::Or(left, right) => self.conditional(left)? || self.conditional(right)?,
            Test::Word(word) => !self.text(word)?.is_empty(),
            Test::Unary(op, word) => {
                let text = self.text(word)?;
                self.test_one(op, &text)?
            }
            Test::Binary(left, op, right) => self.compare(left, op, right)?,
        };
        self.meter.leave();
        Ok(found)
    }

    fn compare(&mut self, left: &Word, op: &str, right: &Word) -> Go<bool> {
        let left = self.text(left)?;
        match op {
            "=" | "==" | "!=" => {
                let written = self.pattern(right)?;
                let pattern = self.compile(&written, true)?;
                self.meter.step(pattern.cost(left.len(), written.len()), self.line)?;
                Ok(pattern.matches(left.as_bytes()) == (op != "!="))
            }
            "=~" => {
                let expression = self.expression(right)?;
                self.search(&left, &expression)
            }
            "<" | ">" => {
                let right = self.text(right)?;
                Ok(if op == "<" { left < right } else { left > right })
            }
            "-nt" | "-ot" | "-ef" => {
                let right = self.text(right)?;
                self.compare_files(&left, op, &right)
            }
            op => {
                let right = self.text(right)?;
                let (left, right) = (self.arithmetic(&left)?, self.arithmetic(&right)?);
                Ok(match op {
                    "-eq" => left == right,
                    "-ne" => left != right,
                    "-lt" => left < right,
                    "-le" => left <= right,
                    "-gt" => left > right,
                    _ => left >= right,
                })
            }
        }
    }

    /// `=~`: what matched, and its groups, are `BASH_REMATCH`.
    fn search(&mut self, text: &str, expression: &str) -> Go<bool> {
        self.meter.step(1 + text.len().saturating_mul(expression.len()) / 4096, self.line)?;
        let wrong = |shell: &Self, what: String| shell.stop(format!("`=~`: {what}"));
        let matcher = Matcher::new(&[expression], Syntax::Extended, RegexOptions::default());
        let matcher = matcher.map_err(|what| wrong(self, what))?;
        let found = matcher.find_at(text.as_bytes(), 0).map_err(|what| wrong(self, what))?;
        let mut groups = List::new();
        for (index, span) in (0..).zip(found.iter().flatten()) {
            let Some(group) = text.get(span.map_or(0..0, |(begin, end)| begin..end)) else {
                return Err(wrong(self, "a match that cuts a letter in two".to_owned()));
            };
            groups.insert(index, group.to_owned());
        }
        self.set_list("BASH_REMATCH", groups)?;
        Ok(found.is_some())
    }
}
