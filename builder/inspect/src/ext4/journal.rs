//! The journal of a file system that was not unmounted: what is committed in it and not yet in its place.
//!
//! Specification: `Documentation/filesystems/ext4/journal.rst` and `fs/jbd2/recovery.c`. Integers are big-endian. Nothing is
//! written: reading a block that the journal has goes to the journal.

use std::collections::BTreeMap;
use std::io;

use bitflags::bitflags;

use crate::broken::{Broken, Result};
use crate::ext4::Ext4;
use crate::ext4::inode::Inode;
use crate::ext4::superblock::crc32c;
use crate::{ReadAt, Source};

/// Signature of a block of the journal's own.
const MAGIC: u32 = 0xC03B_3998;
const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
const SUPERBLOCK_V1: u32 = 3;
const SUPERBLOCK_V2: u32 = 4;
const REVOKE: u32 = 5;

bitflags! {
    /// Features of a journal that its reader must know.
    #[derive(Debug, Clone, Copy)]
    struct Features: u32 {
        const REVOKE = 0x1;
        const BIT64 = 0x2;
        const ASYNC_COMMIT = 0x4;
        const CSUM_V2 = 0x8;
        const CSUM_V3 = 0x10;
    }

    /// Flags of a block in a transaction.
    #[derive(Debug, Clone, Copy)]
    struct Tag: u32 {
        /// The block began with the journal's signature, which is four zeros here.
        const ESCAPED = 0x1;
        /// No UUID follows.
        const SAME_UUID = 0x2;
        const LAST = 0x8;
    }
}

/// Where a block of the file system is really read.
#[derive(Debug, Clone, Copy)]
struct Place {
    block: u64,
    escaped: bool,
}

/// A file system as it will be once its journal is replayed.
struct Replayed {
    source: Source,
    block_size: u64,
    places: BTreeMap<u64, Place>,
}

/// Numbers of the journal's superblock.
struct Log {
    first: u32,
    blocks: u32,
    features: Features,
    seed: u32,
}

/// One pass over the log, transaction by transaction.
struct Pass<'a> {
    fs: &'a Ext4,
    inode: Inode,
    log: Log,
    writes: Vec<(u32, u64, Place)>,
    revoked: BTreeMap<u64, u32>,
}

/// The source as it will be; the same source when the journal is empty.
pub(crate) fn replay(fs: &Ext4) -> Result<Source> {
    let inode = fs.inode(fs.geometry.journal_inode)?;
    let mut pass = Pass {
        fs,
        inode,
        log: Log { first: 0, blocks: 0, features: Features::empty(), seed: 0 },
        writes: Vec::new(),
        revoked: BTreeMap::new(),
    };
    let (_, head) = pass.read(0)?;
    let kind = be32(&head, 4);
    if be32(&head, 0) != MAGIC || ![SUPERBLOCK_V1, SUPERBLOCK_V2].contains(&kind) {
        return Err(Broken("its journal has no signature".to_owned()));
    }
    if u64::from(be32(&head, 0x0C)) != fs.geometry.block_size {
        return Err(Broken("its journal has blocks of another size".to_owned()));
    }
    let features = Features::from_bits_retain(if kind == SUPERBLOCK_V2 { be32(&head, 0x28) } else { 0 });
    if features.difference(Features::all()).bits() != 0 {
        // Among them: fast commits, which are changes of structures and no copies of blocks.
        return Err(Broken(format!("its journal has features that cannot be replayed: {:#x}", features.bits())));
    }
    let seed = crc32c(!0, head.get(0x30..0x40).unwrap_or(&[]));
    pass.log = Log { first: be32(&head, 0x14), blocks: be32(&head, 0x10), features, seed };
    let (sequence, start) = (be32(&head, 0x18), be32(&head, 0x1C));
    if start == 0 {
        return Ok(fs.source.clone());
    }
    let (first, blocks) = (pass.log.first, pass.log.blocks);
    let held = pass.inode.size() / fs.geometry.block_size;
    if first == 0 || first >= blocks || u64::from(blocks) > held || !(first..blocks).contains(&start) {
        return Err(Broken("its journal begins outside itself".to_owned()));
    }
    pass.run(sequence, start)?;
    let mut places = BTreeMap::new();
    for (sequence, block, place) in pass.writes {
        if pass.revoked.get(&block).is_none_or(|&revoked| revoked < sequence) {
            places.insert(block, place);
        }
    }
    Ok(std::sync::Arc::new(Replayed { source: fs.source.clone(), block_size: fs.geometry.block_size, places }))
}

