//! Emits: contents as they come out of the compressors, then the tables that say where they are, the superblock last.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rootsmith_ondisk::in_order;
use rootsmith_tree::NodeKind;
use rootsmith_types::NumBytes;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use crate::compress::{Compressor, Worker, Workers};
use crate::contents::Piece;
use crate::directory::{self, Name};
use crate::format::{Flags, Fragment, MAGIC, METADATA_STORED, NO_TABLE, NONE, PADDING, Reference, STORED, Superblock};
use crate::inode::{self, Place, inode_type};
use crate::metadata::{Chain, table};
use crate::plan::Plan;

/// Bytes for each thread that may be compressed before their turn to be written has come; at least [`ROW`] blocks.
const AHEAD: usize = 2 << 20;
/// With fewer blocks threads would wait for the slowest.
const ROW: usize = 8;

impl Plan<'_> {
    /// Writes the file system to `file`, from its beginning on, and says how long it is. While blocks are written, the next
    /// are compressed on all threads of the current pool; memory holds those and the metadata.
    pub fn write(&self, file: &File) -> io::Result<NumBytes> {
        let mut out = Out { file, end: size_of::<Superblock>() as u64 };
        let mut flags = Flags::DUPLICATES | Flags::EXPORTABLE;
        if let Some(options) = self.options.compression.options() {
            flags |= Flags::COMPRESSOR_OPTIONS;
            // A few bytes.
            out.push(U16::new(options.len() as u16 | METADATA_STORED).as_bytes())?;
            out.push(&options)?;
        }
        let workers = Workers::new(self.options.compression, self.options.block_size as usize);
        let written = self.write_contents(&mut out, &workers)?;
        let superblock = workers.with(|worker| self.write_tables(&mut out, &written, flags, &mut worker.compressor))?;
        let used = out.end;
        let padding = used.next_multiple_of(PADDING) - used;
        out.push(&vec![0; padding as usize])?;
        file.write_all_at(Superblock { bytes_used: U64::new(used), ..superblock }.as_bytes(), 0)?;
        Ok(NumBytes::new(out.end))
    }

    fn write_contents(&self, out: &mut Out<'_>, workers: &Workers) -> io::Result<Written> {
        let contents = &self.collected.contents;
        let mut written = Written {
            starts: vec![0; contents.stored.len()],
            sizes: vec![U32::new(0); contents.blocks as usize],
            fragments: Vec::with_capacity(contents.fragments() as usize),
        };
        let jobs = Jobs { pieces: &contents.pieces, done: 0 };
        let ahead = (AHEAD / self.options.block_size as usize).max(ROW) * rayon::current_num_threads();
        let pack = |job| {
            let _span = self.trace.span("compress", "squashfs");
            workers.with(|worker| self.pack(job, worker))
        };
        in_order(jobs, ahead, pack, |job, packed| self.store(out, &mut written, job, &packed))?;
        Ok(written)
    }

    fn pack(&self, job: Job, worker: &mut Worker) -> io::Result<Packed> {
        let contents = &self.collected.contents;
        let block_size = u64::from(self.options.block_size);
        let mut filled = 0;
        let mut read = |number: u32, from: u64| {
            let content = contents.stored[number as usize].content;
            let length = (content.size() - from).min(block_size) as usize;
            let place = &mut worker.block[filled..filled + length];
            filled += length;
            content.read_at(self.blobs, from, place)
        };
        match job {
            Job::Block(number, block) => read(number, u64::from(block) * block_size)?,
            Job::Fragment(fragment) => {
                for &number in contents.tails(fragment) {
                    let size = contents.stored[number as usize].content.size();
                    read(number, size - size % block_size)?;
                }
            }
        }
        let data = &worker.block[..filled];
        if matches!(job, Job::Block(..)) && data.iter().all(|&byte| byte == 0) {
            return Ok(Packed { data: Vec::new(), size: 0 });
        }
        // At most a block.
        Ok(match worker.compressor.compress(data)? {
            Some(data) => Packed { size: data.len() as u32, data },
            None => Packed { size: data.len() as u32 | STORED, data: data.to_vec() },
        })
    }

    fn store(&self, out: &mut Out<'_>, written: &mut Written, job: Job, packed: &Packed) -> io::Result<()> {
        match job {
            Job::Block(number, block) => {
                let first = self.collected.contents.stored[number as usize].blocks.start;
                written.sizes[(first + block) as usize] = U32::new(packed.size);
                let start = &mut written.starts[number as usize];
                // Nothing begins at 0, where the superblock is.
                if *start == 0 && packed.size > 0 {
                    *start = out.end;
                }
            }
            Job::Fragment(_) => {
                let start_block = U64::new(out.end);
                written.fragments.push(Fragment { start_block, size: U32::new(packed.size), unused: U32::new(0) });
            }
        }
        out.push(&packed.data)
    }

    /// Tables and, but for its length, the superblock.
    fn write_tables(
        &self,
        out: &mut Out<'_>,
        written: &Written,
        mut flags: Flags,
        compressor: &mut Compressor,
    ) -> io::Result<Superblock> {
        let Nodes { inodes, names, places } = self.nodes(written)?;
        let inode_table_start = out.end;
        out.push(&inodes)?;
        let directory_table_start = out.end;
        out.push(&names)?;
        let mut add = |records: &[u8]| -> io::Result<u64> {
            let (bytes, start) = table(compressor, records, out.end)?;
            out.push(&bytes)?;
            Ok(start)
        };
        let fragment_table_start = match written.fragments.is_empty() {
            true => NO_TABLE,
            false => add(written.fragments.as_bytes())?,
        };
        flags.set(Flags::NO_FRAGMENTS, written.fragments.is_empty());
        let lookup: Vec<U64> = places.iter().map(|place| place.number()).collect();
        let lookup_table_start = add(lookup.as_bytes())?;
        let ids: Vec<U32> = self.collected.ids.iter().map(|&id| U32::new(id)).collect();
        let id_table_start = add(ids.as_bytes())?;
        let (bytes, xattr_id_table_start) = self.collected.xattrs.table(compressor, out.end)?;
        out.push(&bytes)?;
        let root = places.last().copied().unwrap_or_default();
        Ok(Superblock {
            magic: MAGIC,
            inode_count: U32::new(self.collected.inodes.len() as u32),
            // A time outside 32 bits is shown by nothing but `unsquashfs -s`.
            mkfs_time: U32::new(u32::try_from(self.options.time).unwrap_or(0)),
            block_size: U32::new(self.options.block_size),
            fragments: U32::new(written.fragments.len() as u32),
            compression: U16::new(self.options.compression.number()),
            block_log: U16::new(self.options.block_size.ilog2() as u16),
            flags: U16::new(flags.bits()),
            no_ids: U16::new(self.collected.ids.len() as u16),
            s_major: U16::new(4),
            s_minor: U16::new(0),
            root_inode: root.number(),
            bytes_used: U64::new(0),
            id_table_start: U64::new(id_table_start),
            xattr_id_table_start: U64::new(xattr_id_table_start),
            inode_table_start: U64::new(inode_table_start),
            directory_table_start: U64::new(directory_table_start),
            fragment_table_start: U64::new(fragment_table_start),
            lookup_table_start: U64::new(lookup_table_start),
        })
    }

    /// Inodes and names, in the order in which inodes were numbered.
    fn nodes(&self, written: &Written) -> io::Result<Nodes> {
        let collected = &self.collected;
        let block_size = self.options.block_size as usize;
        let mut compressors = [
            Compressor::new(self.options.compression, block_size)?,
            Compressor::new(self.options.compression, block_size)?,
        ];
        let [inodes, names] = &mut compressors;
        let (mut inodes, mut names) = (Chain::new(inodes), Chain::new(names));
        let mut places = Vec::with_capacity(collected.inodes.len());
        // Of directories whose names were written and whose inodes are still to come.
        let mut listings: BTreeMap<u32, (directory::Listing, u32)> = BTreeMap::new();
        let mut emit = |index: u32, listing: Option<(directory::Listing, u32)>, places: &mut Vec<Reference>| {
            let inode = &collected.inodes[index as usize];
            // Another name of a file that is there already.
            if inode.facts.number as usize != places.len() + 1 {
                return Ok(());
            }
            let bytes = match (&inode.node.kind, listing) {
                (NodeKind::File(content), _) => {
                    inode::file(inode.node, &inode.facts, &self.place(written, inode.stored, content.size()))
                }
                (_, Some((listing, parent))) => inode::directory(inode.node, &inode.facts, &listing, parent),
                _ => inode::other(inode.node, &inode.facts),
            };
            places.push(inodes.end());
            inodes.push(&bytes)
        };
        for folder in collected.folders.iter().rev() {
            let mut children = Vec::with_capacity(folder.entries.len());
            for entry in &folder.entries {
                emit(entry.inode, listings.remove(&entry.inode), &mut places)?;
                let inode = &collected.inodes[entry.inode as usize];
                let number = inode.facts.number;
                let name = collected.name(entry);
                children.push(Name { name, inode: places[number as usize - 1], number, kind: inode_type(inode.node) });
            }
            let parent = match folder.inode {
                // The root has none.
                0 => collected.inodes.len() as u32 + 1,
                _ => collected.inodes[folder.parent as usize].facts.number,
            };
            listings.insert(folder.inode, (directory::write(&mut names, &children)?, parent));
        }
        emit(0, listings.remove(&0), &mut places)?;
        Ok(Nodes { inodes: inodes.finish()?.0, names: names.finish()?.0, places })
    }

    fn place<'w>(&self, written: &'w Written, stored: Option<u32>, size: u64) -> Place<'w> {
        let Some(number) = stored else {
            return Place { start: 0, size, sparse: 0, fragment: NONE, offset: 0, sizes: &[] };
        };
        let stored = &self.collected.contents.stored[number as usize];
        let sizes = &written.sizes[stored.blocks.start as usize..stored.blocks.end as usize];
        let block_size = u64::from(self.options.block_size);
        let holes = (0..).zip(sizes).filter(|(_, bytes)| bytes.get() == 0);
        let sparse = holes.map(|(block, _): (u64, _)| block_size.min(size - block * block_size)).sum();
        let (fragment, offset) = stored.tail.map_or((NONE, 0), |tail| (tail.fragment, tail.offset));
        Place { start: written.starts[number as usize], size, sparse, fragment, offset, sizes }
    }
}

