//! VMDK images in one file: `monolithicSparse` and `streamOptimized`.
//!
//! Specification: VMware, "Virtual Disk Format 5.0", "Hosted Sparse Extents" and "Stream-Optimized Compressed Sparse Extents". Integers
//! are little-endian; places and sizes are in sectors of 512 bytes.
//!
//! | what                                                      |                                                       |
//! |-----------------------------------------------------------|-------------------------------------------------------|
//! | a grain directory, grain tables, grains                   | read; the redundant directory is not looked at        |
//! | compressed grains behind their markers                    | read; each marker has to say which grain it is        |
//! | a footer at the end, which then holds instead of the header | read                                                |
//! | other kinds: split, flat, of an ESX host; a parent disk   | refused by name: the rest is in other files           |

mod descriptor;

use std::sync::Arc;

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::mapped::{Compression, Extent, ImageFile, Map, Mapped};
use crate::{OpenError, Source};

const LAYER: &str = "VMDK";
const SECTOR: u64 = 512;
const MAGIC: &[u8; 4] = b"KDMV";
/// What a descriptor in a file of its own begins with.
const DESCRIPTOR_FILE: &[u8; 21] = b"# Disk DescriptorFile";
/// [`Header::flags`]: the characters that detect newlines converted are valid.
const NEWLINE_TEST: u32 = 1;
/// [`Header::flags`]: an entry of 1 in a grain table is a grain of zeros.
const ZERO_GRAINS: u32 = 1 << 2;
/// [`Header::flags`]: grains are compressed.
const COMPRESSED: u32 = 1 << 16;
/// [`Header::flags`]: grains have markers.
const MARKERS: u32 = 1 << 17;
/// [`Header::compress_algorithm`]: zlib streams.
const DEFLATE: u16 = 1;
/// [`Header::gd_offset`]: look at the footer.
const AT_END: u64 = u64::MAX;
/// [`Marker::kind`] of a footer.
const FOOTER: u32 = 3;
/// Entries of a grain table: the format has no other number.
const GT_ENTRIES: u64 = 512;
/// Sectors of a grain: a power of two, more than 8; VMware's and everybody else's have 128.
const GRAINS: std::ops::RangeInclusive<u64> = 16..=4096;
/// Sectors of a disk: places are 32 bits, and this is more than they reach.
const MAX_CAPACITY: u64 = 1 << 33;
/// Sectors of a descriptor.
const MAX_DESCRIPTOR: u64 = 2048;

/// `SparseExtentHeader`, one sector.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    magic: [u8; 4],
    version: U32,
    flags: U32,
    capacity: U64,
    grain_size: U64,
    descriptor_offset: U64,
    descriptor_size: U64,
    num_gtes_per_gt: U32,
    rgd_offset: U64,
    gd_offset: U64,
    over_head: U64,
    unclean_shutdown: u8,
    newline_test: [u8; 4],
    compress_algorithm: U16,
    pad: [u8; 433],
}
const _: () = assert!(size_of::<Header>() == 512 && std::mem::offset_of!(Header, compress_algorithm) == 77);

/// What stands before the footer, one sector.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Marker {
    num_sectors: U64,
    size: U32,
    kind: U32,
    pad: [u8; 496],
}

/// What stands before a compressed grain.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct GrainMarker {
    /// First sector of the grain on the disk.
    lba: U64,
    /// Bytes that follow.
    size: U32,
}
const GRAIN_MARKER: u64 = 12;
const _: () = assert!(size_of::<GrainMarker>() as u64 == GRAIN_MARKER);

/// Whether the source looks like one.
pub(crate) fn is(source: &Source) -> bool {
    let begins = |with: &[u8]| {
        let mut found = vec![0; with.len()];
        source.size() >= with.len() as u64 && source.read_at(0, &mut found).is_ok() && found == with
    };
    begins(MAGIC) || begins(DESCRIPTOR_FILE)
}

/// The disk in it.
pub(crate) fn open(source: Source) -> Result<Source, OpenError> {
    let file = ImageFile::new(LAYER, Arc::clone(&source));
    if file.bytes(0, MAGIC.len(), "header")? != MAGIC {
        return Err(file.unsupported("extents in other files: it is a descriptor alone"));
    }
    let header: Header = file.read(0, "header")?;
    let (descriptor, size) = (header.descriptor_offset.get(), header.descriptor_size.get());
    if descriptor == 0 || size == 0 {
        return Err(file.unsupported("a descriptor in another file: it is an extent alone"));
    }
    if descriptor > MAX_CAPACITY || size > MAX_DESCRIPTOR {
        return Err(file.damaged(format_args!("its descriptor has {size} sectors at sector {descriptor}")));
    }
    descriptor::check(&file, &file.bytes(descriptor * SECTOR, (size * SECTOR) as usize, "descriptor")?)?;
    // What a stream's header does not know yet, its footer says.
    let header = if header.gd_offset.get() == AT_END { footer(&file)? } else { header };
    let map = Grains::new(file, &header)?;
    // At most 2 MiB.
    let (size, grain) = (header.capacity.get() * SECTOR, map.grain as usize);
    let disk = Mapped::new(LAYER, source, size, map).compressed(grain, Compression::Zlib);
    disk.check()?;
    Ok(Arc::new(disk))
}

