//! A tree that grows from what an image says, within bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rootsmith_tree::{Metadata, Node, NodeKind, Tree};
use rootsmith_types::TreePath;

use crate::MAX_ENTRIES;
use crate::broken::{Broken, Result, broken};

/// Extended attributes as a tree has them.
pub(crate) type Xattrs = Arc<BTreeMap<Vec<u8>, Vec<u8>>>;

/// Directories in a row. Each level costs a look-up for every entry below it.
const MAX_DEPTH: usize = 256;

/// Bytes of names, link targets, attributes and contents that are kept in memory. Compressed metadata can say much in few
/// bytes.
const MAX_BYTES: usize = 256 << 20;

/// Longest target of a symbolic link Linux follows, plus one.
pub(crate) const MAX_TARGET: u64 = 4096;

/// A tree on its way.
pub(crate) struct Growing {
    pub(crate) tree: Tree,
    entries: usize,
    bytes: usize,
    /// Each set of attributes once: thousands of files have the same label.
    xattrs: BTreeSet<Xattrs>,
}

impl Growing {
    /// The root alone.
    pub(crate) fn new(root: Metadata) -> Growing {
        Growing { tree: Tree::new(root), entries: 0, bytes: 0, xattrs: BTreeSet::new() }
    }

    /// The path `name` has in `directory`, when it may have one and nothing is there yet.
    pub(crate) fn path(&mut self, directory: &TreePath, name: &[u8]) -> Result<TreePath> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return broken(format_args!("it has more than {MAX_ENTRIES} entries"));
        }
        let shown = || String::from_utf8_lossy(name.get(..64).unwrap_or(name)).escape_debug().to_string();
        if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') || name.contains(&0) {
            return broken(format_args!("`{}` is no file name", shown()));
        }
        let path = directory.join(name).map_err(|error| Broken(error.to_string()))?;
        self.count(name.len())?;
        if self.tree.get(&path).is_some() {
            return broken(format_args!("`{}` is there twice", shown()));
        }
        Ok(path)
    }

    /// Puts `node` at a path that came from [`Growing::path`].
    pub(crate) fn insert(&mut self, path: &TreePath, node: Node) -> Result<()> {
        match &node.kind {
            NodeKind::Directory if path.components().count() > MAX_DEPTH => {
                return broken(format_args!("it is more than {MAX_DEPTH} directories deep"));
            }
            NodeKind::Symlink(target) if target.is_empty() || target.contains(&0) => {
                return broken("it is a symbolic link without a usable target");
            }
            NodeKind::Symlink(target) => self.count(target.len())?,
            NodeKind::File(rootsmith_tree::Content::Inline(data)) => self.count(data.len())?,
            _ => {}
        }
        self.tree.insert(path, node).map_err(|error| Broken(error.to_string()))
    }

    /// One more name of what is at `existing`.
    pub(crate) fn hard_link(&mut self, path: &TreePath, existing: &TreePath) -> Result<()> {
        self.tree.hard_link(path, existing).map_err(|error| Broken(error.to_string()))
    }

    /// These attributes, shared with everything else that has the same.
    pub(crate) fn share(&mut self, xattrs: BTreeMap<Vec<u8>, Vec<u8>>) -> Result<Option<Xattrs>> {
        if xattrs.is_empty() {
            return Ok(None);
        }
        let xattrs = Arc::new(xattrs);
        if let Some(there) = self.xattrs.get(&xattrs) {
            return Ok(Some(Arc::clone(there)));
        }
        self.count(xattrs.iter().map(|(name, value)| name.len() + value.len()).sum())?;
        self.xattrs.insert(Arc::clone(&xattrs));
        Ok(Some(xattrs))
    }

    fn count(&mut self, bytes: usize) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_BYTES {
            return broken(format_args!(
                "its names, link targets and attributes have more than {} MiB",
                MAX_BYTES >> 20
            ));
        }
        Ok(())
    }
}
