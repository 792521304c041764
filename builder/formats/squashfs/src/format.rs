//! On-disk structures of squashfs 4.0.
//!
//! Specification: the kernel's `fs/squashfs/squashfs_fs.h` and `Documentation/filesystems/squashfs.rst`. Integers are
//! little-endian.
//!
//! | where                   | holds                                                                         |
//! |-------------------------|-------------------------------------------------------------------------------|
//! | byte 0                  | [`Superblock`]                                                                |
//! | then                    | the compressor's options, where they are not its usual ones: a metadata block |
//! | then                    | blocks of contents and fragments                                              |
//! | `inode_table_start`     | inodes                                                                        |
//! | `directory_table_start` | names                                                                         |
//! | `fragment_table_start`  | list of the blocks before it, which hold a [`Fragment`] each                  |
//! | `lookup_table_start`    | the same for the places of inodes, by their number                            |
//! | `id_table_start`        | the same for user and group numbers                                           |
//! | then                    | names and values of extended attributes                                       |
//! | `xattr_id_table_start`  | [`XattrTable`], and a list of the blocks before it, which hold an [`XattrId`] each |
//!
//! All tables lie in metadata blocks: two bytes of length, then at most 8 KiB, compressed unless the length says otherwise.

use std::mem::offset_of;

use bitflags::bitflags;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{Immutable, IntoBytes, KnownLayout, Unaligned};

/// Signature of a superblock: `hsqs`.
pub(crate) const MAGIC: [u8; 4] = *b"hsqs";
/// Bytes in a metadata block before it is compressed.
pub(crate) const METADATA: usize = 8192;
/// In the length of a metadata block: stored as it is.
pub(crate) const METADATA_STORED: u16 = 1 << 15;
/// In the size of a block of contents or a fragment: stored as it is.
pub(crate) const STORED: u32 = 1 << 24;
/// No attributes, no fragment.
pub(crate) const NONE: u32 = u32::MAX;
/// No table.
pub(crate) const NO_TABLE: u64 = u64::MAX;
/// In the type of an attribute: the value lies elsewhere.
pub(crate) const OUT_OF_LINE: u16 = 0x100;
/// What is added to the type of an inode when it is a long one.
pub(crate) const LONG: u16 = 7;
/// Entries in a run of names.
pub(crate) const MAX_RUN: usize = 256;
/// What a directory's size counts for `.` and `..`, which are not stored.
pub(crate) const DOTS: u32 = 3;
/// A file system ends at such a boundary, so that a loop device has all of it.
pub(crate) const PADDING: u64 = 4096;

bitflags! {
    /// `flags` of the superblock.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Flags: u16 {
        /// There are no fragments.
        const NO_FRAGMENTS = 0x0010;
        /// Equal contents are stored once.
        const DUPLICATES = 0x0040;
        /// There is a table of inodes by number, for NFS.
        const EXPORTABLE = 0x0080;
        /// The compressor's options follow the superblock.
        const COMPRESSOR_OPTIONS = 0x0400;
    }
}

/// The superblock: 96 bytes.
#[derive(IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Superblock {
    pub(crate) magic: [u8; 4],
    pub(crate) inode_count: U32,
    pub(crate) mkfs_time: U32,
    pub(crate) block_size: U32,

    pub(crate) fragments: U32,
    /// gzip 1, xz 4, LZ4 5, Zstandard 6.
    pub(crate) compression: U16,
    pub(crate) block_log: U16,
    pub(crate) flags: U16,
    pub(crate) no_ids: U16,
    pub(crate) s_major: U16,
    pub(crate) s_minor: U16,

    /// A [`Reference`].
    pub(crate) root_inode: U64,
    /// Without the padding.
    pub(crate) bytes_used: U64,

    pub(crate) id_table_start: U64,
    pub(crate) xattr_id_table_start: U64,

    pub(crate) inode_table_start: U64,
    pub(crate) directory_table_start: U64,

    pub(crate) fragment_table_start: U64,
    pub(crate) lookup_table_start: U64,
}
const _: () = assert!(size_of::<Superblock>() == 96 && offset_of!(Superblock, inode_table_start) == 64);

