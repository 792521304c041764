//! Hashes of blocks, on all cores.

use std::io::{self, Write};

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::{ParallelSlice, ParallelSliceMut};
use rootsmith_ondisk::Sink;
use rootsmith_types::{Sha256Digest, Sha256Writer};

use crate::format::{BLOCK, HASH, PER_BLOCK};

/// Bytes that are hashed at once.
const BATCH: usize = 4 << 20;
/// Blocks that one thread takes in a row.
const ROW: usize = 64;

/// The hash of one block.
pub(crate) fn hash(salt: &[u8], block: &[u8]) -> Sha256Digest {
    let mut writer = Sha256Writer::new(io::sink());
    // A sink takes everything.
    let _ = writer.write_all(salt).and_then(|()| writer.write_all(block));
    writer.finish().1
}

/// The hashes of whole blocks, one after the other, behind those in `hashes`.
pub(crate) fn append(salt: &[u8], blocks: &[u8], hashes: &mut Vec<u8>) {
    let from = hashes.len();
    hashes.resize(from + blocks.len() / BLOCK * HASH, 0);
    let places = hashes[from..].par_chunks_exact_mut(HASH).with_min_len(ROW);
    places.zip(blocks.par_chunks_exact(BLOCK)).for_each(|(place, block)| {
        place.copy_from_slice(hash(salt, block).as_bytes());
    });
}

/// Fills up the last block of hashes with zeros.
pub(crate) fn pad(hashes: &mut Vec<u8>) {
    hashes.resize(hashes.len().next_multiple_of(BLOCK), 0);
}

/// A sink that hashes what is written to it; gaps are zeros.
pub(crate) struct Hasher<'s> {
    salt: &'s [u8],
    /// The hash of a block of zeros: images have many, and most are gaps.
    zeros: Sha256Digest,
    hashes: Vec<u8>,
    /// Bytes that wait, from the end of the hashed blocks on.
    begun: Vec<u8>,
}

impl<'s> Hasher<'s> {
    pub(crate) fn new(salt: &'s [u8], blocks: u64) -> Hasher<'s> {
        // As many as there will be, unless that is not worth asking for at once.
        let hashes = Vec::with_capacity(usize::try_from(blocks).map_or(0, |blocks| blocks.min(1 << 20) * HASH));
        Hasher { salt, zeros: hash(salt, &[0; BLOCK]), hashes, begun: Vec::with_capacity(BATCH + BLOCK) }
    }

    /// The hashes of all blocks up to `size`, which is a whole number of them; the last block of hashes is filled up.
    pub(crate) fn finish(mut self, size: u64) -> io::Result<Vec<u8>> {
        self.skip_to(size)?;
        self.flush();
        pad(&mut self.hashes);
        Ok(self.hashes)
    }

    fn end(&self) -> u64 {
        (self.hashes.len() / HASH * BLOCK + self.begun.len()) as u64
    }

    fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        let back = || io::Error::other(format!("internal error: write at {offset} goes back"));
        let mut gap = offset.checked_sub(self.end()).ok_or_else(back)?;
        let begun = self.begun.len() % BLOCK;
        if begun > 0 {
            let rest = gap.min((BLOCK - begun) as u64);
            self.begun.resize(self.begun.len() + rest as usize, 0);
            gap -= rest;
        }
        if gap >= BLOCK as u64 {
            // The begun block is full now.
            self.flush();
            for _ in 0..gap / BLOCK as u64 {
                self.hashes.extend_from_slice(self.zeros.as_bytes());
            }
            gap %= BLOCK as u64;
        }
        self.begun.resize(self.begun.len() + gap as usize, 0);
        Ok(())
    }

    /// Hashes the whole blocks that wait.
    fn flush(&mut self) {
        let whole = self.begun.len() / BLOCK * BLOCK;
        append(self.salt, &self.begun[..whole], &mut self.hashes);
        self.begun.drain(..whole);
    }
}

impl Sink for Hasher<'_> {
    fn write_at(&mut self, offset: u64, mut data: &[u8]) -> io::Result<()> {
        self.skip_to(offset)?;
        while !data.is_empty() {
            let (now, later) = data.split_at(data.len().min(BATCH + BLOCK - self.begun.len()));
            self.begun.extend_from_slice(now);
            if self.begun.len() >= BATCH {
                self.flush();
            }
            data = later;
        }
        Ok(())
    }
}

/// The level above one: the hashes of its blocks, filled up.
pub(crate) fn level_above(salt: &[u8], level: &[u8]) -> Vec<u8> {
    let mut above = Vec::with_capacity(level.len() / PER_BLOCK + BLOCK);
    append(salt, level, &mut above);
    pad(&mut above);
    above
}
