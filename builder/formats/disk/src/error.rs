//! Why partitions do not make a disk.

use std::fmt;

use rootsmith_types::{Blame, Explain, NumBytes, Subject, Uuid};

/// Why partitions do not make a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// A table of the usual size has 128 entries.
    TooManyPartitions(usize),
    /// A partition without a single byte.
    EmptyPartition(String),
    /// An entry has room for 36 UTF-16 units.
    NameTooLong(String),
    /// Two things on one disk with one GUID.
    RepeatedGuid(Uuid),
    /// Not a power of two of at least one block.
    Alignment(NumBytes),
    /// Past 2^64 bytes.
    TooLarge,
    /// The tables could not be made, though everything was checked.
    Tables(String),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::TooManyPartitions(n) => write!(f, "{n} partitions, where a partition table has room for 128"),
            PlanError::EmptyPartition(name) => write!(f, "partition `{name}` is empty"),
            PlanError::NameTooLong(name) => write!(f, "partition name `{name}` is longer than 36 UTF-16 units"),
            PlanError::RepeatedGuid(guid) => write!(f, "GUID `{guid}` is used twice on one disk"),
            PlanError::Alignment(align) => {
                write!(f, "alignment of {align} is not a power of two of at least 512 bytes")
            }
            PlanError::TooLarge => f.write_str("disk is too large"),
            PlanError::Tables(reason) => write!(f, "internal error: no partition table: {reason}"),
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
            PlanError::TooManyPartitions(_) => Some("put several file systems' contents into one partition".to_owned()),
            PlanError::EmptyPartition(_) => Some("give the partition a size, or leave it out".to_owned()),
            PlanError::NameTooLong(_) => Some("choose a shorter partition name".to_owned()),
            PlanError::TooLarge => Some("make the partitions smaller".to_owned()),
            PlanError::RepeatedGuid(_) | PlanError::Alignment(_) | PlanError::Tables(_) => None,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            PlanError::RepeatedGuid(_) | PlanError::Alignment(_) | PlanError::Tables(_) => Blame::Ours,
            _ => Blame::Inputs,
        }
    }
}
