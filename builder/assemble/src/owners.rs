//! Who put a path into the tree.

use std::collections::BTreeMap;

use rootsmith_types::{Origin, PackageName, TreePath};

/// Who put a path into the tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A package's archive.
    Package(PackageName),
    /// What the package's maintainer scripts would have done.
    Script(PackageName),
    /// A place in the profile: an overlay, a payload, `[hosts]`, `[init]` …
    Profile(Origin),
    /// The builder: `modules.dep`, `fstab`.
    Builder(&'static str),
}

/// Who put each path there. Directories that several packages share belong to the first.
#[derive(Debug, Clone, Default)]
pub struct Owners {
    by_path: BTreeMap<TreePath, Owner>,
}

impl Owners {
    /// Records that `path` is `owner`'s, whoever had it before.
    pub fn set(&mut self, path: TreePath, owner: Owner) {
        self.by_path.insert(path, owner);
    }

    /// Who put `path` there; a path that nobody recorded belongs to whoever put the nearest directory above it there.
    pub fn of(&self, path: &TreePath) -> Option<&Owner> {
        let mut at = Some(path.clone());
        while let Some(path) = at {
            if let Some(owner) = self.by_path.get(&path) {
                return Some(owner);
            }
            at = path.parent();
        }
        None
    }

    /// Who put exactly this path there.
    pub fn exactly(&self, path: &TreePath) -> Option<&Owner> {
        self.by_path.get(path)
    }

    /// Every recorded path with its owner, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&TreePath, &Owner)> {
        self.by_path.iter()
    }

    /// Forgets paths that are no longer in the tree.
    pub fn retain(&mut self, mut keep: impl FnMut(&TreePath) -> bool) {
        self.by_path.retain(|path, _| keep(path));
    }
}
