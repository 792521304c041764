//! How a size becomes block groups, and where their own blocks lie: all that does not depend on contents.
//!
//! Sizes follow `mke2fs`: one inode for 16 KiB, room for the descriptors of a filesystem 1024 times as large, a journal by
//! size. Inodes are counted for whole groups even where the last is not, because the number in a group can never change and
//! the filesystem is going to grow; filesystems below 32 MiB have one for 4 KiB, as `mke2fs` gives small ones.

use std::ops::Range;

use crate::format::{
    ADDRESSES_PER_BLOCK, BLOCKS_PER_GROUP, BlockIndex, DESCRIPTORS_PER_BLOCK, FIRST_INODE, GROUPS_PER_FLEX,
    INODES_PER_BLOCK,
};

/// Block numbers have 32 bits wherever the resize inode meets them.
pub(crate) const MAX_BLOCKS: u64 = u32::MAX as u64;
/// Inodes of a group: one for 16 KiB.
const INODES_PER_GROUP: u64 = 8192;
/// The inode bitmap is one block.
const MAX_INODES_PER_GROUP: u64 = 32768;
/// A last group with fewer blocks than this for contents is dropped.
const MIN_LAST_GROUP: u64 = 50;

/// The groups of a filesystem.
#[derive(Debug)]
pub(crate) struct Geometry {
    /// Blocks in the filesystem.
    pub(crate) blocks: u64,
    /// When blocks at the end were dropped because their group would be too small: how many blocks would keep it.
    pub(crate) next_size: Option<u64>,
    /// Blocks of one copy of the group descriptors.
    pub(crate) descriptor_blocks: u64,
    /// Blocks behind each copy that keep the room for more.
    pub(crate) reserved_gdt_blocks: u64,
    /// Inodes in each group.
    pub(crate) inodes_per_group: u32,
    /// Blocks of the journal; 0 for none.
    pub(crate) journal_blocks: u64,
    /// Where each group's bitmaps and inode table are.
    pub(crate) tables: Vec<Tables>,
    /// All blocks that belong to groups, ascending and apart.
    pub(crate) fixed: Vec<Range<u64>>,
}

/// Blocks that belong to one group, wherever they lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tables {
    pub(crate) block_bitmap: BlockIndex,
    pub(crate) inode_bitmap: BlockIndex,
    pub(crate) inode_table: BlockIndex,
}

impl Geometry {
    /// Divides `blocks` blocks. `used_inodes` counts the reserved ones. The error is a larger number of blocks to try.
    pub(crate) fn new(blocks: u64, used_inodes: u64, journal: bool) -> Result<Geometry, u64> {
        // Some inodes stay free however full the tree is.
        let wanted_inodes = used_inodes + used_inodes / 8 + 16;
        let inode_groups = wanted_inodes.div_ceil(MAX_INODES_PER_GROUP);
        let groups = blocks.div_ceil(BLOCKS_PER_GROUP);
        if groups < inode_groups {
            // The first block of the last group needed; the next round says how much that group needs itself.
            return Err((inode_groups - 1) * BLOCKS_PER_GROUP + 1);
        }
        let inodes = wanted_inodes.div_ceil(groups).max(INODES_PER_GROUP.min(blocks));
        let inodes_per_group = inodes.next_multiple_of(u64::from(INODES_PER_BLOCK)).min(MAX_INODES_PER_GROUP);
        let table_blocks = inodes_per_group / u64::from(INODES_PER_BLOCK);
        let descriptor_blocks = groups.div_ceil(DESCRIPTORS_PER_BLOCK);
        let reserved_gdt_blocks = reserved_gdt_blocks(blocks, descriptor_blocks);

        let last = groups - 1;
        let tail = blocks - last * BLOCKS_PER_GROUP;
        let head = if has_copy(last) { 1 + descriptor_blocks + reserved_gdt_blocks } else { 0 };
        let least = head + 2 + table_blocks + MIN_LAST_GROUP;
        if tail < least {
            let next_size = last * BLOCKS_PER_GROUP + least;
            if groups <= inode_groups {
                return Err(next_size);
            }
            let mut whole = Geometry::new(blocks - tail, used_inodes, journal)?;
            whole.next_size = Some(next_size);
            return Ok(whole);
        }

        let mut geometry = Geometry {
            blocks,
            next_size: None,
            descriptor_blocks,
            reserved_gdt_blocks,
            inodes_per_group: inodes_per_group as u32,
            journal_blocks: if journal { journal_blocks(blocks) } else { 0 },
            tables: Vec::new(),
            fixed: Vec::new(),
        };
        geometry.place_tables(groups);
        Ok(geometry)
    }