impl Pass<'_> {
    /// Follows the log to its end: a block that is not the next one's, or a transaction without its commit.
    fn run(&mut self, mut sequence: u32, mut at: u32) -> Result<()> {
        let mut writes = Vec::new();
        let mut revokes = Vec::new();
        // The log is a ring; whoever has gone round has seen it all.
        let mut left = self.log.blocks - self.log.first;
        let mut step = |at: &mut u32, log: &Log| {
            *at = if *at + 1 < log.blocks { *at + 1 } else { log.first };
            left = left.saturating_sub(1);
            left > 0
        };
        loop {
            let (_, block) = self.read(at)?;
            if be32(&block, 0) != MAGIC || be32(&block, 8) != sequence {
                return Ok(());
            }
            match be32(&block, 4) {
                DESCRIPTOR if self.tail_fits(&block) => {
                    for (number, flags, checksum) in self.tags(&block) {
                        if !step(&mut at, &self.log) {
                            return Ok(());
                        }
                        let (place, data) = self.read(at)?;
                        if !self.data_fits(&data, sequence, checksum) {
                            return Ok(());
                        }
                        writes.push((number, Place { block: place, escaped: flags.contains(Tag::ESCAPED) }));
                    }
                }
                REVOKE if self.tail_fits(&block) => revokes.extend(self.revokes(&block)),
                COMMIT if self.commit_fits(&block) => {
                    self.writes.extend(writes.drain(..).map(|(block, place)| (sequence, block, place)));
                    self.revoked.extend(revokes.drain(..).map(|block| (block, sequence)));
                    sequence = sequence.wrapping_add(1);
                }
                _ => return Ok(()),
            }
            if !step(&mut at, &self.log) {
                return Ok(());
            }
        }
    }

    /// A block of the journal: where it lies, and what is in it.
    fn read(&self, block: u32) -> Result<(u64, Vec<u8>)> {
        let run = self.fs.run(&self.inode, u64::from(block))?;
        let start = run.start.ok_or_else(|| Broken("its journal has a hole".to_owned()))?;
        Ok((start, self.fs.block(start)?))
    }

    fn checksums(&self) -> bool {
        self.log.features.intersects(Features::CSUM_V2 | Features::CSUM_V3)
    }

    /// The blocks a descriptor announces: number, flags, checksum.
    fn tags(&self, block: &[u8]) -> Vec<(u64, Tag, u32)> {
        let features = self.log.features;
        let v3 = features.contains(Features::CSUM_V3);
        let wide = features.contains(Features::BIT64);
        let length = match () {
            () if v3 => 16,
            () => 8 + if wide { 4 } else { 0 } + if features.contains(Features::CSUM_V2) { 2 } else { 0 },
        };
        let end = block.len() - if self.checksums() { 4 } else { 0 };
        let mut tags = Vec::new();
        let mut at = 12;
        while at + length <= end {
            let (flags, high, checksum) = match v3 {
                true => (be32(block, at + 4), be32(block, at + 8), be32(block, at + 12)),
                false => (be32(block, at + 4) & 0xFFFF, be32(block, at + 8), be32(block, at + 4) >> 16),
            };
            let flags = Tag::from_bits_retain(flags);
            let number = u64::from(be32(block, at)) | if wide { u64::from(high) << 32 } else { 0 };
            tags.push((number, flags, checksum));
            if flags.contains(Tag::LAST) {
                break;
            }
            at += length + if flags.contains(Tag::SAME_UUID) { 0 } else { 16 };
        }
        tags
    }

    /// The blocks a revocation names: their older copies in the journal are void.
    fn revokes(&self, block: &[u8]) -> Vec<u64> {
        let width = if self.log.features.contains(Features::BIT64) { 8 } else { 4 };
        let end = (be32(block, 12) as usize).min(block.len());
        let number = |at| match width {
            8 => u64::from(be32(block, at)) << 32 | u64::from(be32(block, at + 4)),
            _ => u64::from(be32(block, at)),
        };
        (16..end.saturating_sub(width - 1)).step_by(width).map(number).collect()
    }

    /// The checksum at the end of descriptors and revocations.
    fn tail_fits(&self, block: &[u8]) -> bool {
        let (body, tail) = block.split_at(block.len() - 4);
        !self.checksums() || be32(tail, 0) == crc32c(crc32c(self.log.seed, body), &[0; 4])
    }

    fn commit_fits(&self, block: &[u8]) -> bool {
        let crc = crc32c(crc32c(crc32c(self.log.seed, &block[..16]), &[0; 4]), &block[20..]);
        !self.checksums() || be32(block, 16) == crc
    }

    fn data_fits(&self, data: &[u8], sequence: u32, checksum: u32) -> bool {
        let crc = crc32c(crc32c(self.log.seed, &sequence.to_be_bytes()), data);
        match () {
            () if self.log.features.contains(Features::CSUM_V3) => crc == checksum,
            () if self.log.features.contains(Features::CSUM_V2) => crc & 0xFFFF == checksum,
            () => true,
        }
    }
}

impl ReadAt for Replayed {
    fn size(&self) -> u64 {
        self.source.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.source.read_at(offset, buf)?;
        let size = self.block_size;
        // It was read, so the sum does not overflow.
        let end = offset + buf.len() as u64;
        for (&block, place) in self.places.range(offset / size..end.div_ceil(size)) {
            let start = (block * size).max(offset);
            let stop = ((block + 1) * size).min(end);
            let part = &mut buf[(start - offset) as usize..(stop - offset) as usize];
            let skip = start - block * size;
            self.source.read_at(place.block * size + skip, part)?;
            if place.escaped {
                let signature = MAGIC.to_be_bytes();
                for (index, byte) in (skip..4).zip(part) {
                    *byte = signature[index as usize];
                }
            }
        }
        Ok(())
    }
}

fn be32(block: &[u8], at: usize) -> u32 {
    block.get(at..at + 4).map_or(0, |bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}
