//! The part of `awk` (XCU awk) that one-liners are made of: patterns, `print`, control flow, arrays, the string functions.
//!
//! Not there, and refused by name: functions of one's own, `getline`, output to files and commands, `RS` but a newline.

mod parse;
mod value;

use std::collections::BTreeMap;

use self::parse::{Expression, Pattern, Program, Statement};
use self::value::{Value, format};
use super::regex::{Matcher, Options, Syntax};
use crate::shell::{Flow, Go, Shell};

/// Fields of a record that may be made by assignment.
const MAX_FIELDS: usize = 10_000;

pub(super) fn awk(shell: &mut Shell<'_>, words: &[String]) -> Go<u8> {
    let options = shell.tool_options(words, "F:v:f:", &[], false)?;
    let mut operands = options.operands.as_slice();
    if options.has('f') {
        return Err(shell.stop("`awk -f`: the option `-f` is not known"));
    }
    let Some((text, rest)) = operands.split_first() else {
        shell.complain("awk: no program")?;
        return Ok(2);
    };
    operands = rest;
    if operands.iter().any(|operand| operand.contains('=')) {
        return Err(shell.stop("`awk`: an assignment among its files is not followed"));
    }
    shell.meter.step(100 + text.len() / 16, shell.line)?;
    let program = parse::parse(text).map_err(|what| shell.stop(format!("`awk`: {what}")))?;
    let mut run = Runner {
        shell,
        variables: BTreeMap::new(),
        arrays: BTreeMap::new(),
        record: String::new(),
        fields: Vec::new(),
        matchers: BTreeMap::new(),
        out: Vec::new(),
    };
    let begin = [("FS", " "), ("OFS", " "), ("ORS", "\n"), ("RS", "\n"), ("SUBSEP", "\x1c")];
    for (name, text) in begin {
        run.variables.insert(name.to_owned(), Value::Text(text.to_owned()));
    }
    if let Some(separator) = options.value('F') {
        let separator = if separator == "t" { "\t".to_owned() } else { parse::unescape(separator) };
        run.variables.insert("FS".to_owned(), Value::Text(separator));
    }
    for assignment in options.values('v') {
        let Some((name, value)) = assignment.split_once('=') else {
            return Err(run.shell.stop(format!("`awk -v {assignment}`: no assignment")));
        };
        run.variables.insert(name.to_owned(), Value::Given(parse::unescape(value)));
    }
    let status = run.program(&program, operands)?;
    let out = std::mem::take(&mut run.out);
    shell.tool_output(&out, status)
}

/// Why the statements that follow do not run.
enum Leave {
    Next,
    Exit(u8),
    Break,
    Continue,
    Flow(Flow),
}

impl From<Flow> for Leave {
    fn from(flow: Flow) -> Leave {
        Leave::Flow(flow)
    }
}

type Ran<T> = Result<T, Leave>;

struct Runner<'r, 'a> {
    shell: &'r mut Shell<'a>,
    variables: BTreeMap<String, Value>,
    arrays: BTreeMap<String, BTreeMap<String, Value>>,
    record: String,
    fields: Vec<String>,
    matchers: BTreeMap<String, Matcher>,
    out: Vec<u8>,
}

impl Runner<'_, '_> {
    fn program(&mut self, program: &Program, files: &[String]) -> Go<u8> {
        let mut exit = None;
        let mut status = 0;
        for (pattern, body) in &program.rules {
            if matches!(pattern, Pattern::Begin) && exit.is_none() {
                exit = self.rule(body)?;
            }
        }
        let wants_input = program.rules.iter().any(|(pattern, _)| !matches!(pattern, Pattern::Begin));
        if wants_input && exit.is_none() {
            let (all, missing) = self.shell.tool_inputs("awk", files)?;
            if missing {
                status = 2;
            }
            let Ok(all) = String::from_utf8(all) else { return Err(self.stop("its input is not UTF-8")) };
            let mut open = vec![false; program.rules.len()];
            for (number, line) in all.split_terminator('\n').enumerate() {
                if self.text_of("RS") != "\n" {
                    return Err(self.stop("`RS` but a newline is not followed"));
                }
                self.shell.meter.step(1 + line.len() / 64, self.shell.line)?;
                self.variables.insert("NR".to_owned(), Value::Number((number + 1) as f64));
                self.variables.insert("FNR".to_owned(), Value::Number((number + 1) as f64));
                self.set_record(line.to_owned()).map_err(|leave| self.flow(leave))?;
                exit = self.record_rules(program, &mut open)?;
                if exit.is_some() {
                    break;
                }
            }
        }
        for (pattern, body) in &program.rules {
            if matches!(pattern, Pattern::End)
                && let Some(code) = self.rule(body)?
            {
                return Ok(code);
            }
        }
        Ok(exit.unwrap_or(status))
    }

    fn record_rules(&mut self, program: &Program, open: &mut [bool]) -> Go<Option<u8>> {
        for (at, (pattern, body)) in program.rules.iter().enumerate() {
            let selected = match pattern {
                Pattern::Begin | Pattern::End => Ok(false),
                Pattern::Always => Ok(true),
                Pattern::If(expression) => self.value(expression).map(|value| value.truth()),
                Pattern::Range(first, last) => self.range(first, last, &mut open[at]),
            };
            if !selected.map_err(|leave| self.flow(leave))? {
                continue;
            }
            match self.body(body) {
                Ok(()) => {}
                Err(Leave::Next) => return Ok(None),
                Err(Leave::Exit(code)) => return Ok(Some(code)),
                Err(leave) => return Err(self.flow(leave)),
            }
        }
        Ok(None)
    }

