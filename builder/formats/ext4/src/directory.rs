//! Directory blocks: one linear block, or a hash tree over many.
//!
//! Specification: chapter "directory". A tree's leaves are ordinary directory blocks, each holding a range of hashes; old
//! readers see the index blocks as blocks of empty entries.

use rootsmith_types::Uuid;
use zerocopy::IntoBytes;

use crate::checksum::crc32c;
use crate::format::{
    BLOCK, DIRECTORY_TAIL, DIRECTORY_TAIL_TYPE, DX_NODE_AT, DX_NODE_ENTRIES, DX_ROOT_AT, DX_ROOT_ENTRIES,
    DirectoryEntry, HASH_HALF_MD4, InodeNumber, zeroed,
};
use crate::hash::half_md4;

/// Bytes of a block for entries.
const ROOM: usize = BLOCK - DIRECTORY_TAIL;

/// The type in a directory entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FileType {
    Regular = 1,
    Directory = 2,
    CharDevice = 3,
    BlockDevice = 4,
    Fifo = 5,
    Socket = 6,
    Symlink = 7,
}

/// A name and what it stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name<'n> {
    pub(crate) name: &'n [u8],
    pub(crate) inode: InodeNumber,
    pub(crate) file_type: FileType,
}

/// The directory is too large for two levels of index.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// A directory's blocks, and whether they are a hash tree.
#[derive(Debug)]
pub(crate) struct Blocks {
    pub(crate) data: Vec<u8>,
    pub(crate) indexed: bool,
}

