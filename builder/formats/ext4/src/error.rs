//! Why a tree does not become an ext4 filesystem.

use std::fmt;

use rootsmith_types::{Explain, NumBytes, Subject, TreePath};

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// The content needs more than the fixed size.
    TooSmall {
        /// The least size that is enough.
        needed: NumBytes,
        /// The size asked for.
        given: NumBytes,
    },
    /// 16 TiB is the most that can grow online with 4 KiB blocks.
    TooLarge,
    /// More than 16 bytes.
    LabelTooLong(String),
    /// More than half.
    ReservedPercent(u8),
    /// A file of 16 TiB or more.
    FileTooLarge(TreePath),
    /// A hash tree of two levels is full.
    DirectoryTooLarge(TreePath),
    /// More than 65000 names for one file.
    TooManyLinks(TreePath),
    /// More than 2^32 entries.
    TooManyEntries,
    /// A symbolic link whose target is empty or longer than 4095 bytes.
    BadTarget(TreePath),
    /// A device number that ext4 cannot hold: major below 4096, minor below 2^20.
    BadDevice(TreePath),
    /// Modified before 1901 or after 2446.
    BadTime(TreePath),
    /// `/lost+found` is there, but no directory.
    LostFound(TreePath),
    /// An attribute whose prefix ext4 does not know.
    UnknownXattr {
        /// The file.
        path: TreePath,
        /// The attribute's full name.
        name: String,
    },
    /// An access control list that is not in the form `getxattr` gives.
    BadAcl {
        /// The file.
        path: TreePath,
        /// The attribute's full name.
        name: String,
    },
    /// All attributes of a file must fit its inode and one block.
    XattrsTooLarge {
        /// The file.
        path: TreePath,
        /// What they take.
        size: NumBytes,
    },
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::TooSmall { needed, given } => {
                write!(f, "ext4 filesystem of {given} is too small: its content needs {needed}")
            }
            PlanError::TooLarge => f.write_str("ext4 filesystem is too large: 16 TiB is the most"),
            PlanError::LabelTooLong(label) => write!(f, "ext4 label `{label}` is longer than 16 bytes"),
            PlanError::ReservedPercent(percent) => write!(f, "{percent} % reserved blocks are more than half"),
            PlanError::FileTooLarge(path) => write!(f, "file `{path}` is too large for ext4"),
            PlanError::DirectoryTooLarge(path) => write!(f, "directory `{path}` has too many entries for ext4"),
            PlanError::TooManyLinks(path) => write!(f, "file `{path}` has more than 65000 hard links"),
            PlanError::TooManyEntries => f.write_str("too many files for one ext4 filesystem"),
            PlanError::BadTarget(path) => write!(f, "target of symbolic link `{path}` is empty or over 4095 bytes"),
            PlanError::BadDevice(path) => write!(f, "device number of `{path}` does not fit ext4"),
            PlanError::BadTime(path) => write!(f, "modification time of `{path}` does not fit ext4"),
            PlanError::LostFound(path) => write!(f, "`{path}` is not a directory"),
            PlanError::UnknownXattr { path, name } => {
                write!(f, "extended attribute `{name}` of `{path}` has a prefix unknown to ext4")
            }
            PlanError::BadAcl { path, name } => write!(f, "access control list `{name}` of `{path}` is malformed"),
            PlanError::XattrsTooLarge { path, size } => {
                write!(f, "extended attributes of `{path}` take {size}, more than its inode and one block hold")
            }
        }
    }
}

impl std::error::Error for PlanError {}

impl Explain for PlanError {
    fn subject(&self) -> Subject {
        match self {
            PlanError::TooSmall { .. }
            | PlanError::TooLarge
            | PlanError::LabelTooLong(_)
            | PlanError::ReservedPercent(_)
            | PlanError::TooManyEntries => Subject::Host,
            PlanError::FileTooLarge(path)
            | PlanError::DirectoryTooLarge(path)
            | PlanError::TooManyLinks(path)
            | PlanError::BadTarget(path)
            | PlanError::BadDevice(path)
            | PlanError::BadTime(path)
            | PlanError::LostFound(path)
            | PlanError::UnknownXattr { path, .. }
            | PlanError::BadAcl { path, .. }
            | PlanError::XattrsTooLarge { path, .. } => Subject::Path(path.clone()),
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            PlanError::TooSmall { needed, .. } => {
                // Rounded up, because the printed size has three digits and must be enough.
                let mib = needed.get().div_ceil(1 << 20);
                return Some(format!("write `size = \"{mib}MiB\"` or more, or `size = \"minimal\"`"));
            }
            PlanError::TooLarge => "make it smaller; it grows on the running system",
            PlanError::LabelTooLong(_) => "shorten the label to 16 bytes",
            PlanError::ReservedPercent(_) => "reserve at most 50 %",
            PlanError::FileTooLarge(_) => "a file on ext4 has less than 16 TiB",
            PlanError::DirectoryTooLarge(_) => "spread the files over several directories",
            PlanError::TooManyLinks(_) => "make some of the names copies or symbolic links",
            PlanError::TooManyEntries => "spread the tree over several filesystems",
            PlanError::BadTarget(_) => "Linux refuses such a link on every filesystem",
            PlanError::BadDevice(_) => "majors are below 4096, minors below 1048576",
            PlanError::BadTime(_) => "ext4 holds times from 1901 to 2446",
            PlanError::LostFound(_) => "the filesystem checker keeps what it finds there: use another name",
            PlanError::UnknownXattr { .. } => "known are `user.`, `trusted.`, `security.` and `system.`",
            PlanError::BadAcl { .. } => "write it in the form that `getfattr` shows: version 2, eight bytes an entry",
            PlanError::XattrsTooLarge { .. } => "shorten the attributes, or keep the data in a file",
        };
        Some(help.to_owned())
    }

    fn label(&self) -> Option<String> {
        Some("for this".to_owned())
    }
}
