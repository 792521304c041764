//! Metadata blocks: chains of compressed pieces of 8 KiB, in which inodes, names and tables lie.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::Source;
use crate::broken::{Broken, Result, broken};
use crate::squashfs::decompress::Compressor;
use crate::squashfs::format::METADATA;

/// How many decompressed blocks are remembered: 8 MiB.
const REMEMBERED: usize = 1024;

/// Decompressed, and where the next one begins.
type Block = (Arc<[u8]>, u64);

/// Metadata blocks by where they begin.
pub(crate) struct Metadata {
    source: Source,
    compressor: Compressor,
    /// What the file system says it has, at most what there is.
    pub(crate) end: u64,
    blocks: Mutex<BTreeMap<u64, Block>>,
}

/// A place in a chain of metadata blocks.
pub(crate) struct Reader<'a> {
    metadata: &'a Metadata,
    block: Arc<[u8]>,
    next: u64,
    at: usize,
}

impl Metadata {
    pub(crate) fn new(source: Source, compressor: Compressor, end: u64) -> Metadata {
        Metadata { source, compressor, end, blocks: Mutex::new(BTreeMap::new()) }
    }

    /// From `offset` in the block that begins at `start` on.
    pub(crate) fn reader(&self, start: u64, offset: usize) -> Result<Reader<'_>> {
        let (block, next) = self.block(start)?;
        if offset > block.len() {
            return broken("metadata points outside its block");
        }
        Ok(Reader { metadata: self, block, next, at: offset })
    }

    /// Entry `index` of a table whose blocks' places are listed from `table` on.
    pub(crate) fn entry<T: FromBytes + KnownLayout + Immutable>(&self, table: u64, index: u32) -> Result<T> {
        let at = u64::from(index) * size_of::<T>() as u64;
        let mut place = [0; 8];
        let list = table.checked_add(at / METADATA as u64 * 8).filter(|&at| at < self.end);
        let list = list.ok_or_else(|| Broken("a table lies outside the file system".to_owned()))?;
        self.source.read_at(list, &mut place)?;
        self.reader(u64::from_le_bytes(place), (at % METADATA as u64) as usize)?.read()
    }

    /// Bytes as they lie.
    pub(crate) fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.end) {
            return broken("it points outside the file system");
        }
        Ok(self.source.read_at(offset, buf)?)
    }

    fn block(&self, start: u64) -> Result<Block> {
        // A thread that failed while it held the lock left whole blocks behind.
        if let Some(block) = self.blocks.lock().unwrap_or_else(PoisonError::into_inner).get(&start) {
            return Ok(block.clone());
        }
        let mut header = [0; 2];
        self.read_at(start, &mut header)?;
        let header = u16::from_le_bytes(header);
        let length = usize::from(header & 0x7FFF);
        if length == 0 || length > METADATA {
            return broken("a metadata block has an impossible length");
        }
        let mut data = vec![0; length];
        // It was just read there, so nothing overflows.
        self.read_at(start + 2, &mut data)?;
        if header & 0x8000 == 0 {
            data = self.compressor.decompress(&data, METADATA)?;
        }
        if data.is_empty() {
            return broken("a metadata block is empty");
        }
        let block: Block = (data.into(), start + 2 + length as u64);
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if blocks.len() >= REMEMBERED {
            blocks.clear();
        }
        blocks.insert(start, block.clone());
        Ok(block)
    }
}

impl Reader<'_> {
    /// The next structure.
    pub(crate) fn read<T: FromBytes + KnownLayout + Immutable>(&mut self) -> Result<T> {
        let mut buf = [0; 64];
        let buf = &mut buf[..size_of::<T>()];
        self.fill(buf)?;
        // The buffer is as long as the structure.
        T::read_from_bytes(buf).map_err(|_| Broken("metadata is cut off".to_owned()))
    }

    /// The next `length` bytes; the caller has bounded them.
    pub(crate) fn bytes(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut buf = vec![0; length];
        self.fill(&mut buf)?;
        Ok(buf)
    }

    fn fill(&mut self, mut buf: &mut [u8]) -> Result<()> {
        while !buf.is_empty() {
            if self.at == self.block.len() {
                (self.block, self.next) = self.metadata.block(self.next)?;
                self.at = 0;
            }
            let n = (self.block.len() - self.at).min(buf.len());
            let (now, later) = buf.split_at_mut(n);
            now.copy_from_slice(&self.block[self.at..self.at + n]);
            self.at += n;
            buf = later;
        }
        Ok(())
    }
}
