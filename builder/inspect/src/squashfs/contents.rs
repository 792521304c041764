//! Contents: blocks of their own, and a place in a fragment for what is left.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use rootsmith_tree::PackId;

use crate::broken::{Broken, Result, broken};
use crate::squashfs::Squashfs;
use crate::squashfs::format::{Fragment, NONE, STORED};
use crate::volume::Files;

/// Blocks of all contents whose sizes are kept in memory: 64 MiB of sizes, 2 TiB in blocks of 128 KiB.
const MAX_BLOCKS: usize = 16 << 20;

/// Where the files are.
#[derive(Default)]
pub(crate) struct Places {
    files: Vec<Place>,
    /// Sizes of all files' blocks, one after the other.
    blocks: Vec<u32>,
}

/// Where one file is.
pub(crate) struct Place {
    /// Its first block.
    pub(crate) start: u64,
    pub(crate) size: u64,
    /// The fragment its end is in; [`NONE`] when it ends with a block.
    pub(crate) fragment: u32,
    /// Where in the fragment.
    pub(crate) offset: u32,
    /// Its blocks' sizes.
    pub(crate) blocks: Range<usize>,
}

impl Places {
    /// One more block's size.
    pub(crate) fn push_block(&mut self, size: u32) -> Result<()> {
        if self.blocks.len() == MAX_BLOCKS {
            return broken(format_args!("it has more than {MAX_BLOCKS} blocks of contents"));
        }
        self.blocks.push(size);
        Ok(())
    }

    /// How many blocks there are so far.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// One more file: its number.
    pub(crate) fn push(&mut self, place: Place) -> PackId {
        // There are at most `MAX_ENTRIES`.
        let id = PackId(self.files.len() as u32);
        self.files.push(place);
        id
    }
}

impl Squashfs {
    fn read_file(&self, place: &Place, offset: u64, mut buf: &mut [u8]) -> Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > place.size) {
            return broken("it is read past its end");
        }
        let block_size = self.block_size as u64;
        let sizes = &self.places.blocks[place.blocks.clone()];
        let mut index = (offset / block_size) as usize;
        let mut skip = (offset % block_size) as usize;
        let before = sizes.iter().take(index).map(|size| u64::from(size & !STORED)).sum::<u64>();
        let mut start = place.start.checked_add(before).ok_or_else(past_end)?;
        while !buf.is_empty() {
            // All blocks are full but the last, whose rest nobody reads.
            let left = place.size - index as u64 * block_size;
            let length = left.min(block_size) as usize;
            let n = (length - skip).min(buf.len());
            let (now, later) = buf.split_at_mut(n);
            match sizes.get(index) {
                Some(0) => now.fill(0),
                Some(&size) => {
                    self.copy(start, size, skip, now)?;
                    start = start.checked_add(u64::from(size & !STORED)).ok_or_else(past_end)?;
                }
                None if place.fragment != NONE => self.copy_fragment(place, skip, now)?,
                None => return broken("its blocks end before it does"),
            }
            buf = later;
            skip = 0;
            index += 1;
        }
        Ok(())
    }

    fn copy_fragment(&self, place: &Place, skip: usize, out: &mut [u8]) -> Result<()> {
        if place.fragment >= self.fragments {
            return broken(format_args!("there is no fragment {}", place.fragment));
        }
        let fragment: Fragment = self.metadata.entry(self.fragment_table, place.fragment)?;
        let skip = (place.offset as usize).checked_add(skip).ok_or_else(past_end)?;
        self.copy(fragment.start_block.get(), fragment.size.get(), skip, out)
    }

    /// A part of a block of contents.
    fn copy(&self, start: u64, size: u32, skip: usize, out: &mut [u8]) -> Result<()> {
        let block = match self.remembered.get((start, size.into())) {
            Some(block) => block,
            None => {
                let block: Arc<[u8]> = self.content_block(start, size)?.into();
                self.remembered.insert((start, size.into()), Arc::clone(&block));
                block
            }
        };
        let end = skip.checked_add(out.len()).ok_or_else(past_end)?;
        out.copy_from_slice(block.get(skip..end).ok_or_else(|| Broken("a block is shorter than it should be".into()))?);
        Ok(())
    }

    fn content_block(&self, start: u64, size: u32) -> Result<Vec<u8>> {
        let length = (size & !STORED) as usize;
        if length == 0 || length > self.block_size {
            return broken("a block has an impossible length");
        }
        let mut data = vec![0; length];
        self.metadata.read_at(start, &mut data)?;
        if size & STORED != 0 { Ok(data) } else { self.compressor.decompress(&data, self.block_size) }
    }
}

fn past_end() -> Broken {
    Broken("it points outside the file system".to_owned())
}

impl Files for Squashfs {
    fn read_at(&self, pack: PackId, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let place = self.places.files.get(pack.0 as usize).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.read_file(place, offset, buf)?)
    }
}
