//! VMDK in one file: sparse to run from, or compressed to carry.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use self::descriptor::descriptor;
use self::format::{
    AT_END, COMPRESSED, DEFLATE, DESCRIPTOR, END_OF_STREAM, FOOTER, GRAIN_DIRECTORY, GRAIN_SECTORS, GRAIN_TABLE,
    GT_ENTRIES, GT_SECTORS, GrainMarker, Header, MAGIC, MARKERS, Marker, NEWLINE_TEST, PLAIN, REDUNDANT, STREAM,
};
use crate::deflated::{Deflated, stored};
use crate::file::Tail;
use crate::number::{SECTOR, add, index, multiply, short, wide};
use crate::writer::Container;
use crate::{CreateError, Options};

mod descriptor;
mod format;

/// Bytes of a grain; a disk is a whole number of them.
pub(crate) const GRAIN: u64 = GRAIN_SECTORS * SECTOR;
/// 1.9 TiB: places are 32 bits of sectors, and a grain that does not compress takes 130 of them.
pub(crate) const LIMIT: u64 = 0x1e6_6666_0000;
/// Bytes of the disk that one grain table tells of: 32 MiB.
const TABLE: u64 = GT_ENTRIES * GRAIN;

/// The header that both kinds begin with.
fn header(size: u64) -> Header {
    Header {
        magic: U32::new(MAGIC),
        version: U32::new(PLAIN),
        flags: U32::new(NEWLINE_TEST),
        capacity: U64::new(size / SECTOR),
        grain_size: U64::new(GRAIN_SECTORS),
        descriptor_offset: U64::new(DESCRIPTOR.0),
        descriptor_size: U64::new(DESCRIPTOR.1),
        num_gtes_per_gt: U32::new(512),
        rgd_offset: U64::ZERO,
        gd_offset: U64::ZERO,
        over_head: U64::new(GRAIN_SECTORS),
        unclean_shutdown: 0,
        newline_test: *b"\n \r\n",
        compress_algorithm: U16::ZERO,
        pad: [0; 433],
    }
}

/// A grain directory with nothing in it.
fn directory(size: u64) -> Vec<U32> {
    // 2^16 at most.
    vec![U32::ZERO; usize::try_from(size.div_ceil(TABLE)).unwrap_or(usize::MAX)]
}

/// A grain table.
type Entries = [U32; 512];

/// The grain table that is being filled, and its number.
struct Table {
    number: Option<usize>,
    entries: Entries,
}

impl Table {
    fn new() -> Table {
        Table { number: None, entries: [U32::ZERO; 512] }
    }

    /// The finished table and its number, when `grain` belongs to another.
    fn turn(&mut self, grain: u64) -> io::Result<Option<(usize, Entries)>> {
        let number = index(grain / GT_ENTRIES)?;
        if self.number == Some(number) {
            return Ok(None);
        }
        let finished = self.take();
        self.number = Some(number);
        Ok(finished)
    }

    /// The finished table and its number.
    fn take(&mut self) -> Option<(usize, Entries)> {
        let number = self.number.take()?;
        Some((number, std::mem::replace(&mut self.entries, [U32::ZERO; 512])))
    }

    /// Notes where a grain is.
    fn map(&mut self, grain: u64, at: u64) -> io::Result<()> {
        if let Some(entry) = self.entries.get_mut(index(grain % GT_ENTRIES)?) {
            *entry = U32::new(short(at / SECTOR)?);
        }
        Ok(())
    }
}

/// `monolithicSparse`, being written.
pub(crate) struct Sparse<'a> {
    header: Header,
    descriptor: Vec<u8>,
    /// Sectors of a directory.
    directory_sectors: u64,
    tables: u64,
    table: Table,
    tail: Tail<'a>,
}

impl<'a> Sparse<'a> {
    pub(crate) fn new(file: &'a File, size: u64, options: &Options) -> Result<Sparse<'a>, CreateError> {
        let descriptor = descriptor("monolithicSparse", size, options)?;
        // Below the limit all of this is far from overflowing.
        let tables = size.div_ceil(TABLE);
        let directory_sectors = tables.saturating_mul(4).div_ceil(SECTOR);
        let one = directory_sectors.saturating_add(tables.saturating_mul(GT_SECTORS));
        let redundant = DESCRIPTOR.0.saturating_add(DESCRIPTOR.1);
        let first = redundant.saturating_add(one);
        let grains = first.saturating_add(one).next_multiple_of(GRAIN_SECTORS);
        let mut header = header(size);
        header.flags = U32::new(NEWLINE_TEST | REDUNDANT);
        header.rgd_offset = U64::new(redundant);
        header.gd_offset = U64::new(first);
        header.over_head = U64::new(grains);
        let tail = Tail::new(file, grains.saturating_mul(SECTOR));
        Ok(Sparse { header, descriptor, directory_sectors, tables, table: Table::new(), tail })
    }

    /// Where both copies of the tables begin.
    fn copies(&self) -> [u64; 2] {
        [self.header.rgd_offset.get(), self.header.gd_offset.get()]
    }

    /// First sector of a table of the copy that begins at `copy`.
    fn table_sector(&self, copy: u64, number: u64) -> io::Result<u64> {
        add(add(copy, self.directory_sectors)?, multiply(number, GT_SECTORS)?)
    }

    fn write_table(&self, finished: Option<(usize, Entries)>) -> io::Result<()> {
        let Some((number, entries)) = finished else { return Ok(()) };
        for copy in self.copies() {
            let sector = self.table_sector(copy, wide(number))?;
            self.tail.file().write_all_at(entries.as_bytes(), multiply(sector, SECTOR)?)?;
        }
        Ok(())
    }
}

impl Container for Sparse<'_> {
    fn cluster_size(&self) -> usize {
        128 * 512
    }

