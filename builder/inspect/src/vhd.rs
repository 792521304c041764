//! VHD images, fixed and dynamic.
//!
//! Specification: Microsoft, "Virtual Hard Disk Image Format Specification" 1.0 (October 2006). Integers are big-endian.
//!
//! | what                                              |                                                          |
//! |---------------------------------------------------|----------------------------------------------------------|
//! | fixed: the disk, then a footer                    | read                                                     |
//! | dynamic: blocks by a table, each behind a bitmap  | read; sectors whose bit is not set are zeros             |
//! | differencing                                      | refused: the rest is in another file                     |

use std::sync::Arc;

use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::mapped::{Extent, ImageFile, Map, Mapped};
use crate::{OpenError, Part, Source};

const LAYER: &str = "VHD";
const SECTOR: u64 = 512;
const COOKIE: &[u8; 8] = b"conectix";
const DYNAMIC_COOKIE: &[u8; 8] = b"cxsparse";
/// Version 1.0.
const VERSION: u32 = 0x0001_0000;
/// An entry of the block allocation table without a block.
const UNUSED: u32 = u32::MAX;
/// Blocks are a power of two of sectors; Microsoft's own have 512 KiB or 2 MiB.
const BLOCKS: std::ops::RangeInclusive<u64> = SECTOR..=256 << 20;
/// The largest disk of the format: 2^32 sectors.
const MAX_SIZE: u64 = SECTOR << 32;

/// The footer, 512 bytes ("Hard Disk Footer Format").
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Footer {
    cookie: [u8; 8],
    features: U32,
    file_format_version: U32,

    data_offset: U64,
    time_stamp: U32,
    creator_application: [u8; 4],

    creator_version: U32,
    creator_host_os: [u8; 4],
    original_size: U64,

    current_size: U64,
    cylinders: U16,
    heads: u8,
    sectors_per_track: u8,
    disk_type: U32,

    checksum: U32,
    unique_id: [u8; 16],
    saved_state: u8,
    reserved: [u8; 427],
}
const _: () = assert!(size_of::<Footer>() == 512);

/// What a dynamic disk has beside, 1024 bytes ("Dynamic Disk Header Format").
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct DynamicHeader {
    cookie: [u8; 8],
    data_offset: U64,

    table_offset: U64,
    header_version: U32,
    max_table_entries: U32,

    block_size: U32,
    checksum: U32,
    parent: [u8; 984],
}
const _: () = assert!(size_of::<DynamicHeader>() == 1024);

/// Whether the source looks like one.
pub(crate) fn is(source: &Source) -> bool {
    let mut cookie = [0; COOKIE.len()];
    let footer = source.size().checked_sub(SECTOR);
    footer.is_some_and(|at| source.read_at(at, &mut cookie).is_ok() && cookie == *COOKIE)
}

/// The disk in it.
pub(crate) fn open(source: Source) -> Result<Source, OpenError> {
    let file = ImageFile::new(LAYER, Arc::clone(&source));
    let end = file.size().saturating_sub(SECTOR);
    let footer: Footer = file.read(end, "footer")?;
    if footer.cookie != *COOKIE {
        return Err(file.damaged("it does not end with a footer"));
    }
    if footer.checksum.get() != checksum(footer.as_bytes(), footer.checksum) {
        return Err(file.damaged("the checksum of its footer is wrong"));
    }
    if footer.file_format_version.get() != VERSION {
        return Err(file.unsupported(format_args!("version {:x}", footer.file_format_version.get())));
    }
    let size = footer.current_size.get();
    if size > MAX_SIZE || !size.is_multiple_of(SECTOR) {
        return Err(file.damaged(format_args!("its disk has {size} bytes, which no such disk can have")));
    }
    match footer.disk_type.get() {
        2 if size > end => {
            Err(file.damaged(format_args!("its disk has {size} bytes, and the file has {end} before its footer")))
        }
        2 => match Part::new(source, 0, size) {
            Some(disk) => Ok(Arc::new(disk)),
            None => Err(file.damaged("it is shorter than its disk")),
        },
        3 => dynamic(source, file, &footer),
        4 => Err(file.unsupported("a parent disk")),
        other => Err(file.unsupported(format_args!("disk type {other}"))),
    }
}

