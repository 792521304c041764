//! Emits: contents as they come out of the compressors, then inodes that say where they are, the superblock last.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rootsmith_ondisk::in_order;
use rootsmith_tree::NodeKind;
use rootsmith_types::NumBytes;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use crate::collect::Inode;
use crate::contents::{Form, Stored};
use crate::directory;
use crate::format::{
    BIG_CLUSTERS, BLOCK, BLOCK_BITS, BLOCK_COUNT, ClusterIndex, ClusterType, Compat, HOLE, Incompat,
    Inode as DiskInode, Layout, MAGIC, MapHeader, SLOT, SUPERBLOCK_AT, Superblock,
};
use crate::pack::Packer;
use crate::plan::Plan;
use crate::xattr;

/// Parts of contents for each thread that may be compressed before their turn to be written has come: 2 MiB.
const AHEAD: usize = 32;
/// Bytes of one write.
const WRITE: usize = 1 << 20;

impl Plan<'_> {
    /// Writes the file system to `file`, from its beginning on, and says how long it is. Contents are compressed on all
    /// threads of the current pool while those before are written; memory holds a few of them and the metadata.
    pub fn write(&self, file: &File) -> io::Result<NumBytes> {
        let mut out = Out { file, written: 0, buffer: Vec::new() };
        // The superblock's block is written last.
        out.fill(BLOCK as u64)?;
        let parts = self.write_contents(&mut out)?;
        let meta_blkaddr = block_number(out.end())?;
        let placed = self.place(&parts, meta_blkaddr)?;
        self.write_inodes(&mut out, &parts, &placed)?;
        self.write_names_and_targets(&mut out, &placed)?;
        let end = out.end();
        out.flush()?;
        let block = self.superblock(meta_blkaddr, block_number(end)?, placed.nid(0));
        file.write_all_at(&block, 0)?;
        Ok(NumBytes::new(end))
    }

    /// Writes all contents but the ends that lie behind inodes: where each part came to be.
    fn write_contents(&self, out: &mut Out<'_>) -> io::Result<Vec<Vec<Part>>> {
        let stored = &self.collected.contents.stored;
        let mut parts: Vec<Vec<Part>> = Vec::new();
        parts.resize_with(stored.len(), Vec::new);
        let jobs =
            (0..stored.len()).flat_map(|number| stored[number].parts().into_iter().map(move |part| (number, part)));
        let jobs = jobs.map(|(number, range)| Job { number, start: range.start, end: range.end });
        let ahead = AHEAD * rayon::current_num_threads();
        in_order(
            jobs,
            ahead,
            |job| self.pack(&stored[job.number], job),
            |job, packed| {
                let blocks = (packed.data.len() / BLOCK) as u16;
                let address = block_number(out.end())?;
                let part = Part { start: job.start, end: job.end, address, blocks, compressed: packed.compressed };
                parts[job.number].push(part);
                out.push(&packed.data)
            },
        )?;
        Ok(parts)
    }

    /// A part of a content as it will lie: whole blocks.
    fn pack(&self, stored: &Stored<'_>, job: Job) -> io::Result<Packed> {
        let mut data = vec![0; (job.end - job.start) as usize];
        stored.content.read_at(self.blobs, job.start, &mut data)?;
        if stored.form == Form::Compressed {
            let packed = self.options.compression.compress(&data)?;
            if packed.len().div_ceil(BLOCK) < data.len().div_ceil(BLOCK) {
                // Compressed data end with their last block.
                let mut padded = vec![0; packed.len().next_multiple_of(BLOCK) - packed.len()];
                padded.extend_from_slice(&packed);
                return Ok(Packed { data: padded, compressed: true });
            }
        }
        data.resize(data.len().next_multiple_of(BLOCK), 0);
        Ok(Packed { data, compressed: false })
    }

    /// Finds places for inodes, and for what does not lie behind them.
    fn place(&self, parts: &[Vec<Part>], meta_blkaddr: u32) -> io::Result<Placed> {
        let mut packer = Packer::new();
        let mut places = Vec::with_capacity(self.collected.inodes.len());
        let mut outside = Vec::new();
        for (number, inode) in (0..).zip(&self.collected.inodes) {
            let shape = self.shape(inode, parts);
            places.push(packer.place(shape.core + shape.behind));
            if shape.outside > 0 {
                outside.push((number, shape.outside));
            }
        }
        let mut next = u64::from(meta_blkaddr) + packer.blocks() as u64;
        let start = next * BLOCK as u64;
        let mut addresses = vec![0; if outside.is_empty() { 0 } else { places.len() }];
        for &(number, bytes) in &outside {
            addresses[number as usize] = block_number(next * BLOCK as u64)?;
            next += bytes.div_ceil(BLOCK as u64);
        }
        Ok(Placed { meta: u64::from(meta_blkaddr) * BLOCK as u64, places, outside, addresses, start })
    }

    /// How large an inode is with what lies behind it.
    fn shape(&self, inode: &Inode<'_>, parts: &[Vec<Part>]) -> Shape {
        let core = size_of::<DiskInode>() + inode.xattrs;
        let none = Shape { core, behind: 0, outside: 0, layout: Layout::Plain };
        let size = match (&inode.node.kind, inode.folder) {
            (_, Some(folder)) => directory::size(&self.collected.names(folder, |_| 0)),
            (NodeKind::Symlink(target), _) => target.len() as u64,
            _ => {
                let Some(number) = inode.stored else { return none };
                let stored = &self.collected.contents.stored[number as usize];
                let size = stored.content.size();
                return match stored.form {
                    Form::Flat { .. } if stored.tail() > 0 => {
                        Shape { behind: stored.tail(), layout: Layout::Inline, ..none }
                    }
                    Form::Flat { .. } => none,
                    Form::Compressed => {
                        let map = size_of::<MapHeader>() + indexes(&parts[number as usize]).len() * 8;
                        Shape { core: core.next_multiple_of(8), behind: map, layout: Layout::Compressed, ..none }
                    }
                    Form::Chunks(bits) => {
                        let chunks = size.div_ceil((BLOCK as u64) << bits) as usize;
                        Shape { behind: 4 * chunks, layout: Layout::Chunks, ..none }
                    }
                };
            }
        };
        let end = (size % BLOCK as u64) as usize;
        if end > 0 && core + end <= BLOCK {
            return Shape { behind: end, outside: size - end as u64, layout: Layout::Inline, ..none };
        }
        Shape { outside: size, ..none }
    }

    /// Inodes in the order of their places, each with what lies behind it.
    fn write_inodes(&self, out: &mut Out<'_>, parts: &[Vec<Part>], placed: &Placed) -> io::Result<()> {
        let mut order: Vec<u32> = (0..).take(placed.places.len()).collect();
        order.sort_unstable_by_key(|&number| placed.places[number as usize]);
        for number in order {
            out.fill(placed.meta + placed.places[number as usize] as u64)?;
            out.push(&self.inode(number, parts, placed)?)?;
        }
        out.fill(placed.start)
    }

    fn inode(&self, number: u32, parts: &[Vec<Part>], placed: &Placed) -> io::Result<Vec<u8>> {
        let inode = &self.collected.inodes[number as usize];
        let shape = self.shape(inode, parts);
        let outside = placed.addresses.get(number as usize).copied().unwrap_or(0);
        // What was looked at when it was taken in.
        let xattrs = xattr::encode(&inode.node.metadata).unwrap_or_default();
        let (mut size, mut behind, mut i_u) = (0, Vec::new(), outside);
        match (&inode.node.kind, inode.folder) {
            (_, Some(folder)) => {
                let names = directory::encode(&self.collected.names(folder, |inode| placed.nid(inode)));
                size = names.len() as u64;
                behind = names[names.len() - shape.behind..].to_vec();
            }
            (NodeKind::Symlink(target), _) => {
                size = target.len() as u64;
                behind = target[target.len() - shape.behind..].to_vec();
            }
            (NodeKind::CharDevice { major, minor } | NodeKind::BlockDevice { major, minor }, _) => {
                // As Linux has it: the minor's low byte, the major, the minor's other bits.
                i_u = minor & 0xFF | major << 8 | (minor & !0xFF) << 12;
            }
            _ => {
                if let Some(stored) = inode.stored {
                    let parts = &parts[stored as usize];
                    let stored = &self.collected.contents.stored[stored as usize];
                    size = stored.content.size();
                    (i_u, behind) = self.map(stored, parts)?;
                }
            }
        }
        let meta = &inode.node.metadata;
        let disk = DiskInode {
            i_format: U16::new((shape.layout as u16) << 1 | 1),
            i_xattr_icount: U16::new(xattr::count(xattrs.len())),
            i_mode: U16::new(file_mode(&inode.node.kind) | meta.mode),
            i_reserved: U16::new(0),
            i_size: U64::new(size),
            i_u: U32::new(i_u),
            i_ino: U32::new(number + 1),
            i_uid: U32::new(meta.uid),
            i_gid: U32::new(meta.gid),
            // Signed, in two's complement.
            i_mtime: U64::new(meta.mtime.seconds as u64),
            i_mtime_nsec: U32::new(meta.mtime.nanoseconds),
            i_nlink: U32::new(inode.links),
            i_reserved2: [0; 16],
        };
        let mut bytes = [disk.as_bytes(), &xattrs].concat();
        bytes.resize(shape.core, 0);
        bytes.extend_from_slice(&behind);
        Ok(bytes)
    }

    /// What the inode of a file says of its content: its number, and what lies behind it.
    fn map(&self, stored: &Stored<'_>, parts: &[Part]) -> io::Result<(u32, Vec<u8>)> {
        let size = stored.content.size();
        Ok(match stored.form {
            Form::Flat { .. } => {
                let mut end = vec![0; stored.tail()];
                stored.content.read_at(self.blobs, size - end.len() as u64, &mut end)?;
                (parts.first().map_or(0, |part| part.address), end)
            }
            Form::Compressed => {
                let header = MapHeader {
                    h_reserved1: U32::new(0),
                    h_advise: U16::new(BIG_CLUSTERS),
                    h_algorithmtype: self.options.compression.algorithm().unwrap_or(0),
                    h_clusterbits: 0,
                    h_reserved2: [0; 8],
                };
                let blocks = parts.iter().map(|part| u32::from(part.blocks)).sum();
                (blocks, [header.as_bytes(), indexes(parts).as_bytes()].concat())
            }
            Form::Chunks(bits) => {
                let chunk = (BLOCK as u64) << bits;
                let mut parts = parts.iter().peekable();
                let starts = (0..size).step_by(chunk as usize);
                let map: Vec<U32> = starts.map(|start| U32::new(chunk_address(&mut parts, start))).collect();
                (bits.into(), map.as_bytes().to_vec())
            }
        })
    }

    /// What of directories and symbolic links does not lie behind their inodes.
    fn write_names_and_targets(&self, out: &mut Out<'_>, placed: &Placed) -> io::Result<()> {
        for &(number, bytes) in &placed.outside {
            let inode = &self.collected.inodes[number as usize];
            let whole = match (&inode.node.kind, inode.folder) {
                (_, Some(folder)) => directory::encode(&self.collected.names(folder, |inode| placed.nid(inode))),
                (NodeKind::Symlink(target), _) => target.to_vec(),
                _ => Vec::new(),
            };
            out.push(&whole[..bytes as usize])?;
            out.fill(out.end().next_multiple_of(BLOCK as u64))?;
        }
        out.fill(out.end().next_multiple_of(BLOCK as u64))
    }

    /// The first block.
    fn superblock(&self, meta_blkaddr: u32, blocks: u32, root: u64) -> Vec<u8> {
        let Plan { collected, options, .. } = self;
        let mut incompat = Incompat::empty();
        incompat.set(Incompat::ZERO_PADDING | Incompat::BIG_CLUSTERS, options.compression.algorithm().is_some());
        let is_chunked = |stored: &Stored<'_>| matches!(stored.form, Form::Chunks(_));
        incompat.set(Incompat::CHUNKS, collected.contents.stored.iter().any(is_chunked));
        let mut volume_name = [0; 16];
        volume_name[..options.label.len()].copy_from_slice(options.label.as_bytes());
        let superblock = Superblock {
            magic: U32::new(MAGIC),
            checksum: U32::new(0),
            feature_compat: U32::new((Compat::SUPERBLOCK_CHECKSUM | Compat::MTIME).bits()),
            blkszbits: BLOCK_BITS,
            sb_extslots: 0,
            // The root is placed first.
            root_nid: U16::new(root as u16),
            inos: U64::new(collected.inodes.len() as u64),
            build_time: U64::new(options.time as u64),
            build_time_nsec: U32::new(0),
            blocks: U32::new(blocks),
            meta_blkaddr: U32::new(meta_blkaddr),
            xattr_blkaddr: U32::new(0),
            uuid: *options.uuid.as_bytes(),
            volume_name,
            feature_incompat: U32::new(incompat.bits()),
            available_compr_algs: U16::new(options.compression.algorithm().map_or(0, |number| 1 << number)),
            extra_devices: U16::new(0),
            devt_slotoff: U16::new(0),
            dirblkbits: 0,
            xattr_prefix_count: 0,
            xattr_prefix_start: U32::new(0),
            packed_nid: U64::new(0),
            reserved: [0; 24],
        };
        let mut block = vec![0; BLOCK];
        let configuration = options.compression.configuration();
        for (at, bytes) in [(SUPERBLOCK_AT, superblock.as_bytes()), (SUPERBLOCK_AT + 128, configuration.as_slice())] {
            block[at..at + bytes.len()].copy_from_slice(bytes);
        }
        let checksum = !crc32c::crc32c(&block[SUPERBLOCK_AT..]);
        block[SUPERBLOCK_AT + 4..SUPERBLOCK_AT + 8].copy_from_slice(U32::new(checksum).as_bytes());
        block
    }
}

