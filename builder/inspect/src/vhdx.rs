//! VHDX images, fixed and dynamic.
//!
//! Specification: Microsoft, MS-VHDX "Virtual Hard Disk v2 (VHDX) File Format". Integers are little-endian.
//!
//! | what                                                    |                                                     |
//! |---------------------------------------------------------|-----------------------------------------------------|
//! | two headers, two region tables (2.2.2, 2.2.3)           | those whose checksum is right; the later header     |
//! | a log (2.3)                                             | refused, unless it is empty: it was not replayed    |
//! | blocks of 1 to 256 MiB, sectors of 512 or 4096 bytes    | read                                                |
//! | a parent disk; regions and items that must be known     | refused by name                                     |

mod metadata;

use std::sync::Arc;

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use self::metadata::Metadata;
use crate::mapped::{Extent, ImageFile, Map, Mapped};
use crate::{OpenError, Source};

const LAYER: &str = "VHDX";
const SIGNATURE: &[u8; 8] = b"vhdxfile";
/// Regions, and blocks, begin at multiples of this.
const MIB: u64 = 1 << 20;
/// Where both headers are, and what of them has a checksum (2.2.2).
const HEADERS: [u64; 2] = [64 << 10, 128 << 10];
const HEADER_SIZE: usize = 4 << 10;
/// Where both region tables are (2.2.3).
const REGION_TABLES: [u64; 2] = [192 << 10, 256 << 10];
const REGION_TABLE_SIZE: usize = 64 << 10;
/// As many fit.
const MAX_REGIONS: u32 = 2047;
/// Of headers and region tables, in both behind the signature.
const CHECKSUM: std::ops::Range<usize> = 4..8;
/// Sectors that one sector bitmap block tells of (2.5).
const CHUNK_SECTORS: u64 = 1 << 23;
/// A GUID as it is stored: the first three groups little-endian.
type Guid = [u8; 16];
/// 2DC27766-F623-4200-9D64-115E9BFD4A08 (2.2.3.2).
const TABLE: Guid = [0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42, 0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08];
/// 8B7CA206-4790-4B9A-B8FE-575F050F886E (2.2.3.2).
const METADATA: Guid = [0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e];

/// What is used of a header (2.2.2).
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    signature: [u8; 4],
    checksum: U32,
    sequence_number: U64,

    file_write_guid: Guid,
    data_write_guid: Guid,
    log_guid: Guid,

    log_version: U16,
    version: U16,
    log_length: U32,
    log_offset: U64,
}
const _: () = assert!(size_of::<Header>() == 80);

/// Before the entries of a region table (2.2.3.1).
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RegionTableHeader {
    signature: [u8; 4],
    checksum: U32,
    entry_count: U32,
    reserved: U32,
}

/// A region (2.2.3.2).
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Region {
    guid: Guid,
    file_offset: U64,
    length: U32,
    required: U32,
}

/// Whether the source looks like one.
pub(crate) fn is(source: &Source) -> bool {
    let mut signature = [0; SIGNATURE.len()];
    source.size() >= SIGNATURE.len() as u64 && source.read_at(0, &mut signature).is_ok() && signature == *SIGNATURE
}

/// The disk in it.
pub(crate) fn open(source: Source) -> Result<Source, OpenError> {
    let file = ImageFile::new(LAYER, Arc::clone(&source));
    let header = header(&file)?;
    if header.version.get() != 1 {
        return Err(file.unsupported(format_args!("version {}", header.version.get())));
    }
    if header.log_guid != [0; 16] {
        return Err(file.unsupported("a log that was not replayed: whoever wrote it last was stopped half-way"));
    }
    let (table, metadata) = regions(&file)?;
    let metadata = Metadata::read(&file, metadata.file_offset.get(), metadata.length.get().into())?;
    let (size, block) = (metadata.disk_size, metadata.block_size);
    let chunk = CHUNK_SECTORS * metadata.sector_size / block;
    let blocks = size.div_ceil(block);
    // An entry for a sector bitmap behind each whole chunk, but none at the end.
    let entries = blocks + blocks.saturating_sub(1) / chunk;
    if u64::from(table.length.get()) < entries * 8 {
        let reason = format!("its table has {} bytes, and a disk of {size} bytes needs {}", table.length, entries * 8);
        return Err(file.damaged(reason));
    }
    let map = Blocks { file, table: table.file_offset.get(), block, chunk };
    let disk = Mapped::new(LAYER, source, size, map);
    disk.check()?;
    Ok(Arc::new(disk))
}

