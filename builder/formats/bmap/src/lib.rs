//! Block maps (bmap, format 2.0): which blocks of an image hold anything, each range of them with its SHA-256.
//!
//! Whoever writes the image to a card writes these ranges alone, and what lies between them stays as it was: an image may leave out only
//! blocks that nobody reads before writing them. The format is that of `bmaptool create` (bmap-tools, `BmapCreate.py`): XML, blocks counted
//! from zero, ranges with both ends, and a digest of the map itself in which its own place counts as 64 zeros.

mod error;
mod xml;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rootsmith_types::Sha256Digest;
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

pub use error::BmapError;

/// Bytes of a block.
pub const BLOCK: u64 = 4096;

/// So much is read at once.
const CHUNK: usize = 1 << 20;

/// Blocks that follow each other and hold something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// Their numbers.
    pub blocks: Range<u64>,
    /// The digest of their bytes, up to the end of the image.
    pub sha256: Sha256Digest,
}

/// The map of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockMap {
    /// The image's bytes, holes included.
    pub image_size: u64,
    /// Bytes of a block: [`BLOCK`] in maps of ours.
    pub block_size: u64,
    /// What is mapped, ascending, nothing twice.
    pub ranges: Vec<Mapped>,
}

impl BlockMap {
    /// Maps the byte ranges `written` of an image, ascending. Their digests are of what is read back.
    pub fn of(image: &File, size: u64, written: &[Range<u64>]) -> io::Result<BlockMap> {
        let mut blocks: Vec<Range<u64>> = Vec::new();
        for bytes in written.iter().filter(|bytes| !bytes.is_empty()) {
            let (first, end) = (bytes.start / BLOCK, bytes.end.min(size).div_ceil(BLOCK));
            match blocks.last_mut() {
                Some(last) if first <= last.end => last.end = last.end.max(end),
                _ => blocks.push(first..end),
            }
        }
        let mut buf = vec![0; CHUNK];
        let mut ranges = Vec::new();
        for blocks in blocks {
            let bytes = blocks.start * BLOCK..(blocks.end * BLOCK).min(size);
            let mut range = Sha256::new();
            read(image, bytes, &mut buf, |data| range.update(data))?;
            ranges.push(Mapped { blocks, sha256: Sha256Digest::new(range.finalize().into()) });
        }
        Ok(BlockMap { image_size: size, block_size: BLOCK, ranges })
    }

    /// The bytes of a range of it.
    pub fn bytes(&self, range: &Mapped) -> Range<u64> {
        let end = range.blocks.end.saturating_mul(self.block_size).min(self.image_size);
        range.blocks.start.saturating_mul(self.block_size).min(end)..end
    }

    /// How many bytes are mapped.
    pub fn mapped(&self) -> u64 {
        self.ranges.iter().map(|range| self.bytes(range)).map(|bytes| bytes.end - bytes.start).sum()
    }

    /// The map as a file.
    pub fn to_xml(&self) -> String {
        xml::write(self)
    }

    /// Reads a map, and holds it to its own digest.
    pub fn parse(text: &str) -> Result<BlockMap, BmapError> {
        xml::parse(text)
    }
}

/// The digest of all of an image that is still being written, from front to back: what lies before the end of the last write is read back
/// and digested while the rest is to come.
pub struct Digester<'a> {
    image: &'a File,
    whole: Sha256,
    /// Up to here it is digested.
    at: u64,
    buf: Vec<u8>,
}

impl<'a> Digester<'a> {
    /// Begins the digest of an image that has its size already, and no bytes yet.
    pub fn new(image: &'a File) -> Digester<'a> {
        Digester { image, whole: Sha256::new(), at: 0, buf: vec![0; CHUNK] }
    }

    /// Takes note that nothing before `end` will be written any more.
    pub fn push(&mut self, end: u64) -> io::Result<()> {
        if end.saturating_sub(self.at) < CHUNK as u64 {
            return Ok(());
        }
        self.digest(end)
    }

    /// The digest of the image, whose size is `size`.
    pub fn finish(mut self, size: u64) -> io::Result<Sha256Digest> {
        self.digest(size)?;
        Ok(Sha256Digest::new(self.whole.finalize().into()))
    }

    fn digest(&mut self, end: u64) -> io::Result<()> {
        read_sparse(self.image, self.at..end, &mut self.buf, |data| self.whole.update(data))?;
        self.at = end;
        Ok(())
    }
}

/// Reads what may have holes. Those are zeros without being read, which would fill memory with them: only what the file system keeps
/// data for is looked at.
fn read_sparse(image: &File, bytes: Range<u64>, buf: &mut [u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut at = bytes.start;
    while at < bytes.end {
        let hole_ends = match seek(image, SeekFrom::Data(at)) {
            Ok(data) => data.clamp(at, bytes.end),
            Err(Errno::NXIO) => bytes.end,
            // A file system that does not say: all may be data.
            Err(Errno::INVAL) => at,
            Err(error) => return Err(error.into()),
        };
        if hole_ends > at {
            buf.fill(0);
            while at < hole_ends {
                let len = usize::try_from(hole_ends - at).map_or(buf.len(), |left| left.min(buf.len()));
                each(&buf[..len]);
                at += len as u64;
            }
            continue;
        }
        let data_ends = match seek(image, SeekFrom::Hole(at)) {
            Ok(hole) if hole > at => hole.min(bytes.end),
            _ => bytes.end,
        };
        read(image, at..data_ends, buf, &mut each)?;
        at = data_ends;
    }
    Ok(())
}

fn read(image: &File, bytes: Range<u64>, buf: &mut [u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut at = bytes.start;
    while at < bytes.end {
        let len = usize::try_from(bytes.end - at).map_or(buf.len(), |left| left.min(buf.len()));
        image.read_exact_at(&mut buf[..len], at)?;
        each(&buf[..len]);
        at += len as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
