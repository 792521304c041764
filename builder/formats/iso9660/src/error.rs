//! Why files do not make a CD.

use std::fmt;

use rootsmith_types::{Explain, Subject};

/// Why files do not make a CD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// A name that ISO 9660 cannot hold: it has 1 to 28 small letters, digits, `-` and `_`.
    Name(String),
    /// Two files have this name.
    Twice(String),
    /// Longer than 16 characters, or with others than capital letters, digits and `_`.
    Label(String),
    /// More files than one block of a directory has room for.
    TooMany(usize),
    /// More than 4 GiB of files.
    TooLarge,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::Name(name) => write!(f, "`{}` is no name for a file on a CD", name.escape_default()),
            PlanError::Twice(name) => write!(f, "two files are called `{name}`"),
            PlanError::Label(label) => write!(f, "`{}` is no label for a CD", label.escape_default()),
            PlanError::TooMany(count) => write!(f, "{count} files are too many for a CD's one folder"),
            PlanError::TooLarge => f.write_str("the files have more than a CD can count"),
        }
    }
}

impl std::error::Error for PlanError {}

impl Explain for PlanError {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        match self {
            PlanError::Name(_) => Some("use at most 28 small letters, digits, `-` and `_`".to_owned()),
            PlanError::Label(_) => Some("use at most 16 capital letters, digits and `_`".to_owned()),
            _ => None,
        }
    }
}
