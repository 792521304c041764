//! What a shell script (POSIX.1-2024, XCU 2, as dash or bash has it) would do, computed without running anything.
//!
//! The interpreter is pure: every file it looks at and every command that is not part of the shell or one of the small text
//! tools in `tools` goes through a [`Host`]. Whatever is not known, to the interpreter or to the host, ends the run with
//! a [`Stop`] that names line and command, so that nothing is skipped in silence. A script that fails as scripts fail (an
//! exit status, `set -e`) is no `Stop` but an [`Outcome`].
//!
//! Scripts are hostile: steps, nesting and the bytes made on the way are bounded (see [`Run::steps`]).

mod alias;
mod arithmetic;
mod array;
mod assign;
mod brace;
mod builtins;
mod conditional;
mod dialect;
mod escape;
mod expand;
mod host;
mod lex;
mod meter;
mod parameter;
mod parse;
mod pattern;
mod redirect;
mod run;
mod shell;
mod stream;
mod syntax;
mod tools;
mod variable;
mod word;

use std::fmt;
use std::sync::Arc;

pub use dialect::Dialect;
pub use host::{Call, Done, Host, Refusal};

/// A parsed script.
#[derive(Debug, Clone)]
pub struct Script {
    list: Arc<syntax::List>,
    /// Read again line by line where aliases may come up.
    text: Arc<str>,
    dialect: Dialect,
}

impl Script {
    /// Parses the whole of `text` as dash does; a first line with `#!` is a comment like any other.
    pub fn parse(text: &str) -> Result<Script, Stop> {
        Script::parse_as(text, Dialect::Dash)
    }

    /// Parses the whole of `text` as the shell of `dialect` does (see [`Dialect::of`]).
    pub fn parse_as(text: &str, dialect: Dialect) -> Result<Script, Stop> {
        Ok(Script { list: Arc::new(parse::parse(text, 1, dialect)?), text: text.into(), dialect })
    }
}

/// How a script is called.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// `$0`.
    pub name: &'a str,
    /// `$1` and on.
    pub arguments: &'a [&'a str],
    /// The environment it is given. `PWD`, where it is absolute, is where the script begins; it is `/` otherwise.
    pub variables: &'a [(&'a str, &'a str)],
    /// As many commands may run before the script counts as endless; [`Run::STEPS`] suits every script known.
    pub steps: u64,
    /// Commands may nest so deep, each taking room on the stack; [`Run::DEPTH`] suits every script known.
    pub depth: usize,
}

impl Run<'_> {
    /// More steps than any maintainer script takes.
    pub const STEPS: u64 = 2_000_000;
    /// Deeper than any maintainer script nests, and less than the stack of a thread has room for.
    pub const DEPTH: usize = 150;
}

/// How a script ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit status.
    pub status: u8,
    /// What it wrote to descriptor 1.
    pub stdout: Vec<u8>,
    /// What it wrote to descriptor 2. Our own wording where the shell complains: not for comparing.
    pub stderr: Vec<u8>,
}

/// What could not be parsed or followed, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// From one; in the file that was read with `.`, if it happened there.
    pub line: usize,
    /// A lower-case phrase, the command in backticks.
    pub what: String,
}

impl Stop {
    pub(crate) fn new(line: usize, what: impl Into<String>) -> Stop {
        Stop { line, what: what.into() }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for Stop {}

/// Computes what `script` does when it is called as `run` says, on `host`.
pub fn run(script: &Script, run: &Run<'_>, host: &mut dyn Host) -> Result<Outcome, Stop> {
    shell::Shell::new(run, script.dialect, host).script(script)
}

#[cfg(test)]
mod tests;
