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
    /// A name that would end the quotes it stands between in a VMDK's descriptor, or is longer than it has room for.
    Name(String),
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
            CreateError::Name(name) => write!(f, "a VMDK cannot say that its file is `{}`", name.escape_debug()),
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
            CreateError::TooLarge { .. } => "make the partitions smaller, or use `qcow2` or `vhdx`",
            CreateError::Name(_) => "choose a name of up to 200 bytes without quotes and control characters",
        };
        Some(text.to_owned())
    }

    fn blame(&self) -> Blame {
        match self {
            // The disk is planned for its formats.
            CreateError::Empty(_) | CreateError::Unit { .. } => Blame::Ours,
            CreateError::TooLarge { .. } | CreateError::Name(_) => Blame::Inputs,
        }
    }
}