/// The footer: before the last sector, which is the end of the stream, and behind a marker.
fn footer(file: &ImageFile) -> Result<Header, OpenError> {
    let at = file.size().checked_sub(3 * SECTOR).filter(|at| at.is_multiple_of(SECTOR));
    let at =
        at.ok_or_else(|| file.damaged(format_args!("its {} bytes are no whole sectors: truncated?", file.size())))?;
    let marker: Marker = file.read(at, "footer")?;
    let footer: Header = file.read(at + SECTOR, "footer")?;
    if marker.kind.get() != FOOTER || marker.size.get() != 0 || footer.magic != *MAGIC {
        return Err(file.damaged("there is no footer at its end: truncated?"));
    }
    Ok(footer)
}

/// Grain directory and grain tables.
struct Grains {
    file: ImageFile,
    /// Where the directory is, in bytes.
    directory: u64,
    /// Bytes of a grain.
    grain: u64,
    /// An entry of 1 is a grain of zeros.
    zero_grains: bool,
    compressed: bool,
}

impl Grains {
    /// Those that a header, or a footer, speaks of.
    fn new(file: ImageFile, header: &Header) -> Result<Grains, OpenError> {
        let (version, flags) = (header.version.get(), header.flags.get());
        if !(1..=3).contains(&version) {
            return Err(file.unsupported(format_args!("version {version}")));
        }
        if flags & NEWLINE_TEST != 0 && header.newline_test != *b"\n \r\n" {
            return Err(file.damaged("its newlines were converted, as if it were a text"));
        }
        if header.num_gtes_per_gt.get() != GT_ENTRIES as u32 {
            return Err(file.damaged(format_args!("its grain tables have {} entries", header.num_gtes_per_gt)));
        }
        let (grain, capacity) = (header.grain_size.get(), header.capacity.get());
        if !GRAINS.contains(&grain) || !grain.is_power_of_two() {
            return Err(file.damaged(format_args!("its grains have {grain} sectors")));
        }
        if capacity > MAX_CAPACITY {
            return Err(file.damaged(format_args!("its disk has {capacity} sectors, which no such disk can have")));
        }
        let compressed = flags & COMPRESSED != 0;
        if compressed && (header.compress_algorithm.get() != DEFLATE || flags & MARKERS == 0) {
            return Err(file.unsupported(format_args!("compression {}", header.compress_algorithm)));
        }
        let directory = header.gd_offset.get();
        if directory == 0 || directory > MAX_CAPACITY {
            return Err(file.damaged(format_args!("its grain directory is at sector {directory}, where none can be")));
        }
        let (directory, tables) = (directory * SECTOR, capacity.div_ceil(grain * GT_ENTRIES));
        file.holds(directory, tables * 4, "grain directory")?;
        Ok(Grains { file, directory, grain: grain * SECTOR, zero_grains: flags & ZERO_GRAINS != 0, compressed })
    }

    /// Where the compressed grain at `start` ends, which is number `number`.
    fn stored(&self, start: u64, number: u64) -> Result<usize, OpenError> {
        let marker: GrainMarker = self.file.read(start, "grain")?;
        let (lba, size) = (marker.lba.get(), u64::from(marker.size.get()));
        if lba != number * (self.grain / SECTOR) {
            return Err(self.file.damaged(format_args!("grain {number} is stored behind a marker of sector {lba}")));
        }
        // What does not compress becomes a little larger.
        if size == 0 || size > self.grain * 2 {
            return Err(self.file.damaged(format_args!("grain {number} has {size} bytes")));
        }
        self.file.holds(start + GRAIN_MARKER, size, format_args!("grain {number}"))?;
        // At most 4 MiB.
        Ok(size as usize)
    }
}

impl Map for Grains {
    fn find(&self, at: u64, length: u64) -> Result<Extent, OpenError> {
        let (number, within) = (at / self.grain, at % self.grain);
        let covered = self.grain * GT_ENTRIES;
        let table: U32 = self.file.read(self.directory + number / GT_ENTRIES * 4, "grain directory")?;
        if table.get() == 0 {
            return Ok(Extent::Zeros { length: length.min(covered - at % covered) });
        }
        let length = length.min(self.grain - within);
        let entry = u64::from(table.get()) * SECTOR + number % GT_ENTRIES * 4;
        let entry: U32 = self.file.read(entry, "grain table")?;
        let start = u64::from(entry.get()) * SECTOR;
        if entry.get() == 0 || entry.get() == 1 && self.zero_grains {
            return Ok(Extent::Zeros { length });
        }
        if self.compressed {
            let stored = self.stored(start, number)?;
            return Ok(Extent::Compressed { offset: start + GRAIN_MARKER, stored, within, length });
        }
        self.file.holds(start, within + length, format_args!("grain {number}"))?;
        Ok(Extent::Stored { offset: start + within, length })
    }
}
