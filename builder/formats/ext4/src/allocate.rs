//! Which blocks everything gets: from the front to the back, without gaps, so that the image is written in one pass.

use std::collections::BTreeMap;
use std::ops::Range;

use rootsmith_tree::NodeKind;

use crate::contents::{Contents, FAST_SYMLINK, data_blocks};
use crate::extent::{Extent, tree_blocks};
use crate::format::{BLOCK, BlockIndex, EXTENT_MAX_BLOCKS};
use crate::geometry::Geometry;

/// Contiguous blocks with something to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The first.
    pub(crate) start: BlockIndex,
    /// How many.
    pub(crate) blocks: u32,
    /// What is in them.
    pub(crate) what: What,
}

/// What is in some blocks. Groups, files and directories are named by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The superblock, or its copy in a group.
    Superblock(u32),
    /// All group descriptors.
    Descriptors,
    /// Blocks reserved for descriptors in group 0: they are the resize inode's indirect blocks.
    ReservedDescriptors,
    BlockBitmap(u32),
    InodeBitmap(u32),
    /// The part of the table that has inodes.
    InodeTable(u32),
    /// The resize inode's double indirect block.
    ResizeIndirect,
    /// First block of the journal.
    Journal,
    /// Blocks of a directory, from this one on.
    Directory(u32, u32),
    /// Target of a slow symbolic link.
    Symlink(u32),
    /// Extended attributes.
    Xattrs(u32),
    /// Content of a file, from this block on.
    File(u32, u32),
    /// A node of a file's extent tree, by number.
    ExtentNode(u32, u32),
}

/// Where everything lies.
#[derive(Debug, Default)]
pub(crate) struct Allocation {
    /// All extents; each file knows its range.
    pub(crate) extents: Vec<Extent>,
    /// Each file's extents.
    pub(crate) files: Vec<Range<u32>>,
    /// Blocks of extended attributes, by file.
    pub(crate) xattr_blocks: BTreeMap<u32, BlockIndex>,
    /// Nodes of extent trees, by file, where the inode has no room for all.
    pub(crate) tree_nodes: BTreeMap<u32, Vec<BlockIndex>>,
    /// The journal's extents, and the nodes of its tree.
    pub(crate) journal: (Vec<Extent>, Vec<BlockIndex>),
    /// The resize inode's double indirect block.
    pub(crate) resize_indirect: Option<BlockIndex>,
    /// What there is to write, ascending; without what belongs to groups.
    pub(crate) pieces: Vec<Piece>,
    /// All blocks below are in use, all above are free but for those that belong to groups.
    pub(crate) end: u64,
    /// Blocks taken here, that is without those that belong to groups.
    pub(crate) taken: u64,
}

/// The index that stands for the journal in [`What::ExtentNode`].
pub(crate) const JOURNAL_FILE: u32 = u32::MAX;

/// Gives blocks to all contents. The caller compares [`Allocation::end`] with the size.
pub(crate) fn allocate(contents: &Contents<'_>, geometry: &Geometry) -> Allocation {
    let mut cursor = Cursor { fixed: &geometry.fixed, at: 0, taken: 0 };
    let mut out = Allocation { files: vec![0..0; contents.inodes.len()], ..Allocation::default() };

    if geometry.reserved_gdt_blocks > 0 {
        let start = cursor.one();
        out.resize_indirect = Some(start);
        out.pieces.push(Piece { start, blocks: 1, what: What::ResizeIndirect });
    }
    if geometry.journal_blocks > 0 {
        cursor.extents(0..geometry.journal_blocks, &mut out.journal.0);
        let start = out.journal.0[0].start;
        out.pieces.push(Piece { start, blocks: 1, what: What::Journal });
        for node in 0..tree_blocks(out.journal.0.len()) {
            let start = cursor.one();
            out.journal.1.push(start);
            out.pieces.push(Piece { start, blocks: 1, what: What::ExtentNode(JOURNAL_FILE, node as u32) });
        }
    }

    // Directories first and together: a path is looked up in few reads. Then what is small, then contents.
    for (file, inode) in (0..).zip(&contents.inodes) {
        if let Some(directory) = inode.directory {
            let blocks = contents.directories[directory as usize].data.len() / BLOCK;
            let what = |from| What::Directory(directory, from);
            out.give(&mut cursor, file, std::iter::once(0..blocks as u64), what);
        }
    }
    for (file, inode) in (0..).zip(&contents.inodes) {
        if inode.xattr_block {
            let start = cursor.one();
            out.xattr_blocks.insert(file, start);
            out.pieces.push(Piece { start, blocks: 1, what: What::Xattrs(file) });
        }
        if let NodeKind::Symlink(target) = &contents.node(inode).kind
            && target.len() >= FAST_SYMLINK
        {
            out.give(&mut cursor, file, std::iter::once(0..1), |_| What::Symlink(file));
        }
    }
    for (file, inode) in (0..).zip(&contents.inodes) {
        if let NodeKind::File(content) = &contents.node(inode).kind {
            out.give(&mut cursor, file, data_blocks(content), |from| What::File(file, from));
        }
    }
    out.end = cursor.at;
    out.taken = cursor.taken;
    out
}

