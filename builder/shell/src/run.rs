//! Running a tree of commands (XCU 2.9).

use std::sync::Arc;

use crate::pattern::Pattern;
use crate::shell::{Flow, Go, Shell, shorten};
use crate::stream::{DESCRIPTORS, Stream};
use crate::syntax::{AndOr, Command, Kind, List, Pipeline, Redirect, Target, Word};
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
        let list = parse::parse(text, self.line)?;
        self.meter.enter(self.line)?;
        if list.is_empty() {
            self.meter.leave();
            return Ok(0);
        }
        let status = self.list(&list, tested);
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
            [command] => self.command(command, tested)?,
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

    /// Each command reads what the one before it wrote, all of it; the last one's status counts.
    fn pipe(&mut self, commands: &[Command], tested: bool) -> Go<u8> {
        let mut status = 0;
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
                between = Some(self.capture(body)?.1);
            } else {
                status = self.subshell(body)?;
            }
        }
        Ok(status)
    }

    /// `set -e`.
    fn check(&self, status: u8, tested: bool) -> Go<()> {
        if status != 0 && self.env.options.errexit && !tested { Err(Flow::Exit(status)) } else { Ok(()) }
    }

    fn command(&mut self, command: &Command, tested: bool) -> Go<u8> {
        self.line = command.line;
        self.meter.step(1, self.line)?;
        self.meter.enter(self.line)?;
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
                        Ok(2)
                    }
                    Err(flow) => Err(flow),
                };
                self.env.streams = saved;
                status
            }
        };
        self.meter.leave();
        let status = status?;
        self.env.status = status;
        if !opened || matches!(command.kind, Kind::Simple { .. } | Kind::Subshell(_)) {
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

    fn case(&mut self, word: &Word, arms: &[(Vec<Word>, List)], tested: bool) -> Go<u8> {
        self.substituted = None;
        let value = self.text(word)?;
        for (patterns, list) in arms {
            for pattern in patterns {
                let pattern = self.pattern(pattern)?;
                self.meter.step(1 + value.len().saturating_mul(pattern.len()) / 4096, self.line)?;
                if Pattern::new(&pattern).matches(value.as_bytes()) {
                    self.env.status = 0;
                    return self.list(list, tested);
                }
            }
        }
        Ok(0)
    }

    fn simple(
        &mut self,
        assignments: &[(String, Word)],
        words: &[Word],
        redirects: &[Redirect],
        tested: bool,
    ) -> Go<u8> {
        self.substituted = None;
        let words = self.command_words(words)?;
        if self.env.options.xtrace && !words.is_empty() {
            self.put(2, format!("+ {}\n", words.join(" ")).as_bytes())?;
        }
        let Some(name) = words.first().cloned() else {
            let saved = self.env.streams.clone();
            let opened = self.redirect(redirects);
            self.env.streams = saved;
            if !opened? {
                return Ok(2);
            }
            for (name, value) in assignments {
                let value = self.assigned(value)?;
                self.set(name, value)?;
            }
            return Ok(self.substituted.unwrap_or(0));
        };
        let special = builtins::is_special(&name);
        let saved = self.env.streams.clone();
        match self.redirect(redirects) {
            Ok(true) => {}
            Ok(false) => {
                self.env.streams = saved;
                return if special { Err(Flow::Fail(2)) } else { Ok(2) };
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
        assignments: &[(String, Word)],
        scoped: bool,
        body: impl FnOnce(&mut Self) -> Go<u8>,
    ) -> Go<u8> {
        if scoped {
            self.env.scopes.push(Vec::new());
        }
        let mut done = Ok(());
        for (name, value) in assignments {
            done = self.assigned(value).and_then(|value| {
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
        if builtins::is_special(name) {
            return builtins::run(self, words, tested);
        }
        if functions && let Some(body) = self.env.functions.get(name).cloned() {
            return self.function(&body, words.get(1..).unwrap_or_default(), tested);
        }
        if builtins::is_builtin(name) {
            return match builtins::run(self, words, tested) {
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

    fn function(&mut self, body: &Arc<Command>, arguments: &[String], tested: bool) -> Go<u8> {
        let arguments = arguments.to_vec();
        let positional = std::mem::replace(&mut self.env.positional, arguments);
        let loops_deep = std::mem::take(&mut self.env.loops_deep);
        self.env.functions_deep += 1;
        self.env.scopes.push(Vec::new());
        let ended = self.command(body, tested);
        self.end_scope();
        self.env.functions_deep -= 1;
        self.env.loops_deep = loops_deep;
        self.env.positional = positional;
        match ended {
            Err(Flow::Return(status)) => Ok(status),
            other => other,
        }
    }

    /// Opens what is to be opened, in order; `false` after a complaint.
    pub(crate) fn redirect(&mut self, redirects: &[Redirect]) -> Go<bool> {
        for redirect in redirects {
            let stream = match &redirect.to {
                Target::From(word) => {
                    let path = self.text(word)?;
                    self.open(&path)?
                }
                Target::Over(word) => {
                    let path = self.text(word)?;
                    self.create(&path, true)?
                }
                Target::After(word) => {
                    let path = self.text(word)?;
                    self.create(&path, false)?
                }
                Target::Duplicate(word) => {
                    let from = self.text(word)?;
                    match from.as_str() {
                        "-" => Some(Stream::Closed),
                        digit => match digit.parse().ok().filter(|&from: &usize| from < DESCRIPTORS) {
                            Some(from) => self.duplicate(from)?,
                            None => return Err(self.stop(format!("`>&{}` is not followed", shorten(digit)))),
                        },
                    }
                }
                Target::ReadWrite => return Err(self.stop("`<>` is not followed")),
                Target::Document(slot) => match slot.get() {
                    Some(word) => Some(Stream::input(self.text(word)?.into_bytes())),
                    None => return Err(self.stop("a here-document without its text")),
                },
            };
            match stream {
                Some(stream) => self.env.streams[usize::from(redirect.descriptor)] = stream,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn duplicate(&mut self, from: usize) -> Go<Option<Stream>> {
        match self.env.streams[from].clone() {
            Stream::Closed => {
                self.complain(&format!("{from}: bad file descriptor"))?;
                Ok(None)
            }
            stream => Ok(Some(stream)),
        }
    }

    fn open(&mut self, path: &str) -> Go<Option<Stream>> {
        match path {
            "/dev/null" => return Ok(Some(Stream::Null)),
            "/dev/stdin" | "/dev/fd/0" => return self.duplicate(0),
            _ => {}
        }
        let absolute = self.absolute(path);
        match self.read_file(&absolute)? {
            Some(bytes) if !path.is_empty() => Ok(Some(Stream::input(bytes))),
            _ => {
                self.complain(&format!("cannot open {path}: no such file"))?;
                Ok(None)
            }
        }
    }

    fn create(&mut self, path: &str, empty: bool) -> Go<Option<Stream>> {
        match path {
            "/dev/null" => return Ok(Some(Stream::Null)),
            "/dev/stdout" | "/dev/fd/1" => return self.duplicate(1),
            "/dev/stderr" | "/dev/fd/2" => return self.duplicate(2),
            _ => {}
        }
        let absolute = self.absolute(path);
        let mode = 0o666 & !self.env.umask;
        let opened = match path {
            "" => Ok(false),
            _ if empty => self.host.write(&absolute, b"", mode),
            _ => self.host.append(&absolute, b"", mode),
        };
        if opened.map_err(|refusal| self.refused(&format!("> {absolute}"), refusal))? {
            return Ok(Some(Stream::File(absolute.into())));
        }
        self.complain(&format!("cannot create {path}"))?;
        Ok(None)
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