    /// Number of block groups.
    pub(crate) fn groups(&self) -> u32 {
        self.tables.len() as u32
    }

    /// The blocks of a group.
    pub(crate) fn group_blocks(&self, group: u32) -> Range<u64> {
        let start = u64::from(group) * BLOCKS_PER_GROUP;
        start..(start + BLOCKS_PER_GROUP).min(self.blocks)
    }

    /// Blocks at the start of `group` for its copy of superblock and descriptors: none in most groups.
    pub(crate) fn copy_blocks(&self, group: u32) -> u64 {
        if has_copy(u64::from(group)) { 1 + self.descriptor_blocks + self.reserved_gdt_blocks } else { 0 }
    }

    /// Groups with a copy, the first one left out.
    pub(crate) fn backups(&self) -> impl Iterator<Item = u32> {
        (1..self.groups()).filter(|&group| has_copy(u64::from(group)))
    }

    /// Inodes in all.
    pub(crate) fn inodes(&self) -> u32 {
        self.inodes_per_group * self.groups()
    }

    /// Blocks of a group's inode table.
    pub(crate) fn table_blocks(&self) -> u64 {
        u64::from(self.inodes_per_group / INODES_PER_BLOCK)
    }

    /// Blocks that belong to groups, in all.
    pub(crate) fn fixed_blocks(&self) -> u64 {
        self.fixed.iter().map(|range| range.end - range.start).sum()
    }

    /// Sixteen groups keep their tables together, as early as their copies of the superblock allow.
    fn place_tables(&mut self, groups: u64) {
        let table_blocks = self.table_blocks();
        let copies = |group: u64| {
            let start = group * BLOCKS_PER_GROUP;
            start..start + self.copy_blocks(group as u32)
        };
        let mut fixed: Vec<Range<u64>> = (0..groups).map(copies).filter(|range| !range.is_empty()).collect();
        let mut tables = Vec::new();
        let per_flex = u64::from(GROUPS_PER_FLEX);
        for first in (0..groups).step_by(GROUPS_PER_FLEX as usize) {
            let count = per_flex.min(groups - first);
            let mut at = first * BLOCKS_PER_GROUP;
            let mut take = |len: u64| {
                // Any group the run touches may begin with a copy; go behind it and look again.
                let mut group = at / BLOCKS_PER_GROUP;
                while group * BLOCKS_PER_GROUP < at + len && group < groups {
                    let copy = copies(group);
                    if at < copy.end && copy.start < at + len {
                        at = copy.end;
                    }
                    group += 1;
                }
                fixed.push(at..at + len);
                at += len;
                BlockIndex(at - len)
            };
            let block_bitmaps: Vec<BlockIndex> = (0..count).map(|_| take(1)).collect();
            let inode_bitmaps: Vec<BlockIndex> = (0..count).map(|_| take(1)).collect();
            for (block_bitmap, inode_bitmap) in block_bitmaps.into_iter().zip(inode_bitmaps) {
                tables.push(Tables { block_bitmap, inode_bitmap, inode_table: take(table_blocks) });
            }
        }
        fixed.sort_unstable_by_key(|range| range.start);
        self.fixed = merged(fixed);
        self.tables = tables;
    }
}

/// Whether a group begins with a copy of the superblock: 0, 1, and powers of 3, 5 and 7.
pub(crate) fn has_copy(group: u64) -> bool {
    let power_of = |base: u64| {
        let mut power = base;
        while power < group {
            power *= base;
        }
        power == group
    };
    group <= 1 || power_of(3) || power_of(5) || power_of(7)
}

/// Inodes that are there before any file: the reserved ones and `lost+found`.
pub(crate) fn first_inodes() -> u64 {
    u64::from(FIRST_INODE.0)
}

