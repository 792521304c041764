//! Why there can be no such swap area.

use std::fmt;

use rootsmith_types::{Blame, Explain, NumBytes, Subject};

/// Why there can be no such swap area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// Fewer pages than the kernel takes.
    TooSmall {
        /// The size asked for.
        given: NumBytes,
        /// The least there is.
        needed: NumBytes,
    },
    /// More pages than the header can count.
    TooLarge {
        /// The size asked for.
        given: NumBytes,
    },
    /// The label does not fit its field.
    Label(String),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::TooSmall { given, needed } => write!(f, "a swap area of {given} is smaller than {needed}"),
            PlanError::TooLarge { given } => write!(f, "a swap area of {given} has more pages than can be counted"),
            PlanError::Label(label) => {
                write!(f, "the label `{label}` is longer than the 16 bytes a swap area has for it")
            }
        }
    }
}

impl std::error::Error for PlanError {}

impl Explain for PlanError {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        None
    }

    fn blame(&self) -> Blame {
        Blame::Inputs
    }
}
