//! Structures and places in GRUB's images for a BIOS, little-endian all of them.
//!
//! GRUB 2.12: `include/grub/offsets.h`, `include/grub/kernel.h`, `include/grub/i386/pc/boot.h`.

use std::mem::offset_of;
use std::ops::Range;

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A sector of a disk as a BIOS sees it, and the size of `boot.img` and `diskboot.img`.
pub const SECTOR: usize = 512;
/// The bytes of a boot sector that are code; a disk signature and the partition table follow.
pub const CODE: usize = 440;

/// Boot sector: what a FAT file system would keep about itself; no code.
pub(crate) const PARAMETER_BLOCK: Range<usize> = 0x3..0x5a;
/// Boot sector: the first sector of the core image, 64 bits.
pub(crate) const KERNEL_SECTOR: Range<usize> = 0x5c..0x64;
/// Boot sector: the drive to load from; FF is the one it was started from.
pub(crate) const BOOT_DRIVE: usize = 0x64;
/// Boot sector: a jump over the correction of BIOSes that tell a wrong drive. A hard disk has no jump there.
pub(crate) const DRIVE_CHECK: Range<usize> = 0x66..0x68;
/// Two instructions that do nothing.
pub(crate) const NO_JUMP: [u8; 2] = [0x90; 2];
/// What the boot sector prints first.
pub(crate) const GREETING: &[u8] = b"GRUB \0";

/// Where `diskboot.img` is loaded to, as a segment: the rest of the core image goes behind it.
pub(crate) const KERNEL_SEGMENT: u16 = 0x800;
/// Where the payload is when it runs, in memory; `kernel.img` is linked for it.
pub(crate) const LINK_ADDRESS: u32 = 0x9000;
/// Where the decompressor is; it has to end before the payload's place.
pub(crate) const DECOMPRESSOR_ADDRESS: u32 = 0x8200;
/// A core image loaded at [`LINK_ADDRESS`] may not reach this.
pub(crate) const CORE_END: u32 = 0x7_8000;
/// Nor the kernel this.
pub(crate) const KERNEL_END: u32 = 0x6_8000;

/// `OBJ_TYPE_ELF`: a module.
pub(crate) const OBJECT_MODULE: u32 = 0;
/// `OBJ_TYPE_CONFIG`: commands that run before anything else.
pub(crate) const OBJECT_CONFIG: u32 = 2;
/// `OBJ_TYPE_PREFIX`: the folder where `grub.cfg` is.
pub(crate) const OBJECT_PREFIX: u32 = 3;

/// A run of sectors, in the last bytes of `diskboot.img`; further ones lie before it, the last one has no sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Blocklist {
    /// The first sector.
    pub start: U64,
    /// How many.
    pub sectors: U16,
    /// Where they are loaded to.
    pub segment: U16,
}
const _: () = assert!(size_of::<Blocklist>() == 12 && offset_of!(Blocklist, segment) == 10);

/// What the decompressor is told, from its eighth byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Decompressor {
    /// Bytes of the compressed payload.
    pub compressed_size: U32,
    /// Bytes of the payload.
    pub uncompressed_size: U32,

    /// Bytes of Reed-Solomon codes behind the compressed payload.
    pub reed_solomon_redundancy: U32,
    /// Bytes of the decompressor that no code covers.
    pub no_reed_solomon_length: U16,
}
const _: () = assert!(size_of::<Decompressor>() == 14 && offset_of!(Decompressor, no_reed_solomon_length) == 12);

/// Where [`Decompressor`] is in `lzma_decompress.img`.
pub(crate) const DECOMPRESSOR: usize = 8;

/// What stands before the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ModuleInfo {
    /// `mimg`.
    pub magic: U32,
    /// From here to the first object.
    pub offset: U32,
    /// From here to the end of the last object.
    pub size: U32,
}
const _: () = assert!(size_of::<ModuleInfo>() == 12 && offset_of!(ModuleInfo, size) == 8);

/// `mimg`, read backwards.
pub(crate) const MODULE_MAGIC: u32 = 0x676d_696d;

/// What stands before each object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ObjectHeader {
    /// What it is.
    pub kind: U32,
    /// Its bytes, with this header; the next one begins at a multiple of four.
    pub size: U32,
}
const _: () = assert!(size_of::<ObjectHeader>() == 8 && offset_of!(ObjectHeader, size) == 4);