/// The header that holds: of those whose checksum is right, the one that was written last.
fn header(file: &ImageFile) -> Result<Header, OpenError> {
    let mut newest: Option<Header> = None;
    for at in HEADERS {
        let Some(bytes) = sealed(file, at, HEADER_SIZE, b"head", "header")? else { continue };
        let Ok((header, _)) = Header::read_from_prefix(&bytes) else { continue };
        if newest.as_ref().is_none_or(|other| other.sequence_number < header.sequence_number) {
            newest = Some(header);
        }
    }
    newest.ok_or_else(|| file.damaged("neither of its two headers is whole"))
}

/// Where block allocation table and metadata are.
fn regions(file: &ImageFile) -> Result<(Region, Region), OpenError> {
    let mut whole = None;
    for at in REGION_TABLES {
        whole = whole.or(sealed(file, at, REGION_TABLE_SIZE, b"regi", "region table")?);
    }
    let bytes = whole.ok_or_else(|| file.damaged("neither of its two region tables is whole"))?;
    let cut = || file.damaged("its region table ends early");
    let (header, mut rest) = RegionTableHeader::read_from_prefix(&bytes).map_err(|_| cut())?;
    let count = header.entry_count.get();
    if count > MAX_REGIONS {
        return Err(file.damaged(format_args!("its region table has {count} entries")));
    }
    let (mut table, mut metadata) = (None, None);
    for _ in 0..count {
        let (region, later) = Region::read_from_prefix(rest).map_err(|_| cut())?;
        rest = later;
        let (at, length) = (region.file_offset.get(), u64::from(region.length.get()));
        if at < MIB || !at.is_multiple_of(MIB) || !length.is_multiple_of(MIB) {
            return Err(file.damaged(format_args!("a region of {length} bytes is at byte {at}, where none can be")));
        }
        file.holds(at, length, "region")?;
        match region.guid {
            TABLE => table = Some(region),
            METADATA => metadata = Some(region),
            _ if region.required.get() & 1 != 0 => return Err(file.unsupported("a region that nobody knows")),
            _ => {}
        }
    }
    match (table, metadata) {
        (Some(table), Some(metadata)) => Ok((table, metadata)),
        (None, _) => Err(file.damaged("it has no block allocation table")),
        (_, None) => Err(file.damaged("it has no metadata")),
    }
}

/// The bytes of a structure; `None` when signature or checksum are wrong.
fn sealed(
    file: &ImageFile,
    at: u64,
    size: usize,
    signature: &[u8; 4],
    what: &str,
) -> Result<Option<Vec<u8>>, OpenError> {
    let mut bytes = file.bytes(at, size, what)?;
    let mut found = [0; 4];
    // The checksum counts as zeros.
    found.copy_from_slice(&bytes[CHECKSUM]);
    bytes[CHECKSUM].fill(0);
    Ok((bytes.starts_with(signature) && crc32c::crc32c(&bytes) == u32::from_le_bytes(found)).then_some(bytes))
}

/// The block allocation table (2.5).
struct Blocks {
    file: ImageFile,
    table: u64,
    /// Bytes of a block.
    block: u64,
    /// Blocks of a chunk.
    chunk: u64,
}

impl Map for Blocks {
    fn find(&self, at: u64, length: u64) -> Result<Extent, OpenError> {
        let (number, within) = (at / self.block, at % self.block);
        let length = length.min(self.block - within);
        // Behind each chunk stands the entry of its sector bitmap.
        let entry: U64 = self.file.read(self.table + (number + number / self.chunk) * 8, "block allocation table")?;
        let entry = entry.get();
        let start = entry & !(MIB - 1);
        match entry & 7 {
            // Not present, undefined, zero, unmapped: without a parent nobody reads anything but zeros there.
            0..=3 => Ok(Extent::Zeros { length }),
            6 if start < MIB => {
                Err(self.file.damaged(format_args!("block {number} is at byte {start}, where none can be")))
            }
            6 => {
                self.file.holds(start, within + length, format_args!("block {number}"))?;
                Ok(Extent::Stored { offset: start + within, length })
            }
            other => Err(self.file.damaged(format_args!("block {number} is in the state {other}"))),
        }
    }
}
