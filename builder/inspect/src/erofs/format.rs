//! On-disk structures of EROFS.
//!
//! Specification: the kernel's `fs/erofs/erofs_fs.h`. Integers are little-endian.
//!
//! | where                | holds                                                                                  |
//! |----------------------|----------------------------------------------------------------------------------------|
//! | byte 1024            | [`Superblock`]                                                                         |
//! | block `meta_blkaddr` | inodes, [`CompactInode`] or [`ExtendedInode`]: number N lies 32 N bytes behind its begin |
//! | behind an inode      | [`XattrHeader`] and attributes; then the end of a content, a map of chunks, or [`MapHeader`] and indexes |
//! | block `xattr_blkaddr`| attributes that inodes share                                                           |

use std::mem::offset_of;

use bitflags::bitflags;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Where the superblock lies.
pub(crate) const SUPERBLOCK_AT: u64 = 1024;
/// Signature of a superblock.
pub(crate) const MAGIC: u32 = 0xE0F5_E1E2;
/// Unit of an inode's number.
pub(crate) const SLOT: u64 = 32;
/// In a map of chunks: a hole.
pub(crate) const HOLE: u32 = u32::MAX;
/// In the first distance of a cluster: it says how many blocks the compressed data have.
pub(crate) const BLOCK_COUNT: u16 = 1 << 11;
/// In a cluster's advice: the data are the beginning of what its blocks hold.
pub(crate) const PARTIAL: u16 = 1 << 15;
/// In the map header: all of the content lies in the file of fragments.
pub(crate) const WHOLE_IN_FRAGMENTS: u8 = 1 << 7;
/// In the form of chunks: their size, as the power of two of blocks.
pub(crate) const CHUNK_BITS: u16 = 0x1F;
/// In the form of chunks: the map has 8 bytes for each, not 4.
pub(crate) const CHUNK_INDEXES: u16 = 0x20;

/// In `feature_compat`: the superblock has a checksum.
pub(crate) const SUPERBLOCK_CHECKSUM: u32 = 0x0001;

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
        /// There are other devices, or files with two compressors.
        const DEVICES_OR_SECOND_HEAD = 0x0008;
        /// Ends of compressed contents may lie behind the indexes.
        const TAIL_PACKING = 0x0010;
        /// Ends of contents may lie in one file; the same data may be read for several contents.
        const FRAGMENTS_OR_DEDUPE = 0x0020;
        /// Long beginnings of attributes' names have numbers.
        const XATTR_PREFIXES = 0x0040;
        /// Blocks have numbers of 48 bits.
        const BIT48 = 0x0080;
        /// Metadata are compressed.
        const METABOX = 0x0100;
    }
}

bitflags! {
    /// What the header of a compressed file's map says of the whole file.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Advice: u16 {
        /// Of compact indexes: most have 2 bytes. Other indexes are extents then.
        const TWO_BYTES = 0x0001;
        /// Data of the first compressor may have several blocks.
        const BIG_FIRST = 0x0002;
        /// Data of the second compressor, and those that are not compressed, may.
        const BIG_SECOND = 0x0004;
        /// The last data lie behind the indexes.
        const INLINE = 0x0008;
        /// What is not compressed is turned in its block so that it lies where it would in the file.
        const INTERLACED = 0x0010;
        /// The last data lie in the file of fragments.
        const FRAGMENT = 0x0020;
    }
}

/// The superblock: 128 bytes.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Superblock {
    pub(crate) magic: U32,
    /// CRC-32C from here to the end of the block, without the last inversion, taken with this field zero.
    pub(crate) checksum: U32,
    pub(crate) feature_compat: U32,
    pub(crate) blkszbits: u8,
    pub(crate) sb_extslots: u8,
    pub(crate) root_nid: U16,

    pub(crate) inos: U64,
    /// Also the time of compact inodes.
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

    /// The file of fragments; 0 when there is none.
    pub(crate) packed_nid: U64,
    pub(crate) reserved: [u8; 24],
}
const _: () = assert!(size_of::<Superblock>() == 128 && offset_of!(Superblock, feature_incompat) == 80);

/// An inode of 32 bytes.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct CompactInode {
    pub(crate) i_format: U16,
    pub(crate) i_xattr_icount: U16,
    pub(crate) i_mode: U16,
    pub(crate) i_nlink: U16,
    pub(crate) i_size: U32,
    /// Seconds after `build_time`; older ones have zero.
    pub(crate) i_mtime: U32,

    pub(crate) i_u: U32,
    pub(crate) i_ino: U32,
    pub(crate) i_uid: U16,
    pub(crate) i_gid: U16,
    pub(crate) i_reserved: U32,
}
const _: () = assert!(size_of::<CompactInode>() == 32);

/// An inode of 64 bytes.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ExtendedInode {
    /// Bit 0: 64 bytes; then the layout of the content.
    pub(crate) i_format: U16,
    /// Zero, or one and a quarter of the bytes of attributes behind their header.
    pub(crate) i_xattr_icount: U16,
    pub(crate) i_mode: U16,
    pub(crate) i_reserved: U16,
    pub(crate) i_size: U64,

    /// First block, compressed blocks, device number, or form of chunks.
    pub(crate) i_u: U32,
    pub(crate) i_ino: U32,
    pub(crate) i_uid: U32,
    pub(crate) i_gid: U32,

    pub(crate) i_mtime: U64,
    pub(crate) i_mtime_nsec: U32,
    pub(crate) i_nlink: U32,

    pub(crate) i_reserved2: [u8; 16],
}
const _: () = assert!(size_of::<ExtendedInode>() == 64);

/// Head of an inode's attributes; numbers of shared ones follow, then its own.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct XattrHeader {
    pub(crate) h_name_filter: U32,
    pub(crate) h_shared_count: u8,
    pub(crate) h_reserved2: [u8; 7],
}

/// Head of an attribute; its name without prefix and its value follow, filled up to four bytes.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct XattrEntry {
    pub(crate) e_name_len: u8,
    pub(crate) e_name_index: u8,
    pub(crate) e_value_size: U16,
}

/// A name in a block of names: the names themselves follow the last of these.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Dirent {
    pub(crate) nid: U64,
    pub(crate) nameoff: U16,
    pub(crate) file_type: u8,
    pub(crate) reserved: u8,
}
const _: () = assert!(size_of::<Dirent>() == 12);

/// Before the indexes of a compressed file's clusters.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct MapHeader {
    /// Where in the file of fragments; or, in the upper half, the bytes of the last data.
    pub(crate) h_fragmentoff: U32,
    pub(crate) h_advise: U16,
    /// The first compressor in the lower half, the second in the upper one.
    pub(crate) h_algorithmtype: u8,
    /// What clusters have more than blocks, as a power of two; [`WHOLE_IN_FRAGMENTS`].
    pub(crate) h_clusterbits: u8,
}
const _: () = assert!(size_of::<MapHeader>() == 8);

/// One block of a compressed file.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ClusterIndex {
    pub(crate) di_advise: U16,
    pub(crate) di_clusterofs: U16,
    /// The block where its data are; or two distances of 16 bits, back to the head and on to the next one.
    pub(crate) di_u: [U16; 2],
}
const _: () = assert!(size_of::<ClusterIndex>() == 8);
