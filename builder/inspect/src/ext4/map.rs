//! Which block holds which part of a file.

use zerocopy::FromBytes;

use crate::broken::{Broken, Result, broken};
use crate::ext4::Ext4;
use crate::ext4::format::InodeFlags;
use crate::ext4::format::{EXTENT_MAGIC, EXTENT_MAX_BLOCKS, EXTENT_MAX_DEPTH, ExtentHeader, ExtentIndex, ExtentLeaf};
use crate::ext4::inode::Inode;

/// A file has fewer blocks than this; block numbers in a file have 32 bits.
const FILE_BLOCKS: u64 = 1 << 32;

/// Neighbouring blocks of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where they lie in the file system; `None` for a hole.
    pub(crate) start: Option<u64>,
    /// How many, at least one.
    pub(crate) blocks: u64,
}

impl Ext4 {
    /// Fills `buf` from `offset` of a file's content on; holes are zeros. The caller has looked at the file's size.
    pub(crate) fn read_content(&self, inode: &Inode, mut offset: u64, mut buf: &mut [u8]) -> Result<()> {
        let block_size = self.geometry.block_size;
        while !buf.is_empty() {
            let run = self.run(inode, offset / block_size)?;
            let skip = offset % block_size;
            let n = (run.blocks.saturating_mul(block_size) - skip).min(buf.len() as u64) as usize;
            let (now, later) = buf.split_at_mut(n);
            match run.start {
                // Found to lie in the file system, whose length in bytes fits.
                Some(start) => self.source.read_at(start * block_size + skip, now)?,
                None => now.fill(0),
            }
            buf = later;
            offset += n as u64;
        }
        Ok(())
    }

    /// The blocks from `block` of the file on.
    pub(crate) fn run(&self, inode: &Inode, block: u64) -> Result<Run> {
        if block >= FILE_BLOCKS {
            return broken(format_args!("inode {} is longer than a file can be", inode.number));
        }
        let run = match inode.flags().contains(InodeFlags::EXTENTS) {
            true => self.run_of_extents(inode, block)?,
            false => self.run_of_map(inode, block)?,
        };
        match run.start {
            Some(start) if start == 0 || start.saturating_add(run.blocks) > self.geometry.blocks => {
                broken(format_args!("inode {} has blocks outside the file system", inode.number))
            }
            _ => Ok(run),
        }
    }

    fn run_of_extents(&self, inode: &Inode, block: u64) -> Result<Run> {
        let bad = || Broken(format!("the extent tree of inode {} is not one", inode.number));
        let mut node = inode.block().to_vec();
        // The first block that is somebody else's.
        let mut end = FILE_BLOCKS;
        let mut depth = None;
        loop {
            let (header, rest) = ExtentHeader::ref_from_prefix(&node).map_err(|_| bad())?;
            let here = header.eh_depth.get();
            // Each level is one less deep, so the way down ends.
            let expected = depth.is_none_or(|depth| here + 1 == depth);
            if header.eh_magic.get() != EXTENT_MAGIC || here > EXTENT_MAX_DEPTH || !expected {
                return Err(bad());
            }
            let entries = usize::from(header.eh_entries.get());
            let entries = rest.get(..entries * size_of::<ExtentLeaf>()).ok_or_else(bad)?;
            if here == 0 {
                let leaves = <[ExtentLeaf]>::ref_from_bytes(entries).map_err(|_| bad())?;
                return Ok(run_of_leaf(leaves, block, end));
            }
            let indexes = <[ExtentIndex]>::ref_from_bytes(entries).map_err(|_| bad())?;
            let next = indexes.iter().position(|index| u64::from(index.ei_block.get()) > block);
            if let Some(next) = next {
                end = end.min(u64::from(indexes[next].ei_block.get()));
            }
            let Some(index) = next.unwrap_or(indexes.len()).checked_sub(1) else {
                return Ok(Run { start: None, blocks: (end - block).max(1) });
            };
            let child = u64::from(indexes[index].ei_leaf_lo.get()) | u64::from(indexes[index].ei_leaf_hi.get()) << 32;
            depth = Some(here);
            node = self.block(child)?;
        }
    }

    /// Twelve blocks, then blocks of block numbers, of blocks of block numbers, and one level more (ext2, ext3).
    fn run_of_map(&self, inode: &Inode, block: u64) -> Result<Run> {
        let per_block = self.geometry.block_size / 4;
        let map = inode.block();
        if block < 12 {
            return Ok(neighbours(&map[..48], block as usize));
        }
        let mut rest = block - 12;
        let mut span = 1;
        for root in 12..15 {
            span *= per_block;
            if rest >= span {
                rest -= span;
                continue;
            }
            let mut at = word(map, root);
            loop {
                if at == 0 {
                    return Ok(Run { start: None, blocks: span - rest });
                }
                span /= per_block;
                let node = self.block(u64::from(at))?;
                let index = (rest / span) as usize;
                if span == 1 {
                    return Ok(neighbours(&node, index));
                }
                at = word(&node, index);
                rest %= span;
            }
        }
        broken(format_args!("inode {} is longer than its block map", inode.number))
    }

    /// One block of the file system.
    pub(crate) fn block(&self, block: u64) -> Result<Vec<u8>> {
        if block == 0 || block >= self.geometry.blocks {
            return broken(format_args!("there is no block {block}"));
        }
        let mut data = vec![0; self.geometry.block_size as usize];
        self.source.read_at(block * self.geometry.block_size, &mut data)?;
        Ok(data)
    }

    /// Whether a content of this size can be mapped.
    pub(crate) fn size_fits(&self, inode: &Inode) -> bool {
        inode.size() <= FILE_BLOCKS.saturating_mul(self.geometry.block_size)
    }
}

fn run_of_leaf(leaves: &[ExtentLeaf], block: u64, end: u64) -> Run {
    let next = leaves.iter().position(|leaf| u64::from(leaf.ee_block.get()) > block);
    let end = next.map_or(end, |next| end.min(u64::from(leaves[next].ee_block.get())));
    let hole = Run { start: None, blocks: end.saturating_sub(block).max(1) };
    let Some(leaf) = next.unwrap_or(leaves.len()).checked_sub(1).map(|index| &leaves[index]) else { return hole };
    let length = leaf.ee_len.get();
    let (length, written) =
        if length > EXTENT_MAX_BLOCKS { (length - EXTENT_MAX_BLOCKS, false) } else { (length, true) };
    // The leaf begins at `block` or before it.
    let skip = block - u64::from(leaf.ee_block.get());
    if skip >= u64::from(length) {
        return hole;
    }
    let start = u64::from(leaf.ee_start_lo.get()) | u64::from(leaf.ee_start_hi.get()) << 32;
    let blocks = (u64::from(length) - skip).min(hole.blocks);
    Run { start: written.then_some(start + skip), blocks }
}

/// The run that begins at the `index`th of these block numbers. A zero is a hole.
fn neighbours(numbers: &[u8], index: usize) -> Run {
    let first = word(numbers, index);
    let mut blocks = 1;
    while index + blocks < numbers.len() / 4 {
        let expected = if first == 0 { Some(0) } else { first.checked_add(blocks as u32) };
        if Some(word(numbers, index + blocks)) != expected {
            break;
        }
        blocks += 1;
    }
    Run { start: (first != 0).then_some(u64::from(first)), blocks: blocks as u64 }
}

fn word(numbers: &[u8], index: usize) -> u32 {
    numbers
        .get(index * 4..index * 4 + 4)
        .map_or(0, |bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}
