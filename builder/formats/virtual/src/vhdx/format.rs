//! On-disk structures of VHDX.
//!
//! Specification: Microsoft, MS-VHDX "Virtual Hard Disk v2 (VHDX) File Format". Integers are little-endian.
//!
//! | byte      | holds                                                      | section |
//! |-----------|------------------------------------------------------------|---------|
//! | 0         | [`FileIdentifier`]                                         | 2.2.1   |
//! | 64, 128 K | [`Header`], twice                                          | 2.2.2   |
//! | 192, 256 K | [`RegionTableHeader`] and [`RegionTableEntry`]s, twice    | 2.2.3   |
//! | 1 M       | log: empty                                                 | 2.3     |
//! | 2 M       | metadata: [`MetadataTableHeader`], [`MetadataTableEntry`]s, [`Items`] | 2.6 |
//! | 3 M       | block allocation table                                     | 2.5     |
//! | behind    | payload blocks                                             | 2.4     |

use std::mem::offset_of;

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::number::guid;

/// Everything begins at a multiple of this.
pub(crate) const MIB: u64 = 1 << 20;
/// Where both headers are (2.2).
pub(crate) const HEADERS: [u64; 2] = [64 << 10, 128 << 10];
/// Bytes that a header's checksum covers.
pub(crate) const HEADER_SIZE: usize = 4096;
/// Where both region tables are (2.2).
pub(crate) const REGION_TABLES: [u64; 2] = [192 << 10, 256 << 10];
/// Bytes of one, all of them under its checksum.
pub(crate) const REGION_TABLE_SIZE: usize = 64 << 10;
/// Where the log is, [`MIB`] long.
pub(crate) const LOG: u64 = MIB;
/// Where the metadata region is, [`MIB`] long.
pub(crate) const METADATA: u64 = 2 * MIB;
/// Where the metadata's items begin in it (2.6.1.2: not below 64 KiB).
pub(crate) const ITEMS: u32 = 64 << 10;
/// Where the block allocation table is.
pub(crate) const TABLE: u64 = 3 * MIB;
/// Bytes of a payload block: what Microsoft advises for guests with Linux.
pub(crate) const BLOCK: u32 = 1 << 20;
/// Payload blocks of a chunk, behind each of which the table has an entry for a sector bitmap: 2^23 sectors / 1 MiB (2.4).
pub(crate) const CHUNK: u64 = (512 << 23) / MIB;
/// Bytes of a sector as the guest sees it.
pub(crate) const LOGICAL_SECTOR: u32 = 512;
/// Bytes of a sector of the host's disk.
pub(crate) const PHYSICAL_SECTOR: u32 = 4096;
/// `PAYLOAD_BLOCK_ZERO`: not in the file, zeros (2.5.1.1).
pub(crate) const ZERO: u64 = 2;
/// `PAYLOAD_BLOCK_FULLY_PRESENT`; the bits from 20 on say where, in MiB (2.5.1.1).
pub(crate) const PRESENT: u64 = 6;
/// [`MetadataTableEntry::flags`]: about the disk, not the file.
pub(crate) const IS_VIRTUAL_DISK: u32 = 2;
/// [`MetadataTableEntry::flags`]: no reader may ignore it. For [`RegionTableEntry::required`] it is 1.
pub(crate) const IS_REQUIRED: u32 = 4;

/// The region of the block allocation table (2.2.3.2).
pub(crate) const TABLE_GUID: [u8; 16] = known(0x2dc27766_f623_4200_9d64_115e9bfd4a08);
/// The region of the metadata (2.2.3.2).
pub(crate) const METADATA_GUID: [u8; 16] = known(0x8b7ca206_4790_4b9a_b8fe_575f050f886e);
/// File parameters (2.6.2.1).
pub(crate) const FILE_PARAMETERS: [u8; 16] = known(0xcaa16737_fa36_4d43_b3b6_33f0aa44e76b);
/// Virtual disk size (2.6.2.2).
pub(crate) const VIRTUAL_DISK_SIZE: [u8; 16] = known(0x2fa54224_cd1b_4876_b211_5dbed83bf4b8);
/// Virtual disk id (2.6.2.3).
pub(crate) const VIRTUAL_DISK_ID: [u8; 16] = known(0xbeca12ab_b2e6_4523_93ef_c309e000c746);
/// Logical sector size (2.6.2.4).
pub(crate) const LOGICAL_SECTOR_SIZE: [u8; 16] = known(0x8141bf1d_a96f_4709_ba47_f233a8faab5f);
/// Physical sector size (2.6.2.5).
pub(crate) const PHYSICAL_SECTOR_SIZE: [u8; 16] = known(0xcda348c7_445d_4471_9cc9_e9885251c556);

