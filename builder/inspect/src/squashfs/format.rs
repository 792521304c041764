//! On-disk structures of squashfs 4.0.
//!
//! Specification: the kernel's `fs/squashfs/squashfs_fs.h`. Integers are little-endian.
//!
//! | where                     | holds                                                            |
//! |---------------------------|------------------------------------------------------------------|
//! | byte 0                    | [`Superblock`]                                                   |
//! | then                      | blocks of contents, fragments                                    |
//! | `inode_table_start`       | inodes, in metadata blocks                                       |
//! | `directory_table_start`   | names, in metadata blocks                                        |
//! | `fragment_table_start`    | where the metadata blocks of [`Fragment`]s are                   |
//! | `id_table_start`          | where the metadata blocks of user and group numbers are          |
//! | `xattr_id_table_start`    | [`XattrTable`], then where the metadata blocks of [`XattrId`]s are |

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// Signature of a superblock: `hsqs`.
pub(crate) const MAGIC: [u8; 4] = *b"hsqs";
/// Bytes in a metadata block, decompressed.
pub(crate) const METADATA: usize = 8192;
/// No attributes, no fragment.
pub(crate) const NONE: u32 = u32::MAX;
/// No table.
pub(crate) const NO_TABLE: u64 = u64::MAX;
/// In the size of a content block or fragment: stored as it is.
pub(crate) const STORED: u32 = 1 << 24;
/// In the type of an attribute: the value is somewhere else.
pub(crate) const OUT_OF_LINE: u16 = 0x100;

/// The superblock: 96 bytes.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Superblock {
    pub(crate) magic: [u8; 4],
    pub(crate) inode_count: U32,
    pub(crate) mkfs_time: U32,
    pub(crate) block_size: U32,

    pub(crate) fragments: U32,
    pub(crate) compression: U16,
    pub(crate) block_log: U16,
    pub(crate) flags: U16,
    pub(crate) no_ids: U16,
    pub(crate) s_major: U16,
    pub(crate) s_minor: U16,

    /// Metadata block in the inode table, shifted by 16, and the place in it.
    pub(crate) root_inode: U64,
    pub(crate) bytes_used: U64,

    pub(crate) id_table_start: U64,
    pub(crate) xattr_id_table_start: U64,

    pub(crate) inode_table_start: U64,
    pub(crate) directory_table_start: U64,

    pub(crate) fragment_table_start: U64,
    pub(crate) lookup_table_start: U64,
}
const _: () = assert!(size_of::<Superblock>() == 96);

/// What all inodes begin with.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct InodeHeader {
    pub(crate) inode_type: U16,
    pub(crate) mode: U16,
    /// Index in the id table.
    pub(crate) uid: U16,
    pub(crate) guid: U16,
    pub(crate) mtime: U32,
    pub(crate) inode_number: U32,
}
const _: () = assert!(size_of::<InodeHeader>() == 16);

/// A directory, type 1.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Directory {
    pub(crate) start_block: U32,
    pub(crate) nlink: U32,
    /// Three more than the bytes of its names.
    pub(crate) file_size: U16,
    pub(crate) offset: U16,
    pub(crate) parent_inode: U32,
}

/// A directory, type 8; an index follows, which a reader of all names does not need.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct LongDirectory {
    pub(crate) nlink: U32,
    pub(crate) file_size: U32,
    pub(crate) start_block: U32,
    pub(crate) parent_inode: U32,
    pub(crate) i_count: U16,
    pub(crate) offset: U16,
    pub(crate) xattr: U32,
}

/// A file, type 2; the sizes of its blocks follow.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct File {
    pub(crate) start_block: U32,
    pub(crate) fragment: U32,
    pub(crate) offset: U32,
    pub(crate) file_size: U32,
}

/// A file, type 9; the sizes of its blocks follow.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct LongFile {
    pub(crate) start_block: U64,
    pub(crate) file_size: U64,
    pub(crate) sparse: U64,
    pub(crate) nlink: U32,
    pub(crate) fragment: U32,
    pub(crate) offset: U32,
    pub(crate) xattr: U32,
}

/// Head of a run of names whose inodes are near each other.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct NamesHeader {
    /// One less than the names that follow.
    pub(crate) count: U32,
    pub(crate) start_block: U32,
    pub(crate) inode_number: U32,
}

/// Head of a name; the name follows.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct NameHeader {
    pub(crate) offset: U16,
    pub(crate) inode_number: U16,
    pub(crate) inode_type: U16,
    /// One less than the bytes of the name.
    pub(crate) size: U16,
}

/// Several small contents, or ends of contents, in one block.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Fragment {
    pub(crate) start_block: U64,
    pub(crate) size: U32,
    pub(crate) unused: U32,
}

/// Head of the table of attributes.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct XattrTable {
    pub(crate) xattr_table_start: U64,
    pub(crate) xattr_ids: U32,
    pub(crate) unused: U32,
}

/// The attributes of an inode.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct XattrId {
    /// Metadata block, shifted by 16, and the place in it.
    pub(crate) xattr: U64,
    pub(crate) count: U32,
    pub(crate) size: U32,
}
