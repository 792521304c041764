//! A part of a tree as a tree of its own: what lies on another partition.

use std::collections::BTreeMap;
use std::fmt;

use rootsmith_types::TreePath;

use crate::{LeafId, Node, Tree, TreeError};

/// Why a tree cannot be taken apart there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SplitError {
    /// No directory of the tree.
    Path(TreeError),
    /// One file has names on both sides; no hard link leads to another file system.
    Shared {
        /// A name below the border.
        inside: TreePath,
        /// One that is not.
        outside: TreePath,
    },
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SplitError::Path(error) => error.fmt(f),
            SplitError::Shared { inside, outside } => write!(f, "`{inside}` and `{outside}` are one file"),
        }
    }
}

impl std::error::Error for SplitError {}

impl Tree {
    /// Takes what is below the directory `path` away, as a tree whose root has that directory's metadata. The directory stays, and is
    /// empty. Nothing changes where this is refused.
    pub fn split_off(&mut self, path: &TreePath) -> Result<Tree, SplitError> {
        let node = match self.get(path) {
            Some(node) if node.is_directory() => node.clone(),
            Some(_) => return Err(SplitError::Path(TreeError::NotADirectory(path.clone()))),
            None => return Err(SplitError::Path(TreeError::NotFound(path.clone()))),
        };
        self.unshared(path)?;
        let mut part = Tree::new(node.metadata.clone());
        let mut names: BTreeMap<LeafId, TreePath> = BTreeMap::new();
        let depth = path.components().count();
        for entry in self.walk_from(path).skip(1) {
            // A path without its beginning is a path.
            let at = entry.path.components().skip(depth).try_fold(TreePath::root(), |at, name| at.join(name));
            let Ok(at) = at else { continue };
            match entry.leaf.and_then(|leaf| names.get(&leaf)) {
                Some(first) => part.hard_link(&at, first),
                None => {
                    names.extend(entry.leaf.map(|leaf| (leaf, at.clone())));
                    part.insert(&at, entry.node.clone())
                }
            }
            .map_err(SplitError::Path)?;
        }
        self.remove(path);
        self.insert(path, Node::directory(node.metadata)).map_err(SplitError::Path)?;
        Ok(part)
    }

    /// Whether every leaf below `path` has all its names there.
    fn unshared(&self, path: &TreePath) -> Result<(), SplitError> {
        let mut inside: BTreeMap<LeafId, (u32, TreePath)> = BTreeMap::new();
        for entry in self.walk_from(path) {
            if let Some(leaf) = entry.leaf.filter(|leaf| self.links(*leaf) > 1) {
                inside.entry(leaf).or_insert((0, entry.path)).0 += 1;
            }
        }
        let Some((leaf, (_, name))) = inside.into_iter().find(|(leaf, (count, _))| *count < self.links(*leaf)) else {
            return Ok(());
        };
        let outside = self.walk().find(|entry| entry.leaf == Some(leaf) && !entry.path.starts_with(path));
        // A name that was not counted is not below the path.
        outside.map_or(Ok(()), |outside| Err(SplitError::Shared { inside: name, outside: outside.path }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, Metadata};

    fn path(text: &'static str) -> TreePath {
        TreePath::literal(text)
    }

    fn tree() -> Tree {
        let mut tree = Tree::new(Metadata::root(0o755, 1));
        tree.create_directories(&path("/var/lib/a"), &Metadata::root(0o750, 2)).unwrap();
        tree.create_directories(&path("/etc"), &Metadata::root(0o755, 3)).unwrap();
        let file = |text: &str| Node::file(Content::inline(text), Metadata::root(0o644, 4));
        tree.insert(&path("/etc/one"), file("one")).unwrap();
        tree.insert(&path("/var/lib/a/two"), file("two")).unwrap();
        tree.hard_link(&path("/var/lib/twin"), &path("/var/lib/a/two")).unwrap();
        tree
    }

    #[test]
    fn a_part_leaves_its_directory_and_keeps_its_links() {
        let mut rest = tree();
        let part = rest.split_off(&path("/var")).unwrap();
        let names = |tree: &Tree| tree.walk().map(|entry| entry.path.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&rest), ["/", "/etc", "/etc/one", "/var"]);
        assert_eq!(names(&part), ["/", "/lib", "/lib/a", "/lib/a/two", "/lib/twin"]);
        assert_eq!(part.get(&TreePath::root()), rest.get(&path("/var")));
        let twin = part.leaf_id(&path("/lib/twin")).unwrap();
        assert_eq!((Some(twin), part.links(twin)), (part.leaf_id(&path("/lib/a/two")), 2));
    }

    #[test]
    fn a_link_across_the_border_is_refused_with_both_names_and_nothing_changes() {
        let mut whole = tree();
        whole.hard_link(&path("/etc/two"), &path("/var/lib/a/two")).unwrap();
        let before = whole.dump();
        let error = whole.split_off(&path("/var")).unwrap_err();
        assert_eq!(error, SplitError::Shared { inside: path("/var/lib/a/two"), outside: path("/etc/two") });
        assert_eq!(whole.dump(), before);
        // Between two parts the border is as hard.
        let error = whole.split_off(&path("/var/lib/a")).unwrap_err();
        assert!(error.to_string().starts_with("`/var/lib/a/two` and `/etc/two`"), "{error}");
        assert!(matches!(whole.split_off(&path("/etc/one")), Err(SplitError::Path(TreeError::NotADirectory(_)))));
        assert!(matches!(whole.split_off(&path("/srv")), Err(SplitError::Path(TreeError::NotFound(_)))));
    }
}