/// One part of a content, to be read and perhaps compressed.
#[derive(Debug, Clone, Copy)]
struct Job {
    /// Among the stored contents.
    number: usize,
    start: u64,
    end: u64,
}

/// A part as it will lie.
struct Packed {
    data: Vec<u8>,
    compressed: bool,
}

/// Where a part of a content came to be.
#[derive(Debug)]
struct Part {
    start: u64,
    end: u64,
    address: u32,
    blocks: u16,
    compressed: bool,
}

/// How large an inode is.
struct Shape {
    /// Itself, and its attributes.
    core: usize,
    /// What lies behind it.
    behind: usize,
    /// Names or a target in blocks of their own.
    outside: u64,
    layout: Layout,
}

/// Where inodes are, and what does not lie behind them.
struct Placed {
    /// Where inodes begin in the file.
    meta: u64,
    /// From there on.
    places: Vec<usize>,
    /// Inodes with blocks of their own, and the bytes in those.
    outside: Vec<(u32, u64)>,
    /// Their first blocks, by inode; empty when there are none.
    addresses: Vec<u32>,
    /// Where the blocks begin in the file.
    start: u64,
}

impl Placed {
    /// The number that says where an inode is.
    fn nid(&self, inode: u32) -> u64 {
        (self.places[inode as usize] / SLOT) as u64
    }
}

