//! On-disk structures of VHD.
//!
//! Specification: Microsoft, "Virtual Hard Disk Image Format Specification" 1.0 (October 2006). Integers are big-endian.
//!
//! | fixed        | dynamic                                                               | section                  |
//! |--------------|-----------------------------------------------------------------------|--------------------------|
//! | the disk     | copy of the footer                                                    | Dynamic Hard Disk Image  |
//! |              | [`DynamicHeader`]                                                     | Dynamic Disk Header Format |
//! |              | block allocation table, filled up with `ff` to a sector               | Block Allocation Table   |
//! |              | blocks, each behind its sector bitmap, aligned so that data is at whole pages | Data Blocks      |
//! | [`Footer`]   | [`Footer`]                                                            | Hard Disk Footer Format  |

use std::mem::offset_of;

use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{Immutable, IntoBytes, KnownLayout, Unaligned};

/// [`Footer::cookie`].
pub(crate) const COOKIE: [u8; 8] = *b"conectix";
/// [`DynamicHeader::cookie`].
pub(crate) const DYNAMIC_COOKIE: [u8; 8] = *b"cxsparse";
/// [`Footer::features`]: a bit that is always set.
pub(crate) const RESERVED: u32 = 2;
/// Version 1.0 of the format.
pub(crate) const VERSION: u32 = 0x0001_0000;
/// [`Footer::data_offset`], [`DynamicHeader::data_offset`]: nothing there.
pub(crate) const NOWHERE: u64 = u64::MAX;
/// [`Footer::disk_type`]: fixed.
pub(crate) const FIXED: u32 = 2;
/// [`Footer::disk_type`]: dynamic.
pub(crate) const DYNAMIC: u32 = 3;
/// Bytes of a block of a dynamic disk.
pub(crate) const BLOCK: usize = 2 << 20;
/// Bytes of its sector bitmap: a bit for each of 4096 sectors.
pub(crate) const BITMAP: u64 = 512;
/// An entry of the block allocation table without a block.
pub(crate) const UNUSED: u32 = u32::MAX;
/// 2000-01-01T00:00:00Z.
pub(crate) const EPOCH: i64 = 946_684_800;

/// The last sector of every VHD.
#[derive(Debug, Clone, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Footer {
    /// [`COOKIE`].
    pub(crate) cookie: [u8; 8],
    /// [`RESERVED`].
    pub(crate) features: U32,
    /// [`VERSION`].
    pub(crate) file_format_version: U32,

    /// Where the dynamic header is, or [`NOWHERE`].
    pub(crate) data_offset: U64,
    /// Seconds since [`EPOCH`].
    pub(crate) time_stamp: U32,
    /// `win `: who reads such a file takes the size from `current_size`, not from the geometry.
    pub(crate) creator_application: [u8; 4],

    /// Of the application.
    pub(crate) creator_version: U32,
    /// `Wi2k`: there are but two values.
    pub(crate) creator_host_os: [u8; 4],
    /// Bytes of the disk when it was made.
    pub(crate) original_size: U64,

    /// Bytes of the disk.
    pub(crate) current_size: U64,
    /// Cylinders; heads; sectors of a track.
    pub(crate) cylinders: U16,
    pub(crate) heads: u8,
    pub(crate) sectors_per_track: u8,
    /// [`FIXED`] or [`DYNAMIC`].
    pub(crate) disk_type: U32,

    /// Ones' complement of the sum of all bytes, taken with this field zero.
    pub(crate) checksum: U32,
    /// The disk's, in the order of its text.
    pub(crate) unique_id: [u8; 16],
    /// Zero.
    pub(crate) saved_state: u8,
    /// Zeros.
    pub(crate) reserved: [u8; 427],
}
const _: () = assert!(
    size_of::<Footer>() == 512
        && offset_of!(Footer, creator_version) == 32
        && offset_of!(Footer, current_size) == 48
        && offset_of!(Footer, checksum) == 64
        && offset_of!(Footer, reserved) == 85
);

/// What a dynamic disk has behind the copy of its footer; a fixed one has none.
#[derive(Debug, Clone, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct DynamicHeader {
    /// [`DYNAMIC_COOKIE`].
    pub(crate) cookie: [u8; 8],
    /// [`NOWHERE`].
    pub(crate) data_offset: U64,

    /// Where the block allocation table is.
    pub(crate) table_offset: U64,
    /// [`VERSION`].
    pub(crate) header_version: U32,
    /// Its entries.
    pub(crate) max_table_entries: U32,

    /// [`BLOCK`].
    pub(crate) block_size: U32,
    /// Like the footer's.
    pub(crate) checksum: U32,
    /// Zeros: no parent, and so everything behind.
    pub(crate) parent: [u8; 984],
}
const _: () = assert!(size_of::<DynamicHeader>() == 1024 && offset_of!(DynamicHeader, checksum) == 36);
