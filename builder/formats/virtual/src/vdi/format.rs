//! On-disk structures of VDI.
//!
//! Specification: there is none but VirtualBox's source, `src/VBox/Storage/VDICore.h`, version 1.1. Integers are little-endian.
//!
//! | byte    | holds                                          | there                            |
//! |---------|------------------------------------------------|----------------------------------|
//! | 0       | [`Header`]                                     | `VDIPREHEADER`, `VDIHEADER1PLUS` |
//! | 512     | block map: 32 bits for each block of the disk  | `VDIIMAGEBLOCKPOINTER`           |
//! | then, from a whole MiB on | blocks of 1 MiB              | `offData`                        |

use std::mem::offset_of;

use zerocopy::little_endian::{U32, U64};
use zerocopy::{Immutable, IntoBytes, KnownLayout, Unaligned};

/// [`Header::text`]; zeros behind it.
pub(crate) const TEXT: &[u8; 40] = b"<<< Oracle VM VirtualBox Disk Image >>>\n";
/// [`Header::signature`].
pub(crate) const SIGNATURE: u32 = 0xbeda_107f;
/// Version 1.1.
pub(crate) const VERSION: u32 = 0x0001_0001;
/// [`Header::header_size`]: what stands behind the version.
pub(crate) const HEADER_SIZE: u32 = 400;
/// [`Header::image_type`]: grows as it is written to.
pub(crate) const DYNAMIC: u32 = 1;
/// Bytes of a block.
pub(crate) const BLOCK: u32 = 1 << 20;
/// Where the block map is.
pub(crate) const MAP: u32 = 512;
/// In the block map: not in the file, zeros. (`0xffff_ffff` is a block that nobody ever wrote to.)
pub(crate) const ZERO: u32 = 0xffff_fffe;

/// What the file begins with.
#[derive(IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Header {
    /// [`TEXT`].
    pub(crate) text: [u8; 64],

    /// [`SIGNATURE`].
    pub(crate) signature: U32,
    /// [`VERSION`].
    pub(crate) version: U32,
    /// [`HEADER_SIZE`].
    pub(crate) header_size: U32,
    /// [`DYNAMIC`].
    pub(crate) image_type: U32,

    /// Zero.
    pub(crate) image_flags: U32,
    /// Zeros.
    pub(crate) comment: [u8; 256],
    /// [`MAP`].
    pub(crate) blocks_offset: U32,
    /// Where blocks begin.
    pub(crate) data_offset: U32,
    /// Zeros, and bytes of a sector: what older versions had for a geometry.
    pub(crate) legacy_geometry: [U32; 4],
    /// Zero.
    pub(crate) unused: U32,
    /// Bytes of the disk.
    pub(crate) disk_size: U64,
    /// [`BLOCK`].
    pub(crate) block_size: U32,
    /// Zero: nothing stands before a block.
    pub(crate) block_extra: U32,
    /// Blocks of the disk.
    pub(crate) blocks: U32,
    /// Blocks of the file.
    pub(crate) blocks_allocated: U32,
    /// The disk's, as Microsoft stores one.
    pub(crate) uuid_create: [u8; 16],
    /// Changes with the disk.
    pub(crate) uuid_modify: [u8; 16],
    /// Zero: no parent.
    pub(crate) uuid_linkage: [u8; 16],
    /// Zero.
    pub(crate) uuid_parent_modify: [u8; 16],
    /// Zeros, and bytes of a sector: VirtualBox finds out.
    pub(crate) lchs_geometry: [U32; 4],
}
const _: () = assert!(
    size_of::<Header>() == 472
        && offset_of!(Header, header_size) == 72
        && offset_of!(Header, blocks_offset) == 340
        && offset_of!(Header, disk_size) == 368
        && offset_of!(Header, uuid_create) == 392
        && offset_of!(Header, lchs_geometry) == 456
);
