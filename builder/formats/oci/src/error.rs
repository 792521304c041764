//! Why a tree does not make a layer.

use std::fmt;

use rootsmith_types::{Blame, Explain, Note, Subject, TreePath};

/// Why a tree does not make a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// Names that begin with `.wh.`: in a layer they take away what layers below have, so the files would not be there. Never
    /// empty.
    Whiteouts(Vec<TreePath>),
    /// Sockets, for which tar has no entry; never empty.
    Sockets(Vec<TreePath>),
}

impl PlanError {
    fn paths(&self) -> &[TreePath] {
        match self {
            PlanError::Whiteouts(paths) | PlanError::Sockets(paths) => paths,
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // There is a first one.
        let path = self.paths().first().map_or(String::new(), ToString::to_string);
        match self {
            PlanError::Whiteouts(_) => write!(f, "`{path}` cannot be in a container image: its name is a whiteout's"),
            PlanError::Sockets(_) => write!(f, "`{path}` cannot be in a container image: it is a socket"),
        }
    }
}

impl std::error::Error for PlanError {}

impl Explain for PlanError {
    fn subject(&self) -> Subject {
        self.paths().first().map_or(Subject::Host, |path| Subject::Path(path.clone()))
    }

    fn notes(&self) -> Vec<Note> {
        let note =
            |path: &TreePath| Note { text: format!("`{path}` cannot either"), subject: Subject::Path(path.clone()) };
        self.paths().iter().skip(1).map(note).collect()
    }

    fn help(&self) -> Option<String> {
        Some("leave it out: name its path in `packages.drop`, or take it out of the overlay".to_owned())
    }

    fn blame(&self) -> Blame {
        Blame::Inputs
    }
}
