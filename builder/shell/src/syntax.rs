//! What a parsed script is made of.

use std::sync::{Arc, OnceLock};

/// Commands in a row.
pub(crate) type List = Vec<AndOr>;

/// `a && b || c`.
#[derive(Debug, Clone)]
pub(crate) struct AndOr {
    pub(crate) first: Pipeline,
    /// `true` for `&&`.
    pub(crate) rest: Vec<(bool, Pipeline)>,
    /// Ends with `&`.
    pub(crate) background: bool,
}

/// `! a | b`.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) negated: bool,
    pub(crate) commands: Vec<Command>,
}

#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) kind: Kind,
    pub(crate) redirects: Vec<Redirect>,
    pub(crate) line: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Simple { assignments: Vec<(String, Word)>, words: Vec<Word> },
    Group(List),
    Subshell(List),
    If { arms: Vec<(List, List)>, otherwise: List },
    Loop { until: bool, condition: List, body: List },
    For { name: String, words: Option<Vec<Word>>, body: List },
    Case { word: Word, arms: Vec<(Vec<Word>, List)> },
    Function { name: String, body: Arc<Command> },
}

#[derive(Debug, Clone)]
pub(crate) struct Redirect {
    pub(crate) descriptor: u8,
    pub(crate) to: Target,
}

#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// `<`.
    From(Word),
    /// `>` and `>|`.
    Over(Word),
    /// `>>`.
    After(Word),
    /// `>&` and `<&`.
    Duplicate(Word),
    /// `<>`: parsed, refused when met.
    ReadWrite,
    /// `<<`: the text comes lines later, when the token is long read.
    Document(Arc<OnceLock<Word>>),
}

pub(crate) type Word = Vec<Part>;

/// A piece of a word.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// As written, outside of quotes.
    Text(String),
    /// Behind a backslash or in single quotes.
    Quoted(String),
    /// `"…"`.
    Double(Vec<Part>),
    Parameter(Box<Parameter>),
    /// `$(…)`.
    Command(Arc<List>),
    /// `$((…))`.
    Arithmetic(Vec<Part>),
}

/// `$name` and `${name…}`.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) operation: Operation,
    pub(crate) word: Word,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Plain,
    Length,
    /// `-`, `=`, `?`, `+`; `empty` for those with a colon.
    Default {
        empty: bool,
    },
    Assign {
        empty: bool,
    },
    Error {
        empty: bool,
    },
    Alternative {
        empty: bool,
    },
    /// `%`, `%%`, `#`, `##`.
    Remove {
        suffix: bool,
        longest: bool,
    },
    /// Not dash's: refused when met, since a branch that is not taken may hold it.
    Bad,
}
