//! Who put a path into the tree.

use std::collections::BTreeMap;
use std::sync::Arc;

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

/// Who put each path there. Directories that several packages share belong to the first. A copy shares everything until one of
/// the two is changed.
#[derive(Debug, Clone, Default)]
pub struct Owners(Arc<Table>);

#[derive(Debug, Clone, Default)]
struct Table {
    /// Each once: there are few, and millions of paths.
    owners: Vec<Owner>,
    numbers: BTreeMap<Owner, u32>,
    /// The number of the last path's owner: the next one's is nearly always the same.
    last: u32,
    by_path: BTreeMap<TreePath, u32>,
}

impl Owners {
    /// Records that `path` is `owner`'s, whoever had it before.
    pub fn set(&mut self, path: TreePath, owner: Owner) {
        let table = Arc::make_mut(&mut self.0);
        let number = table.number(owner);
        table.by_path.insert(path, number);
    }

    /// Who put `path` there; a path that nobody recorded belongs to whoever put the nearest directory above it there.
    pub fn of(&self, path: &TreePath) -> Option<&Owner> {
        let mut at = Some(path.clone());
        while let Some(path) = at {
            if let Some(owner) = self.exactly(&path) {
                return Some(owner);
            }
            at = path.parent();
        }
        None
    }

    /// Who put exactly this path there.
    pub fn exactly(&self, path: &TreePath) -> Option<&Owner> {
        let number = self.0.by_path.get(path)?;
        self.0.owners.get(*number as usize)
    }

    /// Forgets paths that are no longer in the tree.
    pub fn retain(&mut self, mut keep: impl FnMut(&TreePath) -> bool) {
        Arc::make_mut(&mut self.0).by_path.retain(|path, _| keep(path));
    }
}

impl Table {
    fn number(&mut self, owner: Owner) -> u32 {
        if self.owners.get(self.last as usize) != Some(&owner) {
            // Fewer than there are packages and places in a profile.
            let next = self.owners.len() as u32;
            self.last = *self.numbers.entry(owner.clone()).or_insert(next);
            if self.last == next {
                self.owners.push(owner);
            }
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_what_it_had() {
        let at = TreePath::literal;
        let package = |name: &str| Owner::Package(name.parse().unwrap());
        let mut owners = Owners::default();
        for (path, name) in [("/usr", "base"), ("/usr/bin/a", "aa"), ("/usr/bin/b", "bb"), ("/usr/bin/a2", "aa")] {
            owners.set(at(path), package(name));
        }
        let copy = owners.clone();
        owners.set(at("/usr/bin/a"), Owner::Builder("fstab"));
        owners.retain(|path| *path != at("/usr/bin/b"));
        assert_eq!(owners.exactly(&at("/usr/bin/a")), Some(&Owner::Builder("fstab")));
        assert_eq!((owners.exactly(&at("/usr/bin/b")), owners.of(&at("/usr/bin/b"))), (None, Some(&package("base"))));
        assert_eq!(owners.exactly(&at("/usr/bin/a2")), Some(&package("aa")));
        assert_eq!(copy.exactly(&at("/usr/bin/a")), Some(&package("aa")));
        assert_eq!(copy.exactly(&at("/usr/bin/b")), Some(&package("bb")));
        assert_eq!(copy.of(&at("/etc")), None);
    }
}
