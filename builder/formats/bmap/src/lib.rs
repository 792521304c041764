//! Block maps (bmap, format 2.0): which blocks of an image hold anything, each range of them with its SHA-256.
//!
//! Whoever writes the image to a card writes these ranges alone, and what lies between them stays as it was: an image may leave out only
//! blocks that nobody reads before writing them. The format is that of `bmaptool create` (bmap-tools, `BmapCreate.py`): XML, blocks counted
//! from zero, ranges with both ends, and a digest of the map itself in which its own place counts as 64 zeros.

mod error;
mod xml;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::mem;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rootsmith_types::Sha256Digest;
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;
use sha2::digest::array::Array;
use sha2::digest::block_api::{CoreProxy, UpdateCore};
use sha2::{Digest, Sha256};

pub use error::BmapError;

/// Bytes of a block.
pub const BLOCK: u64 = 4096;

/// So much is read at once.
const CHUNK: usize = 256 << 10;

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
        let mut mapper = Mapper::new(image);
        written.iter().try_for_each(|bytes| mapper.push(bytes.clone()))?;
        Ok(mapper.finish(size)?.0)
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

/// The map and the digest of an image that is still being written, from front to back: what lies before the end of the last write is read
/// back and digested while the rest is to come.
pub struct Mapper<'a> {
    image: &'a File,
    whole: Sha256,
    /// Up to here it is digested.
    at: u64,
    /// Blocks of which nothing is digested yet, or not all; of the first one this, as far as it is.
    blocks: VecDeque<Range<u64>>,
    range: Sha256,
    ranges: Vec<Mapped>,
    buf: Vec<u8>,
}

impl<'a> Mapper<'a> {
    /// Begins the map of an image that has its size already, and no bytes yet.
    pub fn new(image: &'a File) -> Mapper<'a> {
        Mapper {
            image,
            whole: Sha256::new(),
            at: 0,
            blocks: VecDeque::new(),
            range: Sha256::new(),
            ranges: Vec::new(),
            buf: vec![0; CHUNK],
        }
    }

    /// Takes note of bytes that were written. Nothing before their end will be any more.
    pub fn push(&mut self, written: Range<u64>) -> io::Result<()> {
        if written.is_empty() {
            return Ok(());
        }
        let (first, end) = (written.start / BLOCK, written.end.div_ceil(BLOCK));
        match self.blocks.back_mut() {
            Some(last) if first <= last.end => last.end = last.end.max(end),
            _ => self.blocks.push_back(first..end),
        }
        // Whole blocks: what is to come begins where a digest takes bytes as they lie.
        let end = written.end / BLOCK * BLOCK;
        if end.saturating_sub(self.at) < CHUNK as u64 { Ok(()) } else { self.digest(end) }
    }

    /// The map of the image, whose size is `size`, and its digest.
    pub fn finish(mut self, size: u64) -> io::Result<(BlockMap, Sha256Digest)> {
        self.digest(size)?;
        while let Some(blocks) = self.blocks.pop_front() {
            self.close(blocks);
        }
        let map = BlockMap { image_size: size, block_size: BLOCK, ranges: self.ranges };
        Ok((map, Sha256Digest::new(self.whole.finalize().into())))
    }

    fn digest(&mut self, end: u64) -> io::Result<()> {
        while self.at < end {
            let blocks = self.blocks.front();
            let mapped = blocks.map_or(end..end, |blocks| blocks.start * BLOCK..blocks.end * BLOCK);
            if self.at < mapped.start {
                let gap = self.at..mapped.start.min(end);
                self.at = gap.end;
                read_sparse(self.image, gap, &mut self.buf, |data| self.whole.update(data))?;
            } else if self.at < mapped.end {
                let bytes = self.at..mapped.end.min(end);
                self.at = bytes.end;
                let (whole, range) = (&mut self.whole, &mut self.range);
                read(self.image, bytes, &mut self.buf, |data| update_both(whole, range, data))?;
            } else if let Some(blocks) = self.blocks.pop_front() {
                self.close(blocks);
            }
        }
        Ok(())
    }

    /// Nothing comes to these blocks any more.
    fn close(&mut self, blocks: Range<u64>) {
        let sha256 = Sha256Digest::new(self.range.finalize_reset().into());
        self.ranges.push(Mapped { blocks, sha256 });
    }
}

/// Gives `data` to both. Within one digest each step waits for the one before, and a processor has room for the steps of another: two blocks
/// to one, two to the other, takes two thirds of the time that all to one and all to the other takes. With more blocks in turn the steps of
/// one alone fill what the processor looks ahead.
fn update_both(one: &mut Sha256, other: &mut Sha256, data: &[u8]) {
    let mut rest = data;
    let ((mut first, first_begun), (mut second, second_begun)) =
        (mem::take(one).decompose(), mem::take(other).decompose());
    if first_begun.get_pos() == 0 && second_begun.get_pos() == 0 {
        let (blocks, after) = Array::slice_as_chunks(data);
        for pair in blocks.chunks(2) {
            first.update_blocks(pair);
            second.update_blocks(pair);
        }
        rest = after;
    }
    (*one, *other) = (Sha256::compose(first, first_begun), Sha256::compose(second, second_begun));
    one.update(rest);
    other.update(rest);
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
