//! Names of a directory: runs of them, and an index where they fill several metadata blocks.

use std::io;

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

use crate::format::{DirectoryIndex, InodeType, MAX_RUN, METADATA, NameHeader, NamesHeader, Reference};
use crate::metadata::Chain;

/// A name, and the inode it stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name<'n> {
    /// 1 to 255 bytes.
    pub(crate) name: &'n [u8],
    pub(crate) inode: Reference,
    pub(crate) number: u32,
    pub(crate) kind: InodeType,
}

/// Where the names of a directory are.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) at: Reference,
    /// Bytes of its runs.
    pub(crate) size: u32,
    /// How many entries `index` has.
    pub(crate) indexes: u16,
    /// What follows the inode.
    pub(crate) index: Vec<u8>,
}

/// Bytes that a directory's names take, at most: each in a run of its own.
pub(crate) fn most(names: impl Iterator<Item = usize>) -> u64 {
    names.map(|length| (size_of::<NamesHeader>() + size_of::<NameHeader>() + length) as u64).sum()
}

/// Writes `names`, which are sorted, to the end of the table.
pub(crate) fn write(table: &mut Chain<'_>, names: &[Name<'_>]) -> io::Result<Listing> {
    let mut listing = Listing { at: table.end(), size: 0, indexes: 0, index: Vec::new() };
    let mut rest = names;
    let mut block = listing.at.block;
    while let Some(first) = rest.first() {
        let here = table.end();
        if here.block != block {
            block = here.block;
            let index = U32::new(listing.size);
            let size = U32::new(first.name.len() as u32 - 1);
            let entry = DirectoryIndex { index, start_block: U32::new(block), size };
            listing.index.extend_from_slice(entry.as_bytes());
            listing.index.extend_from_slice(first.name);
            // A directory of so many blocks was refused.
            listing.indexes += 1;
        }
        let (run, later) = rest.split_at(run_length(rest, here.offset.into()));
        listing.size += write_run(table, run)?;
        rest = later;
    }
    Ok(listing)
}

/// How many of `names` go into a run whose header is at `offset` of its block: at least one.
fn run_length(names: &[Name<'_>], offset: usize) -> usize {
    let first = &names[0];
    let mut end = offset + size_of::<NamesHeader>();
    let belongs = |name: &&Name<'_>| {
        let near = i16::try_from(i64::from(name.number) - i64::from(first.number)).is_ok();
        // The next block begins with a run of its own, so that an index can lead there.
        let here = end < METADATA;
        end += size_of::<NameHeader>() + name.name.len();
        here && near && name.inode.block == first.inode.block
    };
    names.iter().take(MAX_RUN).take_while(belongs).count().max(1)
}

fn write_run(table: &mut Chain<'_>, run: &[Name<'_>]) -> io::Result<u32> {
    let first = &run[0];
    let mut bytes = Vec::new();
    let header = NamesHeader {
        count: U32::new(run.len() as u32 - 1),
        start_block: U32::new(first.inode.block),
        inode_number: U32::new(first.number),
    };
    bytes.extend_from_slice(header.as_bytes());
    for name in run {
        let head = NameHeader {
            offset: U16::new(name.inode.offset),
            // Two's complement.
            inode_number: U16::new(name.number.wrapping_sub(first.number) as u16),
            inode_type: U16::new(name.kind as u16),
            size: U16::new(name.name.len() as u16 - 1),
        };
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(name.name);
    }
    table.push(&bytes)?;
    Ok(bytes.len() as u32)
}
