//! On-disk structures of ext4.
//!
//! Specification: the kernel's `Documentation/filesystems/ext4/` ("ext4 Data Structures and Algorithms") and
//! `fs/ext4/ext4.h`. Integers are little-endian, except in the journal. Blocks have 4096 bytes, inodes 256.
//!
//! | where                            | holds                                                    | chapter        |
//! |----------------------------------|----------------------------------------------------------|----------------|
//! | block 0, byte 1024               | [`Superblock`]                                           | super          |
//! | block 1..                        | [`GroupDescriptor`] of each block group                  | group_descr    |
//! | after these                      | blocks reserved for more descriptors (resize inode)      | special_inodes |
//! | first group of 16                | block bitmaps, inode bitmaps, inode tables ([`Inode`])   | bitmaps        |
//! | groups 1 and powers of 3, 5, 7   | copies of superblock and descriptors                     | blockgroup     |
//! | everywhere else                  | contents, directories, extent trees, attributes, journal | ifork          |

use bitflags::bitflags;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, big_endian as be};

/// Bytes in a block.
pub(crate) const BLOCK_SIZE: u64 = 4096;
/// The same, for slices.
pub(crate) const BLOCK: usize = 4096;
/// Blocks in a group: as many as one bitmap block has bits.
pub(crate) const BLOCKS_PER_GROUP: u64 = 32768;
/// Groups whose bitmaps and inode tables lie together.
pub(crate) const GROUPS_PER_FLEX: u32 = 16;
/// Bytes of an inode, with the room for extended attributes behind its fixed part.
pub(crate) const INODE_SIZE: usize = 256;
/// Inodes in a block of the inode table.
pub(crate) const INODES_PER_BLOCK: u32 = 16;
/// Group descriptors in a block.
pub(crate) const DESCRIPTORS_PER_BLOCK: u64 = 64;
/// Block numbers in an indirect block.
pub(crate) const ADDRESSES_PER_BLOCK: u64 = 1024;
/// A hard link count above this is refused for a file and stored as 1 for a directory (`EXT4_LINK_MAX`).
pub(crate) const LINK_MAX: u32 = 65000;

/// The root directory.
pub(crate) const ROOT_INODE: InodeNumber = InodeNumber(2);
/// Holds the blocks reserved for group descriptors.
pub(crate) const RESIZE_INODE: InodeNumber = InodeNumber(7);
/// The journal.
pub(crate) const JOURNAL_INODE: InodeNumber = InodeNumber(8);
/// The first inode that is not reserved; by custom `lost+found`.
pub(crate) const FIRST_INODE: InodeNumber = InodeNumber(11);

/// Number of an inode, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InodeNumber(pub(crate) u32);

/// Number of a block in the filesystem. Always below 2^32 here, because the resize inode knows no larger ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlockIndex(pub(crate) u64);

impl BlockIndex {
    /// The low 32 bits.
    pub(crate) fn lo(self) -> U32 {
        U32::new(self.0 as u32)
    }

    /// The high 32 bits.
    pub(crate) fn hi(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

bitflags! {
    /// Features a kernel need not know.
    pub(crate) struct Compat: u32 {
        /// There is a journal.
        const HAS_JOURNAL = 0x4;
        /// Inodes may have extended attributes.
        const EXT_ATTR = 0x8;
        /// There are blocks reserved for more group descriptors.
        const RESIZE_INODE = 0x10;
        /// Large directories have a hash tree.
        const DIR_INDEX = 0x20;
    }

    /// Features a kernel must know to read.
    pub(crate) struct Incompat: u32 {
        /// Directory entries carry the file type.
        const FILETYPE = 0x2;
        /// Files are mapped by extents.
        const EXTENTS = 0x40;
        /// Group descriptors have 64 bytes.
        const BIT64 = 0x80;
        /// Bitmaps and inode tables lie outside their groups.
        const FLEX_BG = 0x200;
    }

    /// Features a kernel must know to write.
    pub(crate) struct RoCompat: u32 {
        /// Copies of the superblock in groups 1 and powers of 3, 5, 7 alone.
        const SPARSE_SUPER = 0x1;
        /// Files of 2 GiB and more.
        const LARGE_FILE = 0x2;
        /// `i_blocks` has 48 bits.
        const HUGE_FILE = 0x8;
        /// A directory may have more than 65000 subdirectories.
        const DIR_NLINK = 0x20;
        /// Inodes have room for nanoseconds.
        const EXTRA_ISIZE = 0x40;
        /// CRC-32C over all metadata.
        const METADATA_CSUM = 0x400;
    }

    /// Flags of a group descriptor.
    #[derive(Clone, Copy)]
    pub(crate) struct GroupFlags: u16 {
        /// No inode is in use, the inode bitmap is not written.
        const INODE_UNINIT = 0x1;
        /// No block is in use but the fixed ones, the block bitmap is not written.
        const BLOCK_UNINIT = 0x2;
    }

    /// Flags of an inode.
    #[derive(Clone, Copy)]
    pub(crate) struct InodeFlags: u32 {
        /// The directory has a hash tree.
        const INDEX = 0x1000;
        /// `i_block` holds an extent tree.
        const EXTENTS = 0x80000;
    }
}

/// Signature of a superblock.
pub(crate) const SUPER_MAGIC: u16 = 0xEF53;
/// Unmounted cleanly.
pub(crate) const STATE_VALID: u16 = 1;
/// On errors: carry on.
pub(crate) const ERRORS_CONTINUE: u16 = 1;
/// Inode sizes and features are in the superblock.
pub(crate) const REV_DYNAMIC: u32 = 1;
/// Default mount options: `user_xattr`, `acl`.
pub(crate) const DEFAULT_MOUNT_OPTIONS: u32 = 0x4 | 0x8;
/// Directory names are hashed as signed characters, on all architectures.
pub(crate) const FLAGS_SIGNED_HASH: u32 = 1;
/// Directory hash: half MD4.
pub(crate) const HASH_HALF_MD4: u8 = 1;
/// Metadata checksums: CRC-32C.
pub(crate) const CHECKSUM_CRC32C: u8 = 1;
/// `s_jnl_blocks` is a copy of the journal inode's block map.
pub(crate) const JOURNAL_BACKUP_BLOCKS: u8 = 1;

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
    pub(crate) s_unused_2: [u8; 40],

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
    assert!(offset_of!(Superblock, s_overhead_clusters) == 0x248 && offset_of!(Superblock, s_wtime_hi) == 0x274);
};

/// A group descriptor with the 64bit feature: 64 bytes.
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

/// Bytes of the fields behind the old inode's 128.
pub(crate) const EXTRA_ISIZE: u16 = 32;

/// The fixed part of an inode: 160 bytes, followed by 96 for extended attributes.
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
    assert!(size_of::<Inode>() == 128 + EXTRA_ISIZE as usize);
    assert!(offset_of!(Inode, i_block) == 0x28 && offset_of!(Inode, i_checksum_lo) == 0x7C);
};

