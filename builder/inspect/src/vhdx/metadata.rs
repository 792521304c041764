//! The metadata of a VHDX (2.6): what the disk is like.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::Guid;
use crate::OpenError;
use crate::mapped::ImageFile;

/// The table's bytes; items are behind it.
const TABLE_SIZE: u64 = 64 << 10;
/// As many fit.
const MAX_ITEMS: u16 = 2047;
/// Nothing that is read here is larger.
const MAX_ITEM: u32 = 1 << 20;
/// [`Entry::flags`]: who does not know the item must not open the file.
const IS_REQUIRED: u32 = 4;
/// The second word of the file parameters: the disk has a parent.
const HAS_PARENT: u32 = 2;
const BLOCKS: std::ops::RangeInclusive<u64> = 1 << 20..=256 << 20;
/// 64 TiB (2.6.2.2).
const MAX_SIZE: u64 = 64 << 40;

/// CAA16737-FA36-4D43-B3B6-33F0AA44E76B (2.6.2.1).
const FILE_PARAMETERS: Guid =
    [0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b];
/// 2FA54224-CD1B-4876-B211-5DBED83BF4B8 (2.6.2.2).
const DISK_SIZE: Guid =
    [0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48, 0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8];
/// BECA12AB-B2E6-4523-93EF-C309E000C746 (2.6.2.3).
const DISK_ID: Guid = [0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45, 0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46];
/// 8141BF1D-A96F-4709-BA47-F233A8FAAB5F (2.6.2.4).
const LOGICAL_SECTOR_SIZE: Guid =
    [0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47, 0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f];
/// CDA348C7-445D-4471-9CC9-E9885251C556 (2.6.2.5).
const PHYSICAL_SECTOR_SIZE: Guid =
    [0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44, 0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56];

/// Before the entries (2.6.1.1).
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    signature: [u8; 8],
    reserved: U16,
    entry_count: U16,
    reserved2: [U32; 5],
}
const _: () = assert!(size_of::<Header>() == 32);

/// An item (2.6.1.2).
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Entry {
    item_id: Guid,
    /// From the beginning of the region.
    offset: U32,
    length: U32,
    flags: U32,
    reserved: U32,
}
const _: () = assert!(size_of::<Entry>() == 32);

/// What reading needs of it.
pub(super) struct Metadata {
    /// A power of two from 1 to 256 MiB.
    pub(super) block_size: u64,
    /// At most 64 TiB, whole sectors.
    pub(super) disk_size: u64,
    /// 512 or 4096.
    pub(super) sector_size: u64,
}

impl Metadata {
    /// That of the region of `length` bytes at `region`, which lies in the file.
    pub(super) fn read(file: &ImageFile, region: u64, length: u64) -> Result<Metadata, OpenError> {
        let header: Header = file.read(region, "metadata")?;
        let count = header.entry_count.get();
        if header.signature != *b"metadata" || count > MAX_ITEMS {
            return Err(file.damaged("its metadata have no table"));
        }
        let (mut block, mut size, mut sector) = (None, None, None);
        for number in 0..u64::from(count) {
            let entry: Entry = file.read(region + 32 + number * 32, "metadata")?;
            let offset = u64::from(entry.offset.get());
            if entry.length.get() > MAX_ITEM || offset < TABLE_SIZE || offset + u64::from(entry.length.get()) > length {
                return Err(file.damaged(format_args!("its metadata have an item at byte {offset}, where none can be")));
            }
            let at = region + offset;
            match entry.item_id {
                FILE_PARAMETERS => block = Some(file.read::<[U32; 2]>(at, "metadata")?),
                DISK_SIZE => size = Some(file.read::<U64>(at, "metadata")?.get()),
                LOGICAL_SECTOR_SIZE => sector = Some(u64::from(file.read::<U32>(at, "metadata")?.get())),
                DISK_ID | PHYSICAL_SECTOR_SIZE => {}
                _ if entry.flags.get() & IS_REQUIRED != 0 => {
                    return Err(file.unsupported("metadata that nobody knows"));
                }
                _ => {}
            }
        }
        let (Some([block, flags]), Some(disk_size), Some(sector_size)) = (block, size, sector) else {
            return Err(file.damaged("its metadata do not say what the disk is like"));
        };
        if flags.get() & HAS_PARENT != 0 {
            return Err(file.unsupported("a parent disk"));
        }
        let block_size = u64::from(block.get());
        if !BLOCKS.contains(&block_size) || !block_size.is_power_of_two() {
            return Err(file.damaged(format_args!("its blocks have {block_size} bytes")));
        }
        if !matches!(sector_size, 512 | 4096) {
            return Err(file.damaged(format_args!("its sectors have {sector_size} bytes")));
        }
        if disk_size > MAX_SIZE || !disk_size.is_multiple_of(sector_size) {
            return Err(file.damaged(format_args!("its disk has {disk_size} bytes, which no such disk can have")));
        }
        Ok(Metadata { block_size, disk_size, sector_size })
    }
}
