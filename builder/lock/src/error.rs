//! What can be wrong with a lockfile.

use std::fmt;

use rootsmith_types::{Explain, Origin, PackageName, Subject};

/// Why a text is no lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockError {
    /// No TOML, an unknown key, a missing key, or a value of the wrong shape.
    Syntax {
        /// Where.
        origin: Origin,
        /// What the reader expected: a lower-case phrase.
        message: String,
    },
    /// Written by a later version of the program.
    Schema {
        /// The value of `schema`.
        origin: Origin,
        /// What it says.
        found: i64,
    },
    /// One package twice in the same role.
    Duplicate {
        /// The second one.
        origin: Origin,
        /// Which.
        name: PackageName,
    },
    /// A path that does not stay below the mirror.
    Filename {
        /// Where.
        origin: Origin,
        /// As it was written.
        filename: String,
    },
    /// A date before the year 1970 or after 9999, or one that is no UTC date-time.
    Date {
        /// Where.
        origin: Origin,
    },
}

impl LockError {
    fn origin(&self) -> &Origin {
        match self {
            LockError::Syntax { origin, .. }
            | LockError::Schema { origin, .. }
            | LockError::Duplicate { origin, .. }
            | LockError::Filename { origin, .. }
            | LockError::Date { origin } => origin,
        }
    }
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockError::Syntax { message, .. } => write!(f, "the lockfile cannot be read: {message}"),
            LockError::Schema { found, .. } => write!(f, "lockfile of schema {found}, while schema 1 is known"),
            LockError::Duplicate { name, .. } => write!(f, "package `{name}` is locked twice"),
            LockError::Filename { filename, .. } => write!(f, "locked file name `{filename}` leaves the mirror"),
            LockError::Date { .. } => f.write_str("expected a date and time in UTC: `2026-11-14T08:15:00Z`"),
        }
    }
}

impl std::error::Error for LockError {}

impl Explain for LockError {
    fn subject(&self) -> Subject {
        Subject::Profile(self.origin().clone())
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            LockError::Schema { .. } => {
                "use the version of rootsmith that wrote it, or make it again: `rootsmith lock`".into()
            }
            _ => "restore the file from version control, or make it again: `rootsmith lock`".into(),
        })
    }
}
