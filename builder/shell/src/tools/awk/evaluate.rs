//! Expressions to values.

use std::collections::BTreeMap;

use super::program::Expression;
use super::value::{Value, format};
use super::{Ran, Runner};
use crate::shell::Flow;

impl Runner<'_, '_> {
    fn assign(&mut self, target: &Expression, value: Value) -> Ran<()> {
        match target {
            Expression::Variable(name) => self.assign_variable(name, value),
            Expression::Field(at) => {
                let at = self.field_number(at)?;
                self.set_field(at, value.text())
            }
            Expression::Element(array, keys) => {
                let key = self.key(keys)?;
                self.shell.meter.made(key.len() + value.size(), self.shell.line).map_err(Flow::from)?;
                self.arrays.entry(array.clone()).or_default().insert(key, value);
                Ok(())
            }
            _ => Err(self.stop("an assignment to something else than a variable").into()),
        }
    }

    fn field_number(&mut self, at: &Expression) -> Ran<usize> {
        let at = self.value(at)?.number();
        if at < 0.0 {
            return Err(self.stop("a field below zero").into());
        }
        Ok(at as usize)
    }

    pub(super) fn key(&mut self, keys: &[Expression]) -> Ran<String> {
        let mut texts = Vec::new();
        for key in keys {
            texts.push(self.value(key)?.text());
        }
        Ok(texts.join(&self.text_of("SUBSEP")))
    }

    pub(super) fn value(&mut self, expression: &Expression) -> Ran<Value> {
        self.shell.meter.step(1, self.shell.line).map_err(Flow::from)?;
        Ok(match expression {
            Expression::Number(number) => Value::Number(*number),
            Expression::Text(text) => Value::Text(text.clone()),
            Expression::Regex(pattern) => {
                let matcher = self.matcher(pattern)?;
                Value::of(matcher.is_match(self.record.as_bytes()))
            }
            Expression::Variable(name) => self.variables.get(name).cloned().unwrap_or(Value::Unset),
            Expression::Field(at) => {
                let at = self.field_number(at)?;
                self.field(at)
            }
            Expression::Element(array, keys) => {
                let key = self.key(keys)?;
                let map = self.arrays.entry(array.clone()).or_default();
                // Asking for an element makes it.
                map.entry(key).or_insert(Value::Unset).clone()
            }
            Expression::In(keys, array) => {
                let key = self.key(keys)?;
                Value::of(self.arrays.get(array).is_some_and(|map| map.contains_key(&key)))
            }
            Expression::Not(inner) => Value::of(!self.value(inner)?.truth()),
            Expression::Negative(inner) => Value::Number(-self.value(inner)?.number()),
            Expression::Positive(inner) => Value::Number(self.value(inner)?.number()),
            Expression::And(left, right) => Value::of(self.value(left)?.truth() && self.value(right)?.truth()),
            Expression::Or(left, right) => Value::of(self.value(left)?.truth() || self.value(right)?.truth()),
            Expression::If(condition, yes, no) => {
                let branch = if self.value(condition)?.truth() { yes } else { no };
                self.value(branch)?
            }
            Expression::Match(negated, left, right) => {
                let text = self.value(left)?.text();
                let matcher = self.pattern(right)?;
                Value::of(matcher.is_match(text.as_bytes()) != *negated)
            }
            Expression::Compare(op, left, right) => {
                let order = self.value(left)?.compare(&self.value(right)?);
                Value::of(match *op {
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    "==" => order.is_eq(),
                    "!=" => order.is_ne(),
                    ">" => order.is_gt(),
                    _ => order.is_ge(),
                })
            }
            Expression::Concatenate(left, right) => {
                let text = self.value(left)?.text() + &self.value(right)?.text();
                self.shell.meter.made(text.len(), self.shell.line).map_err(Flow::from)?;
                Value::Text(text)
            }
            Expression::Arithmetic(op, left, right) => {
                let (left, right) = (self.value(left)?.number(), self.value(right)?.number());
                Value::Number(self.apply(*op, left, right)?)
            }
            Expression::Assign(op, target, right) => {
                let mut value = self.value(right)?;
                if let Some(op) = op {
                    let left = self.value(target)?.number();
                    value = Value::Number(self.apply(*op, left, value.number())?);
                }
                self.assign(target, value.clone())?;
                value
            }
            Expression::Step { target, by, before } => {
                let old = self.value(target)?.number();
                self.assign(target, Value::Number(old + by))?;
                Value::Number(if *before { old + by } else { old })
            }
            Expression::Call(name, arguments) => self.call(name, arguments)?,
        })
    }

    fn apply(&self, op: char, left: f64, right: f64) -> Ran<f64> {
        let value = match op {
            '+' => left + right,
            '-' => left - right,
            '*' => left * right,
            '/' | '%' if right == 0.0 => return Err(self.stop("division by zero").into()),
            '/' => left / right,
            '%' => left % right,
            _ => left.powf(right),
        };
        // mawk writes larger ones as 1e+10, others as 10000000000.
        if value.abs() > f64::from(i32::MAX) {
            return Err(self.stop("a number beyond 31 bits is written differently by each awk").into());
        }
        Ok(value)
    }

