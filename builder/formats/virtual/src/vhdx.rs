//! VHDX: tables at fixed places, then blocks where something is.

use std::fs::File;
use std::io;
use std::mem::offset_of;
use std::os::unix::fs::FileExt;

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use self::format::{
    BLOCK, CHUNK, FILE_PARAMETERS, FileIdentifier, HEADER_SIZE, HEADERS, Header, IS_REQUIRED, IS_VIRTUAL_DISK, ITEMS,
    Items, LOG, LOGICAL_SECTOR, LOGICAL_SECTOR_SIZE, METADATA, METADATA_GUID, MIB, MetadataTableEntry,
    MetadataTableHeader, PHYSICAL_SECTOR, PHYSICAL_SECTOR_SIZE, PRESENT, REGION_TABLE_SIZE, REGION_TABLES,
    RegionTableEntry, RegionTableHeader, TABLE, TABLE_GUID, VIRTUAL_DISK_ID, VIRTUAL_DISK_SIZE, ZERO,
};
use crate::Options;
use crate::file::write_sparse;
use crate::number::{add, derived, guid, index, short, wide};
use crate::writer::Container;

mod format;

/// 64 TiB (2.6.2.2).
pub(crate) const LIMIT: u64 = 64 << 40;
/// Where the checksums of headers and region tables are.
const CHECKSUM: usize = 4;
const _: () = assert!(offset_of!(Header, checksum) == CHECKSUM && offset_of!(RegionTableHeader, checksum) == CHECKSUM);

/// A VHDX that is being written.
pub(crate) struct Vhdx<'a> {
    file: &'a File,
    size: u64,
    file_id: [u8; 16],
    data_id: [u8; 16],
    disk_id: [u8; 16],
    table: Vec<U64>,
    /// Bytes of the table's region.
    table_size: u64,
    /// Where the next block goes.
    next: u64,
}

