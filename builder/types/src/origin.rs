//! Where a value was written, and what an error is about.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::{PackageName, TreePath};

/// Where the user wrote something: a byte range of a file, named as the user would name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The file.
    pub file: Arc<Path>,
    /// Bytes in it; `start..end` as two numbers, so that origins can be ordered.
    start: usize,
    end: usize,
}

impl Origin {
    /// The bytes `span` of `file`.
    pub fn new(file: Arc<Path>, span: Range<usize>) -> Origin {
        Origin { file, start: span.start, end: span.end }
    }

    /// The byte range.
    pub fn span(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub origin: Origin,
}

impl<T> Located<T> {
    /// `value`, written at `origin`.
    pub fn new(value: T, origin: Origin) -> Located<T> {
        Located { value, origin }
    }

    /// The same place, another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: f(self.value), origin: self.origin }
    }
}

/// What an error is about. Low crates never see a profile; they name a package or a path, and `cli`, which knows who
/// asked for the package and who put the path there, turns it into file, line and column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A place in a profile or a file it names.
    Profile(Origin),
    /// A package; shown where it was asked for.
    Package(PackageName),
    /// A path in the tree; shown where it comes from.
    Path(TreePath),
    /// The machine that builds, or nothing in particular.
    Host,
}
