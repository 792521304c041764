//! On-disk structures of EROFS.
//!
//! Specification: the kernel's `fs/erofs/erofs_fs.h` and `Documentation/filesystems/erofs.rst`. Integers are little-endian.
//!
//! | where                    | holds                                                                |
//! |--------------------------|----------------------------------------------------------------------|
//! | byte 1024                | [`Superblock`], then the compressor's configuration                  |
//! | block 1                  | contents                                                             |
//! | block `meta_blkaddr`     | [`Inode`]s with attributes, maps of blocks and small contents behind |
//! | then                     | names of large directories, long targets of symbolic links           |
//!
//! An inode's number is its distance from the first block of inodes in units of 32 bytes.

use std::mem::offset_of;

use bitflags::bitflags;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of a block.
pub(crate) const BLOCK: usize = 4096;
/// Logarithm of that.
pub(crate) const BLOCK_BITS: u8 = 12;
/// Where the superblock lies.
pub(crate) const SUPERBLOCK_AT: usize = 1024;
/// Signature of a superblock.
pub(crate) const MAGIC: u32 = 0xE0F5_E1E2;
/// Unit of an inode's number.
pub(crate) const SLOT: usize = 32;
/// In a map of chunks: a hole.
pub(crate) const HOLE: u32 = u32::MAX;
/// In the first distance of a cluster: it says how many blocks the compressed data have.
pub(crate) const BLOCK_COUNT: u16 = 1 << 11;
/// In the map header's advice: compressed data may have several blocks.
pub(crate) const BIG_CLUSTERS: u16 = 0x0002;

bitflags! {
    /// What readers may ignore.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Compat: u32 {
        /// The superblock has a checksum.
        const SUPERBLOCK_CHECKSUM = 0x0001;
        /// Times are those of the last modification.
        const MTIME = 0x0002;
    }
}

bitflags! {
    /// What readers must know.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Incompat: u32 {
        /// Compressed data end with their last block, zeros come before them.
        const ZERO_PADDING = 0x0001;
        /// Compressors have a configuration, and compressed data may have several blocks.
        const BIG_CLUSTERS = 0x0002;
        /// There are files in chunks.
        const CHUNKS = 0x0004;
    }
}

/// The superblock: 128 bytes.
#[derive(IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Superblock {
    pub(crate) magic: U32,
    /// CRC-32C of its block from here on, without the last inversion, taken with this field zero.
    pub(crate) checksum: U32,
    pub(crate) feature_compat: U32,
    pub(crate) blkszbits: u8,
    pub(crate) sb_extslots: u8,
    pub(crate) root_nid: U16,

    pub(crate) inos: U64,
    pub(crate) build_time: U64,

    pub(crate) build_time_nsec: U32,
    pub(crate) blocks: U32,
    pub(crate) meta_blkaddr: U32,
    pub(crate) xattr_blkaddr: U32,

    pub(crate) uuid: [u8; 16],

    pub(crate) volume_name: [u8; 16],

    pub(crate) feature_incompat: U32,
    /// A bit for each compressor.
    pub(crate) available_compr_algs: U16,
    pub(crate) extra_devices: U16,
    pub(crate) devt_slotoff: U16,
    pub(crate) dirblkbits: u8,
    pub(crate) xattr_prefix_count: u8,
    pub(crate) xattr_prefix_start: U32,

    pub(crate) packed_nid: U64,
    pub(crate) reserved: [u8; 24],
}
const _: () = assert!(size_of::<Superblock>() == 128 && offset_of!(Superblock, feature_incompat) == 80);

/// How an inode's content is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Layout {
    /// Blocks one after the other.
    Plain = 0,
    /// Compressed; a [`MapHeader`] and a [`ClusterIndex`] for each block follow.
    Compressed = 1,
    /// Blocks one after the other, the end behind the inode.
    Inline = 2,
    /// Chunks; the first block of each follows.
    Chunks = 4,
}

/// An inode of 64 bytes.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Inode {
    /// Bit 0: 64 bytes; then the [`Layout`].
    pub(crate) i_format: U16,
    /// Zero, or one and a quarter of the bytes of attributes behind their header.
    pub(crate) i_xattr_icount: U16,
    pub(crate) i_mode: U16,
    pub(crate) i_reserved: U16,
    pub(crate) i_size: U64,

    /// First block, compressed blocks, device number, or form of chunks.
    pub(crate) i_u: U32,
    /// For 32-bit programs; the real number is the place.
    pub(crate) i_ino: U32,
    pub(crate) i_uid: U32,
    pub(crate) i_gid: U32,

    pub(crate) i_mtime: U64,
    pub(crate) i_mtime_nsec: U32,
    pub(crate) i_nlink: U32,

    pub(crate) i_reserved2: [u8; 16],
}
const _: () = assert!(size_of::<Inode>() == 64);

/// Head of an inode's attributes.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct XattrHeader {
    pub(crate) h_name_filter: U32,
    pub(crate) h_shared_count: u8,
    pub(crate) h_reserved2: [u8; 7],
}

/// Head of an attribute; its name without prefix and its value follow, filled up to four bytes.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct XattrEntry {
    pub(crate) e_name_len: u8,
    pub(crate) e_name_index: u8,
    pub(crate) e_value_size: U16,
}

/// A name in a block of names: the names themselves follow the last of these.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Dirent {
    pub(crate) nid: U64,
    pub(crate) nameoff: U16,
    pub(crate) file_type: u8,
    pub(crate) reserved: u8,
}
const _: () = assert!(size_of::<Dirent>() == 12);

/// Before the indexes of clusters; eight bytes that nobody reads follow.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct MapHeader {
    pub(crate) h_reserved1: U32,
    pub(crate) h_advise: U16,
    /// LZ4 is 0, Zstandard 3.
    pub(crate) h_algorithmtype: u8,
    pub(crate) h_clusterbits: u8,
    pub(crate) h_reserved2: [u8; 8],
}
const _: () = assert!(size_of::<MapHeader>() == 16);

/// What a block of a compressed file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum ClusterType {
    /// Its data are as they are, from `di_clusterofs` on.
    Plain = 0,
    /// Compressed data begin at `di_clusterofs`.
    Head = 1,
    /// It belongs to compressed data that began before.
    Middle = 2,
}

/// One block of a compressed file.
#[derive(Debug, Clone, Copy, IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct ClusterIndex {
    pub(crate) di_advise: U16,
    pub(crate) di_clusterofs: U16,
    /// The block where its data are; or two distances of 16 bits, back to the head and on to the next one.
    pub(crate) di_u: [U16; 2],
}
const _: () = assert!(size_of::<ClusterIndex>() == 8);