impl Allocation {
    /// Extents for `ranges` of a file, then nodes for its extent tree.
    fn give(
        &mut self,
        cursor: &mut Cursor<'_>,
        file: u32,
        ranges: impl IntoIterator<Item = Range<u64>>,
        what: impl Fn(u32) -> What,
    ) {
        let first = self.extents.len();
        for range in ranges {
            cursor.extents(range, &mut self.extents);
        }
        self.files[file as usize] = first as u32..self.extents.len() as u32;
        for extent in &self.extents[first..] {
            self.pieces.push(Piece { start: extent.start, blocks: extent.len, what: what(extent.file_block) });
        }
        let nodes = tree_blocks(self.extents.len() - first);
        for node in 0..nodes {
            let start = cursor.one();
            self.tree_nodes.entry(file).or_default().push(start);
            self.pieces.push(Piece { start, blocks: 1, what: What::ExtentNode(file, node as u32) });
        }
    }

    /// A file's extents.
    pub(crate) fn extents_of(&self, file: u32) -> &[Extent] {
        let range = &self.files[file as usize];
        &self.extents[range.start as usize..range.end as usize]
    }

    /// Blocks that count for a file's `i_blocks`: contents, extent tree, attributes.
    pub(crate) fn blocks_of(&self, file: u32) -> u64 {
        let contents: u64 = self.extents_of(file).iter().map(|extent| u64::from(extent.len)).sum();
        let nodes = self.tree_nodes.get(&file).map_or(0, Vec::len) as u64;
        contents + nodes + u64::from(self.xattr_blocks.contains_key(&file))
    }
}

/// Goes over the blocks that belong to no group. It does not stop at the end of the filesystem, so that one pass tells
/// how much is missing.
struct Cursor<'g> {
    fixed: &'g [Range<u64>],
    at: u64,
    taken: u64,
}

impl Cursor<'_> {
    fn one(&mut self) -> BlockIndex {
        self.run(1).0
    }

    fn extents(&mut self, range: Range<u64>, extents: &mut Vec<Extent>) {
        let mut at = range.start;
        while at < range.end {
            let (start, len) = self.run(range.end - at);
            // Files are refused beforehand when their blocks need more than 32 bits.
            extents.push(Extent { file_block: at as u32, len: len as u32, start });
            at += len;
        }
    }

    /// The next contiguous blocks, at most `max` and at most what one extent can span.
    fn run(&mut self, max: u64) -> (BlockIndex, u64) {
        while let Some((first, rest)) = self.fixed.split_first() {
            if self.at < first.start {
                break;
            }
            self.at = first.end;
            self.fixed = rest;
        }
        let room = self.fixed.first().map_or(u64::MAX, |first| first.start - self.at);
        let len = max.min(room).min(EXTENT_MAX_BLOCKS);
        let start = BlockIndex(self.at);
        self.at += len;
        self.taken += len;
        (start, len)
    }
}