/// Signature of an extent tree node.
pub(crate) const EXTENT_MAGIC: u16 = 0xF30A;
/// Entries in the root node, within the inode.
pub(crate) const EXTENTS_IN_INODE: usize = 4;
/// Entries in a node that is a block: (4096 - 12) / 12; the four bytes left hold its checksum.
pub(crate) const EXTENTS_IN_BLOCK: usize = 340;
/// Blocks one extent can span.
pub(crate) const EXTENT_MAX_BLOCKS: u64 = 32768;

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

/// Last 12 bytes of a directory block: an entry of no name, type 0xDE, then the CRC-32C of all before.
pub(crate) const DIRECTORY_TAIL: usize = 12;
/// Its file type.
pub(crate) const DIRECTORY_TAIL_TYPE: u8 = 0xDE;
/// Where the hash tree begins in its root block, behind `.`, `..` and eight bytes of information.
pub(crate) const DX_ROOT_AT: usize = 32;
/// Where it begins in its other nodes, behind an entry of no name that spans the block.
pub(crate) const DX_NODE_AT: usize = 8;
/// Entries in the root: (4096 - 32 - 8 for the checksum) / 8.
pub(crate) const DX_ROOT_ENTRIES: usize = 507;
/// Entries in another node: (4096 - 8 - 8 for the checksum) / 8.
pub(crate) const DX_NODE_ENTRIES: usize = 510;

/// Signature of extended attributes, in an inode and in a block.
pub(crate) const XATTR_MAGIC: u32 = 0xEA02_0000;
/// Bytes for extended attributes behind the fixed part of an inode, signature included.
pub(crate) const XATTR_IN_INODE: usize = INODE_SIZE - size_of::<Inode>();

/// Header of a block of extended attributes: 32 bytes.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct XattrHeader {
    pub(crate) h_magic: U32,
    pub(crate) h_refcount: U32,
    pub(crate) h_blocks: U32,
    pub(crate) h_hash: U32,

    pub(crate) h_checksum: U32,
    pub(crate) h_reserved: [U32; 3],
}
const _: () = assert!(size_of::<XattrHeader>() == 32);

/// An extended attribute: 16 bytes, then the name without its prefix, padded to four.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct XattrEntry {
    pub(crate) e_name_len: u8,
    /// Stands for the prefix.
    pub(crate) e_name_index: u8,
    /// From the first entry in an inode, from the start of a block.
    pub(crate) e_value_offs: U16,
    pub(crate) e_value_inum: U32,
    pub(crate) e_value_size: U32,
    pub(crate) e_hash: U32,
}
const _: () = assert!(size_of::<XattrEntry>() == 16);

/// Signature of a journal block.
pub(crate) const JOURNAL_MAGIC: u32 = 0xC03B_3998;
/// A superblock of version 2.
pub(crate) const JOURNAL_SUPERBLOCK_V2: u32 = 4;

/// Superblock of the journal (jbd2), the head of it; the rest of its 1024 bytes is zero. Big-endian.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct JournalSuperblock {
    pub(crate) h_magic: be::U32,
    pub(crate) h_blocktype: be::U32,
    pub(crate) h_sequence: be::U32,
    pub(crate) s_blocksize: be::U32,

    /// Blocks in the journal, this one included.
    pub(crate) s_maxlen: be::U32,
    /// First block of the log.
    pub(crate) s_first: be::U32,
    /// First sequence number to expect.
    pub(crate) s_sequence: be::U32,
    /// Where the log starts; 0 means that it is empty.
    pub(crate) s_start: be::U32,

    pub(crate) s_errno: be::U32,
    pub(crate) s_feature_compat: be::U32,
    pub(crate) s_feature_incompat: be::U32,
    pub(crate) s_feature_ro_compat: be::U32,

    pub(crate) s_uuid: [u8; 16],
    /// Filesystems that share the journal.
    pub(crate) s_nr_users: be::U32,
}
const _: () = assert!(size_of::<JournalSuperblock>() == 68);

/// A structure of zeros, to be filled in.
pub(crate) fn zeroed<T: FromZeros>() -> T {
    T::new_zeroed()
}
