//! Emits: every piece of the plan, ascending, in large writes. While one chunk is written the next is drawn.

use std::io;

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rootsmith_ondisk::{Image, Sink};
use rootsmith_tree::NodeKind;
use rootsmith_types::NumBytes;
use zerocopy::IntoBytes;

use crate::allocate::{Piece, What};
use crate::format::{
    BLOCK, BLOCK_SIZE, BLOCKS_PER_GROUP, BlockIndex, INODE_SIZE, INODES_PER_BLOCK, InodeNumber, Superblock,
};
use crate::groups;
use crate::plan::Plan;
use crate::superblock::{journal_superblock, sealed};
use crate::xattr::Xattrs;

/// Blocks in one write: 2 MiB.
const CHUNK: u32 = 512;
/// Blocks of one content read at once: 512 KiB, so that several cores share a large file's chunk.
const READ: u32 = 128;
/// The primary superblock is not at the start of its block: a boot sector has its place there.
const SUPERBLOCK_AT: usize = 1024;

impl Image for Plan<'_> {
    fn size(&self) -> NumBytes {
        Plan::size(self)
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        let mut chunks = Chunks { pieces: &self.pieces, done: 0 };
        let mut ready = Chunk::default();
        let mut next = Chunk::default();
        chunks.fill(&mut ready);
        self.draw(&mut ready)?;
        while let Some(first) = ready.parts.first() {
            let offset = first.start.0 * BLOCK_SIZE;
            chunks.fill(&mut next);
            let mut drawn = Ok(());
            rayon::in_place_scope(|scope| {
                scope.spawn(|_| drawn = self.draw(&mut next));
                out.write_at(offset, &ready.data)
            })?;
            drawn?;
            std::mem::swap(&mut ready, &mut next);
        }
        Ok(())
    }
}

/// A piece or a part of one.
#[derive(Clone, Copy)]
struct Part {
    start: BlockIndex,
    blocks: u32,
    what: What,
    /// Blocks of the piece before this part.
    skip: u32,
}

/// Contiguous parts, and their bytes once drawn.
#[derive(Default)]
struct Chunk {
    parts: Vec<Part>,
    data: Vec<u8>,
}

/// Cuts the pieces into chunks.
struct Chunks<'p> {
    pieces: &'p [Piece],
    /// Blocks of the first piece that are in earlier parts.
    done: u32,
}

impl Chunks<'_> {
    /// The next chunk's parts; none at the end.
    fn fill(&mut self, chunk: &mut Chunk) {
        chunk.parts.clear();
        let mut room = CHUNK;
        let mut end = None;
        while let Some((piece, rest)) = self.pieces.split_first() {
            let start = BlockIndex(piece.start.0 + u64::from(self.done));
            if room == 0 || end.is_some_and(|end| end != start) {
                return;
            }
            let blocks = (piece.blocks - self.done).min(READ).min(room);
            chunk.parts.push(Part { start, blocks, what: piece.what, skip: self.done });
            room -= blocks;
            end = Some(BlockIndex(start.0 + u64::from(blocks)));
            self.done += blocks;
            if self.done == piece.blocks {
                self.done = 0;
                self.pieces = rest;
            }
        }
    }
}

