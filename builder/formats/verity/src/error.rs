//! Why an image gets no hash tree.

use std::fmt;

use rootsmith_types::{Blame, Explain, NumBytes, Subject};

/// Why an image gets no hash tree. Both are mistakes of who lays out the disk: file systems have whole blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// There is nothing to hash.
    Empty,
    /// No whole number of blocks of 4 KiB.
    Unaligned(NumBytes),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::Empty => f.write_str("internal error: a hash tree over nothing"),
            PlanError::Unaligned(size) => {
                write!(f, "internal error: a hash tree over {} bytes, which are no whole blocks", size.get())
            }
        }
    }
}

impl std::error::Error for PlanError {}

impl Explain for PlanError {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn blame(&self) -> Blame {
        Blame::Ours
    }
}
