//! The state of a run: what a subshell copies, and what it shares.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::meter::Meter;
use crate::stream::{Stream, Streams};
use crate::syntax::{Command, List};
use crate::{Host, Outcome, Refusal, Run, Stop};

/// What dpkg runs scripts with.
const DEFAULT_UMASK: u16 = 0o022;

/// Why the commands that follow do not run.
#[derive(Debug)]
pub(crate) enum Flow {
    Stop(Stop),
    Exit(u8),
    /// The shell itself found a mistake: a builtin that is not special fails with it, everything else exits.
    Fail(u8),
    Break(usize),
    Continue(usize),
    Return(u8),
}

impl From<Stop> for Flow {
    fn from(stop: Stop) -> Flow {
        Flow::Stop(stop)
    }
}

pub(crate) type Go<T> = Result<T, Flow>;

#[derive(Debug, Clone, Default)]
pub(crate) struct Variable {
    /// Nothing for one that was only declared.
    pub(crate) value: Option<String>,
    pub(crate) exported: bool,
    pub(crate) readonly: bool,
}

/// What `set` switches.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    pub(crate) errexit: bool,
    pub(crate) nounset: bool,
    pub(crate) noglob: bool,
    pub(crate) xtrace: bool,
    pub(crate) allexport: bool,
}

/// What a subshell gets a copy of.
#[derive(Debug, Clone)]
pub(crate) struct Env {
    pub(crate) variables: BTreeMap<String, Variable>,
    pub(crate) functions: BTreeMap<String, Arc<Command>>,
    pub(crate) name: String,
    pub(crate) positional: Vec<String>,
    pub(crate) options: Options,
    pub(crate) status: u8,
    pub(crate) cwd: String,
    pub(crate) umask: u16,
    /// The handler for `EXIT`.
    pub(crate) trap: Option<String>,
    pub(crate) streams: Streams,
    /// For each function being run, what its `local` variables were before.
    pub(crate) scopes: Vec<Vec<(String, Option<Variable>)>>,
    pub(crate) functions_deep: usize,
    pub(crate) loops_deep: usize,
    /// Where `getopts` stands: the `OPTIND` it left, and the letter within that argument.
    pub(crate) getopts: (usize, usize),
}

pub(crate) struct Shell<'a> {
    pub(crate) host: &'a mut dyn Host,
    pub(crate) env: Env,
    pub(crate) meter: Meter,
    /// Of the command being run.
    pub(crate) line: usize,
    /// How the last command substitution of the command being run ended.
    pub(crate) substituted: Option<u8>,
    stdout: Rc<RefCell<Vec<u8>>>,
    stderr: Rc<RefCell<Vec<u8>>>,
}