    pub(super) fn sprintf(&mut self, expressions: &[Expression]) -> Ran<String> {
        let mut values = Vec::new();
        for expression in expressions {
            values.push(self.value(expression)?);
        }
        let text = values.first().map(Value::text).unwrap_or_default();
        let text = format(&text, values.get(1..).unwrap_or_default()).map_err(|what| self.stop(&what))?;
        self.shell.meter.made(text.len(), self.shell.line).map_err(Flow::from)?;
        Ok(text)
    }

    fn call(&mut self, name: &str, arguments: &[Expression]) -> Ran<Value> {
        match (name, arguments) {
            ("sub" | "gsub", [pattern, text, rest @ ..]) if rest.len() < 2 => {
                return self.substitute(name == "gsub", pattern, text, rest.first());
            }
            ("split", [text, Expression::Variable(array), rest @ ..]) if rest.len() < 2 => {
                let text = self.value(text)?.text();
                let separator = match rest.first() {
                    None => self.text_of("FS"),
                    Some(Expression::Regex(pattern)) => pattern.clone(),
                    Some(other) => self.value(other)?.text(),
                };
                let parts = self.split(&text, &separator)?;
                let count = parts.len();
                let map = parts.into_iter().enumerate().map(|(at, part)| ((at + 1).to_string(), Value::Given(part)));
                self.arrays.insert(array.clone(), map.collect());
                return Ok(Value::Number(count as f64));
            }
            ("match", [text, pattern]) => {
                let text = self.value(text)?.text();
                let matcher = self.pattern(pattern)?;
                let (start, length) = match self.find(&matcher, &text, 0)? {
                    Some((begin, end)) => ((begin + 1) as f64, (end - begin) as f64),
                    None => (0.0, -1.0),
                };
                self.variables.insert("RSTART".to_owned(), Value::Number(start));
                self.variables.insert("RLENGTH".to_owned(), Value::Number(length));
                return Ok(Value::Number(start));
            }
            ("sprintf", [_, ..]) => return self.sprintf(arguments).map(Value::Text),
            ("length", [Expression::Variable(array)]) if self.arrays.contains_key(array) => {
                return Ok(Value::Number(self.arrays.get(array).map_or(0, BTreeMap::len) as f64));
            }
            ("length", []) => return Ok(Value::Number(self.record.len() as f64)),
            _ => {}
        }
        let mut values = Vec::new();
        for argument in arguments {
            values.push(self.value(argument)?);
        }
        Ok(match (name, values.as_slice()) {
            ("length", [text]) => Value::Number(text.text().len() as f64),
            ("int", [number]) => Value::Number(number.number().trunc()),
            ("tolower", [text]) => Value::Text(text.text().to_ascii_lowercase()),
            ("toupper", [text]) => Value::Text(text.text().to_ascii_uppercase()),
            ("index", [text, part]) => Value::Number(text.text().find(&part.text()).map_or(0.0, |at| (at + 1) as f64)),
            ("substr", [text, begin, rest @ ..]) if rest.len() < 2 => {
                let text = text.text();
                let begin = begin.number().round();
                let end = rest.first().map_or(f64::INFINITY, |length| begin + length.number().round());
                let low = (begin.max(1.0) as usize).saturating_sub(1).min(text.len());
                let high = ((end - 1.0).max(0.0) as usize).clamp(low, text.len());
                match text.get(low..high) {
                    Some(part) => Value::Text(part.to_owned()),
                    None => return Err(self.stop("a letter cut in two").into()),
                }
            }
            _ => return Err(self.stop(&format!("`{name}` is not followed")).into()),
        })
    }

    fn substitute(
        &mut self,
        global: bool,
        pattern: &Expression,
        with: &Expression,
        target: Option<&Expression>,
    ) -> Ran<Value> {
        let whole = Expression::Field(Box::new(Expression::Number(0.0)));
        let target = target.unwrap_or(&whole);
        let matcher = self.pattern(pattern)?;
        let with = self.value(with)?.text();
        let text = self.value(target)?.text();
        let mut out = String::new();
        let (mut from, mut copied, mut count) = (0, 0, 0);
        let mut behind = None;
        while let Some((begin, end)) = self.find(&matcher, &text, from)? {
            from = if begin == end {
                end + text.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
            } else {
                end
            };
            if begin == end && behind == Some(begin) {
                continue;
            }
            behind = Some(end);
            count += 1;
            out.push_str(text.get(copied..begin).unwrap_or_default());
            let mut letters = with.chars();
            while let Some(c) = letters.next() {
                match c {
                    '&' => out.push_str(text.get(begin..end).unwrap_or_default()),
                    '\\' => match letters.next() {
                        Some(next @ ('&' | '\\')) => out.push(next),
                        Some(next) => out.extend(['\\', next]),
                        None => out.push('\\'),
                    },
                    c => out.push(c),
                }
            }
            self.shell.meter.made(with.len(), self.shell.line).map_err(Flow::from)?;
            copied = end;
            if !global {
                break;
            }
        }
        if count > 0 {
            out.push_str(text.get(copied..).unwrap_or_default());
            self.assign(target, Value::Text(out))?;
        }
        Ok(Value::Number(f64::from(count)))
    }
}
