//! The tree as ext4 sees it: inodes in order, directories as blocks. Independent of the filesystem's size.

use rootsmith_tree::{Content, Mtime, Node, NodeKind, Tree};
use rootsmith_types::{TreePath, Uuid};

use crate::PlanError;
use crate::checksum::Seed;
use crate::directory::{self, Blocks, FileType, Name};
use crate::format::{BLOCK, BLOCK_SIZE, FIRST_INODE, InodeNumber, LINK_MAX, ROOT_INODE};
use crate::xattr::{XattrError, Xattrs};

/// A target shorter than this lies in the inode.
pub(crate) const FAST_SYMLINK: usize = 60;
/// A directory entry to a leaf not met yet has no inode.
const NO_INODE: u32 = u32::MAX;
/// `lost+found` has this many blocks, as `mke2fs` makes it.
const LOST_FOUND_BLOCKS: usize = 4;
/// Seconds that fit the 34 bits of an inode's times.
pub(crate) const SECONDS: std::ops::RangeInclusive<i64> = -(1 << 31)..=(1 << 34) - (1 << 31) - 1;

/// What an inode stands for; its place in [`Contents::inodes`] gives its number.
#[derive(Debug)]
pub(crate) struct File<'a> {
    /// `None` for a `lost+found` that the tree does not have.
    node: Option<&'a Node>,
    /// Names, or for directories 2 and one for each subdirectory.
    pub(crate) links: u32,
    /// Index of its blocks, when it is a directory.
    pub(crate) directory: Option<u32>,
    /// Whether it has a block of extended attributes.
    pub(crate) xattr_block: bool,
}

/// Everything that is to be stored.
#[derive(Debug)]
pub(crate) struct Contents<'a> {
    /// The root, `lost+found`, then all others in the order of the walk.
    pub(crate) inodes: Vec<File<'a>>,
    /// Blocks of directories, in the order of their inodes but for `lost+found`.
    pub(crate) directories: Vec<Blocks>,
    lost_found: Node,
}

impl<'a> Contents<'a> {
    /// Takes the tree in, and refuses what ext4 cannot hold. `lost_found` stands for a directory of that name.
    pub(crate) fn collect(
        tree: &'a Tree,
        lost_found: Node,
        hash_seed: &Uuid,
        seed: Seed,
    ) -> Result<Contents<'a>, PlanError> {
        let mut collector = Collector { inodes: Vec::new(), folders: Vec::new(), names: Vec::new() };
        collector.walk(tree)?;
        let directories = collector.build(hash_seed, seed)?;
        Ok(Contents { inodes: collector.inodes, directories, lost_found })
    }

    /// The node of an inode.
    pub(crate) fn node(&self, file: &File<'a>) -> &Node {
        file.node.unwrap_or(&self.lost_found)
    }

    /// The file with this inode number; `None` for reserved inodes and those that are free.
    pub(crate) fn get(&self, number: InodeNumber) -> Option<&File<'a>> {
        self.inodes.get(index_of(number)?)
    }

    /// Inodes in use, the reserved ones included.
    pub(crate) fn used_inodes(&self) -> u32 {
        // The first is the root, which is a reserved one.
        FIRST_INODE.0 + self.inodes.len() as u32 - 2
    }

    /// Size of an inode's content in bytes.
    pub(crate) fn size(&self, file: &File<'a>) -> u64 {
        match &self.node(file).kind {
            NodeKind::Directory => file.directory.map_or(0, |at| self.directories[at as usize].data.len() as u64),
            NodeKind::File(content) => content.size(),
            NodeKind::Symlink(target) => target.len() as u64,
            _ => 0,
        }
    }
}

/// The number of the inode at this place.
pub(crate) fn number_of(index: usize) -> InodeNumber {
    if index == 0 { ROOT_INODE } else { InodeNumber(FIRST_INODE.0 + index as u32 - 1) }
}

fn index_of(number: InodeNumber) -> Option<usize> {
    if number == ROOT_INODE { Some(0) } else { Some(number.0.checked_sub(FIRST_INODE.0)? as usize + 1) }
}