/// The indexes of a compressed file: one for each block.
fn indexes(parts: &[Part]) -> Vec<ClusterIndex> {
    let mut indexes = Vec::new();
    let index = |kind: ClusterType, offset: usize, di_u: [u16; 2]| ClusterIndex {
        di_advise: U16::new(kind as u16),
        di_clusterofs: U16::new(offset as u16),
        di_u: di_u.map(U16::new),
    };
    let halves = |address: u32| [address as u16, (address >> 16) as u16];
    for part in parts {
        let length = (part.end - part.start) as usize;
        if !part.compressed {
            let addresses = (part.address..).take(part.blocks.into());
            indexes.extend(addresses.map(|address| index(ClusterType::Plain, 0, halves(address))));
            continue;
        }
        // 64 KiB have 16 blocks.
        let full = (length / BLOCK) as u16;
        indexes.push(index(ClusterType::Head, 0, halves(part.address)));
        for back in 1..full {
            let first = if back == 1 { BLOCK_COUNT | part.blocks } else { back };
            indexes.push(index(ClusterType::Middle, 0, [first, full - back]));
        }
        if !length.is_multiple_of(BLOCK) {
            // The file's end: what would begin there has nothing in it.
            indexes.push(index(ClusterType::Plain, length % BLOCK, [0, 0]));
        }
    }
    indexes
}

