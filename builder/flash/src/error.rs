//! Why an image is not on a card.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rootsmith_types::{Blame, Explain, NumBytes, Subject};

/// Why an image is not on a card.
#[derive(Debug)]
pub enum FlashError {
    /// There is no such target.
    Missing {
        /// As it was named.
        path: PathBuf,
    },
    /// It is nothing that an image is written to.
    NoTarget {
        /// As it was named.
        path: PathBuf,
        /// What it is instead: a lower-case phrase.
        what: String,
    },
    /// It is a disk that one might not mean.
    Refused {
        /// As it was named.
        path: PathBuf,
        /// Why: a lower-case phrase.
        reason: String,
    },
    /// Nobody can be asked whether it is the one that is meant.
    NobodyToAsk {
        /// As it was named.
        path: PathBuf,
    },
    /// It has not enough room.
    TooSmall {
        /// As it was named.
        path: PathBuf,
        /// What it has.
        size: NumBytes,
        /// What the image needs.
        needed: NumBytes,
    },
    /// The image is not as its map says. Nothing was written.
    Image {
        /// The image.
        path: PathBuf,
        /// Where the range begins that is another.
        offset: NumBytes,
    },
    /// What was read back is not what was written.
    Differs {
        /// The target.
        path: PathBuf,
        /// Where the range begins that is another.
        offset: NumBytes,
    },
    /// Reading or writing failed.
    Io {
        /// The file or device.
        path: PathBuf,
        /// `open`, `read`, `write`, `read back`.
        doing: &'static str,
        /// How far it had come, where that says anything.
        offset: Option<NumBytes>,
        /// Why.
        source: io::Error,
    },
}

impl fmt::Display for FlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FlashError::Missing { path } => write!(f, "there is no `{}`", path.display()),
            FlashError::NoTarget { path, what } => write!(f, "`{}` is {what}", path.display()),
            FlashError::Refused { path, reason } => write!(f, "`{}` {reason}", path.display()),
            FlashError::NobodyToAsk { path } => {
                write!(f, "nobody can be asked whether `{}` is the disk that is meant", path.display())
            }
            FlashError::TooSmall { path, size, needed } => {
                write!(f, "`{}` has {size}, the image needs {needed}", path.display())
            }
            FlashError::Image { path, offset } => {
                write!(f, "`{}` is damaged: at {offset} it is not what its block map says", path.display())
            }
            FlashError::Differs { path, offset } => {
                write!(
                    f,
                    "`{}` does not keep what is written to it: at {offset} something else is read back",
                    path.display()
                )
            }
            FlashError::Io { path, doing, offset: Some(offset), source } => {
                write!(f, "cannot {doing} `{}` at {offset}: {source}", path.display())
            }
            FlashError::Io { path, doing, offset: None, source } => {
                write!(f, "cannot {doing} `{}`: {source}", path.display())
            }
        }
    }
}

impl std::error::Error for FlashError {}

impl Explain for FlashError {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            FlashError::Missing { .. } => "`lsblk` lists the disks that are there".to_owned(),
            FlashError::NoTarget { .. } => "name a whole disk, such as /dev/sdX, or a file".to_owned(),
            FlashError::Refused { .. } => "if it is the one you mean: --force".to_owned(),
            FlashError::NobodyToAsk { .. } => "if it is: --yes".to_owned(),
            FlashError::TooSmall { .. } => "take a larger one".to_owned(),
            FlashError::Image { .. } => {
                "nothing was written; build the image again, or copy it again together with its map".to_owned()
            }
            FlashError::Differs { .. } => "take another card, or another reader".to_owned(),
            FlashError::Io { doing: "write" | "read back", .. } => {
                "the target is half written; look whether it is still there, and write it again".to_owned()
            }
            FlashError::Io { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => "who may not write to disks asks with sudo".to_owned(),
                io::ErrorKind::NotFound => "look at the path; `rootsmith build` leaves images in outputs/".to_owned(),
                io::ErrorKind::ResourceBusy => "somebody uses it: unmount it first".to_owned(),
                _ => return None,
            },
        })
    }

    fn blame(&self) -> Blame {
        match self {
            FlashError::Image { .. } => Blame::Inputs,
            _ => Blame::Host,
        }
    }
}
