//! On-disk structures of a master boot record (MBR).
//!
//! Specification: UEFI 2.10, 5.2.1 "Legacy Master Boot Record (MBR)". Integers are little-endian. Those of a GPT are the `gpt`
//! crate's.
//!
//! | byte     | holds                                   |
//! |----------|-----------------------------------------|
//! | 0..440   | boot code; zeros where no BIOS starts   |
//! | 440..444 | the disk's signature                    |
//! | 446..510 | four [`Record`]s of 16 bytes            |
//! | 510..512 | [`SIGNATURE`]                           |

use std::mem::offset_of;

use zerocopy::little_endian::{U16, U32};
use zerocopy::{Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::BOOT_CODE;

/// The last two bytes of an MBR.
pub(crate) const SIGNATURE: [u8; 2] = [0x55, 0xaa];
/// [`Record::boot_indicator`]: the partition to boot from.
pub(crate) const ACTIVE: u8 = 0x80;
/// [`Record::os_type`]: there is a GPT (5.2.3).
pub(crate) const GPT_PROTECTIVE: u8 = 0xee;
/// [`Record::os_type`]: a chain of logical partitions, in its three spellings.
pub(crate) const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];
/// Heads of the geometry that every tool assumes since disks have none.
pub(crate) const HEADS: u32 = 255;
/// Sectors of a track in it.
pub(crate) const SECTORS: u32 = 63;
/// Cylinders that the ten bits of an address can count.
pub(crate) const CYLINDERS: u32 = 1024;

/// A partition record (5.2.1, table 5.2). All zeros: not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Record {
    /// [`ACTIVE`], or zero.
    pub(crate) boot_indicator: u8,
    /// Head; sector from 1 on, above it two high bits of the cylinder; cylinder.
    pub(crate) starting_chs: [u8; 3],
    /// What is in it.
    pub(crate) os_type: u8,
    /// The last sector's.
    pub(crate) ending_chs: [u8; 3],
    /// First sector.
    pub(crate) starting_lba: U32,
    /// Sectors.
    pub(crate) size_in_lba: U32,
}
const _: () = assert!(size_of::<Record>() == 16 && offset_of!(Record, starting_lba) == 8);

/// The first sector of a disk (5.2.1, table 5.1).
#[derive(Debug, Clone, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Mbr {
    /// Zeros here; the plan puts in what it is given.
    pub(crate) boot_code: [u8; BOOT_CODE],
    /// Linux makes the partitions' `PARTUUID`s of it.
    pub(crate) unique_mbr_disk_signature: U32,
    /// Zero.
    pub(crate) unknown: U16,

    /// In the order of their numbers.
    pub(crate) partition_record: [Record; 4],

    /// [`SIGNATURE`].
    pub(crate) signature: [u8; 2],
}
const _: () = assert!(
    size_of::<Mbr>() == 512
        && offset_of!(Mbr, unique_mbr_disk_signature) == 440
        && offset_of!(Mbr, partition_record) == 446
        && offset_of!(Mbr, signature) == 510
);