/// The block of the chunk at `start`, or [`HOLE`]; chunks are asked for in ascending order.
fn chunk_address<'p>(parts: &mut std::iter::Peekable<impl Iterator<Item = &'p Part>>, start: u64) -> u32 {
    while parts.next_if(|part| part.end <= start).is_some() {}
    match parts.peek() {
        // At most 16 blocks.
        Some(part) if part.start <= start => part.address + ((start - part.start) / BLOCK as u64) as u32,
        _ => HOLE,
    }
}

/// The type bits of a mode.
fn file_mode(kind: &NodeKind) -> u16 {
    match kind {
        NodeKind::Fifo => 0o010_000,
        NodeKind::CharDevice { .. } => 0o020_000,
        NodeKind::Directory => 0o040_000,
        NodeKind::BlockDevice { .. } => 0o060_000,
        NodeKind::File(_) => 0o100_000,
        NodeKind::Symlink(_) => 0o120_000,
        NodeKind::Socket => 0o140_000,
    }
}

fn block_number(offset: u64) -> io::Result<u32> {
    let too_large = |_| io::Error::new(io::ErrorKind::FileTooLarge, "an EROFS has at most 2^32 blocks");
    u32::try_from(offset / BLOCK as u64).map_err(too_large)
}

/// The file, written from front to back.
struct Out<'f> {
    file: &'f File,
    written: u64,
    buffer: Vec<u8>,
}

impl Out<'_> {
    fn end(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    fn push(&mut self, data: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(data);
        if self.buffer.len() >= WRITE { self.flush() } else { Ok(()) }
    }

    /// Zeros up to `end`: less than a few blocks.
    fn fill(&mut self, end: u64) -> io::Result<()> {
        let gap: Range<u64> = self.end()..end;
        self.push(&vec![0; (gap.end - gap.start) as usize])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
