//! Disks that lie in their file in pieces, by a map: each piece as it is, compressed, or left out because it is zeros.
//!
//! Each format finds a piece; this reads it. Nothing is unpacked ahead, and any byte can be asked for from any thread.

mod cache;
mod file;

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::bufread::{DeflateDecoder, ZlibDecoder};

pub(crate) use self::cache::Cache;
pub(crate) use self::file::ImageFile;
use crate::{OpenError, ReadAt, Source};

/// Memory for decompressed pieces.
const CACHE: usize = 8 << 20;
/// The largest window of a Zstandard frame, as a power of two: 8 MiB, as level 19 uses.
const MAX_WINDOW: u32 = 23;
/// When a disk is opened, so many places that its map names are looked at: enough for 4 TiB in blocks of 1 MiB, or 256 GiB in grains
/// of 64 KiB. So a truncated image is refused at once, not somewhere in the middle.
const CHECKED: usize = 4 << 20;

/// A piece of the disk that is all of one kind. `length` is at least 1 and no more than was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Not stored.
    Zeros { length: u64 },
    /// As it is, at `offset`.
    Stored { offset: u64, length: u64 },
    /// From byte `within` of a unit that takes `stored` bytes at `offset`, compressed: at most 4 MiB.
    Compressed { offset: u64, stored: usize, within: u64, length: u64 },
}

impl Extent {
    pub(crate) fn length(self) -> u64 {
        let (Extent::Zeros { length } | Extent::Stored { length, .. } | Extent::Compressed { length, .. }) = self;
        length
    }
}

/// Where the bytes of a disk lie.
pub(crate) trait Map: Send + Sync {
    /// What is at byte `at` of the disk and behind it, up to `length` bytes, which the caller has found to be in the disk. What it names
    /// lies in the file.
    fn find(&self, at: u64, length: u64) -> Result<Extent, OpenError>;
}

/// How pieces are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not at all: the map never says so.
    None,
    /// Bare deflate; what lies behind it belongs to somebody else.
    Deflate,
    /// A zlib stream, its checksum included.
    Zlib,
    /// A Zstandard frame; what lies behind it belongs to somebody else.
    Zstd,
}

/// An opened disk image, as the disk that a guest would see.
pub(crate) struct Mapped<M> {
    /// The format, as errors call it.
    pub(crate) layer: &'static str,
    pub(crate) source: Source,
    /// Bytes of the disk.
    pub(crate) size: u64,
    /// Bytes that are compressed together, at most 2 MiB.
    pub(crate) unit: usize,
    pub(crate) compression: Compression,
    pub(crate) map: M,
    /// By the byte where the compressed form begins.
    decompressed: Mutex<Cache>,
}

impl<M: Map> Mapped<M> {
    pub(crate) fn new(layer: &'static str, source: Source, size: u64, map: M) -> Mapped<M> {
        let decompressed = Mutex::new(Cache::new(CACHE));
        Mapped { layer, source, size, unit: 0, compression: Compression::None, map, decompressed }
    }

    /// One whose pieces may be compressed, `unit` bytes together.
    pub(crate) fn compressed(mut self, unit: usize, compression: Compression) -> Mapped<M> {
        (self.unit, self.compression) = (unit, compression);
        self
    }

    /// Asks the map for every place that it names, within a bound.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let mut at = 0;
        for _ in 0..CHECKED {
            if at >= self.size {
                break;
            }
            at += self.map.find(at, self.size - at)?.length();
        }
        Ok(())
    }

    /// The whole unit whose `stored` bytes at `offset` are compressed.
    fn decompress(&self, offset: u64, stored: usize) -> io::Result<Arc<[u8]>> {
        // Whoever panicked with the lock held left a cache that is still one.
        if let Some(unit) = self.decompressed.lock().unwrap_or_else(PoisonError::into_inner).get(offset) {
            return Ok(unit);
        }
        let mut compressed = vec![0; stored];
        self.source.read_at(offset, &mut compressed)?;
        let mut unit = vec![0; self.unit];
        let result = match self.compression {
            Compression::None => Err(io::ErrorKind::InvalidData.into()),
            Compression::Deflate => DeflateDecoder::new(&compressed[..]).read_exact(&mut unit),
            Compression::Zlib => zlib(&compressed, &mut unit),
            Compression::Zstd => zstd(&compressed, &mut unit),
        };
        if let Err(error) = result {
            let reason = match error.kind() {
                io::ErrorKind::UnexpectedEof => "its compressed cluster ends too early".to_owned(),
                _ => format!("its compressed cluster cannot be decompressed: {error}"),
            };
            return Err(io::Error::other(OpenError::damaged_at(self.layer, format_args!("byte {offset}"), reason)));
        }
        let unit: Arc<[u8]> = unit.into();
        self.decompressed.lock().unwrap_or_else(PoisonError::into_inner).put(offset, unit.clone());
        Ok(unit)
    }
}

impl<M: Map> ReadAt for Mapped<M> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let extent = self.map.find(at, rest.len() as u64).map_err(io::Error::other)?;
            // No longer than what was asked for.
            let (now, later) = rest.split_at_mut(extent.length() as usize);
            match extent {
                Extent::Zeros { .. } => now.fill(0),
                Extent::Stored { offset, .. } => self.source.read_at(offset, now)?,
                Extent::Compressed { offset, stored, within, .. } => {
                    let unit = self.decompress(offset, stored)?;
                    // Within a unit, so it fits.
                    let within = within as usize;
                    now.copy_from_slice(&unit[within..within + now.len()]);
                }
            }
            at += now.len() as u64;
            rest = later;
        }
        Ok(())
    }

    fn hole(&self, offset: u64, length: u64) -> io::Result<u64> {
        let (mut at, end) = (offset, self.size.min(offset.saturating_add(length)));
        while at < end {
            match self.map.find(at, end - at).map_err(io::Error::other)? {
                Extent::Zeros { length } => at += length,
                Extent::Stored { .. } | Extent::Compressed { .. } => break,
            }
        }
        Ok(at.saturating_sub(offset))
    }
}

/// Fills `unit`, and finds the end of the stream right behind.
fn zlib(compressed: &[u8], unit: &mut [u8]) -> io::Result<()> {
    let mut decoder = ZlibDecoder::new(compressed);
    decoder.read_exact(unit)?;
    // The checksum is looked at when the end is read.
    if decoder.read(&mut [0])? > 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is longer than a cluster"));
    }
    Ok(())
}

/// Fills `unit`.
fn zstd(compressed: &[u8], unit: &mut [u8]) -> io::Result<()> {
    let mut decoder = zstd::Decoder::with_buffer(compressed)?;
    decoder.window_log_max(MAX_WINDOW)?;
    decoder.read_exact(unit)
}