/// A directory while its names are gathered.
struct Folder {
    inode: usize,
    parent: usize,
    path: TreePath,
    entries: Vec<Entry>,
}

/// A name in the table of names, and what it stands for.
struct Entry {
    start: usize,
    len: u8,
    file_type: FileType,
    inode: u32,
}

struct Collector<'a> {
    inodes: Vec<File<'a>>,
    folders: Vec<Folder>,
    /// All names, one behind the other.
    names: Vec<u8>,
}

impl<'a> Collector<'a> {
    fn walk(&mut self, tree: &'a Tree) -> Result<(), PlanError> {
        let lost_found = TreePath::literal("/lost+found");
        let mut inode_of_leaf = vec![NO_INODE; tree.leaf_slots()];
        // Directories from the root down to where the walk is.
        let mut stack: Vec<usize> = Vec::new();
        for entry in tree.walk() {
            let Some(name) = entry.path.name() else {
                self.add(&entry.path, entry.node)?;
                self.add_folder(0, 0, entry.path);
                self.inodes.push(File { node: None, links: 2, directory: None, xattr_block: false });
                stack.push(0);
                continue;
            };
            // Directories come before what is in them, so those above are on the stack, one for each component.
            stack.truncate(entry.path.components().count());
            // The root is never taken off: every path has a component.
            let parent = *stack.last().expect("the root comes first");
            let known = entry.leaf.map(|leaf| inode_of_leaf[leaf.index()]).filter(|&inode| inode != NO_INODE);
            let inode = match known {
                Some(inode) => {
                    let file = &mut self.inodes[inode as usize];
                    file.links += 1;
                    if file.links > LINK_MAX {
                        return Err(PlanError::TooManyLinks(entry.path));
                    }
                    inode as usize
                }
                None if entry.path == lost_found => {
                    if !entry.node.is_directory() {
                        return Err(PlanError::LostFound(entry.path));
                    }
                    self.inodes[1] = checked(&entry.path, entry.node)?;
                    1
                }
                None => self.add(&entry.path, entry.node)?,
            };
            if let Some(leaf) = entry.leaf {
                inode_of_leaf[leaf.index()] = inode as u32;
            }
            let start = self.names.len();
            self.names.extend_from_slice(name);
            let file_type = file_type(entry.node);
            let entry_here = Entry { start, len: name.len() as u8, file_type, inode: inode as u32 };
            self.folders[parent].entries.push(entry_here);
            if entry.node.is_directory() {
                let above = self.folders[parent].inode;
                self.inodes[above].links += 1;
                stack.push(self.folders.len());
                self.add_folder(inode, above, entry.path);
            }
        }
        if self.inodes[1].node.is_none() {
            self.add_lost_found(lost_found);
        }
        Ok(())
    }

    fn add(&mut self, path: &TreePath, node: &'a Node) -> Result<usize, PlanError> {
        // Half of what 32 bits can number: the margin of free inodes must fit as well.
        if self.inodes.len() >= 1 << 31 {
            return Err(PlanError::TooManyEntries);
        }
        self.inodes.push(checked(path, node)?);
        Ok(self.inodes.len() - 1)
    }

    fn add_folder(&mut self, inode: usize, parent: usize, path: TreePath) {
        self.inodes[inode].directory = Some(self.folders.len() as u32);
        self.folders.push(Folder { inode, parent, path, entries: Vec::new() });
    }

    fn add_lost_found(&mut self, path: TreePath) {
        let name: &[u8] = b"lost+found";
        let start = self.names.len();
        self.names.extend_from_slice(name);
        let entry = Entry { start, len: name.len() as u8, file_type: FileType::Directory, inode: 1 };
        let names = &self.names;
        let at = self.folders[0].entries.partition_point(|entry| entry.name(names) < name);
        self.folders[0].entries.insert(at, entry);
        self.inodes[0].links += 1;
        self.add_folder(1, 0, path);
    }