impl<'a> Shell<'a> {
    pub(crate) fn new(run: &Run<'_>, host: &'a mut dyn Host) -> Shell<'a> {
        let (one, stdout) = Stream::buffer();
        let (two, stderr) = Stream::buffer();
        let mut streams: Streams = std::array::from_fn(|_| Stream::Closed);
        streams[0] = Stream::Null;
        streams[1] = one;
        streams[2] = two;
        let variable = |value: &str, exported| Variable { value: Some(value.to_owned()), exported, readonly: false };
        let mut variables: BTreeMap<String, Variable> =
            run.variables.iter().map(|&(name, value)| (name.to_owned(), variable(value, true))).collect();
        variables.insert("IFS".to_owned(), variable(" \t\n", false));
        variables.insert("OPTIND".to_owned(), variable("1", false));
        let cwd = match run.variables.iter().find(|(name, value)| *name == "PWD" && value.starts_with('/')) {
            Some((_, value)) => (*value).to_owned(),
            None => "/".to_owned(),
        };
        variables.entry("PWD".to_owned()).or_insert_with(|| variable(&cwd, false));
        let env = Env {
            variables,
            functions: BTreeMap::new(),
            name: run.name.to_owned(),
            positional: run.arguments.iter().map(|&argument| argument.to_owned()).collect(),
            options: Options::default(),
            status: 0,
            cwd,
            umask: DEFAULT_UMASK,
            trap: None,
            streams,
            scopes: Vec::new(),
            functions_deep: 0,
            loops_deep: 0,
            getopts: (1, 0),
        };
        Shell { host, env, meter: Meter::new(run.steps, run.depth), line: 1, substituted: None, stdout, stderr }
    }

    /// Runs a whole script and its `EXIT` handler.
    pub(crate) fn script(mut self, list: &List) -> Result<Outcome, Stop> {
        let ended = self.list(list, false);
        let status = self.ended(ended)?;
        Ok(Outcome { status, stdout: self.stdout.take(), stderr: self.stderr.take() })
    }

    /// What a shell's commands came to: its status, once the `EXIT` handler has run.
    fn ended(&mut self, ended: Go<u8>) -> Result<u8, Stop> {
        let status = settle(ended, self.env.status)?;
        let Some(handler) = self.env.trap.take() else { return Ok(status) };
        self.env.status = status;
        self.env.loops_deep = 0;
        match self.evaluate(&handler, false) {
            // What the handler's last command returned is nobody's status.
            Ok(_) => Ok(status),
            Err(flow) => settle(Err(flow), status),
        }
    }

    /// Runs `body` with a copy of everything but the host; its streams are the ones in place.
    pub(crate) fn subshell(&mut self, body: impl FnOnce(&mut Self) -> Go<u8>) -> Go<u8> {
        self.meter.enter(self.line)?;
        let size: usize = self
            .env
            .variables
            .iter()
            .map(|(name, variable)| name.len() + variable.value.as_ref().map_or(0, String::len))
            .chain(self.env.positional.iter().map(String::len))
            .sum();
        self.meter.made(size, self.line)?;
        let outer = self.env.clone();
        self.env.trap = None;
        let ended = body(self);
        let ended = self.ended(ended);
        self.env = outer;
        self.meter.leave();
        Ok(ended?)
    }

    /// Runs `body` with descriptor 1 caught.
    pub(crate) fn capture(&mut self, body: impl FnOnce(&mut Self) -> Go<u8>) -> Go<(u8, Vec<u8>)> {
        let (stream, buffer) = Stream::buffer();
        let status = self.subshell(|shell| {
            shell.env.streams[1] = stream;
            body(shell)
        })?;
        Ok((status, buffer.take()))
    }

    pub(crate) fn stop(&self, what: impl Into<String>) -> Flow {
        Flow::Stop(Stop::new(self.line, what))
    }

    /// What a host's refusal to do `what` comes to.
    pub(crate) fn refused(&self, what: &str, refusal: Refusal) -> Flow {
        self.stop(match refusal {
            Refusal::Unknown => format!("`{}` is not known", shorten(what)),
            Refusal::Because(why) => format!("`{}`: {why}", shorten(what)),
        })
    }

    /// Complains on descriptor 2 and fails as dash does.
    pub(crate) fn fail<T>(&mut self, what: &str) -> Go<T> {
        self.complain(what)?;
        Err(Flow::Fail(2))
    }

    pub(crate) fn complain(&mut self, what: &str) -> Go<()> {
        let text = format!("{}: {}: {what}\n", self.env.name, self.line);
        self.put(2, text.as_bytes())?;
        Ok(())
    }

    /// Writes to a descriptor; whether that was possible.
    pub(crate) fn put(&mut self, descriptor: usize, bytes: &[u8]) -> Go<bool> {
        if bytes.is_empty() {
            return Ok(true);
        }
        self.meter.made(bytes.len(), self.line)?;
        let stream = self.env.streams.get(descriptor).cloned().unwrap_or(Stream::Closed);
        match stream {
            Stream::Closed | Stream::Input(_) => Ok(false),
            Stream::Null => Ok(true),
            Stream::Buffer(buffer) => {
                buffer.borrow_mut().extend_from_slice(bytes);
                Ok(true)
            }
            Stream::File(path) => {
                let mode = 0o666 & !self.env.umask;
                let done = self.host.append(&path, bytes, mode);
                done.map_err(|refusal| self.refused(&format!(">> {path}"), refusal))
            }
        }
    }

    /// Everything that is left to read on descriptor 0, and takes it.
    pub(crate) fn take_stdin(&mut self) -> Go<Vec<u8>> {
        let bytes = match &self.env.streams[0] {
            Stream::Input(input) => input.borrow_mut().take_rest(),
            _ => Vec::new(),
        };
        self.meter.made(bytes.len(), self.line)?;
        Ok(bytes)
    }

    pub(crate) fn read_file(&mut self, path: &str) -> Go<Option<Vec<u8>>> {
        let bytes = self.host.read(path).map_err(|refusal| self.refused(&format!("< {path}"), refusal))?;
        if let Some(bytes) = &bytes {
            self.meter.made(bytes.len(), self.line)?;
        }
        Ok(bytes)
    }

    pub(crate) fn test_file(&mut self, operator: char, path: &str) -> Go<bool> {
        // No path is empty, and the host need not think of it.
        if path.is_empty() {
            return Ok(false);
        }
        let path = self.absolute(path);
        self.host.test(operator, &path).map_err(|refusal| self.refused(&format!("[ -{operator} {path} ]"), refusal))
    }

    /// `path` as seen from the current folder.
    pub(crate) fn absolute(&self, path: &str) -> String {
        absolute(&self.env.cwd, path)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.env.variables.get(name).and_then(|variable| variable.value.as_deref())
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) -> Go<()> {
        let value = value.into();
        self.meter.made(name.len() + value.len(), self.line)?;
        let allexport = self.env.options.allexport;
        let variable = self.env.variables.entry(name.to_owned()).or_default();
        if variable.readonly {
            return self.fail(&format!("{name}: is read only"));
        }
        variable.value = Some(value);
        variable.exported |= allexport;
        Ok(())
    }

    /// Remembers what `name` is until the scope ends.
    pub(crate) fn make_local(&mut self, name: &str) {
        let old = self.env.variables.get(name).cloned();
        if let Some(scope) = self.env.scopes.last_mut()
            && !scope.iter().any(|(known, _)| known == name)
        {
            scope.push((name.to_owned(), old));
        }
    }

    pub(crate) fn end_scope(&mut self) {
        for (name, old) in self.env.scopes.pop().unwrap_or_default() {
            match old {
                Some(old) => self.env.variables.insert(name, old),
                None => self.env.variables.remove(&name),
            };
        }
    }

    pub(crate) fn exported(&self) -> BTreeMap<String, String> {
        let exported = self.env.variables.iter().filter(|(_, variable)| variable.exported);
        exported.filter_map(|(name, variable)| Some((name.clone(), variable.value.clone()?))).collect()
    }
}

/// `path` as seen from `cwd`.
pub(crate) fn absolute(cwd: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let path = path.trim_start_matches("./");
    if path == "." || path.is_empty() { cwd.to_owned() } else { format!("{}/{path}", cwd.trim_end_matches('/')) }
}

/// The status of a shell whose commands ended so.
fn settle(ended: Go<u8>, status: u8) -> Result<u8, Stop> {
    match ended {
        Ok(status) | Err(Flow::Exit(status) | Flow::Fail(status) | Flow::Return(status)) => Ok(status),
        Err(Flow::Break(_) | Flow::Continue(_)) => Ok(status),
        Err(Flow::Stop(stop)) => Err(stop),
    }
}

/// As much of a command as a message shows.
pub(crate) fn shorten(text: &str) -> String {
    const SHOWN: usize = 120;
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}
