//! Why a disk does not make a file of a format.

use std::fmt;

use rootsmith_types::{Blame, Explain, NumBytes, Subject};

use crate::Format;

/// Why a disk does not make a file of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateError {
    /// A disk without a single byte.
    Empty(Format),
    /// The format counts in larger units.
    Unit {
        /// The format.
        format: Format,
        /// Of the disk.
        size: NumBytes,
        /// What it has to be a multiple of.
        unit: NumBytes,
    },
    /// The format's tables end before the disk.
    TooLarge {
        /// The format.
        format: Format,
        /// Of the disk.
        size: NumBytes,
        /// The largest there is.
        limit: NumBytes,
    },
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CreateError::Empty(format) => write!(f, "an empty disk as {format}"),
            CreateError::Unit { format, size, unit } => {
                write!(f, "a disk of {size} as {format}, which has a whole number of {unit}")
            }
            CreateError::TooLarge { format, size, limit } => {
                write!(f, "a disk of {size} as {format}, which ends at {limit}")
            }
        }
    }
}

impl std::error::Error for CreateError {}

impl Explain for CreateError {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        let text = match self {
            CreateError::Empty(_) | CreateError::Unit { .. } => return None,
            CreateError::TooLarge { .. } => "make the partitions smaller, or use `qcow2`",
        };
        Some(text.to_owned())
    }

    fn blame(&self) -> Blame {
        match self {
            // The disk is planned for its formats.
            CreateError::Empty(_) | CreateError::Unit { .. } => Blame::Ours,
            CreateError::TooLarge { .. } => Blame::Inputs,
        }
    }
}
