//! One entry of a tree: what it is and what `stat` would say of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Content;

/// A time of last modification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mtime {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Below one thousand million.
    pub nanoseconds: u32,
}

/// Owner, permissions, time, extended attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Permission bits with setuid, setgid and sticky: at most `0o7777`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last modification.
    pub mtime: Mtime,
    /// Extended attributes by full name (`security.capability`), shared because most entries have none.
    pub xattrs: Option<Arc<BTreeMap<Vec<u8>, Vec<u8>>>>,
}

impl Metadata {
    /// `mode`, owned by root, at time `seconds`, without attributes.
    pub fn root(mode: u16, seconds: i64) -> Metadata {
        Metadata { mode, uid: 0, gid: 0, mtime: Mtime { seconds, nanoseconds: 0 }, xattrs: None }
    }

    /// The extended attributes, in sorted order.
    pub fn xattrs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.xattrs.iter().flat_map(|map| map.iter()).map(|(name, value)| (name.as_slice(), value.as_slice()))
    }
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A directory; its children are the tree's.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link and its target, as it is stored.
    Symlink(Arc<[u8]>),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Whose it is.
    pub metadata: Metadata,
}

impl Node {
    /// A directory.
    pub fn directory(metadata: Metadata) -> Node {
        Node { kind: NodeKind::Directory, metadata }
    }

    /// A regular file.
    pub fn file(content: Content, metadata: Metadata) -> Node {
        Node { kind: NodeKind::File(content), metadata }
    }

    /// A symbolic link: mode 0777, owned by root.
    pub fn symlink(target: impl AsRef<[u8]>, seconds: i64) -> Node {
        Node { kind: NodeKind::Symlink(target.as_ref().into()), metadata: Metadata::root(0o777, seconds) }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.kind, NodeKind::Directory)
    }

    /// Its content, when it is a regular file.
    pub fn content(&self) -> Option<&Content> {
        match &self.kind {
            NodeKind::File(content) => Some(content),
            _ => None,
        }
    }

    /// Its target, when it is a symbolic link.
    pub fn link_target(&self) -> Option<&[u8]> {
        match &self.kind {
            NodeKind::Symlink(target) => Some(target),
            _ => None,
        }
    }

    /// One letter as `ls -l` and `find -type` have it: `d f l c b p s`.
    pub fn letter(&self) -> char {
        match self.kind {
            NodeKind::Directory => 'd',
            NodeKind::File(_) => 'f',
            NodeKind::Symlink(_) => 'l',
            NodeKind::CharDevice { .. } => 'c',
            NodeKind::BlockDevice { .. } => 'b',
            NodeKind::Fifo => 'p',
            NodeKind::Socket => 's',
        }
    }
}
