//! Group descriptors: where inodes lie, and how many blocks are free.

use zerocopy::FromBytes;

use crate::ReadAt;
use crate::broken::{Broken, Result, broken};
use crate::ext4::format::{GroupDescriptor, Incompat, RoCompat};
use crate::ext4::superblock::{Geometry, crc32c};

/// What is wanted of all groups.
pub(crate) struct Groups {
    /// The first block of each group's inode table.
    pub(crate) inode_tables: Vec<u64>,
    /// Free blocks of all groups.
    pub(crate) free_blocks: u64,
}

impl Groups {
    pub(crate) fn read(source: &dyn ReadAt, geometry: &Geometry) -> Result<Groups> {
        let size = geometry.descriptor_size;
        let per_block = geometry.block_size / size as u64;
        // Bounded by the superblock's check; grown as they are read, so that nothing is allocated for what is not there.
        let mut groups = Groups { inode_tables: Vec::new(), free_blocks: 0 };
        let mut block = vec![0; geometry.block_size as usize];
        for group in 0..geometry.groups {
            if group % per_block == 0 {
                let at = location(geometry, group / per_block).and_then(|at| at.checked_mul(geometry.block_size));
                let at = at.ok_or_else(|| Broken("a group descriptor lies past the end".to_owned()))?;
                source.read_at(at, &mut block)?;
            }
            let at = (group % per_block) as usize * size;
            let bytes = &block[at..at + size];
            let named = |reason: &str| Broken(format!("the descriptor of block group {group} {reason}"));
            if !checksum_fits(geometry, group as u32, bytes) {
                return Err(named("has a wrong checksum"));
            }
            let mut padded = [0; 64];
            padded[..size.min(64)].copy_from_slice(&bytes[..size.min(64)]);
            let descriptor = GroupDescriptor::ref_from_bytes(&padded).map_err(|_| named("is too short"))?;
            let table =
                u64::from(descriptor.bg_inode_table_lo.get()) | u64::from(descriptor.bg_inode_table_hi.get()) << 32;
            let table_bytes = u64::from(geometry.inodes_per_group) * geometry.inode_size as u64;
            let end = table.saturating_add(table_bytes.div_ceil(geometry.block_size));
            if table == 0 || end > geometry.blocks {
                return Err(named("has an inode table outside the file system"));
            }
            let free = u64::from(descriptor.bg_free_blocks_count_lo.get())
                | u64::from(descriptor.bg_free_blocks_count_hi.get()) << 16;
            groups.inode_tables.push(table);
            groups.free_blocks = groups.free_blocks.saturating_add(free.saturating_mul(geometry.cluster));
        }
        if groups.free_blocks > geometry.blocks {
            return broken("its block groups have more free blocks than blocks");
        }
        Ok(groups)
    }
}

/// The block that holds the `nr`th block of descriptors.
fn location(geometry: &Geometry, nr: u64) -> Option<u64> {
    let after_superblock = if geometry.block_size == 1024 { 2 } else { 1 };
    if !geometry.incompat.contains(Incompat::META_BG) || nr < geometry.first_meta_bg {
        return nr.checked_add(after_superblock);
    }
    // Beside the first group it speaks of, behind that group's copy of the superblock.
    let group = nr.checked_mul(geometry.block_size / geometry.descriptor_size as u64)?;
    let mut behind = u64::from(has_superblock(geometry, group));
    if geometry.block_size == 1024 && nr == 0 && geometry.first_data_block == 0 {
        behind += 1;
    }
    group.checked_mul(geometry.blocks_per_group)?.checked_add(geometry.first_data_block)?.checked_add(behind)
}

/// Whether a group begins with a copy of the superblock.
fn has_superblock(geometry: &Geometry, group: u64) -> bool {
    let power_of = |base: u64| {
        let mut power = base;
        while power < group {
            power *= base;
        }
        power == group
    };
    group <= 1 || !geometry.ro_compat.contains(RoCompat::SPARSE_SUPER) || [3, 5, 7].into_iter().any(power_of)
}

fn checksum_fits(geometry: &Geometry, group: u32, bytes: &[u8]) -> bool {
    const AT: usize = 0x1E;
    let stored = u16::from_le_bytes([bytes[AT], bytes[AT + 1]]);
    if geometry.ro_compat.contains(RoCompat::METADATA_CSUM) {
        let crc = crc32c(geometry.seed, &group.to_le_bytes());
        let crc = crc32c(crc32c(crc, &bytes[..AT]), &[0; 2]);
        stored == (crc32c(crc, &bytes[AT + 2..]) & 0xFFFF) as u16
    } else if geometry.ro_compat.contains(RoCompat::GDT_CSUM) {
        let crc = crc16(crc16(crc16(!0, &geometry.uuid), &group.to_le_bytes()), &bytes[..AT]);
        stored == crc16(crc, &bytes[AT + 2..])
    } else {
        true
    }
}

/// CRC-16 with the polynomial 0x8005, lowest bit first (`lib/crc16.c`).
fn crc16(mut crc: u16, data: &[u8]) -> u16 {
    for byte in data {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 };
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    #[test]
    fn crc16_of_the_check_string() {
        // CRC-16/ARC of "123456789" begins with zero and is 0xBB3D.
        assert_eq!(super::crc16(0, b"123456789"), 0xBB3D);
    }
}
