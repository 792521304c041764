//! Inodes, as short as what they say allows.

use rootsmith_tree::{Node, NodeKind};
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use crate::directory::Listing;
use crate::format::{DOTS, Directory, File, InodeHeader, InodeType, LONG, LongDirectory, LongFile, NONE};

/// What an inode says beside its node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) number: u32,
    pub(crate) links: u32,
    /// Indexes in the id table.
    pub(crate) uid: u16,
    pub(crate) gid: u16,
    /// Number of its attributes, or [`NONE`].
    pub(crate) xattr: u32,
}

/// Where a content is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'s> {
    /// Its first block.
    pub(crate) start: u64,
    pub(crate) size: u64,
    /// Bytes in blocks that are not stored.
    pub(crate) sparse: u64,
    pub(crate) fragment: u32,
    /// In the fragment.
    pub(crate) offset: u32,
    /// Sizes of its blocks.
    pub(crate) sizes: &'s [U32],
}

/// The type that names have for a node.
pub(crate) fn inode_type(node: &Node) -> InodeType {
    match node.kind {
        NodeKind::Directory => InodeType::Directory,
        NodeKind::File(_) => InodeType::File,
        NodeKind::Symlink(_) => InodeType::Symlink,
        NodeKind::CharDevice { .. } => InodeType::CharDevice,
        NodeKind::BlockDevice { .. } => InodeType::BlockDevice,
        NodeKind::Fifo => InodeType::Fifo,
        NodeKind::Socket => InodeType::Socket,
    }
}

/// A directory whose names are at `listing`, in the directory `parent`.
pub(crate) fn directory(node: &Node, facts: &Facts, listing: &Listing, parent: u32) -> Vec<u8> {
    let file_size = listing.size + DOTS;
    let (start_block, offset) = (U32::new(listing.at.block), U16::new(listing.at.offset));
    let (nlink, parent_inode) = (U32::new(facts.links), U32::new(parent));
    match u16::try_from(file_size) {
        Ok(file_size) if facts.xattr == NONE && listing.indexes == 0 => {
            let file_size = U16::new(file_size);
            let body = Directory { start_block, nlink, file_size, offset, parent_inode };
            [header(node, facts, 0).as_bytes(), body.as_bytes()].concat()
        }
        _ => {
            let (i_count, xattr) = (U16::new(listing.indexes), U32::new(facts.xattr));
            let file_size = U32::new(file_size);
            let body = LongDirectory { nlink, file_size, start_block, parent_inode, i_count, offset, xattr };
            [header(node, facts, LONG).as_bytes(), body.as_bytes(), &listing.index].concat()
        }
    }
}

/// A regular file whose content is at `place`.
pub(crate) fn file(node: &Node, facts: &Facts, place: &Place<'_>) -> Vec<u8> {
    let (fragment, offset) = (U32::new(place.fragment), U32::new(place.offset));
    let plain = facts.links == 1 && facts.xattr == NONE && place.sparse == 0;
    match (u32::try_from(place.start), u32::try_from(place.size)) {
        (Ok(start), Ok(size)) if plain => {
            let body = File { start_block: U32::new(start), fragment, offset, file_size: U32::new(size) };
            [header(node, facts, 0).as_bytes(), body.as_bytes(), place.sizes.as_bytes()].concat()
        }
        _ => {
            let body = LongFile {
                start_block: U64::new(place.start),
                file_size: U64::new(place.size),
                // A file of holes alone counts as one byte, as `mksquashfs` has it.
                sparse: U64::new(place.sparse.min(place.size.saturating_sub(1))),
                nlink: U32::new(facts.links),
                fragment,
                offset,
                xattr: U32::new(facts.xattr),
            };
            [header(node, facts, LONG).as_bytes(), body.as_bytes(), place.sizes.as_bytes()].concat()
        }
    }
}

/// Everything that is neither a directory nor a file.
pub(crate) fn other(node: &Node, facts: &Facts) -> Vec<u8> {
    let long = if facts.xattr == NONE { 0 } else { LONG };
    let mut bytes = header(node, facts, long).as_bytes().to_vec();
    bytes.extend_from_slice(U32::new(facts.links).as_bytes());
    match &node.kind {
        NodeKind::Symlink(target) => {
            // Targets are shorter than 4 KiB.
            bytes.extend_from_slice(U32::new(target.len() as u32).as_bytes());
            bytes.extend_from_slice(target);
        }
        NodeKind::CharDevice { major, minor } | NodeKind::BlockDevice { major, minor } => {
            // As Linux has it: the minor's low byte, the major, the minor's other bits.
            let device = minor & 0xFF | major << 8 | (minor & !0xFF) << 12;
            bytes.extend_from_slice(U32::new(device).as_bytes());
        }
        _ => {}
    }
    if long > 0 {
        bytes.extend_from_slice(U32::new(facts.xattr).as_bytes());
    }
    bytes
}

fn header(node: &Node, facts: &Facts, long: u16) -> InodeHeader {
    InodeHeader {
        inode_type: U16::new(inode_type(node) as u16 + long),
        mode: U16::new(node.metadata.mode),
        uid: U16::new(facts.uid),
        guid: U16::new(facts.gid),
        // Times outside its 32 bits were refused.
        mtime: U32::new(node.metadata.mtime.seconds as u32),
        inode_number: U32::new(facts.number),
    }
}
