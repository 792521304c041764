//! Why a tree does not become an EROFS.

use std::fmt;

use rootsmith_types::{Explain, Subject, TreePath};

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// More than 15 bytes.
    LabelTooLong(String),
    /// The compressor has no such level.
    Level(u8),
    /// With this content there are more than 8 TiB.
    TooLarge(TreePath),
    /// Some millions of names.
    DirectoryTooLarge(TreePath),
    /// More than 2^32 entries.
    TooManyEntries,
    /// A symbolic link whose target is empty or longer than 4095 bytes.
    BadTarget(TreePath),
    /// A device number that Linux does not have: major below 4096, minor below 2^20.
    BadDevice(TreePath),
    /// An attribute in none of the namespaces that EROFS has.
    UnknownXattr {
        /// The file.
        path: TreePath,
        /// The attribute's full name.
        name: String,
    },
    /// An attribute that is too long, or one too many.
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
            PlanError::LabelTooLong(label) => write!(f, "EROFS label `{label}` is longer than 15 bytes"),
            PlanError::Level(level) => write!(f, "there is no compression level {level}"),
            PlanError::TooLarge(path) => write!(f, "with `{path}` the EROFS has more than 8 TiB"),
            PlanError::DirectoryTooLarge(path) => write!(f, "directory of `{path}` has too many entries for EROFS"),
            PlanError::TooManyEntries => f.write_str("too many files for one EROFS"),
            PlanError::BadTarget(path) => write!(f, "target of symbolic link `{path}` is empty or over 4095 bytes"),
            PlanError::BadDevice(path) => write!(f, "device number of `{path}` does not fit EROFS"),
            PlanError::UnknownXattr { path, name } => {
                write!(f, "extended attribute `{name}` of `{path}` has a prefix unknown to EROFS")
            }
            PlanError::XattrTooLong { path, name } => {
                write!(f, "EROFS has no room for extended attribute `{name}` of `{path}`")
            }
        }
    }
}

impl std::error::Error for PlanError {}

impl Explain for PlanError {
    fn subject(&self) -> Subject {
        match self {
            PlanError::LabelTooLong(_) | PlanError::Level(_) | PlanError::TooManyEntries => Subject::Host,
            PlanError::TooLarge(path)
            | PlanError::DirectoryTooLarge(path)
            | PlanError::BadTarget(path)
            | PlanError::BadDevice(path)
            | PlanError::UnknownXattr { path, .. }
            | PlanError::XattrTooLong { path, .. } => Subject::Path(path.clone()),
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            PlanError::LabelTooLong(_) => "shorten the label to 15 bytes",
            PlanError::Level(_) => "levels go from 1 to 22",
            PlanError::TooLarge(_) => "leave the file out",
            PlanError::DirectoryTooLarge(_) => "spread the files over several directories",
            PlanError::TooManyEntries => "spread the tree over several file systems",
            PlanError::BadTarget(_) => "Linux refuses such a link on every file system",
            PlanError::BadDevice(_) => "majors are below 4096, minors below 1048576",
            PlanError::UnknownXattr { .. } => {
                "known are `user.`, `trusted.`, `security.` and access control lists, `system.posix_acl_access` and `_default`"
            }
            PlanError::XattrTooLong { .. } => {
                "a name has at most 255 bytes behind its prefix, a value 65535, all of a file 256 KiB"
            }
        };
        Some(help.to_owned())
    }

    fn label(&self) -> Option<String> {
        Some("for this".to_owned())
    }
}
