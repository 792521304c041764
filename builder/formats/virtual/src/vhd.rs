//! VHD: the disk as it is and a footer, or blocks where something is.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rootsmith_types::UnixTime;
use zerocopy::IntoBytes;
use zerocopy::big_endian::{U16, U32, U64};

use self::format::{
    BITMAP, BLOCK, COOKIE, DYNAMIC, DYNAMIC_COOKIE, DynamicHeader, EPOCH, FIXED, Footer, NOWHERE, RESERVED, UNUSED,
    VERSION,
};
use crate::Options;
use crate::file::write_sparse;
use crate::number::{SECTOR, add, index, multiply, round_up, short, wide};
use crate::writer::Container;

mod format;
#[cfg(test)]
mod tests;

/// 2040 GiB: what Microsoft's own tools stop at, 16 GiB below 2^32 sectors.
pub(crate) const LIMIT: u64 = 2040 << 30;
/// Where the dynamic header is: behind the copy of the footer.
const HEADER_AT: u64 = 512;
/// Where the block allocation table is: behind the header.
const TABLE_AT: u64 = HEADER_AT + 1024;
/// Data of a block begins at a multiple of this.
const PAGE: u64 = 4096;

/// A fixed VHD that is being written.
pub(crate) struct Fixed<'a> {
    file: &'a File,
    size: u64,
    footer: Footer,
}

impl<'a> Fixed<'a> {
    pub(crate) fn new(file: &'a File, size: u64, options: &Options) -> Fixed<'a> {
        Fixed { file, size, footer: footer(size, options, FIXED, NOWHERE) }
    }
}

impl Container for Fixed<'_> {
    fn cluster_size(&self) -> usize {
        BLOCK
    }

    fn cluster(&mut self, number: u64, data: &[u8]) -> io::Result<()> {
        write_sparse(self.file, multiply(number, wide(BLOCK))?, data)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.file.write_all_at(self.footer.as_bytes(), self.size)
    }
}

/// A dynamic VHD that is being written.
pub(crate) struct Dynamic<'a> {
    file: &'a File,
    footer: Footer,
    /// Sectors of the blocks' bitmaps.
    table: Vec<U32>,
    /// Where the next block's data goes.
    next: u64,
}

impl<'a> Dynamic<'a> {
    pub(crate) fn new(file: &'a File, size: u64, options: &Options) -> Dynamic<'a> {
        // About a million at most.
        let entries = usize::try_from(size.div_ceil(wide(BLOCK))).unwrap_or(usize::MAX);
        let table = vec![U32::new(UNUSED); entries];
        let end = TABLE_AT.saturating_add(wide(table.as_bytes().len()));
        let next = end.saturating_add(BITMAP).next_multiple_of(PAGE);
        Dynamic { file, footer: footer(size, options, DYNAMIC, HEADER_AT), table, next }
    }
}

impl Container for Dynamic<'_> {
    fn cluster_size(&self) -> usize {
        BLOCK
    }

    fn cluster(&mut self, number: u64, data: &[u8]) -> io::Result<()> {
        let bitmap = self.next.saturating_sub(BITMAP);
        let Some(entry) = self.table.get_mut(index(number)?) else {
            return Err(io::Error::other("internal error: block past the end of the disk"));
        };
        *entry = U32::new(short(bitmap / SECTOR)?);
        // Every sector of the block is here, those of zeros as well.
        self.file.write_all_at(&[0xff; 512], bitmap)?;
        write_sparse(self.file, self.next, data)?;
        // And the next bitmap in the last sector of the page behind.
        self.next = add(add(self.next, wide(BLOCK))?, PAGE)?;
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let mut header = DynamicHeader {
            cookie: DYNAMIC_COOKIE,
            data_offset: U64::new(NOWHERE),
            table_offset: U64::new(TABLE_AT),
            header_version: U32::new(VERSION),
            max_table_entries: U32::new(short(wide(self.table.len()))?),
            block_size: U32::new(short(wide(BLOCK))?),
            checksum: U32::ZERO,
            parent: [0; 984],
        };
        header.checksum = checksum(header.as_bytes());
        self.file.write_all_at(self.footer.as_bytes(), 0)?;
        self.file.write_all_at(header.as_bytes(), HEADER_AT)?;
        let mut table = self.table.as_bytes().to_vec();
        table.resize(index(round_up(wide(table.len()), SECTOR)?)?, 0xff);
        self.file.write_all_at(&table, TABLE_AT)?;
        // Where the next block's bitmap would be: behind the table, and a sector's room for it.
        self.file.write_all_at(self.footer.as_bytes(), self.next.saturating_sub(BITMAP))
    }
}

fn footer(size: u64, options: &Options, disk_type: u32, data_offset: u64) -> Footer {
    let (cylinders, heads, sectors_per_track) = geometry(size / SECTOR);
    let mut footer = Footer {
        cookie: COOKIE,
        features: U32::new(RESERVED),
        file_format_version: U32::new(VERSION),
        data_offset: U64::new(data_offset),
        time_stamp: U32::new(time_stamp(options.time)),
        creator_application: *b"win ",
        creator_version: U32::new(0x000a_0000),
        creator_host_os: *b"Wi2k",
        original_size: U64::new(size),
        current_size: U64::new(size),
        cylinders: U16::new(cylinders),
        heads,
        sectors_per_track,
        disk_type: U32::new(disk_type),
        checksum: U32::ZERO,
        unique_id: *options.id.as_bytes(),
        saved_state: 0,
        reserved: [0; 427],
    };
    footer.checksum = checksum(footer.as_bytes());
    footer
}

/// Seconds since 2000, or the nearest time that the field can hold.
fn time_stamp(time: UnixTime) -> u32 {
    let seconds = time.saturating_sub(EPOCH).clamp(0, i64::from(u32::MAX));
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// Ones' complement of the sum of all bytes ("Checksum").
fn checksum(bytes: &[u8]) -> U32 {
    U32::new(!bytes.iter().fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte))))
}

/// Cylinders, heads, sectors of a track ("Appendix: CHS Calculation").
fn geometry(sectors: u64) -> (u16, u8, u8) {
    let sectors = sectors.min(65535 * 16 * 255);
    let fits = |heads: u64, cylinders_times_heads: u64| cylinders_times_heads < heads.saturating_mul(1024);
    let (heads, track, cylinders_times_heads) = if sectors >= 65535 * 16 * 63 {
        (16, 255, sectors / 255)
    } else {
        let heads = (sectors / 17).div_ceil(1024).max(4);
        if fits(heads, sectors / 17) && heads <= 16 {
            (heads, 17, sectors / 17)
        } else if fits(16, sectors / 31) {
            (16, 31, sectors / 31)
        } else {
            (16, 63, sectors / 63)
        }
    };
    let cylinders = cylinders_times_heads.checked_div(heads).unwrap_or(0);
    // 65535 and 16 at most, see above.
    (u16::try_from(cylinders).unwrap_or(u16::MAX), u8::try_from(heads).unwrap_or(u8::MAX), track)
}