/// The file, written from front to back.
struct Out<'f> {
    file: &'f File,
    end: u64,
}

impl Out<'_> {
    fn push(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all_at(data, self.end)?;
        self.end += data.len() as u64;
        Ok(())
    }
}

/// Where contents came to be.
struct Written {
    /// Where each stored content begins.
    starts: Vec<u64>,
    /// Of all blocks, zero for holes.
    sizes: Vec<U32>,
    fragments: Vec<Fragment>,
}

/// The tables of inodes and names as they will lie, and the places of inodes by their number.
struct Nodes {
    inodes: Vec<u8>,
    names: Vec<u8>,
    places: Vec<Reference>,
}

/// One block to compress.
#[derive(Debug, Clone, Copy)]
enum Job {
    /// A block of a stored content.
    Block(u32, u32),
    Fragment(u32),
}

/// A block as it will lie.
struct Packed {
    data: Vec<u8>,
    /// As it is noted: with [`STORED`], or zero for a hole.
    size: u32,
}

/// Cuts the pieces into blocks.
struct Jobs<'p> {
    pieces: &'p [Piece],
    /// Blocks of the first piece that were taken.
    done: u32,
}

impl Iterator for Jobs<'_> {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        let (piece, later) = self.pieces.split_first()?;
        let job = match piece {
            Piece::Fragment(number) => Job::Fragment(*number),
            Piece::Blocks(number, blocks) => {
                let block = blocks.start + self.done;
                if block + 1 < blocks.end {
                    self.done += 1;
                    return Some(Job::Block(*number, block));
                }
                Job::Block(*number, block)
            }
        };
        self.done = 0;
        self.pieces = later;
        Some(job)
    }
}
