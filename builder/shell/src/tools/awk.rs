//! The part of `awk` (XCU awk) that one-liners are made of: patterns, `print`, control flow, arrays, the string functions.
//!
//! Not there, and refused by name: functions of one's own, `getline`, output to files and commands, `RS` but a newline.

mod evaluate;
mod fields;
mod lex;
mod parse;
mod program;
mod value;

use std::collections::BTreeMap;

use self::program::{Expression, Pattern, Program, Statement};
use self::value::Value;
use super::regex::Matcher;
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
        let separator = if separator == "t" { "\t".to_owned() } else { lex::unescape(separator) };
        run.variables.insert("FS".to_owned(), Value::Text(separator));
    }
    for assignment in options.values('v') {
        let Some((name, value)) = assignment.split_once('=') else {
            return Err(run.shell.stop(format!("`awk -v {assignment}`: no assignment")));
        };
        run.variables.insert(name.to_owned(), Value::Given(lex::unescape(value)));
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
}
