//! On-disk structures of VMDK's hosted sparse extents.
//!
//! Specification: VMware, "Virtual Disk Format 5.0", "Hosted Sparse Extents" and "Stream-Optimized Compressed Sparse Extents".
//! Integers are little-endian; places and sizes are in sectors of 512 bytes.
//!
//! | `monolithicSparse`      | `streamOptimized`                                                      |
//! |-------------------------|------------------------------------------------------------------------|
//! | [`Header`]              | [`Header`], which says that the directory comes at the end             |
//! | descriptor              | descriptor                                                             |
//! | redundant grain directory, its tables | grains, each behind its [`Marker`]; behind those of 32 MiB their table, with a marker |
//! | grain directory, its tables | grain directory, with a marker                                     |
//! | grains                  | footer: [`Header`] again, with a marker; end of the stream             |

use std::mem::offset_of;

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{Immutable, IntoBytes, KnownLayout, Unaligned};

/// `KDMV`.
pub(crate) const MAGIC: u32 = 0x564d_444b;
/// [`Header::version`] of `monolithicSparse`.
pub(crate) const PLAIN: u32 = 1;
/// [`Header::version`] of `streamOptimized`.
pub(crate) const STREAM: u32 = 3;
/// [`Header::flags`]: the characters that detect newlines converted are valid.
pub(crate) const NEWLINE_TEST: u32 = 1;
/// [`Header::flags`]: there is a redundant grain directory.
pub(crate) const REDUNDANT: u32 = 1 << 1;
/// [`Header::flags`]: grains are compressed.
pub(crate) const COMPRESSED: u32 = 1 << 16;
/// [`Header::flags`]: grains and tables have markers.
pub(crate) const MARKERS: u32 = 1 << 17;
/// [`Header::compress_algorithm`]: zlib streams.
pub(crate) const DEFLATE: u16 = 1;
/// [`Header::gd_offset`]: look at the footer.
pub(crate) const AT_END: u64 = u64::MAX;
/// Sectors of a grain: 64 KiB.
pub(crate) const GRAIN_SECTORS: u64 = 128;
/// Entries of a grain table.
pub(crate) const GT_ENTRIES: u64 = 512;
/// Sectors of a grain table.
pub(crate) const GT_SECTORS: u64 = 4;
/// First sector of the descriptor, and how many it may fill.
pub(crate) const DESCRIPTOR: (u64, u64) = (1, 20);
/// [`Marker::kind`]: end of the stream.
pub(crate) const END_OF_STREAM: u32 = 0;
/// [`Marker::kind`]: a grain table follows.
pub(crate) const GRAIN_TABLE: u32 = 1;
/// [`Marker::kind`]: the grain directory follows.
pub(crate) const GRAIN_DIRECTORY: u32 = 2;
/// [`Marker::kind`]: the footer follows.
pub(crate) const FOOTER: u32 = 3;

/// Header and footer (`SparseExtentHeader`), one sector.
#[derive(Clone, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Header {
    /// [`MAGIC`].
    pub(crate) magic: U32,
    /// [`PLAIN`] or [`STREAM`].
    pub(crate) version: U32,
    /// [`NEWLINE_TEST`] and others.
    pub(crate) flags: U32,
    /// Sectors of the disk.
    pub(crate) capacity: U64,
    /// [`GRAIN_SECTORS`].
    pub(crate) grain_size: U64,
    /// Where the descriptor is.
    pub(crate) descriptor_offset: U64,
    /// Its sectors.
    pub(crate) descriptor_size: U64,
    /// [`GT_ENTRIES`].
    pub(crate) num_gtes_per_gt: U32,
    /// Where the redundant grain directory is, or zero.
    pub(crate) rgd_offset: U64,
    /// Where the grain directory is.
    pub(crate) gd_offset: U64,
    /// Where grains begin.
    pub(crate) over_head: U64,
    /// Zero: properly shut down.
    pub(crate) unclean_shutdown: u8,
    /// A newline, a space, a carriage return and another newline.
    pub(crate) newline_test: [u8; 4],
    /// [`DEFLATE`], or zero.
    pub(crate) compress_algorithm: U16,
    /// Zeros.
    pub(crate) pad: [u8; 433],
}
const _: () = assert!(
    size_of::<Header>() == 512
        && offset_of!(Header, capacity) == 12
        && offset_of!(Header, rgd_offset) == 48
        && offset_of!(Header, unclean_shutdown) == 72
        && offset_of!(Header, compress_algorithm) == 77
);

/// What stands before a table, the directory, the footer and at the end (`SparseMarker` of a stream), one sector.
#[derive(IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Marker {
    /// Sectors of what follows.
    pub(crate) num_sectors: U64,
    /// Zero: not a grain.
    pub(crate) size: U32,
    /// What follows.
    pub(crate) kind: U32,
    /// Zeros.
    pub(crate) pad: [u8; 496],
}
const _: () = assert!(size_of::<Marker>() == 512 && offset_of!(Marker, kind) == 12);

/// What stands directly before the bytes of a compressed grain.
#[derive(IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct GrainMarker {
    /// First sector of the grain on the disk.
    pub(crate) lba: U64,
    /// Bytes that follow.
    pub(crate) size: U32,
}
const _: () = assert!(size_of::<GrainMarker>() == 12);
