//! Records, their fields, and how texts are taken apart.

use super::program::Expression;
use super::value::Value;
use super::{MAX_FIELDS, Ran, Runner};
use crate::shell::Flow;
use crate::tools::regex::{Matcher, Options, Syntax};

impl Runner<'_, '_> {
    pub(super) fn set_record(&mut self, record: String) -> Ran<()> {
        let separator = self.text_of("FS");
        self.fields = self.split(&record, &separator)?;
        self.record = record;
        self.variables.insert("NF".to_owned(), Value::Number(self.fields.len() as f64));
        Ok(())
    }

    pub(super) fn split(&mut self, text: &str, separator: &str) -> Ran<Vec<String>> {
        self.shell.meter.made(text.len(), self.shell.line).map_err(Flow::from)?;
        if text.is_empty() {
            return Ok(Vec::new());
        }
        Ok(match separator {
            " " => text.split([' ', '\t', '\n']).filter(|field| !field.is_empty()).map(str::to_owned).collect(),
            "" => text.chars().map(String::from).collect(),
            one if one.chars().count() == 1 && one != "\\" => text.split(one).map(str::to_owned).collect(),
            pattern => {
                let matcher = self.matcher(pattern)?;
                let mut fields = Vec::new();
                let (mut from, mut begin) = (0, 0);
                while let Some((start, end)) = self.find(&matcher, text, from)? {
                    if start == end {
                        from = end + 1;
                        continue;
                    }
                    fields.push(text.get(begin..start).unwrap_or_default().to_owned());
                    begin = end;
                    from = end;
                }
                fields.push(text.get(begin..).unwrap_or_default().to_owned());
                fields
            }
        })
    }

    pub(super) fn find(&mut self, matcher: &Matcher, text: &str, from: usize) -> Ran<Option<(usize, usize)>> {
        self.shell.meter.step(1 + text.len() / 256, self.shell.line).map_err(Flow::from)?;
        if from > text.len() {
            return Ok(None);
        }
        let found = matcher.find_at(text.as_bytes(), from).map_err(|what| self.stop(&what))?;
        let Some(Some((begin, end))) = found.and_then(|spans| spans.first().copied()) else { return Ok(None) };
        if text.is_char_boundary(begin) && text.is_char_boundary(end) {
            return Ok(Some((begin, end)));
        }
        Err(self.stop("a letter cut in two").into())
    }

    pub(super) fn matcher(&mut self, pattern: &str) -> Ran<Matcher> {
        if let Some(matcher) = self.matchers.get(pattern) {
            return Ok(matcher.clone());
        }
        self.shell.meter.step(100, self.shell.line).map_err(Flow::from)?;
        let options = Options { escapes: true, ..Options::default() };
        let pattern_text = pattern.replace("\\/", "/").replace("\\\"", "\"");
        let matcher = Matcher::new(&[&pattern_text], Syntax::Extended, options).map_err(|what| self.stop(&what))?;
        self.matchers.insert(pattern.to_owned(), matcher.clone());
        Ok(matcher)
    }

    /// The expression's regular expression: a literal one as it is, anything else by its text.
    pub(super) fn pattern(&mut self, expression: &Expression) -> Ran<Matcher> {
        let text = match expression {
            Expression::Regex(text) => text.clone(),
            other => self.value(other)?.text(),
        };
        self.matcher(&text)
    }

    pub(super) fn field(&self, at: usize) -> Value {
        match at {
            0 => Value::Given(self.record.clone()),
            at => self.fields.get(at - 1).map_or(Value::Unset, |field| Value::Given(field.clone())),
        }
    }

    pub(super) fn set_field(&mut self, at: usize, text: String) -> Ran<()> {
        if at == 0 {
            return self.set_record(text);
        }
        if at > MAX_FIELDS {
            return Err(self.stop("too many fields").into());
        }
        if self.fields.len() < at {
            self.fields.resize(at, String::new());
        }
        self.fields[at - 1] = text;
        self.join_fields();
        Ok(())
    }

    fn join_fields(&mut self) {
        self.variables.insert("NF".to_owned(), Value::Number(self.fields.len() as f64));
        self.record = self.fields.join(&self.text_of("OFS"));
    }

    pub(super) fn assign_variable(&mut self, name: &str, value: Value) -> Ran<()> {
        self.shell.meter.made(name.len() + value.size(), self.shell.line).map_err(Flow::from)?;
        if name == "NF" {
            let count = value.number() as usize;
            if count > MAX_FIELDS {
                return Err(self.stop("too many fields").into());
            }
            self.fields.resize(count, String::new());
            self.join_fields();
        } else {
            self.variables.insert(name.to_owned(), value);
        }
        Ok(())
    }
}