const fn known(id: u128) -> [u8; 16] {
    guid(&id.to_be_bytes())
}

/// What the file begins with (2.2.1).
#[derive(IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct FileIdentifier {
    /// `vhdxfile`.
    pub(crate) signature: [u8; 8],
    /// Whose it is, in UTF-16.
    pub(crate) creator: [U16; 256],
}
const _: () = assert!(size_of::<FileIdentifier>() == 520);

/// The current one of two is that with the larger sequence number (2.2.2).
#[derive(Clone, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Header {
    /// `head`.
    pub(crate) signature: [u8; 4],
    /// CRC-32C of 4 KiB, taken with this field zero.
    pub(crate) checksum: U32,
    /// Larger is newer.
    pub(crate) sequence_number: U64,

    /// Changes with the file.
    pub(crate) file_write_guid: [u8; 16],

    /// Changes with what the guest sees.
    pub(crate) data_write_guid: [u8; 16],

    /// Zero: nothing in the log.
    pub(crate) log_guid: [u8; 16],

    /// Zero.
    pub(crate) log_version: U16,
    /// 1.
    pub(crate) version: U16,
    /// Bytes of the log.
    pub(crate) log_length: U32,
    /// Where it is.
    pub(crate) log_offset: U64,
}
const _: () = assert!(
    size_of::<Header>() == 80 && offset_of!(Header, file_write_guid) == 16 && offset_of!(Header, log_version) == 64
);

/// What a region table begins with (2.2.3.1).
#[derive(IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RegionTableHeader {
    /// `regi`.
    pub(crate) signature: [u8; 4],
    /// CRC-32C of 64 KiB, taken with this field zero.
    pub(crate) checksum: U32,
    /// Entries.
    pub(crate) entry_count: U32,
    /// Zero.
    pub(crate) reserved: U32,
}
const _: () = assert!(size_of::<RegionTableHeader>() == 16);

/// A region (2.2.3.2).
#[derive(IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RegionTableEntry {
    /// Which.
    pub(crate) guid: [u8; 16],

    /// Where it is.
    pub(crate) file_offset: U64,
    /// Its bytes.
    pub(crate) length: U32,
    /// 1: no reader may ignore it.
    pub(crate) required: U32,
}
const _: () = assert!(size_of::<RegionTableEntry>() == 32 && offset_of!(RegionTableEntry, length) == 24);

/// What the metadata region begins with (2.6.1.1).
#[derive(IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct MetadataTableHeader {
    /// `metadata`.
    pub(crate) signature: [u8; 8],
    /// Zero.
    pub(crate) reserved: U16,
    /// Entries.
    pub(crate) entry_count: U16,
    /// Zero.
    pub(crate) reserved2: [U32; 5],
}
const _: () = assert!(size_of::<MetadataTableHeader>() == 32 && offset_of!(MetadataTableHeader, entry_count) == 10);

/// Where an item is (2.6.1.2).
#[derive(IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct MetadataTableEntry {
    /// Which.
    pub(crate) item_id: [u8; 16],

    /// Where it is in the region.
    pub(crate) offset: U32,
    /// Its bytes.
    pub(crate) length: U32,
    /// [`IS_VIRTUAL_DISK`] and [`IS_REQUIRED`].
    pub(crate) flags: U32,
    /// Zero.
    pub(crate) reserved: U32,
}
const _: () = assert!(size_of::<MetadataTableEntry>() == 32 && offset_of!(MetadataTableEntry, offset) == 16);

/// The items, as we lay them out (2.6.2).
#[derive(IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Items {
    /// [`BLOCK`].
    pub(crate) block_size: U32,
    /// Zero: not fixed, no parent.
    pub(crate) flags: U32,
    /// Bytes of the disk.
    pub(crate) virtual_disk_size: U64,

    /// What SCSI's page 83 says.
    pub(crate) virtual_disk_id: [u8; 16],

    /// [`LOGICAL_SECTOR`].
    pub(crate) logical_sector_size: U32,
    /// [`PHYSICAL_SECTOR`].
    pub(crate) physical_sector_size: U32,
}
const _: () = assert!(
    size_of::<Items>() == 40
        && offset_of!(Items, virtual_disk_size) == 8
        && offset_of!(Items, virtual_disk_id) == 16
        && offset_of!(Items, logical_sector_size) == 32
        && offset_of!(Items, physical_sector_size) == 36
);
