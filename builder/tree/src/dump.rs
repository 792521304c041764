//! A tree as text: what golden files hold and differences are shown in.

use std::fmt::Write;

use rootsmith_types::{ContentDigest, TreePath};

use crate::{Content, Node, NodeKind, Tree};

impl Tree {
    /// One line an entry: type letter, mode, owner, size or device or target, content digest, path; then hard links and
    /// extended attributes where there are any. Times are left out: few readers can see them.
    ///
    /// ```text
    /// d 0755 0:0 /usr/bin
    /// f 0755 0:0 4 4878ca0425c739fa /usr/bin/mawk
    /// l 0777 0:0 /usr/bin/awk -> mawk
    /// f 0755 0:0 link /usr/bin/nawk == /usr/bin/mawk
    /// ```
    pub fn dump(&self) -> String {
        let mut first: Vec<Option<TreePath>> = vec![None; self.leaf_slots()];
        let mut out = String::new();
        for entry in self.walk() {
            let link = entry.leaf.and_then(|leaf| {
                let slot = &mut first[leaf.index()];
                let known = slot.clone();
                slot.get_or_insert_with(|| entry.path.clone());
                known
            });
            dump_line(&mut out, &entry.path, entry.node, link.as_ref());
        }
        out
    }
}

fn dump_line(out: &mut String, path: &TreePath, node: &Node, link: Option<&TreePath>) {
    let meta = &node.metadata;
    // Writing to a `String` cannot fail.
    let _ = write!(out, "{} {:04o} {}:{} ", node.letter(), meta.mode, meta.uid, meta.gid);
    if let Some(link) = link {
        let _ = writeln!(out, "link {path} == {link}");
        return;
    }
    let _ = match &node.kind {
        NodeKind::File(content) => {
            let digest = match content {
                Content::Inline(data) => short(&ContentDigest::of(data)),
                Content::Blob(blob) => blob.digest.as_ref().map_or_else(|| "unread".to_owned(), short),
                Content::Sparse(_) => "sparse".to_owned(),
            };
            write!(out, "{} {digest} {path}", content.size())
        }
        NodeKind::Symlink(target) => write!(out, "{path} -> {}", target.escape_ascii()),
        NodeKind::CharDevice { major, minor } | NodeKind::BlockDevice { major, minor } => {
            write!(out, "{major}:{minor} {path}")
        }
        NodeKind::Directory | NodeKind::Fifo | NodeKind::Socket => write!(out, "{path}"),
    };
    for (name, value) in meta.xattrs() {
        let _ = write!(out, " {}={}", name.escape_ascii(), value.escape_ascii());
    }
    out.push('\n');
}

fn short(digest: &ContentDigest) -> String {
    let mut text = digest.to_string();
    text.truncate(16);
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::Metadata;

    #[test]
    fn dump_shows_one_line_an_entry() {
        let path = TreePath::literal;
        let mut tree = Tree::new(Metadata::root(0o755, 0));
        let mut capable = Metadata::root(0o755, 0);
        capable.xattrs = Some(Arc::new(BTreeMap::from([(b"user.a".to_vec(), b"\x01b".to_vec())])));
        tree.insert(&path("/ping"), Node::file(Content::inline("test"), capable)).unwrap();
        tree.hard_link(&path("/ping6"), &path("/ping")).unwrap();
        tree.insert(&path("/sh"), Node::symlink("dash", 0)).unwrap();
        let null = Node { kind: NodeKind::CharDevice { major: 1, minor: 3 }, metadata: Metadata::root(0o666, 0) };
        tree.insert(&path("/null"), null).unwrap();
        assert_eq!(
            tree.dump(),
            "d 0755 0:0 /\n\
             c 0666 0:0 1:3 /null\n\
             f 0755 0:0 4 4878ca0425c739fa /ping user.a=\\x01b\n\
             f 0755 0:0 link /ping6 == /ping\n\
             l 0777 0:0 /sh -> dash\n"
        );
    }
}
