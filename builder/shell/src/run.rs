//! Running a tree of commands (XCU 2.9).

use std::sync::Arc;

use crate::shell::{Flow, Go, PROCESS_FILES, Shell, shorten};
use crate::stream::Stream;
use crate::syntax::{AndOr, Arm, Assignment, Command, Kind, List, Next, Pipeline, Redirect, Word};
use crate::{Call, builtins, parse, tools};

impl Shell<'_> {
    /// Runs commands in a row. `tested` means that somebody looks at the status, so `set -e` does not.
    pub(crate) fn list(&mut self, list: &List, tested: bool) -> Go<u8> {
        let mut status = 0;
        for and_or in list {
            status = self.and_or(and_or, tested)?;
        }
        Ok(status)
    }

    /// Parses and runs `text`.
    pub(crate) fn evaluate(&mut self, text: &str, tested: bool) -> Go<u8> {
        self.meter.made(text.len(), self.line)?;
        let status = if self.needs_lines(text) {
            self.meter.enter(self.line)?;
            self.lines(text, self.line, tested)
        } else {
            let list = parse::parse(text, self.line, self.env.dialect)?;
            self.meter.enter(self.line)?;
            self.as_a_whole(|shell| shell.list(&list, tested))
        };
        self.meter.leave();
        status
    }

    fn and_or(&mut self, and_or: &AndOr, tested: bool) -> Go<u8> {
        if and_or.background {
            if let Some(command) = and_or.first.commands.first() {
                self.line = command.line;
            }
            return Err(self.stop("`&`: commands in the background are not followed"));
        }
        let last = and_or.rest.len();
        let mut status = self.pipeline(&and_or.first, tested || last > 0)?;
        for (at, (and, pipeline)) in and_or.rest.iter().enumerate() {
            if *and == (status == 0) {
                status = self.pipeline(pipeline, tested || at + 1 < last)?;
            }
        }
        Ok(status)
    }

    fn pipeline(&mut self, pipeline: &Pipeline, tested: bool) -> Go<u8> {
        let tested = tested || pipeline.negated;
        let status = match pipeline.commands.as_slice() {
            [command] => {
                let status = self.command(command, tested)?;
                if !command.kind.holds_others() {
                    self.env.pipe_statuses = vec![status];
                }
                status
            }
            commands => {
                let status = self.pipe(commands, tested)?;
                self.env.status = status;
                self.check(status, tested)?;
                status
            }
        };
        let status = if pipeline.negated { u8::from(status == 0) } else { status };
        self.env.status = status;
        Ok(status)
    }

    /// Each command reads what the one before it wrote, all of it; the last one's status counts, or with bash's `pipefail`
    /// the last that is not zero.
    fn pipe(&mut self, commands: &[Command], tested: bool) -> Go<u8> {
        let mut statuses = Vec::new();
        let mut between: Option<Vec<u8>> = None;
        for (at, command) in commands.iter().enumerate() {
            let stdin = between.take().map(Stream::input);
            let body = |shell: &mut Self| {
                if let Some(stdin) = stdin {
                    shell.env.streams[0] = stdin;
                }
                shell.command(command, tested)
            };
            if at + 1 < commands.len() {
                let (status, bytes) = self.capture(body)?;
                statuses.push(status);
                between = Some(bytes);
            } else {
                statuses.push(self.subshell(body)?);
            }
        }
        let last = statuses.last().copied().unwrap_or(0);
        let failed = statuses.iter().rev().copied().find(|&status| status != 0);
        self.env.pipe_statuses = statuses;
        Ok(if self.env.options.pipefail { failed.unwrap_or(0) } else { last })
    }

    /// `set -e`.
    fn check(&self, status: u8, tested: bool) -> Go<()> {
        if status != 0 && self.env.options.errexit && !tested { Err(Flow::Exit(status)) } else { Ok(()) }
    }

    fn command(&mut self, command: &Command, tested: bool) -> Go<u8> {
        self.line = command.line;
        self.meter.step(1, self.line)?;
        self.meter.enter(self.line)?;
        let processes = self.env.processes.len();
        let mut opened = true;
        let status = match &command.kind {
            Kind::Simple { assignments, words } => self.simple(assignments, words, &command.redirects, tested),
            kind if command.redirects.is_empty() => self.compound(kind, tested),
            kind => {
                let saved = self.env.streams.clone();
                let status = match self.redirect(&command.redirects) {
                    Ok(true) => self.compound(kind, tested),
                    Ok(false) => {
                        opened = false;
                        Ok(self.not_opened())
                    }
                    Err(flow) => Err(flow),
                };
                self.env.streams = saved;
                status
            }
        };
        self.env.processes.truncate(processes);
        self.meter.leave();
        let status = status?;
        self.env.status = status;
        if !opened || !command.kind.holds_others() {
            self.check(status, tested)?;
        }
        Ok(status)
    }

    fn compound(&mut self, kind: &Kind, tested: bool) -> Go<u8> {
        match kind {
            Kind::Simple { .. } => Ok(0),
            Kind::Group(list) => self.list(list, tested),
            Kind::Subshell(list) => self.subshell(|shell| shell.list(list, tested)),
            Kind::If { arms, otherwise } => {
                for (condition, list) in arms {
                    if self.list(condition, true)? == 0 {
                        return self.list(list, tested);
                    }
                }
                self.list(otherwise, tested)
            }
            Kind::Loop { until, condition, body } => self.while_loop(*until, condition, body, tested),
            Kind::For { name, words, body } => self.for_loop(name, words.as_deref(), body, tested),
            Kind::Case { word, arms } => self.case(word, arms, tested),
            Kind::Conditional(test) => Ok(u8::from(!self.conditional(test)?)),
            Kind::Arithmetic(word) => Ok(u8::from(self.number(word)? == 0)),
            Kind::Count { clauses, body } => self.count_loop(clauses, body, tested),
            Kind::Refused(what) => Err(self.stop(*what)),
            Kind::Function { name, body } => {
                self.env.functions.insert(name.clone(), body.clone());
                Ok(0)
            }
        }
    }

    fn while_loop(&mut self, until: bool, condition: &List, body: &List, tested: bool) -> Go<u8> {
        let mut status = 0;
        loop {
            self.meter.step(1, self.line)?;
            self.env.loops_deep += 1;
            let round = match self.list(condition, true) {
                Ok(found) if (found == 0) == until => {
                    self.env.loops_deep -= 1;
                    return Ok(status);
                }
                Ok(_) => self.list(body, tested),
                Err(flow) => Err(flow),
            };
            self.env.loops_deep -= 1;
            if after_round(round, &mut status)? {
                return Ok(status);
            }
        }
    }

    fn for_loop(&mut self, name: &str, words: Option<&[Word]>, body: &List, tested: bool) -> Go<u8> {
        let values = match words {
            Some(words) => self.fields(words)?,
            None => self.env.positional.clone(),
        };
        let mut status = 0;
        for value in values {
            self.meter.step(1, self.line)?;
            self.set(name, value)?;
            self.env.loops_deep += 1;
            let round = self.list(body, tested);
            self.env.loops_deep -= 1;
            if after_round(round, &mut status)? {
                break;
            }
        }
        Ok(status)
    }

    /// `for ((…;…;…))`.
    fn count_loop(&mut self, clauses: &[Word; 3], body: &List, tested: bool) -> Go<u8> {
        let [begin, condition, step] = clauses;
        self.number(begin)?;
        let mut status = 0;
        while condition.is_empty() || self.number(condition)? != 0 {
            self.meter.step(1, self.line)?;
            self.env.loops_deep += 1;
            let round = self.list(body, tested);
            self.env.loops_deep -= 1;
            if after_round(round, &mut status)? {
                break;
            }
            self.number(step)?;
        }
        Ok(status)
    }

    fn case(&mut self, word: &Word, arms: &[Arm], tested: bool) -> Go<u8> {
        self.substituted = None;
        let value = self.text(word)?;
        let mut status = 0;
        let mut falls = false;
        for arm in arms {
            if falls || self.fits(&value, &arm.patterns)? {
                if !falls {
                    self.env.status = 0;
                }
                status = self.list(&arm.list, tested)?;
                if arm.next == Next::End {
                    return Ok(status);
                }
                falls = arm.next == Next::Fall;
            }
        }
        Ok(status)
    }

    fn fits(&mut self, value: &str, patterns: &[Word]) -> Go<bool> {
        for pattern in patterns {
            let written = self.pattern(pattern)?;
            let pattern = self.compile(&written, false)?;
            self.meter.step(pattern.cost(value.len(), written.len()), self.line)?;
            if pattern.matches(value.as_bytes()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn simple(&mut self, assignments: &[Assignment], words: &[Word], redirects: &[Redirect], tested: bool) -> Go<u8> {
        self.substituted = None;
        if let Some(name) = self.declaration(words) {
            if !assignments.is_empty() {
                return Err(self.stop(format!("`{name}` behind an assignment is not followed")));
            }
            return self.declaration_command(&name, words.get(1..).unwrap_or_default(), redirects);
        }
        let words = self.command_words(words)?;
        if self.env.options.xtrace && !words.is_empty() {
            self.put(2, format!("+ {}\n", words.join(" ")).as_bytes())?;
        }
        let Some(name) = words.first().cloned() else {
            let saved = self.env.streams.clone();
            let opened = self.redirect(redirects);
            self.env.streams = saved;
            if !opened? {
                return Ok(self.not_opened());
            }
            for assignment in assignments {
                self.assign(assignment)?;
            }
            return Ok(self.substituted.unwrap_or(0));
        };
        let special = !self.is_bash() && builtins::is_special(&name);
        let saved = self.env.streams.clone();
        match self.redirect(redirects) {
            Ok(true) => {}
            Ok(false) => {
                self.env.streams = saved;
                return if special { Err(Flow::Fail(2)) } else { Ok(self.not_opened()) };
            }
            Err(flow) => {
                self.env.streams = saved;
                return Err(flow);
            }
        }
        let scoped = !special && !assignments.is_empty();
        let status = self.with_assignments(assignments, scoped, |shell| shell.invoke(&words, true, tested));
        // `exec` alone keeps what it opened.
        if !(name == "exec" && words.len() == 1) {
            self.env.streams = saved;
        }
        status
    }

    fn with_assignments(
        &mut self,
        assignments: &[Assignment],
        scoped: bool,
        body: impl FnOnce(&mut Self) -> Go<u8>,
    ) -> Go<u8> {
        if scoped {
            self.env.scopes.push(Vec::new());
        }
        let mut done = Ok(());
        for assignment in assignments {
            let name = &assignment.name;
            if assignment.subscript.is_some() {
                done = Err(self.stop(format!("`{name}[` before a command is not followed")));
                break;
            }
            done = self.assigned_value(assignment).and_then(|value| {
                if scoped {
                    self.make_local(name);
                }
                self.set(name, value)
            });
            if done.is_err() {
                break;
            }
            if scoped && let Some(variable) = self.env.variables.get_mut(name) {
                variable.exported = true;
            }
        }
        let status = done.and_then(|()| body(self));
        if scoped {
            self.end_scope();
        }
        status
    }

    /// Runs a command whose words are expanded.
    pub(crate) fn invoke(&mut self, words: &[String], functions: bool, tested: bool) -> Go<u8> {
        let Some(name) = words.first() else { return Ok(0) };
        let bash = self.is_bash();
        if !bash && builtins::is_special(name) {
            return builtins::run(self, words, tested);
        }
        if functions && let Some(body) = self.env.functions.get(name).cloned() {
            return self.function(name, &body, words.get(1..).unwrap_or_default(), tested);
        }
        if builtins::is_builtin(name) || bash && (builtins::is_special(name) || builtins::is_bash_builtin(name)) {
            return match builtins::run(self, words, tested) {
                Err(Flow::Fail(_)) if bash && builtins::is_usage(words) => Ok(2),
                Err(Flow::Fail(status)) => Ok(status),
                other => other,
            };
        }
        if let Some(tool) = tools::find(name) {
            return tools::run(self, tool, words);
        }
        let stdin = match &self.env.streams[0] {
            Stream::Input(input) => input.borrow().rest().to_vec(),
            _ => Vec::new(),
        };
        self.meter.made(stdin.len(), self.line)?;
        if !self.env.processes.is_empty() && words.iter().any(|word| word.contains(PROCESS_FILES)) {
            return Err(self.stop(format!("`{}`: `<(` for a command that is not our own", shorten(&words.join(" ")))));
        }
        let exported = self.exported();
        let call = Call {
            words,
            stdin: &stdin,
            exported: &exported,
            line: self.line,
            umask: self.env.umask,
            cwd: &self.env.cwd,
            depth: self.meter.depth(),
        };
        let done = self.host.call(&call).map_err(|refusal| self.refused(&words.join(" "), refusal))?;
        self.put(1, &done.stdout)?;
        self.put(2, &done.stderr)?;
        Ok(done.status)
    }

    fn function(&mut self, name: &str, body: &Arc<Command>, arguments: &[String], tested: bool) -> Go<u8> {
        let arguments = arguments.to_vec();
        let positional = std::mem::replace(&mut self.env.positional, arguments);
        let loops_deep = std::mem::take(&mut self.env.loops_deep);
        self.env.functions_deep += 1;
        self.env.called.push(name.to_owned());
        self.env.scopes.push(Vec::new());
        let ended = self.command(body, tested);
        self.end_scope();
        self.env.called.pop();
        self.env.functions_deep -= 1;
        self.env.loops_deep = loops_deep;
        self.env.positional = positional;
        match ended {
            Err(Flow::Return(status)) => Ok(status),
            other => other,
        }
    }
}

/// Whether a loop ends after a round that ended so.
fn after_round(round: Go<u8>, status: &mut u8) -> Go<bool> {
    match round {
        Ok(found) => {
            *status = found;
            Ok(false)
        }
        Err(Flow::Break(levels)) => {
            *status = 0;
            if levels > 1 { Err(Flow::Break(levels - 1)) } else { Ok(true) }
        }
        Err(Flow::Continue(levels)) => {
            *status = 0;
            if levels > 1 { Err(Flow::Continue(levels - 1)) } else { Ok(false) }
        }
        Err(flow) => Err(flow),
    }
}
