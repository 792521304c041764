//! What a tree is, in one number: what was made of a tree is found again by it.

use std::io;

use rootsmith_types::Sha256Digest;

use crate::{Blobs, NodeKind, Tree};

impl Tree {
    /// The SHA-256 of all that a file system made of the tree would show: paths, kinds, metadata, contents by their digests, and
    /// which paths are one file. Contents without a known digest are read.
    pub fn digest(&self, blobs: &dyn Blobs) -> io::Result<Sha256Digest> {
        let mut first: Vec<Option<u64>> = vec![None; self.leaf_slots()];
        let mut out = Vec::new();
        for (number, entry) in (0u64..).zip(self.walk()) {
            text(&mut out, entry.path.as_bytes());
            // Behind the first name of a file there is nothing new to say.
            let link = entry.leaf.and_then(|leaf| {
                let slot = &mut first[leaf.index()];
                let known = *slot;
                slot.get_or_insert(number);
                known
            });
            if let Some(link) = link {
                out.push(b'=');
                out.extend_from_slice(&link.to_le_bytes());
                continue;
            }
            let meta = &entry.node.metadata;
            out.push(entry.node.letter() as u8);
            for id in [u32::from(meta.mode), meta.uid, meta.gid, meta.mtime.nanoseconds] {
                out.extend_from_slice(&id.to_le_bytes());
            }
            out.extend_from_slice(&meta.mtime.seconds.to_le_bytes());
            match &entry.node.kind {
                NodeKind::File(content) => out.extend_from_slice(content.digest(blobs)?.as_bytes()),
                NodeKind::Symlink(target) => text(&mut out, target),
                NodeKind::CharDevice { major, minor } | NodeKind::BlockDevice { major, minor } => {
                    out.extend_from_slice(&major.to_le_bytes());
                    out.extend_from_slice(&minor.to_le_bytes());
                }
                NodeKind::Directory | NodeKind::Fifo | NodeKind::Socket => {}
            }
            out.extend_from_slice(&(meta.xattrs().count() as u64).to_le_bytes());
            for (name, value) in meta.xattrs() {
                text(&mut out, name);
                text(&mut out, value);
            }
        }
        Ok(Sha256Digest::of(&out))
    }
}

/// Bytes behind their number, so that no two lists of them are the same bytes.
fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use rootsmith_types::TreePath;

    use super::*;
    use crate::{Content, Metadata, Mtime, NoBlobs, Node};

    fn sample(change: impl FnOnce(&mut Tree)) -> Sha256Digest {
        let path = TreePath::literal;
        let mut tree = Tree::new(Metadata::root(0o755, 1));
        tree.insert(&path("/a"), Node::file(Content::inline("a"), Metadata::root(0o644, 1))).unwrap();
        tree.insert(&path("/l"), Node::symlink("a", 1)).unwrap();
        let null = Node { kind: NodeKind::CharDevice { major: 1, minor: 3 }, metadata: Metadata::root(0o666, 1) };
        tree.insert(&path("/null"), null).unwrap();
        change(&mut tree);
        tree.digest(&NoBlobs).unwrap()
    }

    fn node<'a>(tree: &'a mut Tree, path: &'static str) -> &'a mut Node {
        tree.get_mut(&TreePath::literal(path)).unwrap()
    }

    #[test]
    fn every_change_is_another_tree() {
        let same = Node::file(Content::inline("a"), Metadata::root(0o644, 1));
        let attribute = || Some(Arc::new(BTreeMap::from([(b"user.a".to_vec(), b"b".to_vec())])));
        let digests = [
            sample(|_| ()),
            sample(|tree| tree.metadata_changed("/a", |meta| meta.mode = 0o600)),
            sample(|tree| tree.metadata_changed("/a", |meta| meta.uid = 1)),
            sample(|tree| tree.metadata_changed("/a", |meta| meta.gid = 1)),
            sample(|tree| tree.metadata_changed("/a", |meta| meta.mtime = Mtime { seconds: 1, nanoseconds: 1 })),
            sample(|tree| tree.metadata_changed("/a", |meta| meta.mtime.seconds = 2)),
            sample(|tree| tree.metadata_changed("/a", |meta| meta.xattrs = attribute())),
            sample(|tree| node(tree, "/a").kind = NodeKind::File(Content::inline("b"))),
            sample(|tree| node(tree, "/l").kind = NodeKind::Symlink(b"b".as_slice().into())),
            sample(|tree| node(tree, "/null").kind = NodeKind::CharDevice { major: 1, minor: 4 }),
            sample(|tree| node(tree, "/null").kind = NodeKind::BlockDevice { major: 1, minor: 3 }),
            sample(|tree| tree.insert(&TreePath::literal("/b"), same).unwrap()),
            sample(|tree| tree.hard_link(&TreePath::literal("/b"), &TreePath::literal("/a")).unwrap()),
        ];
        assert_eq!(digests.iter().collect::<BTreeSet<_>>().len(), digests.len());
        assert_eq!(sample(|_| ()), digests[0]);
    }

    impl Tree {
        fn metadata_changed(&mut self, path: &'static str, change: impl FnOnce(&mut Metadata)) {
            change(&mut node(self, path).metadata);
        }
    }
}
