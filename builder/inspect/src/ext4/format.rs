//! On-disk structures of ext2, ext3 and ext4, as far as a reader needs them.
//!
//! Specification: the kernel's `Documentation/filesystems/ext4/` ("ext4 Data Structures and Algorithms"), `fs/ext4/ext4.h`
//! and `fs/ext4/xattr.h`. Integers are little-endian, except in the journal.

use bitflags::bitflags;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Where the superblock lies, and how long it is.
pub(crate) const SUPERBLOCK_AT: u64 = 1024;
/// Signature of a superblock.
pub(crate) const SUPER_MAGIC: u16 = 0xEF53;
/// Bytes of an inode of old.
pub(crate) const OLD_INODE: usize = 128;
/// The root directory.
pub(crate) const ROOT_INODE: u32 = 2;

bitflags! {
    /// Features a kernel need not know.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Compat: u32 {
        /// There is a journal.
        const HAS_JOURNAL = 0x4;
    }

    /// Features a kernel must know to read.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Incompat: u32 {
        /// Compressed files, which no kernel ever read.
        const COMPRESSION = 0x1;
        /// Directory entries carry the file type.
        const FILETYPE = 0x2;
        /// The journal has what is not yet in its place.
        const RECOVER = 0x4;
        /// This is no file system but another one's journal.
        const JOURNAL_DEV = 0x8;
        /// Group descriptors lie with their groups.
        const META_BG = 0x10;
        /// Files are mapped by extents.
        const EXTENTS = 0x40;
        /// Group descriptors have 64 bytes.
        const BIT64 = 0x80;
        /// Protected against two mounts at once.
        const MMP = 0x100;
        /// Bitmaps and inode tables lie outside their groups.
        const FLEX_BG = 0x200;
        /// Long attribute values have an inode of their own.
        const EA_INODE = 0x400;
        /// Data in directory entries.
        const DIRDATA = 0x1000;
        /// Checksums begin with a number of the superblock.
        const CSUM_SEED = 0x2000;
        /// Directories of 2 GiB and more.
        const LARGEDIR = 0x4000;
        /// Small contents lie in the inode.
        const INLINE_DATA = 0x8000;
        /// There may be encrypted files.
        const ENCRYPT = 0x10000;
        /// There may be directories that do not tell `A` from `a`.
        const CASEFOLD = 0x20000;
    }

    /// Features a kernel must know to write.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct RoCompat: u32 {
        /// Copies of the superblock in groups 1 and powers of 3, 5, 7 alone.
        const SPARSE_SUPER = 0x1;
        /// Files of 2 GiB and more.
        const LARGE_FILE = 0x2;
        /// Directories as B-trees, never made.
        const BTREE_DIR = 0x4;
        /// CRC-16 over group descriptors.
        const GDT_CSUM = 0x10;
        /// Bitmaps count clusters of several blocks.
        const BIGALLOC = 0x200;
        /// CRC-32C over all metadata.
        const METADATA_CSUM = 0x400;
    }

    /// Flags of an inode.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct InodeFlags: u32 {
        /// Compressed.
        const COMPRESSED = 0x4;
        /// Encrypted.
        const ENCRYPT = 0x800;
        /// `i_block` holds an extent tree.
        const EXTENTS = 0x80000;
        /// The inode holds the value of an attribute.
        const EA_INODE = 0x20_0000;
        /// `i_block` and an attribute hold the content.
        const INLINE_DATA = 0x1000_0000;
        /// The directory does not tell `A` from `a`.
        const CASEFOLD = 0x4000_0000;
    }
}

