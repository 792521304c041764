//! Why a text is no block map.

use std::fmt;

use rootsmith_types::{Explain, Subject};

/// Why a text is no block map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BmapError {
    /// It is no XML.
    Xml(String),
    /// What it says makes no map.
    Wrong(String),
    /// It is not as it was written: its own digest is another.
    Damaged,
}

impl fmt::Display for BmapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BmapError::Xml(reason) => write!(f, "the block map is no XML: {reason}"),
            BmapError::Wrong(reason) => write!(f, "no block map: {reason}"),
            BmapError::Damaged => f.write_str("the block map is damaged: its own digest is another"),
        }
    }
}

impl std::error::Error for BmapError {}

impl Explain for BmapError {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        Some("build the image again, or copy it again together with its map".to_owned())
    }
}
