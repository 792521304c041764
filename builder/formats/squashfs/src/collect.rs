//! The tree as squashfs sees it: inodes, directories, contents, owners, attributes.

use std::collections::BTreeMap;

use rootsmith_tree::{Node, NodeKind, Tree};
use rootsmith_types::TreePath;

use crate::PlanError;
use crate::contents::{Contents, TooManyBlocks};
use crate::directory::most;
use crate::inode::Facts;
use crate::xattr::{XattrError, Xattrs};

/// Bytes of the names in a directory, at most: their index has 16 bits, one for each 8 KiB.
const MAX_NAMES: u64 = 256 << 20;
/// Users and groups together, at most: their number has 16 bits.
const MAX_IDS: usize = 0xFFFF;
/// A symbolic link's target is shorter than this, as on every file system of Linux.
const MAX_TARGET: usize = 4096;

/// An inode.
#[derive(Debug)]
pub(crate) struct Inode<'a> {
    pub(crate) node: &'a Node,
    pub(crate) facts: Facts,
    /// Its content; `None` when it has none or an empty one.
    pub(crate) stored: Option<u32>,
}

/// A directory: its inode, that of the directory above, its names in sorted order.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) inode: u32,
    pub(crate) parent: u32,
    pub(crate) entries: Vec<Entry>,
    path: TreePath,
}

/// A name, and the inode it stands for.
#[derive(Debug)]
pub(crate) struct Entry {
    start: usize,
    len: u8,
    pub(crate) inode: u32,
}

/// Everything that is to be stored.
#[derive(Debug)]
pub(crate) struct Collected<'a> {
    /// In the order of the walk, so the root is the first.
    pub(crate) inodes: Vec<Inode<'a>>,
    /// Directories come before what is in them.
    pub(crate) folders: Vec<Folder>,
    /// All names, one behind the other.
    names: Vec<u8>,
    pub(crate) contents: Contents<'a>,
    pub(crate) xattrs: Xattrs<'a>,
    /// Users and groups, by when they were met.
    pub(crate) ids: Vec<u32>,
    known_ids: BTreeMap<u32, u16>,
}

impl<'a> Collected<'a> {
    /// Takes the tree in, and refuses what squashfs cannot hold.
    pub(crate) fn collect(tree: &'a Tree, block_size: u32) -> Result<Collected<'a>, PlanError> {
        let mut collected = Collected {
            inodes: Vec::new(),
            folders: Vec::new(),
            names: Vec::new(),
            contents: Contents::new(block_size),
            xattrs: Xattrs::default(),
            ids: Vec::new(),
            known_ids: BTreeMap::new(),
        };
        collected.walk(tree)?;
        collected.contents.finish();
        for folder in &collected.folders {
            if most(folder.entries.iter().map(|entry| entry.len.into())) > MAX_NAMES {
                return Err(PlanError::DirectoryTooLarge(folder.path.clone()));
            }
        }
        collected.number();
        Ok(collected)
    }

    /// The name of an entry.
    pub(crate) fn name(&self, entry: &Entry) -> &[u8] {
        &self.names[entry.start..entry.start + usize::from(entry.len)]
    }

    fn walk(&mut self, tree: &'a Tree) -> Result<(), PlanError> {
        let mut inode_of_leaf = vec![None; tree.leaf_slots()];
        // Directories from the root down to where the walk is.
        let mut stack: Vec<usize> = Vec::new();
        for entry in tree.walk() {
            stack.truncate(entry.path.components().count());
            let known = entry.leaf.and_then(|leaf| inode_of_leaf[leaf.index()]);
            let inode = match known {
                Some(inode) => inode,
                None => self.add(&entry.path, entry.node, entry.leaf.map_or(2, |leaf| tree.links(leaf)))?,
            };
            if let Some(leaf) = entry.leaf {
                inode_of_leaf[leaf.index()] = Some(inode);
            }
            let mut parent = inode;
            if let Some((above, name)) = stack.last().zip(entry.path.name()) {
                let start = self.names.len();
                self.names.extend_from_slice(name);
                let above = &mut self.folders[*above];
                above.entries.push(Entry { start, len: name.len() as u8, inode });
                parent = above.inode;
                if entry.node.is_directory() {
                    self.inodes[parent as usize].facts.links += 1;
                }
            }
            if entry.node.is_directory() {
                stack.push(self.folders.len());
                self.folders.push(Folder { inode, parent, entries: Vec::new(), path: entry.path });
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &TreePath, node: &'a Node, links: u32) -> Result<u32, PlanError> {
        check(path, node)?;
        // The root's parent has one more than the last number.
        let number = u32::try_from(self.inodes.len()).ok().filter(|&number| number < u32::MAX - 2);
        let inode = number.ok_or(PlanError::TooManyEntries)?;
        let xattr = self.xattrs.add(&node.metadata).map_err(|error| {
            let path = path.clone();
            match error {
                XattrError::Unknown(name) => PlanError::UnknownXattr { path, name },
                XattrError::TooLong(name) => PlanError::XattrTooLong { path, name },
            }
        })?;
        let (uid, gid) = (self.id(path, node.metadata.uid)?, self.id(path, node.metadata.gid)?);
        let stored = match node.content() {
            Some(content) => self.contents.add(content).map_err(|TooManyBlocks| PlanError::TooLarge(path.clone()))?,
            None => None,
        };
        self.inodes.push(Inode { node, facts: Facts { number: 0, links, uid, gid, xattr }, stored });
        Ok(inode)
    }

    fn id(&mut self, path: &TreePath, id: u32) -> Result<u16, PlanError> {
        if let Some(&index) = self.known_ids.get(&id) {
            return Ok(index);
        }
        if self.ids.len() == MAX_IDS {
            return Err(PlanError::TooManyIds(path.clone()));
        }
        let index = self.ids.len() as u16;
        self.ids.push(id);
        self.known_ids.insert(id, index);
        Ok(index)
    }

    /// Numbers inodes in the order in which they are written: all of a directory one after the other, what is inside
    /// its subdirectories before them, the root last. So names have few runs.
    fn number(&mut self) {
        let mut next = 1;
        let entries = self.folders.iter().rev().flat_map(|folder| &folder.entries);
        for inode in entries.map(|entry| entry.inode).chain([0]) {
            let number = &mut self.inodes[inode as usize].facts.number;
            // A second name of the same file.
            if *number == 0 {
                *number = next;
                next += 1;
            }
        }
    }
}

fn check(path: &TreePath, node: &Node) -> Result<(), PlanError> {
    if u32::try_from(node.metadata.mtime.seconds).is_err() {
        return Err(PlanError::BadTime(path.clone()));
    }
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