impl Plan<'_> {
    fn draw(&self, chunk: &mut Chunk) -> io::Result<()> {
        let _span = self.trace.span("draw", "ext4");
        let blocks: usize = chunk.parts.iter().map(|part| part.blocks as usize).sum();
        chunk.data.resize(blocks * BLOCK, 0);
        let mut rest = chunk.data.as_mut_slice();
        let mut work = Vec::with_capacity(chunk.parts.len());
        for part in &chunk.parts {
            let (data, behind) = rest.split_at_mut(part.blocks as usize * BLOCK);
            work.push((*part, data));
            rest = behind;
        }
        work.into_par_iter().try_for_each(|(part, data)| self.draw_part(part, data))
    }

    fn draw_part(&self, part: Part, out: &mut [u8]) -> io::Result<()> {
        if let What::File(file, from) = part.what {
            return self.draw_content(file, from + part.skip, out);
        }
        // Buffers are used again; whatever is not drawn must read as zeros.
        out.fill(0);
        match part.what {
            What::Superblock(group) => {
                let at = if group == 0 { SUPERBLOCK_AT } else { 0 };
                let superblock = sealed(self.superblock(), group);
                out[at..at + size_of::<Superblock>()].copy_from_slice(superblock.as_bytes());
            }
            What::Descriptors => {
                let bytes = self.descriptors.as_slice().as_bytes();
                let bytes = &bytes[(part.skip as usize * BLOCK).min(bytes.len())..];
                let len = bytes.len().min(out.len());
                out[..len].copy_from_slice(&bytes[..len]);
            }
            What::ReservedDescriptors => self.draw_reserved_descriptors(part.skip, out),
            What::ResizeIndirect => self.draw_resize_indirect(out),
            What::BlockBitmap(group) => groups::block_bitmap(&self.geometry, &self.allocation, group, out),
            What::InodeBitmap(group) => groups::inode_bitmap(&self.geometry, &self.contents, group, out),
            What::InodeTable(group) => {
                let first = group * self.geometry.inodes_per_group + part.skip * INODES_PER_BLOCK + 1;
                for (number, inode) in (first..).zip(out.chunks_exact_mut(INODE_SIZE)) {
                    self.draw_inode(InodeNumber(number), inode);
                }
            }
            What::Journal => {
                let superblock = journal_superblock(&self.geometry);
                let bytes = superblock.as_bytes();
                out[..bytes.len()].copy_from_slice(bytes);
            }
            What::Directory(directory, from) => {
                let at = (from + part.skip) as usize * BLOCK;
                out.copy_from_slice(&self.contents.directories[directory as usize].data[at..at + out.len()]);
            }
            What::Symlink(file) => {
                let node = self.contents.node(&self.contents.inodes[file as usize]);
                if let NodeKind::Symlink(target) = &node.kind {
                    out[..target.len()].copy_from_slice(target);
                }
            }
            What::Xattrs(file) => {
                let node = self.contents.node(&self.contents.inodes[file as usize]);
                // What does not fit was refused when the tree was taken in.
                let xattrs = Xattrs::place(&node.metadata).unwrap_or_default();
                xattrs.write_block(out, part.start, self.seed);
            }
            What::ExtentNode(file, node) => {
                if let Some(node) = self.extent_node(file, node) {
                    out.copy_from_slice(node);
                }
            }
            What::File(..) => {}
        }
        Ok(())
    }

    /// Content of a file from a block on; the last block is filled up with zeros.
    fn draw_content(&self, file: u32, from: u32, out: &mut [u8]) -> io::Result<()> {
        let node = self.contents.node(&self.contents.inodes[file as usize]);
        let Some(content) = node.content() else { return Ok(()) };
        let offset = u64::from(from) * BLOCK_SIZE;
        let len = (content.size().saturating_sub(offset)).min(out.len() as u64) as usize;
        content.read_at(self.blobs, offset, &mut out[..len])?;
        out[len..].fill(0);
        Ok(())
    }

    /// Each block reserved behind the first copy of the descriptors lists the same block behind the other copies.
    fn draw_reserved_descriptors(&self, skip: u32, out: &mut [u8]) {
        let first = 1 + self.geometry.descriptor_blocks + u64::from(skip);
        for (block, out) in (first..).zip(out.chunks_exact_mut(BLOCK)) {
            for (group, place) in self.geometry.backups().zip(out.chunks_exact_mut(4)) {
                let copy = BlockIndex(u64::from(group) * BLOCKS_PER_GROUP + block);
                place.copy_from_slice(copy.lo().as_bytes());
            }
        }
    }

    /// Lists the reserved blocks, each at the place that its number among the descriptor blocks gives.
    fn draw_resize_indirect(&self, out: &mut [u8]) {
        let first = self.geometry.descriptor_blocks as usize;
        let places = out.len() / 4;
        for i in 0..self.geometry.reserved_gdt_blocks as usize {
            let at = 4 * ((first + i) % places);
            out[at..at + 4].copy_from_slice(BlockIndex((1 + first + i) as u64).lo().as_bytes());
        }
    }
}