    fn cluster(&mut self, number: u64, data: &[u8]) -> io::Result<()> {
        let finished = self.table.turn(number)?;
        self.write_table(finished)?;
        self.table.map(number, self.tail.position())?;
        self.tail.append(data)
    }

    fn finish(&mut self) -> io::Result<()> {
        let finished = self.table.take();
        self.write_table(finished)?;
        self.tail.flush()?;
        let file = self.tail.file();
        for copy in self.copies() {
            let mut directory = Vec::new();
            for number in 0..self.tables {
                directory.push(U32::new(short(self.table_sector(copy, number)?)?));
            }
            file.write_all_at(directory.as_bytes(), multiply(copy, SECTOR)?)?;
        }
        file.write_all_at(&self.descriptor, multiply(DESCRIPTOR.0, SECTOR)?)?;
        file.write_all_at(self.header.as_bytes(), 0)?;
        // Without a grain the tables are the end, and those of nothing are holes.
        file.set_len(self.tail.position())
    }
}

/// `streamOptimized`, being written: from its first byte to its last.
pub(crate) struct Stream<'a> {
    header: Header,
    /// What the file begins with, until it was written.
    start: Vec<u8>,
    layout: Layout<'a>,
}

/// Where everything is in the file.
struct Layout<'a> {
    tail: Tail<'a>,
    table: Table,
    directory: Vec<U32>,
}

impl<'a> Stream<'a> {
    /// One that begins at `base` of the file.
    pub(crate) fn new(file: &'a File, base: u64, size: u64, options: &Options) -> Result<Stream<'a>, CreateError> {
        let mut header = header(size);
        header.version = U32::new(STREAM);
        header.flags = U32::new(NEWLINE_TEST | COMPRESSED | MARKERS);
        header.compress_algorithm = U16::new(DEFLATE);
        let mut start = header.clone();
        start.gd_offset = U64::new(AT_END);
        let mut start = start.as_bytes().to_vec();
        start.extend(descriptor("streamOptimized", size, options)?);
        start.resize(128 * 512, 0);
        let layout = Layout { tail: Tail::inside(file, base, 0), table: Table::new(), directory: directory(size) };
        Ok(Stream { header, start, layout })
    }

    /// Bytes of the file so far.
    pub(crate) fn length(&self) -> u64 {
        self.layout.tail.position()
    }

    fn begin(&mut self) -> io::Result<()> {
        self.layout.tail.append(&std::mem::take(&mut self.start))
    }
}

impl Deflated for Stream<'_> {
    fn cluster(&mut self, number: u64, data: &[u8], zlib: &[u8]) -> io::Result<()> {
        self.begin()?;
        // A window of 4 KiB forgets a block before it is known that it does not compress.
        if zlib.len() < data.len() {
            self.layout.grain(number, zlib)
        } else {
            self.layout.grain(number, &stored(data, zlib))
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.begin()?;
        let finished = self.layout.table.take();
        self.layout.write_table(finished)?;
        let directory = std::mem::take(&mut self.layout.directory);
        let at = self.layout.marked(GRAIN_DIRECTORY, directory.as_bytes())?;
        self.header.gd_offset = U64::new(at / SECTOR);
        self.layout.marked(FOOTER, self.header.as_bytes())?;
        self.layout.marked(END_OF_STREAM, &[])?;
        self.layout.tail.flush()
    }
}

impl Layout<'_> {
    /// Appends a compressed grain.
    fn grain(&mut self, number: u64, packed: &[u8]) -> io::Result<()> {
        let finished = self.table.turn(number)?;
        self.write_table(finished)?;
        self.table.map(number, self.tail.position())?;
        let lba = U64::new(multiply(number, GRAIN_SECTORS)?);
        self.tail.append(GrainMarker { lba, size: U32::new(short(wide(packed.len()))?) }.as_bytes())?;
        self.tail.append(packed)?;
        self.tail.pad(SECTOR)
    }

    /// Appends a table, and notes it in the directory. Those of nothing but zeros never come.
    fn write_table(&mut self, finished: Option<(usize, Entries)>) -> io::Result<()> {
        let Some((number, entries)) = finished else { return Ok(()) };
        let at = self.marked(GRAIN_TABLE, entries.as_bytes())?;
        match self.directory.get_mut(number) {
            Some(entry) => *entry = U32::new(short(at / SECTOR)?),
            None => return Err(io::Error::other("internal error: grain past the end of the disk")),
        }
        Ok(())
    }

    /// Appends a marker, and whole sectors of `data` behind it. Where these are.
    fn marked(&mut self, kind: u32, data: &[u8]) -> io::Result<u64> {
        let num_sectors = U64::new(wide(data.len()).div_ceil(SECTOR));
        let marker = Marker { num_sectors, size: U32::ZERO, kind: U32::new(kind), pad: [0; 496] };
        self.tail.append(marker.as_bytes())?;
        let at = self.tail.position();
        self.tail.append(data)?;
        self.tail.pad(SECTOR)?;
        Ok(at)
    }
}
