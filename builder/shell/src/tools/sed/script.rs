//! What a parsed `sed` script is made of.

use crate::tools::regex::Matcher;

#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) commands: Vec<Command>,
    /// It begins with `#n`.
    pub(super) quiet: bool,
}

#[derive(Debug)]
pub(super) struct Command {
    pub(super) first: Option<Address>,
    pub(super) second: Option<Address>,
    pub(super) negated: bool,
    pub(super) verb: Verb,
}

#[derive(Debug)]
pub(super) enum Address {
    Line(usize),
    Last,
    /// `first~step`.
    Step(usize, usize),
    /// Nothing repeats the expression used last.
    Regex(Option<Matcher>),
    /// `0,/x/`.
    Zero,
    /// `,+N`.
    Plus(usize),
    /// `,~N`.
    Multiple(usize),
}

#[derive(Debug)]
pub(super) enum Verb {
    /// `{`: where to go on when it is not selected.
    Block(usize),
    /// `}`, labels.
    Nothing,
    Substitute(Substitution),
    Translate(Vec<(u8, u8)>),
    Print,
    PrintFirst,
    Number,
    Delete,
    DeleteFirst,
    Append(Vec<u8>),
    Insert(Vec<u8>),
    Change(Vec<u8>),
    Read(String),
    Next,
    NextAppend,
    Hold,
    HoldAppend,
    Get,
    GetAppend,
    Exchange,
    Branch(usize),
    /// `t` for `true`, `T` for `false`.
    BranchIf(usize, bool),
    Quit {
        code: u8,
        print: bool,
    },
}

#[derive(Debug)]
pub(super) struct Substitution {
    pub(super) matcher: Option<Matcher>,
    pub(super) replacement: Vec<Piece>,
    pub(super) global: bool,
    pub(super) print: bool,
    pub(super) nth: usize,
}

#[derive(Debug)]
pub(super) enum Piece {
    Text(Vec<u8>),
    /// Zero for the whole match.
    Group(usize),
}
