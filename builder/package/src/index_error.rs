//! What can be wrong with an index.

use std::fmt;

use rootsmith_types::{Explain, NumBytes, Subject};

use crate::relation::BadRelation;

/// Why a `Release` or `Packages` file, or one stanza of it, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexError {
    /// A line is neither a field nor the continuation of one.
    BadLine {
        /// The line, cut to a readable length.
        line: String,
    },
    /// A field that must be there is not.
    MissingField {
        /// The field.
        field: &'static str,
        /// The package whose stanza it is, or `Release`.
        stanza: String,
    },
    /// A field's value cannot be understood.
    BadField {
        /// The field.
        field: &'static str,
        /// The package whose stanza it is, or `Release`.
        stanza: String,
        /// The value, cut to a readable length.
        value: String,
    },
    /// A relation field's value cannot be understood.
    BadRelation {
        /// The field.
        field: &'static str,
        /// The package whose stanza it is.
        stanza: String,
        /// The part that was not understood.
        relation: BadRelation,
    },
    /// The text is not UTF-8.
    NotText {
        /// The file's name.
        name: String,
    },
    /// A file does not decompress.
    Compression {
        /// The file's name.
        name: String,
        /// What the decoder says.
        reason: String,
    },
    /// A file is larger than it may be.
    TooLarge {
        /// The file's name.
        name: String,
        /// What it may be.
        limit: NumBytes,
    },
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IndexError::BadLine { line } => write!(f, "the index has a line that is no field: `{line}`"),
            IndexError::MissingField { field, stanza } => {
                write!(f, "the index entry `{stanza}` has no field `{field}`")
            }
            IndexError::BadField { field, stanza, value } => {
                write!(f, "the index entry `{stanza}` has a field `{field}` that cannot be read: `{value}`")
            }
            IndexError::BadRelation { field, stanza, relation } => {
                write!(f, "the index entry `{stanza}` has a field `{field}` in which {relation}")
            }
            IndexError::NotText { name } => write!(f, "index `{name}` is not UTF-8"),
            IndexError::Compression { name, reason } => write!(f, "index `{name}` does not decompress: {reason}"),
            IndexError::TooLarge { name, limit } => write!(f, "index `{name}` is larger than the {limit} it may have"),
        }
    }
}

impl std::error::Error for IndexError {}

impl Explain for IndexError {
    fn subject(&self) -> Subject {
        let stanza = match self {
            IndexError::MissingField { stanza, .. }
            | IndexError::BadField { stanza, .. }
            | IndexError::BadRelation { stanza, .. } => stanza.parse().ok(),
            _ => None,
        };
        stanza.map_or(Subject::Host, Subject::Package)
    }

    fn help(&self) -> Option<String> {
        Some("try another mirror; if the index is the same there, report it to the repository".to_owned())
    }
}

/// The beginning of `text`, for a message.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(120).collect()
}
