//! Group descriptors and bitmaps: what is in use, counted and drawn.

use zerocopy::IntoBytes;

use crate::allocate::Allocation;
use crate::checksum::{Seed, crc32c};
use crate::contents::{Contents, number_of};
use crate::format::{BLOCK, GroupDescriptor, GroupFlags, zeroed};
use crate::geometry::Geometry;

/// All group descriptors.
pub(crate) fn descriptors(
    geometry: &Geometry,
    contents: &Contents<'_>,
    allocation: &Allocation,
    seed: Seed,
) -> Vec<GroupDescriptor> {
    let mut directories = vec![0u32; geometry.tables.len()];
    for (index, file) in contents.inodes.iter().enumerate() {
        if file.directory.is_some() {
            directories[((number_of(index).0 - 1) / geometry.inodes_per_group) as usize] += 1;
        }
    }
    let mut bitmap = [0; BLOCK];
    (0..geometry.groups())
        .zip(directories)
        .map(|(group, directories)| {
            let tables = &geometry.tables[group as usize];
            let flags = flags(geometry, contents, allocation, group);
            let free_blocks = free_blocks(geometry, allocation, group) as u32;
            let free_inodes = geometry.inodes_per_group - used_inodes(geometry, contents, group);
            let mut descriptor: GroupDescriptor = zeroed();
            descriptor.bg_block_bitmap_lo = tables.block_bitmap.lo();
            descriptor.bg_block_bitmap_hi.set(tables.block_bitmap.hi());
            descriptor.bg_inode_bitmap_lo = tables.inode_bitmap.lo();
            descriptor.bg_inode_bitmap_hi.set(tables.inode_bitmap.hi());
            descriptor.bg_inode_table_lo = tables.inode_table.lo();
            descriptor.bg_inode_table_hi.set(tables.inode_table.hi());
            // All counts are at most 32768: the high halves stay zero.
            descriptor.bg_free_blocks_count_lo.set(free_blocks as u16);
            descriptor.bg_free_inodes_count_lo.set(free_inodes as u16);
            descriptor.bg_used_dirs_count_lo.set(directories as u16);
            descriptor.bg_itable_unused_lo.set(free_inodes as u16);
            descriptor.bg_flags.set(flags.bits());
            if !flags.contains(GroupFlags::BLOCK_UNINIT) {
                block_bitmap(geometry, allocation, group, &mut bitmap);
                let checksum = crc32c(seed.plain(), &bitmap);
                descriptor.bg_block_bitmap_csum_lo.set(checksum as u16);
                descriptor.bg_block_bitmap_csum_hi.set((checksum >> 16) as u16);
            }
            if !flags.contains(GroupFlags::INODE_UNINIT) {
                inode_bitmap(geometry, contents, group, &mut bitmap);
                let checksum = crc32c(seed.plain(), &bitmap[..geometry.inodes_per_group as usize / 8]);
                descriptor.bg_inode_bitmap_csum_lo.set(checksum as u16);
                descriptor.bg_inode_bitmap_csum_hi.set((checksum >> 16) as u16);
            }
            let checksum = crc32c(crc32c(seed.plain(), &group.to_le_bytes()), descriptor.as_bytes());
            descriptor.bg_checksum.set(checksum as u16);
            descriptor
        })
        .collect()
}

/// Which bitmaps need not be there. The last group always has its block bitmap, and group 0 both, as `mke2fs` does it.
pub(crate) fn flags(geometry: &Geometry, contents: &Contents<'_>, allocation: &Allocation, group: u32) -> GroupFlags {
    let mut flags = GroupFlags::empty();
    flags.set(GroupFlags::INODE_UNINIT, used_inodes(geometry, contents, group) == 0);
    let blocks = geometry.group_blocks(group);
    let used = blocks.end - blocks.start - free_blocks(geometry, allocation, group);
    let inner = group > 0 && group + 1 < geometry.groups();
    flags.set(GroupFlags::BLOCK_UNINIT, inner && used == geometry.copy_blocks(group));
    flags
}

/// Inodes in use in a group: they are numbered without gaps.
pub(crate) fn used_inodes(geometry: &Geometry, contents: &Contents<'_>, group: u32) -> u32 {
    let before = group * geometry.inodes_per_group;
    contents.used_inodes().saturating_sub(before).min(geometry.inodes_per_group)
}

/// Draws a group's block bitmap. Bits behind the end of the filesystem are set.
pub(crate) fn block_bitmap(geometry: &Geometry, allocation: &Allocation, group: u32, bitmap: &mut [u8]) {
    bitmap.fill(0);
    let blocks = geometry.group_blocks(group);
    let start = blocks.start;
    let mut set = |from: u64, to: u64| {
        let (from, to) = (from.max(start), to.max(start));
        set_bits(bitmap, (from - start) as usize, ((to - start) as usize).min(8 * BLOCK));
    };
    set(start, allocation.end.min(blocks.end));
    for fixed in fixed_in(geometry, group) {
        set(fixed.start, fixed.end.min(blocks.end));
    }
    set(blocks.end, u64::MAX);
}

/// Draws a group's inode bitmap. Bits behind the last inode are set.
pub(crate) fn inode_bitmap(geometry: &Geometry, contents: &Contents<'_>, group: u32, bitmap: &mut [u8]) {
    bitmap.fill(0);
    set_bits(bitmap, 0, used_inodes(geometry, contents, group) as usize);
    set_bits(bitmap, geometry.inodes_per_group as usize, 8 * BLOCK);
}

fn free_blocks(geometry: &Geometry, allocation: &Allocation, group: u32) -> u64 {
    let blocks = geometry.group_blocks(group);
    let start = allocation.end.clamp(blocks.start, blocks.end);
    let fixed: u64 = fixed_in(geometry, group)
        .iter()
        .map(|range| range.end.clamp(start, blocks.end) - range.start.clamp(start, blocks.end))
        .sum();
    blocks.end - start - fixed
}

/// Those of the blocks that belong to any group which may lie in this one.
fn fixed_in(geometry: &Geometry, group: u32) -> &[std::ops::Range<u64>] {
    let blocks = geometry.group_blocks(group);
    let from = geometry.fixed.partition_point(|range| range.end <= blocks.start);
    let to = geometry.fixed.partition_point(|range| range.start < blocks.end);
    &geometry.fixed[from..to]
}

fn set_bits(bitmap: &mut [u8], from: usize, to: usize) {
    let mut bit = from;
    while bit < to {
        if bit.is_multiple_of(8) && to - bit >= 8 {
            let whole = (to - bit) / 8;
            bitmap[bit / 8..bit / 8 + whole].fill(0xFF);
            bit += 8 * whole;
        } else {
            bitmap[bit / 8] |= 1 << (bit % 8);
            bit += 1;
        }
    }
}
