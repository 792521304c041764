//! The tree as EROFS sees it: inodes, names, contents.

use rootsmith_tree::{Node, NodeKind, Tree};
use rootsmith_types::TreePath;

use crate::contents::{Contents, TooManyBlocks};
use crate::directory::Name;
use crate::format::{BLOCK, Inode as DiskInode};
use crate::xattr::{self, XattrError};
use crate::{Compression, PlanError};

/// Bytes of the names in a directory, at most: Linux counts some of them with 31 bits.
const MAX_NAMES: u64 = 1 << 30;
/// A symbolic link's target is shorter than this, as on every file system of Linux.
const MAX_TARGET: usize = 4096;

/// An inode.
#[derive(Debug)]
pub(crate) struct Inode<'a> {
    pub(crate) node: &'a Node,
    pub(crate) links: u32,
    /// Bytes of its attributes.
    pub(crate) xattrs: usize,
    /// Its content; `None` when it has none or an empty one.
    pub(crate) stored: Option<u32>,
    /// Its place among the directories.
    pub(crate) folder: Option<u32>,
}

/// A directory: its inode, that of the directory above, and its names in sorted order.
#[derive(Debug)]
struct Folder {
    inode: u32,
    parent: u32,
    entries: Vec<Entry>,
}

/// A name, and the inode it stands for.
#[derive(Debug)]
struct Entry {
    start: usize,
    len: u8,
    inode: u32,
}

/// Everything that is to be stored.
#[derive(Debug)]
pub(crate) struct Collected<'a> {
    /// In the order of the walk, so the root is the first.
    pub(crate) inodes: Vec<Inode<'a>>,
    folders: Vec<Folder>,
    /// All names, one behind the other.
    names: Vec<u8>,
    pub(crate) contents: Contents<'a>,
}

impl<'a> Collected<'a> {
    /// Takes the tree in, and refuses what EROFS cannot hold.
    pub(crate) fn collect(tree: &'a Tree, compression: Compression) -> Result<Collected<'a>, PlanError> {
        let mut collected =
            Collected { inodes: Vec::new(), folders: Vec::new(), names: Vec::new(), contents: Contents::default() };
        let compressed = compression != Compression::None;
        let mut inode_of_leaf = vec![None; tree.leaf_slots()];
        // Directories from the root down to where the walk is.
        let mut stack: Vec<usize> = Vec::new();
        for entry in tree.walk() {
            stack.truncate(entry.path.components().count());
            let known = entry.leaf.and_then(|leaf| inode_of_leaf[leaf.index()]);
            let inode = match known {
                Some(inode) => inode,
                None => {
                    let links = entry.leaf.map_or(2, |leaf| tree.links(leaf));
                    collected.add(&entry.path, entry.node, links, compressed)?
                }
            };
            if let Some(leaf) = entry.leaf {
                inode_of_leaf[leaf.index()] = Some(inode);
            }
            let mut parent = inode;
            if let Some((&above, name)) = stack.last().zip(entry.path.name()) {
                parent = collected.name(above, name, inode, &entry.path)?;
                if entry.node.is_directory() {
                    collected.inodes[parent as usize].links += 1;
                }
            }
            if entry.node.is_directory() {
                stack.push(collected.folders.len());
                collected.inodes[inode as usize].folder = Some(collected.folders.len() as u32);
                collected.folders.push(Folder { inode, parent, entries: Vec::new() });
            }
        }
        collected.contents.finish();
        Ok(collected)
    }

    /// The names of a directory, `.` and `..` among them, sorted; `nid` says where inodes are.
    pub(crate) fn names(&self, folder: u32, nid: impl Fn(u32) -> u64) -> Vec<Name<'_>> {
        let folder = &self.folders[folder as usize];
        let name = |name, inode: u32| {
            let file_type = file_type(self.inodes[inode as usize].node);
            Name { name, file_type, nid: nid(inode) }
        };
        let dots = [name(b".".as_slice(), folder.inode), name(b"..".as_slice(), folder.parent)];
        let entries = folder
            .entries
            .iter()
            .map(|entry| name(&self.names[entry.start..entry.start + usize::from(entry.len)], entry.inode));
        let mut names: Vec<Name<'_>> = dots.into_iter().chain(entries).collect();
        names.sort_unstable_by_key(|name| name.name);
        names
    }

    fn add(&mut self, path: &TreePath, node: &'a Node, links: u32, compressed: bool) -> Result<u32, PlanError> {
        check(path, node)?;
        let inode = u32::try_from(self.inodes.len()).map_err(|_| PlanError::TooManyEntries)?;
        let xattrs = xattr::encode(&node.metadata).map_err(|error| {
            let path = path.clone();
            match error {
                XattrError::Unknown(name) => PlanError::UnknownXattr { path, name },
                XattrError::TooLong(name) => PlanError::XattrTooLong { path, name },
            }
        })?;
        let room = BLOCK.saturating_sub(size_of::<DiskInode>() + xattrs.len());
        let stored = match node.content() {
            Some(content) => {
                let added = self.contents.add(content, compressed, room);
                added.map_err(|TooManyBlocks| PlanError::TooLarge(path.clone()))?
            }
            None => None,
        };
        self.inodes.push(Inode { node, links, xattrs: xattrs.len(), stored, folder: None });
        Ok(inode)
    }

    /// Notes a name in a directory; says which inode that is.
    fn name(&mut self, folder: usize, name: &[u8], inode: u32, path: &TreePath) -> Result<u32, PlanError> {
        let start = self.names.len();
        self.names.extend_from_slice(name);
        let folder = &mut self.folders[folder];
        folder.entries.push(Entry { start, len: name.len() as u8, inode });
        // A name takes at most 267 bytes and no block is left half empty.
        if folder.entries.len() as u64 * 600 > MAX_NAMES {
            return Err(PlanError::DirectoryTooLarge(path.clone()));
        }
        Ok(folder.inode)
    }
}

/// As in the file types of directory entries everywhere.
fn file_type(node: &Node) -> u8 {
    match node.kind {
        NodeKind::File(_) => 1,
        NodeKind::Directory => 2,
        NodeKind::CharDevice { .. } => 3,
        NodeKind::BlockDevice { .. } => 4,
        NodeKind::Fifo => 5,
        NodeKind::Socket => 6,
        NodeKind::Symlink(_) => 7,
    }
}

fn check(path: &TreePath, node: &Node) -> Result<(), PlanError> {
    match &node.kind {
        NodeKind::Symlink(target) if target.is_empty() || target.len() >= MAX_TARGET => {
            Err(PlanError::BadTarget(path.clone()))
        }
        NodeKind::CharDevice { major, minor } | NodeKind::BlockDevice { major, minor }
            if *major >= 1 << 12 || *minor >= 1 << 20 =>
        {
            Err(PlanError::BadDevice(path.clone()))
        }
        _ => Ok(()),
    }
}
