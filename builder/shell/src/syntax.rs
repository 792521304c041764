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
    Simple {
        assignments: Vec<Assignment>,
        words: Vec<Word>,
    },
    Group(List),
    Subshell(List),
    If {
        arms: Vec<(List, List)>,
        otherwise: List,
    },
    Loop {
        until: bool,
        condition: List,
        body: List,
    },
    For {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    Case {
        word: Word,
        arms: Vec<Arm>,
    },
    Function {
        name: String,
        body: Arc<Command>,
    },
    /// bash's `[[ … ]]`.
    Conditional(Test),
    /// bash's `((…))`.
    Arithmetic(Word),
    /// bash's `for ((…;…;…))`.
    Count {
        clauses: Box<[Word; 3]>,
        body: List,
    },
    /// Parsed, and refused when met.
    Refused(&'static str),
}

/// `NAME=VALUE`, and bash's `NAME[SUBSCRIPT]+=VALUE`.
#[derive(Debug, Clone)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) subscript: Option<Word>,
    pub(crate) append: bool,
    pub(crate) value: Word,
}

/// `a | b) … ;;`.
#[derive(Debug, Clone)]
pub(crate) struct Arm {
    pub(crate) patterns: Vec<Word>,
    pub(crate) list: List,
    pub(crate) next: Next,
}

/// What comes after the arm of a `case` that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// `;;`.
    End,
    /// bash's `;&`: the next arm, whatever it says.
    Fall,
    /// bash's `;;&`: the next arm that matches.
    Search,
}

/// An expression between `[[` and `]]`.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Not(Box<Test>),
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
    Unary(String, Word),
    Binary(Word, String, Word),
    Word(Word),
}

impl Kind {
    /// Whether it is made of commands that have looked at their own failures.
    pub(crate) fn holds_others(&self) -> bool {
        !matches!(self, Kind::Simple { .. } | Kind::Subshell(_) | Kind::Conditional(_) | Kind::Arithmetic(_))
    }
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
    /// bash's `&>` and `&>>`, and what `>&` is where no number follows.
    Both { word: Word, append: bool },
    /// bash's `<<<`.
    Text(Word),
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
    /// bash's `<(…)`.
    Process(Arc<List>),
    /// The value of bash's `NAME=(…)`, each with the subscript it names.
    List(Vec<(Option<Word>, Word)>),
}

/// `$name` and `${name…}`.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// bash's `NAME[…]`.
    pub(crate) subscript: Option<Subscript>,
    /// bash's `!NAME`: the value is the name that is meant.
    pub(crate) indirect: bool,
    pub(crate) operation: Operation,
    pub(crate) word: Word,
    /// What `${x/…/…}` puts in place, and the length of `${x:…:…}`.
    pub(crate) second: Option<Word>,
}

/// What stands in the brackets behind a name.
#[derive(Debug, Clone)]
pub(crate) enum Subscript {
    /// `@`.
    Each,
    /// `*`.
    Joined,
    Index(Word),
}

/// Where `${x/…}` looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    First,
    All,
    Prefix,
    Suffix,
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
    /// bash's `${x/…/…}`.
    Replace(Place),
    /// bash's `${x:…:…}`.
    Slice,
    /// bash's `${x^}`, `${x^^}`, `${x,}`, `${x,,}`.
    Case {
        upper: bool,
        all: bool,
    },
    /// bash's `${!a[@]}`.
    Keys,
    /// Not known to the dialect: refused when met, since a branch that is not taken may hold it.
    Bad,
}
