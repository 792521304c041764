//! The root file system as `NAME-ARCH.squashfs`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use rootsmith_profile::{Squashfs, SquashfsCompression};
use rootsmith_squashfs::{Compression, Options, plan};
use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::{NumBytes, Problems, Trace, TreePath, UnixTime};

use crate::OutputError;

/// What of a tree a squashfs can hold, and the entries whose access control lists it cannot: it has none. systemd's
/// `tmpfiles.d` asks for some on `/var/log/journal`, and puts them on again wherever that can be written to.
pub fn for_squashfs(tree: &Tree) -> (Cow<'_, Tree>, Vec<TreePath>) {
    let is_acl = |name: &[u8]| name.starts_with(b"system.posix_acl_");
    let has_acl = |entry: &rootsmith_tree::Entry<'_>| entry.node.metadata.xattrs().any(|(name, _)| is_acl(name));
    let paths: Vec<TreePath> = tree.walk().filter(has_acl).map(|entry| entry.path).collect();
    if paths.is_empty() {
        return (Cow::Borrowed(tree), paths);
    }
    let mut without = tree.clone();
    for path in &paths {
        let Some(node) = tree.get(path) else { continue };
        let kept = node.metadata.xattrs().filter(|(name, _)| !is_acl(name));
        let kept: BTreeMap<_, _> = kept.map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        if let Some(node) = without.get_mut(path) {
            node.metadata.xattrs = (!kept.is_empty()).then(|| Arc::new(kept));
        }
    }
    (Cow::Owned(without), paths)
}

/// Writes `tree`, as [`for_squashfs`] left it, to `file` (empty, at `path`). Returns the image's size.
pub fn write_squashfs(
    squashfs: &Squashfs,
    tree: &Tree,
    blobs: &dyn Blobs,
    date: UnixTime,
    trace: Trace<'_>,
    file: &File,
    path: &Path,
) -> Result<NumBytes, Problems> {
    let compression = match squashfs.compression.value {
        SquashfsCompression::Zstd => Compression::ZSTD,
        SquashfsCompression::Xz => Compression::Xz,
        SquashfsCompression::Gzip => Compression::GZIP,
        SquashfsCompression::Lz4 => Compression::Lz4,
    };
    compress(compression, tree, blobs, date, trace, file, path)
}

pub(crate) fn compress(
    compression: Compression,
    tree: &Tree,
    blobs: &dyn Blobs,
    date: UnixTime,
    trace: Trace<'_>,
    file: &File,
    path: &Path,
) -> Result<NumBytes, Problems> {
    let plan = plan(tree, blobs, &Options::new(compression, date))?.traced(trace);
    Ok(plan.write(file).map_err(OutputError::io(path, "write", NumBytes::new(0)))?)
}

#[cfg(test)]
mod tests {
    use rootsmith_tree::{Metadata, Node};

    use super::*;

    #[test]
    fn access_control_lists_alone_are_left_out() {
        let path = TreePath::literal;
        let with = |names: &[&str]| Metadata {
            xattrs: Some(Arc::new(names.iter().map(|name| (name.as_bytes().to_vec(), vec![1])).collect())),
            ..Metadata::root(0o755, 0)
        };
        let mut tree = Tree::new(Metadata::root(0o755, 0));
        tree.insert(&path("/a"), Node::directory(with(&["user.a"]))).unwrap();
        assert!(matches!(for_squashfs(&tree), (Cow::Borrowed(_), paths) if paths.is_empty()));
        tree.insert(&path("/b"), Node::directory(with(&["system.posix_acl_access", "user.a"]))).unwrap();
        tree.insert(&path("/c"), Node::directory(with(&["system.posix_acl_default"]))).unwrap();
        let (without, paths) = for_squashfs(&tree);
        assert_eq!(paths, [path("/b"), path("/c")]);
        assert_eq!(without.get(&path("/b")).unwrap().metadata, with(&["user.a"]));
        assert_eq!(without.get(&path("/c")).unwrap().metadata.xattrs, None);
    }
}