/// The superblock: 1024 bytes, 1024 bytes into the image and at the start of each group that has a copy.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Superblock {
    pub(crate) s_inodes_count: U32,
    pub(crate) s_blocks_count_lo: U32,
    pub(crate) s_r_blocks_count_lo: U32,
    pub(crate) s_free_blocks_count_lo: U32,

    pub(crate) s_free_inodes_count: U32,
    pub(crate) s_first_data_block: U32,
    /// Block size is 1024 shifted by this.
    pub(crate) s_log_block_size: U32,
    pub(crate) s_log_cluster_size: U32,

    pub(crate) s_blocks_per_group: U32,
    pub(crate) s_clusters_per_group: U32,
    pub(crate) s_inodes_per_group: U32,
    pub(crate) s_mtime: U32,

    pub(crate) s_wtime: U32,
    pub(crate) s_mnt_count: U16,
    pub(crate) s_max_mnt_count: U16,
    pub(crate) s_magic: U16,
    pub(crate) s_state: U16,
    pub(crate) s_errors: U16,
    pub(crate) s_minor_rev_level: U16,

    pub(crate) s_lastcheck: U32,
    pub(crate) s_checkinterval: U32,
    pub(crate) s_creator_os: U32,
    pub(crate) s_rev_level: U32,

    pub(crate) s_def_resuid: U16,
    pub(crate) s_def_resgid: U16,
    pub(crate) s_first_ino: U32,
    pub(crate) s_inode_size: U16,
    /// The group this copy is in.
    pub(crate) s_block_group_nr: U16,
    pub(crate) s_feature_compat: U32,

    pub(crate) s_feature_incompat: U32,
    pub(crate) s_feature_ro_compat: U32,
    pub(crate) s_uuid: [u8; 16],
    pub(crate) s_volume_name: [u8; 16],
    pub(crate) s_last_mounted: [u8; 64],

    pub(crate) s_algorithm_usage_bitmap: U32,
    pub(crate) s_prealloc_blocks: u8,
    pub(crate) s_prealloc_dir_blocks: u8,
    pub(crate) s_reserved_gdt_blocks: U16,
    pub(crate) s_journal_uuid: [u8; 16],
    pub(crate) s_journal_inum: U32,
    pub(crate) s_journal_dev: U32,
    pub(crate) s_last_orphan: U32,
    /// Four little-endian words, taken as they lie.
    pub(crate) s_hash_seed: [u8; 16],
    pub(crate) s_def_hash_version: u8,
    pub(crate) s_jnl_backup_type: u8,
    pub(crate) s_desc_size: U16,

    pub(crate) s_default_mount_opts: U32,
    pub(crate) s_first_meta_bg: U32,
    pub(crate) s_mkfs_time: U32,
    /// The journal inode's `i_block`, then the halves of its size, high first.
    pub(crate) s_jnl_blocks: [U32; 17],

    pub(crate) s_blocks_count_hi: U32,
    pub(crate) s_r_blocks_count_hi: U32,
    pub(crate) s_free_blocks_count_hi: U32,
    pub(crate) s_min_extra_isize: U16,
    pub(crate) s_want_extra_isize: U16,

    pub(crate) s_flags: U32,
    pub(crate) s_raid_stride: U16,
    pub(crate) s_mmp_interval: U16,
    pub(crate) s_mmp_block: U64,

    pub(crate) s_raid_stripe_width: U32,
    pub(crate) s_log_groups_per_flex: u8,
    pub(crate) s_checksum_type: u8,
    pub(crate) s_reserved_pad: U16,
    pub(crate) s_kbytes_written: U64,

    /// Snapshots, error records, mount options, quota inodes: all zero in a new filesystem.
    pub(crate) s_unused: [u8; 200],
    /// Blocks that no file can ever have.
    pub(crate) s_overhead_clusters: U32,
    pub(crate) s_unused_2: [u8; 36],
    /// What checksums begin with, where [`Incompat::CSUM_SEED`] is set.
    pub(crate) s_checksum_seed: U32,

    /// Bits 32..40 of `s_wtime`.
    pub(crate) s_wtime_hi: u8,
    pub(crate) s_mtime_hi: u8,
    pub(crate) s_mkfs_time_hi: u8,
    pub(crate) s_lastcheck_hi: u8,
    pub(crate) s_unused_3: [U32; 97],
    /// CRC-32C of all before.
    pub(crate) s_checksum: U32,
}
const _: () = {
    use std::mem::{offset_of, size_of};
    assert!(size_of::<Superblock>() == 1024);
    assert!(offset_of!(Superblock, s_uuid) == 0x68 && offset_of!(Superblock, s_hash_seed) == 0xEC);
    assert!(offset_of!(Superblock, s_blocks_count_hi) == 0x150 && offset_of!(Superblock, s_mmp_block) == 0x168);
    assert!(offset_of!(Superblock, s_overhead_clusters) == 0x248 && offset_of!(Superblock, s_checksum_seed) == 0x270);
};

/// A group descriptor: 64 bytes with the 64bit feature, else the first 32 of them.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone)]
#[repr(C)]
pub(crate) struct GroupDescriptor {
    pub(crate) bg_block_bitmap_lo: U32,
    pub(crate) bg_inode_bitmap_lo: U32,
    pub(crate) bg_inode_table_lo: U32,
    pub(crate) bg_free_blocks_count_lo: U16,
    pub(crate) bg_free_inodes_count_lo: U16,

    pub(crate) bg_used_dirs_count_lo: U16,
    pub(crate) bg_flags: U16,
    pub(crate) bg_exclude_bitmap_lo: U32,
    pub(crate) bg_block_bitmap_csum_lo: U16,
    pub(crate) bg_inode_bitmap_csum_lo: U16,
    /// Inodes at the end of the table that were never used, and hold anything.
    pub(crate) bg_itable_unused_lo: U16,
    /// Low half of the CRC-32C of the group's number and this descriptor, this field taken as zero.
    pub(crate) bg_checksum: U16,

    pub(crate) bg_block_bitmap_hi: U32,
    pub(crate) bg_inode_bitmap_hi: U32,
    pub(crate) bg_inode_table_hi: U32,
    pub(crate) bg_free_blocks_count_hi: U16,
    pub(crate) bg_free_inodes_count_hi: U16,

