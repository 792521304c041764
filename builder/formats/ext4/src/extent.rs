//! Extent trees: which blocks hold which part of a file.
//!
//! Specification: chapter "ifork". Up to four extents lie in the inode; more make a tree of blocks of 340 entries, filled
//! from the left.

use zerocopy::IntoBytes;

use crate::checksum::crc32c;
use crate::format::{
    BLOCK, BlockIndex, EXTENT_MAGIC, EXTENTS_IN_BLOCK, EXTENTS_IN_INODE, ExtentHeader, ExtentIndex, ExtentLeaf, zeroed,
};

/// A contiguous part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// First block in the file.
    pub(crate) file_block: u32,
    /// Number of blocks: 1 to 32768.
    pub(crate) len: u32,
    /// First block in the filesystem.
    pub(crate) start: BlockIndex,
}

/// A tree with blocks of its own.
#[derive(Debug)]
pub(crate) struct ExtentTree {
    /// `i_block`.
    pub(crate) root: [u8; 60],
    /// The blocks, as many as [`tree_blocks`] said, in that order.
    pub(crate) blocks: Vec<Vec<u8>>,
}

/// How many blocks the tree over `extents` extents needs beside the inode.
pub(crate) fn tree_blocks(extents: usize) -> usize {
    let mut total = 0;
    let mut entries = extents;
    while entries > EXTENTS_IN_INODE {
        entries = entries.div_ceil(EXTENTS_IN_BLOCK);
        total += entries;
    }
    total
}

/// The tree over at most four extents: it is all in the inode.
pub(crate) fn in_inode(extents: &[Extent]) -> [u8; 60] {
    let mut root = [0; 60];
    write_node(&mut root, EXTENTS_IN_INODE, 0, &leaves(extents));
    root
}

/// The tree over any number of extents. `at` are the blocks for its nodes; `seed` is the inode's.
pub(crate) fn build(extents: &[Extent], at: &[BlockIndex], seed: u32) -> ExtentTree {
    let mut entries = leaves(extents);
    let mut firsts: Vec<u32> = extents.iter().map(|extent| extent.file_block).collect();
    let mut blocks = Vec::with_capacity(at.len());
    let mut depth = 0;
    while entries.len() > EXTENTS_IN_INODE {
        let mut upper = Vec::new();
        let mut upper_firsts = Vec::new();
        for (part, first) in entries.chunks(EXTENTS_IN_BLOCK).zip(firsts.iter().step_by(EXTENTS_IN_BLOCK)) {
            let mut block = vec![0; BLOCK];
            write_node(&mut block, EXTENTS_IN_BLOCK, depth, part);
            let checksum = crc32c(seed, &block[..BLOCK - 4]);
            block[BLOCK - 4..].copy_from_slice(&checksum.to_le_bytes());
            upper.push(index(*first, at[blocks.len()]));
            upper_firsts.push(*first);
            blocks.push(block);
        }
        (entries, firsts) = (upper, upper_firsts);
        depth += 1;
    }
    let mut root = [0; 60];
    write_node(&mut root, EXTENTS_IN_INODE, depth, &entries);
    ExtentTree { root, blocks }
}

type Entry = [u8; 12];

fn leaves(extents: &[Extent]) -> Vec<Entry> {
    let leaf = |extent: &Extent| {
        let mut leaf: ExtentLeaf = zeroed();
        leaf.ee_block.set(extent.file_block);
        leaf.ee_len.set(extent.len as u16);
        leaf.ee_start_hi.set(extent.start.hi() as u16);
        leaf.ee_start_lo = extent.start.lo();
        zerocopy::transmute!(leaf)
    };
    extents.iter().map(leaf).collect()
}

fn index(first: u32, at: BlockIndex) -> Entry {
    let mut index: ExtentIndex = zeroed();
    index.ei_block.set(first);
    index.ei_leaf_lo = at.lo();
    index.ei_leaf_hi.set(at.hi() as u16);
    zerocopy::transmute!(index)
}

fn write_node(node: &mut [u8], max: usize, depth: u16, entries: &[Entry]) {
    let mut header: ExtentHeader = zeroed();
    header.eh_magic.set(EXTENT_MAGIC);
    header.eh_entries.set(entries.len() as u16);
    header.eh_max.set(max as u16);
    header.eh_depth.set(depth);
    let size = size_of::<ExtentHeader>();
    node[..size].copy_from_slice(header.as_bytes());
    node[size..size + 12 * entries.len()].copy_from_slice(entries.as_flattened());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extents(n: u32) -> Vec<Extent> {
        (0..n).map(|i| Extent { file_block: 2 * i, len: 1, start: BlockIndex(u64::from(100 + i)) }).collect()
    }

    #[test]
    fn a_fifth_extent_makes_the_tree_one_level_deep() {
        assert_eq!(tree_blocks(4), 0);
        assert_eq!(tree_blocks(5), 1);
        let tree = build(&extents(5), &[BlockIndex(50)], 0);
        assert_eq!(tree.root[..8], [0x0A, 0xF3, 1, 0, 4, 0, 1, 0]);
        assert_eq!(tree.blocks[0][..8], [0x0A, 0xF3, 5, 0, 84, 1, 0, 0]);
    }

    #[test]
    fn more_than_four_full_blocks_make_it_two_levels_deep() {
        assert_eq!(tree_blocks(4 * 340), 4);
        assert_eq!(tree_blocks(4 * 340 + 1), 6);
        let at: Vec<BlockIndex> = (0..6).map(BlockIndex).collect();
        let tree = build(&extents(4 * 340 + 1), &at, 0);
        assert_eq!(tree.blocks.len(), 6);
        assert_eq!(tree.root[..8], [0x0A, 0xF3, 1, 0, 4, 0, 2, 0]);
        assert_eq!(tree.blocks[5][..8], [0x0A, 0xF3, 5, 0, 84, 1, 1, 0]);
    }
}