/// The blocks of directory `this`. `seed` is its inode's checksum seed; names come in the order a linear directory
/// will have them.
pub(crate) fn build(
    this: InodeNumber,
    parent: InodeNumber,
    names: &[Name<'_>],
    hash_seed: &Uuid,
    seed: u32,
) -> Result<Blocks, Full> {
    let dots = [
        Name { name: b".", inode: this, file_type: FileType::Directory },
        Name { name: b"..", inode: parent, file_type: FileType::Directory },
    ];
    if names.iter().chain(&dots).map(|name| rec_len(name.name)).sum::<usize>() <= ROOM {
        let all: Vec<Name<'_>> = dots.iter().chain(names).copied().collect();
        let mut data = vec![0; BLOCK];
        write_leaf(&mut data, &all, seed);
        return Ok(Blocks { data, indexed: false });
    }

    let mut hashed: Vec<((u32, u32), Name<'_>)> =
        names.iter().map(|name| (half_md4(name.name, hash_seed), *name)).collect();
    hashed.sort_unstable_by(|a, b| (a.0, a.1.name).cmp(&(b.0, b.1.name)));
    let leaves = leaves(&hashed);
    // With few leaves the root points at them; else at nodes that do.
    let nodes = if leaves.len() <= DX_ROOT_ENTRIES { 0 } else { leaves.len().div_ceil(DX_NODE_ENTRIES) };
    if nodes > DX_ROOT_ENTRIES {
        return Err(Full);
    }
    // Block 0 is the root, then nodes, then leaves.
    let mut data = vec![0; BLOCK * (1 + nodes + leaves.len())];
    let (index, leaf_blocks) = data.split_at_mut(BLOCK * (1 + nodes));
    let mut pointers = Vec::with_capacity(leaves.len());
    let mut scratch = Vec::new();
    for (i, (block, leaf)) in leaf_blocks.chunks_exact_mut(BLOCK).zip(&leaves).enumerate() {
        scratch.clear();
        scratch.extend(hashed[leaf.clone()].iter().map(|(_, name)| *name));
        write_leaf(block, &scratch, seed);
        let hash = hashed[leaf.start].0.0;
        // The low bit says that the leaf before ends with the same hash.
        let continued = leaf.start > 0 && hashed[leaf.start - 1].0.0 == hash;
        pointers.push((hash | u32::from(continued), (1 + nodes + i) as u32));
    }
    let (root, node_blocks) = index.split_at_mut(BLOCK);
    if nodes > 0 {
        let mut upper = Vec::with_capacity(nodes);
        for (i, (block, part)) in node_blocks.chunks_exact_mut(BLOCK).zip(pointers.chunks(DX_NODE_ENTRIES)).enumerate()
        {
            write_entry(block, 0, BLOCK, b"", InodeNumber(0), 0);
            write_index(block, DX_NODE_AT, DX_NODE_ENTRIES, part, seed);
            upper.push((part[0].0, (1 + i) as u32));
        }
        pointers = upper;
    }
    write_entry(root, 0, 12, b".", this, FileType::Directory as u8);
    write_entry(root, 12, BLOCK - 12, b"..", parent, FileType::Directory as u8);
    // dx_root_info: a reserved word, hash version, its own length, levels below the root, flags.
    root[DX_ROOT_AT - 4..DX_ROOT_AT].copy_from_slice(&[HASH_HALF_MD4, 8, u8::from(nodes > 0), 0]);
    write_index(root, DX_ROOT_AT, DX_ROOT_ENTRIES, &pointers, seed);
    Ok(Blocks { data, indexed: true })
}

/// `lost+found`: `.` and `..`, and empty blocks so that the checker need not allocate any.
pub(crate) fn append_empty(blocks: &mut Blocks, count: usize, seed: u32) {
    for _ in 0..count {
        let at = blocks.data.len();
        blocks.data.resize(at + BLOCK, 0);
        let block = &mut blocks.data[at..];
        write_entry(block, 0, ROOM, b"", InodeNumber(0), 0);
        write_tail(block, seed);
    }
}

/// The ranges of `hashed` that fill a block each.
fn leaves(hashed: &[((u32, u32), Name<'_>)]) -> Vec<std::ops::Range<usize>> {
    let mut leaves = Vec::new();
    let mut start = 0;
    let mut used = 0;
    for (i, (_, name)) in hashed.iter().enumerate() {
        let size = rec_len(name.name);
        if used + size > ROOM {
            leaves.push(start..i);
            (start, used) = (i, 0);
        }
        used += size;
    }
    leaves.push(start..hashed.len());
    leaves
}

fn rec_len(name: &[u8]) -> usize {
    (size_of::<DirectoryEntry>() + name.len()).next_multiple_of(4)
}

fn write_leaf(block: &mut [u8], names: &[Name<'_>], seed: u32) {
    let mut at = 0;
    for (i, name) in names.iter().enumerate() {
        // The last entry reaches to the tail.
        let len = if i + 1 == names.len() { ROOM - at } else { rec_len(name.name) };
        write_entry(block, at, len, name.name, name.inode, name.file_type as u8);
        at += len;
    }
    write_tail(block, seed);
}

fn write_entry(block: &mut [u8], at: usize, len: usize, name: &[u8], inode: InodeNumber, file_type: u8) {
    let mut entry: DirectoryEntry = zeroed();
    entry.inode.set(inode.0);
    entry.rec_len.set(len as u16);
    entry.name_len = name.len() as u8;
    entry.file_type = file_type;
    let size = size_of::<DirectoryEntry>();
    block[at..at + size].copy_from_slice(entry.as_bytes());
    block[at + size..at + size + name.len()].copy_from_slice(name);
}

fn write_tail(block: &mut [u8], seed: u32) {
    write_entry(block, ROOM, DIRECTORY_TAIL, b"", InodeNumber(0), DIRECTORY_TAIL_TYPE);
    let checksum = crc32c(seed, &block[..ROOM]);
    block[BLOCK - 4..].copy_from_slice(&checksum.to_le_bytes());
}

/// An index of `(hash, block)` from `start` on. The first hash has no place of its own, it is always zero: limit and count
/// lie there.
fn write_index(block: &mut [u8], start: usize, limit: usize, pointers: &[(u32, u32)], seed: u32) {
    for (i, (hash, to)) in pointers.iter().enumerate() {
        let at = start + 8 * i;
        block[at..at + 4].copy_from_slice(&hash.to_le_bytes());
        block[at + 4..at + 8].copy_from_slice(&to.to_le_bytes());
    }
    block[start..start + 2].copy_from_slice(&(limit as u16).to_le_bytes());
    block[start + 2..start + 4].copy_from_slice(&(pointers.len() as u16).to_le_bytes());
    // The checksum covers what is in use and the tail's eight bytes, its own place taken as zero.
    let checksum = crc32c(crc32c(seed, &block[..start + 8 * pointers.len()]), &[0; 8]);
    block[BLOCK - 4..].copy_from_slice(&checksum.to_le_bytes());
}
