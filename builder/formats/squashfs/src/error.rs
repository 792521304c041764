//! Why a tree does not become a squashfs.

use std::fmt;

use rootsmith_types::{Explain, Subject, TreePath};

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// No power of two from 4 KiB to 1 MiB.
    BlockSize(u32),
    /// The compressor has no such level.
    Level {
        /// What was asked for.
        level: u8,
        /// The highest there is; the lowest is 1.
        most: u8,
    },
    /// With this content there are more than 2^24 blocks.
    TooLarge(TreePath),
    /// Its names have more than 256 MiB.
    DirectoryTooLarge(TreePath),
    /// More than 2^32 entries.
    TooManyEntries,
    /// With the owners of this file there are more than 65535 users and groups.
    TooManyIds(TreePath),
    /// A symbolic link whose target is empty or longer than 4095 bytes.
    BadTarget(TreePath),
    /// A device number that Linux does not have: major below 4096, minor below 2^20.
    BadDevice(TreePath),
    /// Modified before 1970 or after 2106.
    BadTime(TreePath),
    /// An attribute in none of the namespaces that squashfs has.
    UnknownXattr {
        /// The file.
        path: TreePath,
        /// The attribute's full name.
        name: String,
    },
    /// An attribute whose name or value is longer than Linux takes.
    XattrTooLong {
        /// The file.
        path: TreePath,
        /// The attribute's full name.
        name: String,
    },
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::BlockSize(size) => write!(f, "squashfs has no blocks of {size} bytes"),
            PlanError::Level { level, .. } => write!(f, "there is no compression level {level}"),
            PlanError::TooLarge(path) => write!(f, "with `{path}` the squashfs has more than 16777216 blocks"),
            PlanError::DirectoryTooLarge(path) => write!(f, "directory `{path}` has too many entries for squashfs"),
            PlanError::TooManyEntries => f.write_str("too many files for one squashfs"),
            PlanError::TooManyIds(path) => {
                write!(f, "with the owner of `{path}` the squashfs has more than 65535 users and groups")
            }
            PlanError::BadTarget(path) => write!(f, "target of symbolic link `{path}` is empty or over 4095 bytes"),
            PlanError::BadDevice(path) => write!(f, "device number of `{path}` does not fit squashfs"),
            PlanError::BadTime(path) => write!(f, "modification time of `{path}` does not fit squashfs"),
            PlanError::UnknownXattr { path, name } => {
                write!(f, "extended attribute `{name}` of `{path}` has a prefix unknown to squashfs")
            }
            PlanError::XattrTooLong { path, name } => {
                write!(f, "extended attribute `{name}` of `{path}` is longer than Linux takes")
            }
        }
    }
}

impl std::error::Error for PlanError {}

impl Explain for PlanError {
    fn subject(&self) -> Subject {
        match self {
            PlanError::BlockSize(_) | PlanError::Level { .. } | PlanError::TooManyEntries => Subject::Host,
            PlanError::TooLarge(path)
            | PlanError::DirectoryTooLarge(path)
            | PlanError::TooManyIds(path)
            | PlanError::BadTarget(path)
            | PlanError::BadDevice(path)
            | PlanError::BadTime(path)
            | PlanError::UnknownXattr { path, .. }
            | PlanError::XattrTooLong { path, .. } => Subject::Path(path.clone()),
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            PlanError::Level { most, .. } => return Some(format!("levels go from 1 to {most}")),
            PlanError::BlockSize(_) => "choose a power of two from 4 KiB to 1 MiB",
            PlanError::TooLarge(_) => "choose larger blocks, or leave the file out",
            PlanError::DirectoryTooLarge(_) => "spread the files over several directories",
            PlanError::TooManyEntries => "spread the tree over several file systems",
            PlanError::TooManyIds(_) => "give the files fewer owners, or use ext4",
            PlanError::BadTarget(_) => "Linux refuses such a link on every file system",
            PlanError::BadDevice(_) => "majors are below 4096, minors below 1048576",
            PlanError::BadTime(_) => "squashfs holds times from 1970 to 2106",
            PlanError::UnknownXattr { .. } => {
                "known are `user.`, `trusted.` and `security.`; for access control lists use ext4"
            }
            PlanError::XattrTooLong { .. } => "a name has at most 255 bytes behind its prefix, a value 64 KiB",
        };
        Some(help.to_owned())
    }

    fn label(&self) -> Option<String> {
        Some("for this".to_owned())
    }
}