    fn range(&mut self, first: &Expression, last: &Expression, open: &mut bool) -> Ran<bool> {
        if !*open && !self.value(first)?.truth() {
            return Ok(false);
        }
        *open = !self.value(last)?.truth();
        Ok(true)
    }

    fn rule(&mut self, body: &Option<Vec<Statement>>) -> Go<Option<u8>> {
        match self.body(body) {
            Ok(()) => Ok(None),
            Err(Leave::Exit(code)) => Ok(Some(code)),
            Err(leave) => Err(self.flow(leave)),
        }
    }

    /// What is left of a reason to leave where nothing can be left.
    fn flow(&self, leave: Leave) -> Flow {
        match leave {
            Leave::Flow(flow) => flow,
            _ => self.stop("`next`, `exit` or `break` where it has no meaning"),
        }
    }

    fn stop(&self, what: &str) -> Flow {
        self.shell.stop(format!("`awk`: {what}"))
    }

    /// A pattern without a body prints.
    fn body(&mut self, body: &Option<Vec<Statement>>) -> Ran<()> {
        match body {
            Some(body) => self.statements(body),
            None => self.statement(&Statement::Print(Vec::new())),
        }
    }

    fn statements(&mut self, statements: &[Statement]) -> Ran<()> {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Statement) -> Ran<()> {
        self.shell.meter.step(1, self.shell.line).map_err(Flow::from)?;
        match statement {
            Statement::Expression(expression) => {
                self.value(expression)?;
            }
            Statement::Print(expressions) => {
                let mut texts = Vec::new();
                for expression in expressions {
                    texts.push(self.value(expression)?.text());
                }
                let line = if expressions.is_empty() { self.record.clone() } else { texts.join(&self.text_of("OFS")) };
                let end = self.text_of("ORS");
                self.print(&line)?;
                self.print(&end)?;
            }
            Statement::Printf(expressions) => {
                let text = self.sprintf(expressions)?;
                self.print(&text)?;
            }
            Statement::If(condition, yes, no) => {
                let branch = if self.value(condition)?.truth() { yes } else { no };
                self.statements(branch)?;
            }
            Statement::While { condition, body, step, first } => {
                let mut skip = *first;
                loop {
                    self.shell.meter.step(1, self.shell.line).map_err(Flow::from)?;
                    if !std::mem::take(&mut skip) && !self.value(condition)?.truth() {
                        break;
                    }
                    match self.statements(body) {
                        Err(Leave::Break) => break,
                        Ok(()) | Err(Leave::Continue) => {}
                        Err(leave) => return Err(leave),
                    }
                    if let Some(step) = step {
                        self.value(step)?;
                    }
                }
            }
            Statement::ForIn(name, array, body) => {
                // Any order may be awk's; a script that depends on one is wrong already, and ours is at least always the same.
                let keys: Vec<String> =
                    self.arrays.get(array).map(|map| map.keys().cloned().collect()).unwrap_or_default();
                for key in keys {
                    self.assign_variable(name, Value::Given(key))?;
                    match self.statements(body) {
                        Err(Leave::Break) => break,
                        Ok(()) | Err(Leave::Continue) => {}
                        Err(leave) => return Err(leave),
                    }
                }
            }
            Statement::Block(body) => self.statements(body)?,
            Statement::Delete(array, keys) => match keys {
                Some(keys) => {
                    let key = self.key(keys)?;
                    if let Some(map) = self.arrays.get_mut(array) {
                        map.remove(&key);
                    }
                }
                None => {
                    self.arrays.remove(array);
                }
            },
            Statement::Next => return Err(Leave::Next),
            Statement::Break => return Err(Leave::Break),
            Statement::Continue => return Err(Leave::Continue),
            Statement::Exit(code) => {
                let code = match code {
                    Some(code) => self.value(code)?.number(),
                    None => 0.0,
                };
                return Err(Leave::Exit((code as i64 & 0xff) as u8));
            }
        }
        Ok(())
    }

    fn print(&mut self, text: &str) -> Ran<()> {
        self.shell.meter.made(text.len(), self.shell.line).map_err(Flow::from)?;
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn text_of(&self, name: &str) -> String {
        self.variables.get(name).map(Value::text).unwrap_or_default()
    }

    fn set_record(&mut self, record: String) -> Ran<()> {
        let separator = self.text_of("FS");
        self.fields = self.split(&record, &separator)?;
        self.record = record;
        self.variables.insert("NF".to_owned(), Value::Number(self.fields.len() as f64));
        Ok(())
    }

    fn split(&mut self, text: &str, separator: &str) -> Ran<Vec<String>> {
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

    fn find(&mut self, matcher: &Matcher, text: &str, from: usize) -> Ran<Option<(usize, usize)>> {
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

    fn matcher(&mut self, pattern: &str) -> Ran<Matcher> {
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
    fn pattern(&mut self, expression: &Expression) -> Ran<Matcher> {
        let text = match expression {
            Expression::Regex(text) => text.clone(),
            other => self.value(other)?.text(),
        };
        self.matcher(&text)
    }

    fn field(&self, at: usize) -> Value {
        match at {
            0 => Value::Given(self.record.clone()),
            at => self.fields.get(at - 1).map_or(Value::Unset, |field| Value::Given(field.clone())),
        }
    }

    fn set_field(&mut self, at: usize, text: String) -> Ran<()> {
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

    fn assign_variable(&mut self, name: &str, value: Value) -> Ran<()> {
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

    fn key(&mut self, keys: &[Expression]) -> Ran<String> {
        let mut texts = Vec::new();
        for key in keys {
            texts.push(self.value(key)?.text());
        }
        Ok(texts.join(&self.text_of("SUBSEP")))
    }

    fn value(&mut self, expression: &Expression) -> Ran<Value> {
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

    fn sprintf(&mut self, expressions: &[Expression]) -> Ran<String> {
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