    fn build(&mut self, hash_seed: &Uuid, seed: Seed) -> Result<Vec<Blocks>, PlanError> {
        let mut built = Vec::with_capacity(self.folders.len());
        let mut names = Vec::new();
        for folder in &mut self.folders {
            names.clear();
            names.extend(folder.entries.iter().map(|entry| Name {
                name: entry.name(&self.names),
                inode: number_of(entry.inode as usize),
                file_type: entry.file_type,
            }));
            let this = number_of(folder.inode);
            let inode_seed = seed.inode(this);
            let mut blocks = directory::build(this, number_of(folder.parent), &names, hash_seed, inode_seed)
                .map_err(|directory::Full| PlanError::DirectoryTooLarge(folder.path.clone()))?;
            if folder.inode == 1 && !blocks.indexed {
                let missing = LOST_FOUND_BLOCKS.saturating_sub(blocks.data.len() / BLOCK);
                directory::append_empty(&mut blocks, missing, inode_seed);
            }
            built.push(blocks);
            folder.entries = Vec::new();
        }
        Ok(built)
    }
}

impl Entry {
    fn name<'n>(&self, names: &'n [u8]) -> &'n [u8] {
        &names[self.start..self.start + usize::from(self.len)]
    }
}

fn checked<'a>(path: &TreePath, node: &'a Node) -> Result<File<'a>, PlanError> {
    let Mtime { seconds, nanoseconds } = node.metadata.mtime;
    if !SECONDS.contains(&seconds) || nanoseconds >= 1_000_000_000 {
        return Err(PlanError::BadTime(path.clone()));
    }
    match &node.kind {
        NodeKind::Symlink(target) if target.is_empty() || target.len() >= BLOCK => {
            return Err(PlanError::BadTarget(path.clone()));
        }
        NodeKind::CharDevice { major, minor } | NodeKind::BlockDevice { major, minor }
            if *major >= 1 << 12 || *minor >= 1 << 20 =>
        {
            return Err(PlanError::BadDevice(path.clone()));
        }
        // Blocks of a file have 32 bits, and the last number is not used.
        NodeKind::File(content) if content.size() > u64::from(u32::MAX) * BLOCK_SIZE => {
            return Err(PlanError::FileTooLarge(path.clone()));
        }
        _ => {}
    }
    let xattrs = Xattrs::place(&node.metadata).map_err(|error| {
        let path = path.clone();
        match error {
            XattrError::Unknown(name) => PlanError::UnknownXattr { path, name },
            XattrError::BadAcl(name) => PlanError::BadAcl { path, name },
            XattrError::TooLarge(size) => PlanError::XattrsTooLarge { path, size },
        }
    })?;
    let links = if node.is_directory() { 2 } else { 1 };
    Ok(File { node: Some(node), links, directory: None, xattr_block: xattrs.needs_block() })
}

fn file_type(node: &Node) -> FileType {
    match node.kind {
        NodeKind::Directory => FileType::Directory,
        NodeKind::File(_) => FileType::Regular,
        NodeKind::Symlink(_) => FileType::Symlink,
        NodeKind::CharDevice { .. } => FileType::CharDevice,
        NodeKind::BlockDevice { .. } => FileType::BlockDevice,
        NodeKind::Fifo => FileType::Fifo,
        NodeKind::Socket => FileType::Socket,
    }
}

/// The parts of a file that need blocks, in blocks: ascending, apart, never empty.
pub(crate) fn data_blocks(content: &Content) -> Vec<std::ops::Range<u64>> {
    let mut blocks: Vec<std::ops::Range<u64>> = Vec::new();
    for range in content.data_ranges() {
        let (start, end) = (range.start / BLOCK_SIZE, range.end.div_ceil(BLOCK_SIZE));
        match blocks.last_mut() {
            // Two runs may share a block.
            Some(last) if last.end >= start => last.end = last.end.max(end),
            _ => blocks.push(start..end),
        }
    }
    blocks
}
