//! Whether the extents of all files are in their inodes.
//!
//! Specification: the kernel's Documentation/filesystems/ext4 ("Super Block", "Block Group Descriptors", "Index Nodes", "Extent Tree").
//! Integers are little-endian.

use std::io;

use crate::slice::OwnedSlice;

const SUPERBLOCK: u64 = 1024;
/// Places in the superblock.
const S_INODES_COUNT: usize = 0x0;
const S_LOG_BLOCK_SIZE: usize = 0x18;
const S_INODES_PER_GROUP: usize = 0x28;
const S_INODE_SIZE: usize = 0x58;
const S_FEATURE_INCOMPAT: usize = 0x60;
const S_FEATURE_RO_COMPAT: usize = 0x64;
const S_DESC_SIZE: usize = 0xfe;
const INCOMPAT_META_BG: u32 = 0x10;
const INCOMPAT_64BIT: u32 = 0x80;
const RO_COMPAT_METADATA_CSUM: u32 = 0x400;
/// Places in a group descriptor.
const BG_INODE_TABLE_LO: usize = 0x8;
const BG_INODE_TABLE_HI: usize = 0x28;
const BG_ITABLE_UNUSED_LO: usize = 0x1c;
const BG_ITABLE_UNUSED_HI: usize = 0x32;
/// Places in an inode.
const I_MODE: usize = 0x0;
const I_FLAGS: usize = 0x20;
const I_BLOCK: usize = 0x28;
/// `eh_depth` of the extent header in `i_block`.
const EH_DEPTH: usize = I_BLOCK + 6;
const S_IFMT: u16 = 0xf000;
const S_IFREG: u16 = 0x8000;
const EXTENTS_FL: u32 = 0x8_0000;

/// Whether no regular file has extents in blocks outside its inode, which have checksums of their own. `false` where it is not certain:
/// whatever is odd here is for the reader to say.
pub(crate) fn are_in_inodes(source: &OwnedSlice) -> io::Result<bool> {
    let mut superblock = [0; 1024];
    source.read_at(SUPERBLOCK, &mut superblock)?;
    let number = |at| u32_at(&superblock, at);
    let features = number(S_FEATURE_INCOMPAT);
    let inode_size = usize::from(u16_at(&superblock, S_INODE_SIZE));
    let (inodes, per_group) = (number(S_INODES_COUNT), number(S_INODES_PER_GROUP));
    let descriptor_size =
        if features & INCOMPAT_64BIT == 0 { 32 } else { usize::from(u16_at(&superblock, S_DESC_SIZE)) };
    let (log, is_plain) = (number(S_LOG_BLOCK_SIZE), features & INCOMPAT_META_BG == 0);
    if log > 6 || !is_plain || per_group == 0 || inode_size < 128 || !matches!(descriptor_size, 32 | 64) {
        return Ok(false);
    }
    let block_size = 1024u64 << log;
    // Descriptors begin in the block behind the superblock's.
    let descriptors = (SUPERBLOCK / block_size + 1) * block_size;
    let mut table = vec![0; 64 * inode_size];
    for group in 0..inodes.div_ceil(per_group) {
        let mut descriptor = [0; 64];
        source.read_at(descriptors + u64::from(group) * descriptor_size as u64, &mut descriptor[..descriptor_size])?;
        let high = u64::from(u32_at(&descriptor, BG_INODE_TABLE_HI)) << 32;
        let start = (high | u64::from(u32_at(&descriptor, BG_INODE_TABLE_LO))).checked_mul(block_size);
        // The inodes at the table's end that are not in use, which are mostly a hole; without checksums nobody counts them.
        let unused = match number(S_FEATURE_RO_COMPAT) & RO_COMPAT_METADATA_CSUM {
            0 => 0,
            _ => {
                u32::from(u16_at(&descriptor, BG_ITABLE_UNUSED_HI)) << 16
                    | u32::from(u16_at(&descriptor, BG_ITABLE_UNUSED_LO))
            }
        };
        let mut left = per_group.saturating_sub(unused) as usize;
        let mut at = start.ok_or(io::ErrorKind::UnexpectedEof)?;
        while left > 0 {
            let read = &mut table[..left.min(64) * inode_size];
            source.read_at(at, read)?;
            if read.chunks(inode_size).any(has_outside) {
                return Ok(false);
            }
            left -= left.min(64);
            at = at.checked_add(read.len() as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        }
    }
    Ok(true)
}

fn has_outside(inode: &[u8]) -> bool {
    u16_at(inode, I_MODE) & S_IFMT == S_IFREG
        && u32_at(inode, I_FLAGS) & EXTENTS_FL != 0
        && u16_at(inode, EH_DEPTH) != 0
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