    pub(crate) bg_used_dirs_count_hi: U16,
    pub(crate) bg_itable_unused_hi: U16,
    pub(crate) bg_exclude_bitmap_hi: U32,
    pub(crate) bg_block_bitmap_csum_hi: U16,
    pub(crate) bg_inode_bitmap_csum_hi: U16,
    pub(crate) bg_reserved: U32,
}
const _: () = assert!(size_of::<GroupDescriptor>() == 64);

/// The fixed part of an inode: 128 bytes of old, then as many as `i_extra_isize` says.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Inode {
    pub(crate) i_mode: U16,
    pub(crate) i_uid_lo: U16,
    pub(crate) i_size_lo: U32,
    pub(crate) i_atime: U32,
    pub(crate) i_ctime: U32,

    pub(crate) i_mtime: U32,
    pub(crate) i_dtime: U32,
    pub(crate) i_gid_lo: U16,
    pub(crate) i_links_count: U16,
    /// In units of 512 bytes.
    pub(crate) i_blocks_lo: U32,

    pub(crate) i_flags: U32,
    pub(crate) i_version_lo: U32,
    /// Extent tree, target of a fast symbolic link, or device number.
    pub(crate) i_block: [u8; 60],
    pub(crate) i_generation: U32,
    /// Block of extended attributes.
    pub(crate) i_file_acl_lo: U32,
    pub(crate) i_size_high: U32,

    pub(crate) i_obso_faddr: U32,
    pub(crate) i_blocks_high: U16,
    pub(crate) i_file_acl_high: U16,
    pub(crate) i_uid_high: U16,
    pub(crate) i_gid_high: U16,
    /// Low half of the CRC-32C of number, generation and the whole inode, both halves taken as zero.
    pub(crate) i_checksum_lo: U16,
    pub(crate) i_reserved: U16,

    pub(crate) i_extra_isize: U16,
    pub(crate) i_checksum_hi: U16,
    /// Nanoseconds shifted left by two; the low two bits are bits 32 and 33 of the seconds.
    pub(crate) i_ctime_extra: U32,
    pub(crate) i_mtime_extra: U32,
    pub(crate) i_atime_extra: U32,

    pub(crate) i_crtime: U32,
    pub(crate) i_crtime_extra: U32,
    pub(crate) i_version_hi: U32,
    pub(crate) i_projid: U32,
}
const _: () = {
    use std::mem::{offset_of, size_of};
    assert!(size_of::<Inode>() == 160);
    assert!(offset_of!(Inode, i_block) == 0x28 && offset_of!(Inode, i_checksum_lo) == 0x7C);
};

/// Signature of an extent tree node.
pub(crate) const EXTENT_MAGIC: u16 = 0xF30A;
/// Levels of an extent tree below its root, at most.
pub(crate) const EXTENT_MAX_DEPTH: u16 = 5;
/// Above this, an extent is allocated, not written, and this much shorter.
pub(crate) const EXTENT_MAX_BLOCKS: u16 = 32768;

/// Header of an extent tree node: 12 bytes.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ExtentHeader {
    pub(crate) eh_magic: U16,
    pub(crate) eh_entries: U16,
    pub(crate) eh_max: U16,
    /// 0: entries are extents; else indexes of nodes one less deep.
    pub(crate) eh_depth: U16,
    pub(crate) eh_generation: U32,
}
const _: () = assert!(size_of::<ExtentHeader>() == 12);

/// A leaf of the extent tree: 12 bytes.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ExtentLeaf {
    pub(crate) ee_block: U32,
    pub(crate) ee_len: U16,
    pub(crate) ee_start_hi: U16,
    pub(crate) ee_start_lo: U32,
}
const _: () = assert!(size_of::<ExtentLeaf>() == 12);

/// An index in the extent tree: 12 bytes.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ExtentIndex {
    pub(crate) ei_block: U32,
    pub(crate) ei_leaf_lo: U32,
    pub(crate) ei_leaf_hi: U16,
    pub(crate) ei_unused: U16,
}
const _: () = assert!(size_of::<ExtentIndex>() == 12);

/// Head of a directory entry: 8 bytes, then the name, padded to four.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct DirectoryEntry {
    pub(crate) inode: U32,
    pub(crate) rec_len: U16,
    pub(crate) name_len: u8,
    pub(crate) file_type: u8,
}
const _: () = assert!(size_of::<DirectoryEntry>() == 8);

/// Signature of extended attributes, in an inode and in a block.
pub(crate) const XATTR_MAGIC: u32 = 0xEA02_0000;
/// Bytes of the header of a block of attributes; the signature is its first field.
pub(crate) const XATTR_HEADER: usize = 32;

/// Head of an extended attribute: 16 bytes, then the name, padded to four.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct XattrEntry {
    pub(crate) e_name_len: u8,
    /// Which prefix the name has.
    pub(crate) e_name_index: u8,
    /// From the first entry on in an inode, from the header on in a block.
    pub(crate) e_value_offs: U16,
    /// The inode that holds the value; zero when it is here.
    pub(crate) e_value_inum: U32,
    pub(crate) e_value_size: U32,
    pub(crate) e_hash: U32,
}
const _: () = assert!(size_of::<XattrEntry>() == 16);
