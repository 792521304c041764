//! Why the parts do not make a core image.

use std::fmt;

use rootsmith_types::{Blame, Explain, Subject};

/// Why the parts do not make a core image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrubError {
    /// A part that is not what it should be.
    BadPart {
        /// Its file name.
        name: &'static str,
        /// A lower-case phrase.
        reason: String,
    },
    /// A module that is asked for, or needed by one that is, and is not in `moddep.lst`.
    NoModule(String),
    /// The image would not fit where a BIOS can load it.
    TooLarge {
        /// Its bytes.
        size: usize,
        /// How many there is room for.
        room: usize,
    },
    /// The compressor gave up: what it said.
    Compressor(String),
}

impl fmt::Display for GrubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GrubError::BadPart { name, reason } => write!(f, "GRUB's `{name}` cannot be used: {reason}"),
            GrubError::NoModule(name) => write!(f, "GRUB has no module `{name}`"),
            GrubError::TooLarge { size, room } => {
                write!(f, "GRUB's core image would have {size} bytes, a BIOS can load {room}")
            }
            GrubError::Compressor(reason) => write!(f, "GRUB's core image could not be compressed: {reason}"),
        }
    }
}

impl std::error::Error for GrubError {}

impl Explain for GrubError {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        Some("GRUB 2.06 and 2.12 are known: another version of `grub-pc-bin` may have other parts".to_owned())
    }

    fn blame(&self) -> Blame {
        Blame::Inputs
    }
}
