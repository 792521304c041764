//! Why an image cannot be read back.

use std::fmt;
use std::io;

use rootsmith_types::{Blame, Explain, InvalidPath, Subject, TreePath};

/// Why an image cannot be read back.
#[derive(Debug)]
pub enum ReadBackError {
    /// The file itself could not be read.
    Io(io::Error),
    /// The partition tables contradict each other or the disk.
    Table(String),
    /// The reader of this kind does not take it for what it should be.
    Unreadable {
        /// `ext4`, `FAT`, `tar`, `OCI`.
        kind: &'static str,
        /// Where in it, when something was found at all.
        path: Option<TreePath>,
        /// What the reader says.
        reason: String,
    },
    /// A name that no tree has.
    Path(InvalidPath),
    /// More entries than any image of ours; a directory that contains itself looks like this.
    TooManyEntries,
}

impl fmt::Display for ReadBackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadBackError::Io(error) => write!(f, "image could not be read: {error}"),
            ReadBackError::Table(reason) => write!(f, "partition table is damaged: {reason}"),
            ReadBackError::Unreadable { kind, path: None, reason } => write!(f, "{kind} image is damaged: {reason}"),
            ReadBackError::Unreadable { kind, path: Some(path), reason } => {
                write!(f, "`{path}` in the {kind} image is damaged: {reason}")
            }
            ReadBackError::Path(error) => write!(f, "image has a name that cannot be: {error}"),
            ReadBackError::TooManyEntries => f.write_str("image has more entries than can be"),
        }
    }
}

impl std::error::Error for ReadBackError {}

impl Explain for ReadBackError {
    fn subject(&self) -> Subject {
        match self {
            ReadBackError::Unreadable { path: Some(path), .. } => Subject::Path(path.clone()),
            _ => Subject::Host,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            ReadBackError::Io(_) => Blame::Host,
            _ => Blame::Inputs,
        }
    }
}

impl From<io::Error> for ReadBackError {
    fn from(error: io::Error) -> ReadBackError {
        ReadBackError::Io(error)
    }
}

impl From<InvalidPath> for ReadBackError {
    fn from(error: InvalidPath) -> ReadBackError {
        ReadBackError::Path(error)
    }
}
