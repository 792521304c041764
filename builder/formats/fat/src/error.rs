//! Why a tree does not make a FAT volume.

use std::fmt;

use rootsmith_types::{Blame, Explain, Note, NumBytes, Subject, TreePath};

/// Why a tree does not make a FAT volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// Entries that FAT cannot hold; never empty.
    Entries(Vec<(TreePath, NameFault)>),
    /// The volume has not enough room.
    TooSmall {
        /// What was asked for.
        size: NumBytes,
        /// The smallest volume that would do.
        needed: NumBytes,
    },
    /// More than 2 TiB, or more clusters than FAT32 can count.
    TooLarge(NumBytes),
    /// Longer than 11 characters, or with a character that labels do not have.
    Label(String),
}

/// What FAT cannot hold about one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameFault {
    /// The name is not UTF-8.
    NotUnicode,
    /// The name has one of `" * : < > ? \ |` or a control character.
    Character(char),
    /// The name ends with a dot or a space.
    End,
    /// The name is longer than 255 UTF-16 units.
    TooLong,
    /// Another name in the directory differs from it in case alone.
    SameAs(TreePath),
    /// A symbolic link, a device, a pipe or a socket; the letter is that of `ls -l`.
    Kind(char),
    /// A file of 4 GiB or more.
    FileSize(NumBytes),
    /// A directory with more entries than 2 MiB hold.
    TooManyEntries,
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameFault::NotUnicode => f.write_str("has a name that is not UTF-8"),
            NameFault::Character(c) => write!(f, "has `{}` in its name", c.escape_default()),
            NameFault::End => f.write_str("has a name that ends with a dot or a space"),
            NameFault::TooLong => f.write_str("has a name longer than 255 UTF-16 units"),
            NameFault::SameAs(other) => write!(f, "differs from `{other}` in case alone"),
            NameFault::Kind(letter) => {
                let kind = match letter {
                    'l' => "a symbolic link",
                    'c' | 'b' => "a device",
                    'p' => "a pipe",
                    _ => "a socket",
                };
                write!(f, "is {kind}")
            }
            NameFault::FileSize(size) => write!(f, "is {size} long, and a file must stay below 4 GiB"),
            NameFault::TooManyEntries => f.write_str("has more entries than a directory holds"),
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::Entries(faults) => match faults.split_first() {
                Some(((path, fault), [])) => write!(f, "FAT cannot hold `{path}`: it {fault}"),
                Some(((path, fault), rest)) => {
                    write!(f, "FAT cannot hold `{path}`: it {fault}; {} more entries have faults", rest.len())
                }
                None => f.write_str("internal error: no fault"),
            },
            PlanError::TooSmall { size, needed } => {
                write!(f, "FAT volume of {size} ({} bytes) is too small: {needed} are needed", size.get())
            }
            PlanError::TooLarge(size) => write!(f, "FAT volume of {size} is too large: 2 TiB is the most"),
            PlanError::Label(label) => write!(f, "`{label}` is no label for a FAT volume"),
        }
    }
}

impl std::error::Error for PlanError {}

impl Explain for PlanError {
    fn subject(&self) -> Subject {
        match self {
            PlanError::Entries(faults) => faults.first().map_or(Subject::Host, |(path, _)| Subject::Path(path.clone())),
            _ => Subject::Host,
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            PlanError::Entries(_) => "rename it, leave it out, or use ext4".to_owned(),
            PlanError::TooSmall { needed, .. } => format!("make it at least {} bytes, or `minimal`", needed.get()),
            PlanError::TooLarge(_) => "make it smaller".to_owned(),
            PlanError::Label(_) => "up to 11 of A to Z, 0 to 9, space and !#$%&'()-@^_`{}~".to_owned(),
        })
    }

    fn notes(&self) -> Vec<Note> {
        let PlanError::Entries(faults) = self else { return Vec::new() };
        let note = |(path, fault): &(TreePath, NameFault)| Note {
            text: format!("`{path}` {fault}"),
            subject: Subject::Path(path.clone()),
        };
        faults.iter().skip(1).map(note).collect()
    }

    fn blame(&self) -> Blame {
        Blame::Inputs
    }
}