/// A place in a table: how far from the table's start the metadata block begins, and where in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reference {
    pub(crate) block: u32,
    pub(crate) offset: u16,
}

impl Reference {
    /// As one number.
    pub(crate) fn number(self) -> U64 {
        U64::new(u64::from(self.block) << 16 | u64::from(self.offset))
    }
}

/// Type of an inode, and of a name: a long inode's is [`LONG`] more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum InodeType {
    Directory = 1,
    File = 2,
    Symlink = 3,
    BlockDevice = 4,
    CharDevice = 5,
    Fifo = 6,
    Socket = 7,
}

/// What all inodes begin with.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct InodeHeader {
    pub(crate) inode_type: U16,
    /// Permission bits.
    pub(crate) mode: U16,
    /// Index in the id table.
    pub(crate) uid: U16,
    pub(crate) guid: U16,
    pub(crate) mtime: U32,
    /// From 1 on.
    pub(crate) inode_number: U32,
}
const _: () = assert!(size_of::<InodeHeader>() == 16);

/// A directory whose names have less than 64 KiB.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Directory {
    /// Where its names are: the block of a [`Reference`].
    pub(crate) start_block: U32,
    pub(crate) nlink: U32,
    /// [`DOTS`] more than the bytes of its names.
    pub(crate) file_size: U16,
    pub(crate) offset: U16,
    /// Of the root: one more than there are inodes.
    pub(crate) parent_inode: U32,
}

/// Any directory; `i_count` times a [`DirectoryIndex`] follows.
#[derive(IntoBytes, Immutable, Unaligned)]
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

/// Where a run of names begins that is in another metadata block than the one before; its first name follows.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct DirectoryIndex {
    /// Bytes of names before it.
    pub(crate) index: U32,
    pub(crate) start_block: U32,
    /// One less than the bytes of the name.
    pub(crate) size: U32,
}

/// A file with one name, no holes and no attributes, in the first 4 GiB; the sizes of its blocks follow.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct File {
    pub(crate) start_block: U32,
    pub(crate) fragment: U32,
    /// In the fragment.
    pub(crate) offset: U32,
    pub(crate) file_size: U32,
}

/// Any file; the sizes of its blocks follow.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct LongFile {
    pub(crate) start_block: U64,
    pub(crate) file_size: U64,
    /// Bytes in blocks that are not stored, because they hold zeros alone.
    pub(crate) sparse: U64,
    pub(crate) nlink: U32,
    pub(crate) fragment: U32,
    pub(crate) offset: U32,
    pub(crate) xattr: U32,
}

/// Head of a run of names whose inodes lie in the same metadata block, their numbers within 2^15 of this one's.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct NamesHeader {
    /// One less than the names that follow.
    pub(crate) count: U32,
    pub(crate) start_block: U32,
    pub(crate) inode_number: U32,
}

/// Head of a name; the name follows.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct NameHeader {
    pub(crate) offset: U16,
    /// Difference to that of the run, signed.
    pub(crate) inode_number: U16,
    pub(crate) inode_type: U16,
    /// One less than the bytes of the name.
    pub(crate) size: U16,
}

/// A block that holds several small contents, or ends of contents.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Fragment {
    pub(crate) start_block: U64,
    pub(crate) size: U32,
    pub(crate) unused: U32,
}

/// Head of the table of attributes.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct XattrTable {
    pub(crate) xattr_table_start: U64,
    pub(crate) xattr_ids: U32,
    pub(crate) unused: U32,
}

/// The attributes of an inode.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct XattrId {
    /// A [`Reference`].
    pub(crate) xattr: U64,
    pub(crate) count: U32,
    /// Bytes of all names and values.
    pub(crate) size: U32,
}