fn dynamic(source: Source, file: ImageFile, footer: &Footer) -> Result<Source, OpenError> {
    let (size, at) = (footer.current_size.get(), footer.data_offset.get());
    let copy: Footer = file.read(0, "copy of the footer")?;
    if copy.as_bytes() != footer.as_bytes() {
        return Err(file.damaged("its footer and the copy at its beginning differ"));
    }
    let header: DynamicHeader = file.read(at, "header")?;
    if header.cookie != *DYNAMIC_COOKIE {
        return Err(file.damaged(format_args!("there is no header at byte {at}")));
    }
    if header.checksum.get() != checksum(header.as_bytes(), header.checksum) {
        return Err(file.damaged("the checksum of its header is wrong"));
    }
    if header.header_version.get() != VERSION {
        return Err(file.unsupported(format_args!("a header of version {:x}", header.header_version.get())));
    }
    let block = u64::from(header.block_size.get());
    if !BLOCKS.contains(&block) || !block.is_power_of_two() {
        return Err(file.damaged(format_args!("its blocks have {block} bytes")));
    }
    let (entries, needed) = (u64::from(header.max_table_entries.get()), size.div_ceil(block));
    if entries < needed {
        return Err(
            file.damaged(format_args!("its table has {entries} entries, and a disk of {size} bytes needs {needed}"))
        );
    }
    let table = header.table_offset.get();
    file.holds(table, needed * 4, "block allocation table")?;
    let map = Blocks { file, table, block, bitmap: (block / SECTOR).div_ceil(8).next_multiple_of(SECTOR) };
    let disk = Mapped::new(LAYER, source, size, map);
    disk.check()?;
    Ok(Arc::new(disk))
}

/// The block allocation table.
struct Blocks {
    file: ImageFile,
    table: u64,
    /// Bytes of a block: a power of two.
    block: u64,
    /// Bytes of the bitmap before it.
    bitmap: u64,
}

impl Map for Blocks {
    fn find(&self, at: u64, length: u64) -> Result<Extent, OpenError> {
        let (number, within) = (at / self.block, at % self.block);
        let length = length.min(self.block - within);
        let entry: U32 = self.file.read(self.table + number * 4, "block allocation table")?;
        if entry.get() == UNUSED {
            return Ok(Extent::Zeros { length });
        }
        let start = u64::from(entry.get()) * SECTOR;
        // One sector of the bitmap at a time: all of it again for each run would be much for a disk that is made of them.
        let length = length.min(SECTOR * 8 * SECTOR - within % (SECTOR * 8 * SECTOR));
        self.file.holds(start, self.bitmap + within + length, format_args!("block {number}"))?;
        // As many sectors from here on as are alike.
        let (first, last) = (within / SECTOR, (within + length - 1) / SECTOR);
        let mut bits = vec![0; (last / 8 - first / 8 + 1) as usize];
        self.file.fill(start + first / 8, &mut bits)?;
        // The first sector of a byte is its highest bit.
        let is_stored = |sector: u64| bits[(sector / 8 - first / 8) as usize] >> (7 - sector % 8) & 1 != 0;
        let stored = is_stored(first);
        let other = (first..=last).find(|sector| is_stored(*sector) != stored);
        let length = other.map_or(length, |sector| sector * SECTOR - within);
        Ok(match stored {
            true => Extent::Stored { offset: start + self.bitmap + within, length },
            false => Extent::Zeros { length },
        })
    }
}

/// The ones' complement of the sum of all bytes but those of the checksum itself.
fn checksum(bytes: &[u8], itself: U32) -> u32 {
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
    !sum(bytes).wrapping_sub(sum(itself.as_bytes()))
}
