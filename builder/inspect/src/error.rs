//! What can be wrong with an image.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rootsmith_types::{Blame, Explain, Note, Subject};

/// An image that cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The host cannot read it (or cannot write its scratch file).
    Host {
        /// What was to be read or written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is none of the things we know.
    Unknown {
        /// What it begins with: `64 bytes of zeros`, `ELF program`.
        found: String,
    },
    /// It is what it says, and broken.
    Damaged {
        /// What was read: `GPT`, `ext4`, `qcow2`, `tar`, `OCI layout`.
        layer: &'static str,
        /// Where: a path in it, a byte offset; empty when it is the whole.
        place: String,
        /// A lower-case phrase.
        reason: String,
    },
    /// A disk on which nothing looks like a root file system.
    NoRoot {
        /// Number and file system of each partition: `1: vfat`.
        partitions: Vec<String>,
    },
    /// It is sound and uses what we do not read.
    Unsupported {
        /// What was read.
        layer: &'static str,
        /// What it uses: `encryption`.
        feature: String,
    },
}

impl OpenError {
    /// Broken as a whole.
    pub(crate) fn damaged(layer: &'static str, reason: impl fmt::Display) -> OpenError {
        OpenError::Damaged { layer, place: String::new(), reason: reason.to_string() }
    }

    /// Broken at one place.
    pub(crate) fn damaged_at(layer: &'static str, place: impl fmt::Display, reason: impl fmt::Display) -> OpenError {
        OpenError::Damaged { layer, place: place.to_string(), reason: reason.to_string() }
    }

    /// The same error, met in a part of something larger.
    pub(crate) fn inside(self, part: &str) -> OpenError {
        match self {
            OpenError::Damaged { layer, place, reason } => {
                let place = if place.is_empty() { part.to_owned() } else { format!("{part}, {place}") };
                OpenError::Damaged { layer, place, reason }
            }
            other => other,
        }
    }

    /// Bytes that the source did not give. What a layer below found (a qcow2's cluster) is said as that layer said it.
    pub(crate) fn unread(layer: &'static str, place: impl fmt::Display, error: io::Error) -> OpenError {
        match error.downcast::<OpenError>() {
            Ok(inner) => inner,
            Err(error) => OpenError::damaged_at(layer, place, format_args!("it cannot be read: {error}")),
        }
    }

    /// Sound, and not for us.
    pub(crate) fn unsupported(layer: &'static str, feature: impl fmt::Display) -> OpenError {
        OpenError::Unsupported { layer, feature: feature.to_string() }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Host { path, source } if source.kind() == io::ErrorKind::StorageFull => {
                write!(f, "`{}` has no room for what is decompressed: {source}", path.display())
            }
            OpenError::Host { path, source } => write!(f, "`{}` cannot be read: {source}", path.display()),
            OpenError::Unknown { found } => write!(f, "this is no image that can be opened: it is {found}"),
            OpenError::Damaged { layer, place, reason } if place.is_empty() => {
                write!(f, "the {layer} is damaged: {reason}")
            }
            OpenError::Damaged { layer, place, reason } => write!(f, "the {layer} is damaged at {place}: {reason}"),
            OpenError::NoRoot { partitions } if partitions.is_empty() => write!(f, "the disk has no partitions"),
            OpenError::NoRoot { partitions } => {
                write!(f, "no partition holds a root file system that can be read ({})", partitions.join(", "))
            }
            OpenError::Unsupported { layer, feature } => write!(f, "the {layer} uses {feature}, which cannot be read"),
        }
    }
}

impl std::error::Error for OpenError {}

impl Explain for OpenError {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        match self {
            OpenError::Host { .. } => None,
            OpenError::Unknown { .. } => Some(
                "name a disk (raw, qcow2, VMDK, VHD, VHDX, VDI, OVA), an ext4, FAT, squashfs or EROFS image, a tar \
                 archive, an OCI layout or a folder"
                    .to_owned(),
            ),
            OpenError::Damaged { .. } => Some("get the image again, and compare its digest".to_owned()),
            OpenError::NoRoot { .. } | OpenError::Unsupported { .. } => None,
        }
    }

    fn notes(&self) -> Vec<Note> {
        Vec::new()
    }

    fn blame(&self) -> Blame {
        match self {
            OpenError::Host { .. } => Blame::Host,
            _ => Blame::Inputs,
        }
    }
}