/// For a filesystem 1024 times as large, or the largest.
fn reserved_gdt_blocks(blocks: u64, descriptor_blocks: u64) -> u64 {
    let grown = (blocks * 1024).min(MAX_BLOCKS);
    let descriptors = grown.div_ceil(BLOCKS_PER_GROUP).div_ceil(DESCRIPTORS_PER_BLOCK);
    (descriptors - descriptor_blocks).min(ADDRESSES_PER_BLOCK)
}

fn journal_blocks(blocks: u64) -> u64 {
    const STEPS: [(u64, u64); 8] = [
        (2048, 0),
        (32768, 1024),
        (256 * 1024, 4096),
        (512 * 1024, 8192),
        (4096 * 1024, 16384),
        (8192 * 1024, 32768),
        (16384 * 1024, 65536),
        (32768 * 1024, 131_072),
    ];
    STEPS.iter().find(|(below, _)| blocks < *below).map_or(262_144, |(_, journal)| *journal)
}

fn merged(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_mke2fs() {
        // (MiB, inodes per group, reserved descriptor blocks, journal blocks), from `dumpe2fs`; but for the inodes of
        // 64 and 200 MiB, where it counts one for 4 KiB.
        for (mib, inodes, reserved, journal) in
            [(16, 4096, 1, 1024), (64, 8192, 7, 1024), (200, 8192, 24, 4096), (2048, 8192, 255, 16384)]
        {
            let geometry = Geometry::new(mib * 256, 11, true).unwrap();
            let found = (geometry.inodes_per_group, geometry.reserved_gdt_blocks, geometry.journal_blocks);
            assert_eq!(found, (inodes, reserved, journal), "{mib} MiB");
        }
        let geometry = Geometry::new(524_288, 11, true).unwrap();
        assert_eq!(geometry.tables[1].inode_table.0, 801);
        assert_eq!(geometry.reserved_gdt_blocks, 255);
        assert_eq!(geometry.backups().collect::<Vec<_>>(), [1, 3, 5, 7, 9]);
    }

    #[test]
    fn a_last_group_too_small_for_its_tables_is_dropped() {
        let geometry = Geometry::new(32768 + 100, 11, true).unwrap();
        assert_eq!(geometry.blocks, 32768);
        let next = geometry.next_size.unwrap();
        assert_eq!(Geometry::new(next, 11, true).unwrap().blocks, next);
        assert_eq!(Geometry::new(next - 1, 11, true).unwrap().blocks, 32768);
        assert!(Geometry::new(10, 11, true).is_err());
    }

    #[test]
    fn many_inodes_need_many_groups() {
        let mut blocks = 1;
        let geometry = loop {
            match Geometry::new(blocks, 100_000, true) {
                Ok(geometry) => break geometry,
                Err(next) => {
                    assert!(next > blocks);
                    blocks = next;
                }
            }
        };
        assert!(geometry.inodes() > 110_000);
        assert_eq!(geometry.groups(), 4);
    }

    #[test]
    fn tables_never_overlap_whatever_the_size() {
        for (blocks, inodes) in [(524_288, 11), (524_288, 400_000), (3_000_000, 2_500_000), (MAX_BLOCKS, 11)] {
            let geometry = Geometry::new(blocks, inodes, true).unwrap();
            let mut all: Vec<Range<u64>> = geometry
                .tables
                .iter()
                .flat_map(|t| {
                    [(t.block_bitmap.0, 1), (t.inode_bitmap.0, 1), (t.inode_table.0, geometry.table_blocks())]
                })
                .map(|(start, len)| start..start + len)
                .collect();
            let copies = (0..geometry.groups()).map(|group| {
                let start = geometry.group_blocks(group).start;
                start..start + geometry.copy_blocks(group)
            });
            all.extend(copies.filter(|range| !range.is_empty()));
            all.sort_unstable_by_key(|range| range.start);
            assert!(all.windows(2).all(|pair| pair[0].end <= pair[1].start), "{blocks} {inodes}");
            assert!(all.last().unwrap().end <= geometry.blocks);
            assert_eq!(merged(all), geometry.fixed);
        }
    }
}