impl<'a> Vhdx<'a> {
    pub(crate) fn new(file: &'a File, size: u64, options: &Options) -> Vhdx<'a> {
        let blocks = size.div_ceil(MIB);
        // An entry for a sector bitmap behind each whole chunk, but none at the end: 2^26 and a few at most.
        let entries = blocks.saturating_add(blocks.saturating_sub(1) / CHUNK);
        let mut table = vec![U64::new(ZERO); usize::try_from(entries).unwrap_or(usize::MAX)];
        // Sector bitmaps are never there; each stands behind the 4096 blocks of its chunk.
        table.iter_mut().skip(4096).step_by(4097).for_each(|entry| *entry = U64::ZERO);
        let table_size = wide(table.as_bytes().len()).next_multiple_of(MIB);
        let id = |purpose| guid(derived(&options.id, purpose).as_bytes());
        Vhdx {
            file,
            size,
            file_id: id("vhdx file write"),
            data_id: id("vhdx data write"),
            disk_id: guid(options.id.as_bytes()),
            table,
            table_size,
            next: TABLE.saturating_add(table_size),
        }
    }

    fn header(&self, sequence_number: u64) -> Vec<u8> {
        let header = Header {
            signature: *b"head",
            checksum: U32::ZERO,
            sequence_number: U64::new(sequence_number),
            file_write_guid: self.file_id,
            data_write_guid: self.data_id,
            log_guid: [0; 16],
            log_version: U16::ZERO,
            version: U16::new(1),
            log_length: U32::new(BLOCK),
            log_offset: U64::new(LOG),
        };
        sealed(header.as_bytes().to_vec(), HEADER_SIZE)
    }

    fn region_table(&self) -> io::Result<Vec<u8>> {
        let header = RegionTableHeader {
            signature: *b"regi",
            checksum: U32::ZERO,
            entry_count: U32::new(2),
            reserved: U32::ZERO,
        };
        let region = |guid, file_offset, length| RegionTableEntry {
            guid,
            file_offset: U64::new(file_offset),
            length: U32::new(length),
            required: U32::new(1),
        };
        let mut table = header.as_bytes().to_vec();
        table.extend_from_slice(region(TABLE_GUID, TABLE, short(self.table_size)?).as_bytes());
        table.extend_from_slice(region(METADATA_GUID, METADATA, short(MIB)?).as_bytes());
        Ok(sealed(table, REGION_TABLE_SIZE))
    }

    /// The table of the metadata's region.
    fn metadata_table() -> io::Result<Vec<u8>> {
        let header = MetadataTableHeader {
            signature: *b"metadata",
            reserved: U16::ZERO,
            entry_count: U16::new(5),
            reserved2: [U32::ZERO; 5],
        };
        let of_disk = IS_VIRTUAL_DISK | IS_REQUIRED;
        let mut table = header.as_bytes().to_vec();
        for (item_id, at, length, flags) in [
            (FILE_PARAMETERS, offset_of!(Items, block_size), 8, IS_REQUIRED),
            (VIRTUAL_DISK_SIZE, offset_of!(Items, virtual_disk_size), 8, of_disk),
            (VIRTUAL_DISK_ID, offset_of!(Items, virtual_disk_id), 16, of_disk),
            (LOGICAL_SECTOR_SIZE, offset_of!(Items, logical_sector_size), 4, of_disk),
            (PHYSICAL_SECTOR_SIZE, offset_of!(Items, physical_sector_size), 4, of_disk),
        ] {
            let entry = MetadataTableEntry {
                item_id,
                offset: U32::new(short(add(ITEMS.into(), wide(at))?)?),
                length: U32::new(length),
                flags: U32::new(flags),
                reserved: U32::ZERO,
            };
            table.extend_from_slice(entry.as_bytes());
        }
        Ok(table)
    }

    fn items(&self) -> Items {
        Items {
            block_size: U32::new(BLOCK),
            flags: U32::ZERO,
            virtual_disk_size: U64::new(self.size),
            virtual_disk_id: self.disk_id,
            logical_sector_size: U32::new(LOGICAL_SECTOR),
            physical_sector_size: U32::new(PHYSICAL_SECTOR),
        }
    }
}

impl Container for Vhdx<'_> {
    fn cluster_size(&self) -> usize {
        1 << 20
    }

    fn cluster(&mut self, number: u64, data: &[u8]) -> io::Result<()> {
        let Some(entry) = self.table.get_mut(index(add(number, number / CHUNK)?)?) else {
            return Err(io::Error::other("internal error: block past the end of the disk"));
        };
        // A multiple of 1 MiB, so its number of MiB is in its place already.
        *entry = U64::new(self.next | PRESENT);
        write_sparse(self.file, self.next, data)?;
        self.next = add(self.next, MIB)?;
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let mut identifier = FileIdentifier { signature: *b"vhdxfile", creator: [U16::ZERO; 256] };
        for (unit, character) in identifier.creator.iter_mut().zip("rootsmith".encode_utf16()) {
            *unit = U16::new(character);
        }
        self.file.write_all_at(identifier.as_bytes(), 0)?;
        for (at, sequence_number) in HEADERS.into_iter().zip(1..) {
            self.file.write_all_at(&self.header(sequence_number), at)?;
        }
        let regions = self.region_table()?;
        for at in REGION_TABLES {
            self.file.write_all_at(&regions, at)?;
        }
        self.file.write_all_at(&Vhdx::metadata_table()?, METADATA)?;
        self.file.write_all_at(self.items().as_bytes(), add(METADATA, ITEMS.into())?)?;
        self.file.write_all_at(self.table.as_bytes(), TABLE)?;
        self.file.set_len(self.next)
    }
}

/// `bytes` filled up to `size`, with their checksum.
fn sealed(mut bytes: Vec<u8>, size: usize) -> Vec<u8> {
    bytes.resize(size, 0);
    let checksum = crc32c::crc32c(&bytes).to_le_bytes();
    for (byte, sum) in bytes.iter_mut().skip(CHECKSUM).zip(checksum) {
        *byte = sum;
    }
    bytes
}
