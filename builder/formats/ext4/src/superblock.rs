//! The superblock and its copies.

use rootsmith_types::{UnixTime, Uuid};
use zerocopy::IntoBytes;

use crate::checksum::crc32c;
use crate::format::{
    BLOCKS_PER_GROUP, CHECKSUM_CRC32C, Compat, DEFAULT_MOUNT_OPTIONS, ERRORS_CONTINUE, EXTRA_ISIZE, FIRST_INODE,
    FLAGS_SIGNED_HASH, GROUPS_PER_FLEX, GroupDescriptor, HASH_HALF_MD4, INODE_SIZE, Incompat, Inode,
    JOURNAL_BACKUP_BLOCKS, JOURNAL_INODE, JOURNAL_MAGIC, JOURNAL_SUPERBLOCK_V2, JournalSuperblock, REV_DYNAMIC,
    RoCompat, STATE_VALID, SUPER_MAGIC, Superblock, zeroed,
};
use crate::geometry::Geometry;

/// What the superblock says beside the geometry.
pub(crate) struct Facts<'a> {
    pub(crate) uuid: &'a Uuid,
    pub(crate) hash_seed: &'a Uuid,
    /// At most 16 bytes.
    pub(crate) label: &'a str,
    pub(crate) time: UnixTime,
    pub(crate) reserved_blocks: u64,
    pub(crate) free_blocks: u64,
    pub(crate) free_inodes: u32,
    /// The journal's inode, when there is a journal.
    pub(crate) journal: Option<Inode>,
}

/// The superblock of group 0, its checksum still missing.
pub(crate) fn superblock(geometry: &Geometry, facts: &Facts<'_>) -> Superblock {
    let mut sb: Superblock = zeroed();
    sb.s_inodes_count.set(geometry.inodes());
    sb.s_free_inodes_count.set(facts.free_inodes);
    sb.s_blocks_count_lo.set(geometry.blocks as u32);
    sb.s_blocks_count_hi.set((geometry.blocks >> 32) as u32);
    sb.s_r_blocks_count_lo.set(facts.reserved_blocks as u32);
    sb.s_r_blocks_count_hi.set((facts.reserved_blocks >> 32) as u32);
    sb.s_free_blocks_count_lo.set(facts.free_blocks as u32);
    sb.s_free_blocks_count_hi.set((facts.free_blocks >> 32) as u32);
    // 1024 << 2 is 4096.
    sb.s_log_block_size.set(2);
    sb.s_log_cluster_size.set(2);
    sb.s_blocks_per_group.set(BLOCKS_PER_GROUP as u32);
    sb.s_clusters_per_group.set(BLOCKS_PER_GROUP as u32);
    sb.s_inodes_per_group.set(geometry.inodes_per_group);
    sb.s_log_groups_per_flex = GROUPS_PER_FLEX.ilog2() as u8;
    sb.s_reserved_gdt_blocks.set(geometry.reserved_gdt_blocks as u16);
    sb.s_desc_size.set(size_of::<GroupDescriptor>() as u16);

    sb.s_magic.set(SUPER_MAGIC);
    sb.s_state.set(STATE_VALID);
    sb.s_errors.set(ERRORS_CONTINUE);
    sb.s_rev_level.set(REV_DYNAMIC);
    // Never check because of the number of mounts.
    sb.s_max_mnt_count.set(0xFFFF);
    sb.s_first_ino.set(FIRST_INODE.0);
    sb.s_inode_size.set(INODE_SIZE as u16);
    sb.s_min_extra_isize.set(EXTRA_ISIZE);
    sb.s_want_extra_isize.set(EXTRA_ISIZE);
    sb.s_flags.set(FLAGS_SIGNED_HASH);
    sb.s_default_mount_opts.set(DEFAULT_MOUNT_OPTIONS);
    sb.s_def_hash_version = HASH_HALF_MD4;
    sb.s_hash_seed = *facts.hash_seed.as_bytes();
    sb.s_checksum_type = CHECKSUM_CRC32C;
    sb.s_uuid = *facts.uuid.as_bytes();
    sb.s_volume_name[..facts.label.len()].copy_from_slice(facts.label.as_bytes());

    let mut compat = Compat::EXT_ATTR | Compat::DIR_INDEX;
    compat.set(Compat::RESIZE_INODE, geometry.reserved_gdt_blocks > 0);
    compat.set(Compat::HAS_JOURNAL, facts.journal.is_some());
    sb.s_feature_compat.set(compat.bits());
    let incompat = Incompat::FILETYPE | Incompat::EXTENTS | Incompat::BIT64 | Incompat::FLEX_BG;
    sb.s_feature_incompat.set(incompat.bits());
    let ro_compat = RoCompat::SPARSE_SUPER
        | RoCompat::LARGE_FILE
        | RoCompat::HUGE_FILE
        | RoCompat::DIR_NLINK
        | RoCompat::EXTRA_ISIZE
        | RoCompat::METADATA_CSUM;
    sb.s_feature_ro_compat.set(ro_compat.bits());

    // Times of the superblock are unsigned, 40 bits.
    let time = facts.time.max(0);
    sb.s_wtime.set(time as u32);
    sb.s_wtime_hi = (time >> 32) as u8;
    sb.s_mkfs_time.set(time as u32);
    sb.s_mkfs_time_hi = (time >> 32) as u8;
    sb.s_lastcheck.set(time as u32);
    sb.s_lastcheck_hi = (time >> 32) as u8;

    sb.s_overhead_clusters.set((geometry.fixed_blocks() + geometry.journal_blocks) as u32);
    if let Some(journal) = &facts.journal {
        sb.s_journal_inum.set(JOURNAL_INODE.0);
        sb.s_jnl_backup_type = JOURNAL_BACKUP_BLOCKS;
        let (map, size) = sb.s_jnl_blocks.split_at_mut(15);
        map.as_mut_bytes().copy_from_slice(&journal.i_block);
        size.copy_from_slice(&[journal.i_size_high, journal.i_size_lo]);
    }
    sb
}

/// Completes the copy that goes into `group`.
pub(crate) fn sealed(mut sb: Superblock, group: u32) -> Superblock {
    // The field has 16 bits; groups beyond have the low ones, as `mke2fs` writes them.
    sb.s_block_group_nr.set(group as u16);
    let bytes = sb.as_bytes();
    let checksum = crc32c(!0, &bytes[..bytes.len() - 4]);
    sb.s_checksum.set(checksum);
    sb
}

/// The superblock of an empty journal.
pub(crate) fn journal_superblock(geometry: &Geometry) -> JournalSuperblock {
    let mut sb: JournalSuperblock = zeroed();
    sb.h_magic.set(JOURNAL_MAGIC);
    sb.h_blocktype.set(JOURNAL_SUPERBLOCK_V2);
    sb.s_blocksize.set(crate::format::BLOCK_SIZE as u32);
    sb.s_maxlen.set(geometry.journal_blocks as u32);
    sb.s_first.set(1);
    sb.s_sequence.set(1);
    sb.s_nr_users.set(1);
    sb
}
