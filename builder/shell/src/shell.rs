//! The state of a run: what a subshell copies, and what it shares.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::alias::Aliases;
use crate::meter::Meter;
use crate::stream::{Stream, Streams};
use crate::syntax::Command;
use crate::variable::Variable;
use crate::{Dialect, Host, Outcome, Refusal, Run, Script, Stop};

/// What dpkg runs scripts with.
const DEFAULT_UMASK: u16 = 0o022;

/// Where `<(…)` can be read, and the first one's number: those after it count down.
pub(crate) const PROCESS_FILES: &str = "/dev/fd/";
pub(crate) const FIRST_PROCESS: usize = 63;

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

/// What `set` switches.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    pub(crate) errexit: bool,
    pub(crate) nounset: bool,
    pub(crate) noglob: bool,
    pub(crate) xtrace: bool,
    pub(crate) allexport: bool,
    /// bash's.
    pub(crate) pipefail: bool,
    /// What bash's `shopt` switches.
    pub(crate) nullglob: bool,
    pub(crate) dotglob: bool,
    pub(crate) extglob: bool,
}

/// What a subshell gets a copy of.
#[derive(Debug, Clone)]
pub(crate) struct Env {
    pub(crate) dialect: Dialect,
    pub(crate) variables: BTreeMap<String, Variable>,
    pub(crate) functions: BTreeMap<String, Arc<Command>>,
    pub(crate) aliases: Aliases,
    /// Whether some text that is being followed was read as a whole: an alias would come too late for it.
    pub(crate) read_whole: bool,
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
    /// Files being read with `.`.
    pub(crate) sourced_deep: usize,
    pub(crate) loops_deep: usize,
    /// Where `getopts` stands: the `OPTIND` it left, and the letter within that argument.
    pub(crate) getopts: (usize, usize),
    /// bash's `FUNCNAME`, the innermost last.
    pub(crate) called: Vec<String>,
    /// bash's `PIPESTATUS`.
    pub(crate) pipe_statuses: Vec<u8>,
    /// bash's `DIRSTACK` without its first, the newest last.
    pub(crate) folders: Vec<String>,
    /// What bash's `<(…)` gave, from `/dev/fd/63` down.
    pub(crate) processes: Vec<Rc<[u8]>>,
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
    pub(crate) fn new(run: &Run<'_>, dialect: Dialect, host: &'a mut dyn Host) -> Shell<'a> {
        let (one, stdout) = Stream::buffer();
        let (two, stderr) = Stream::buffer();
        let mut streams: Streams = std::array::from_fn(|_| Stream::Closed);
        streams[0] = Stream::Null;
        streams[1] = one;
        streams[2] = two;
        let mut variables: BTreeMap<String, Variable> =
            run.variables.iter().map(|&(name, value)| (name.to_owned(), Variable::text(value, true))).collect();
        variables.insert("IFS".to_owned(), Variable::text(" \t\n", false));
        variables.insert("OPTIND".to_owned(), Variable::text("1", false));
        let cwd = match run.variables.iter().find(|(name, value)| *name == "PWD" && value.starts_with('/')) {
            Some((_, value)) => (*value).to_owned(),
            None => "/".to_owned(),
        };
        variables.entry("PWD".to_owned()).or_insert_with(|| Variable::text(&cwd, false));
        let env = Env {
            dialect,
            variables,
            functions: BTreeMap::new(),
            aliases: Aliases::default(),
            read_whole: false,
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
            sourced_deep: 0,
            loops_deep: 0,
            getopts: (1, 0),
            called: Vec::new(),
            pipe_statuses: vec![0],
            folders: Vec::new(),
            processes: Vec::new(),
        };
        Shell { host, env, meter: Meter::new(run.steps, run.depth), line: 1, substituted: None, stdout, stderr }
    }

    /// Runs a whole script and its `EXIT` handler.
    pub(crate) fn script(mut self, script: &Script) -> Result<Outcome, Stop> {
        let ended = self.follow(script);
        let status = self.ended(ended)?;
        Ok(Outcome { status, stdout: self.stdout.take(), stderr: self.stderr.take() })
    }

    /// Runs the commands of a script.
    pub(crate) fn follow(&mut self, script: &Script) -> Go<u8> {
        if self.needs_lines(&script.text) {
            return self.lines(&script.text, 1, false);
        }
        self.as_a_whole(|shell| shell.list(&script.list, false))
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
            .map(|(name, variable)| name.len() + variable.size())
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

    pub(crate) fn is_bash(&self) -> bool {
        self.env.dialect == Dialect::Bash
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

    /// Complains on descriptor 2 and fails as the dialect's shell does.
    pub(crate) fn fail<T>(&mut self, what: &str) -> Go<T> {
        self.complain(what)?;
        Err(Flow::Fail(if self.is_bash() { 1 } else { 2 }))
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
        if let Some(bytes) = self.process_file(path) {
            let bytes = bytes.to_vec();
            self.meter.made(bytes.len(), self.line)?;
            return Ok(Some(bytes));
        }
        let bytes = self.host.read(path).map_err(|refusal| self.refused(&format!("< {path}"), refusal))?;
        if let Some(bytes) = &bytes {
            self.meter.made(bytes.len(), self.line)?;
        }
        Ok(bytes)
    }

    /// What `<(…)` gave, by the path it stands for.
    pub(crate) fn process_file(&self, path: &str) -> Option<&Rc<[u8]>> {
        let number: usize = path.strip_prefix(PROCESS_FILES)?.parse().ok()?;
        self.env.processes.get(FIRST_PROCESS.checked_sub(number)?)
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
