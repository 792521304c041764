//! Inodes, drawn from what the plan knows of a file.

use rootsmith_tree::{Mtime, NodeKind};
use rootsmith_types::UnixTime;
use zerocopy::IntoBytes;

use crate::checksum::{Seed, crc32c};
use crate::contents::{FAST_SYMLINK, SECONDS, number_of};
use crate::extent;
use crate::format::{
    ADDRESSES_PER_BLOCK, BLOCK_SIZE, EXTRA_ISIZE, INODE_SIZE, Inode, InodeFlags, InodeNumber, JOURNAL_INODE, LINK_MAX,
    RESIZE_INODE, zeroed,
};
use crate::plan::Plan;
use crate::xattr::Xattrs;

const S_IFIFO: u16 = 0o010_000;
const S_IFCHR: u16 = 0o020_000;
const S_IFDIR: u16 = 0o040_000;
const S_IFBLK: u16 = 0o060_000;
const S_IFREG: u16 = 0o100_000;
const S_IFLNK: u16 = 0o120_000;
const S_IFSOCK: u16 = 0o140_000;

/// Sectors of 512 bytes in a block: the unit of `i_blocks`.
const SECTORS: u64 = BLOCK_SIZE / 512;
/// Where the resize inode's double indirect block is noted.
const DOUBLE_INDIRECT: usize = 13;

impl Plan<'_> {
    /// Fills 256 bytes of zeros with an inode; leaves them alone when the number is not in use.
    pub(crate) fn draw_inode(&self, number: InodeNumber, out: &mut [u8]) {
        match number {
            JOURNAL_INODE if self.geometry.journal_blocks > 0 => {
                finish(self.journal_inode(), None, number, self.seed, out);
            }
            RESIZE_INODE if self.allocation.resize_indirect.is_some() => {
                finish(self.resize_inode(), None, number, self.seed, out);
            }
            _ => self.draw_file(number, out),
        }
    }

    /// The journal's inode, its checksum still missing.
    pub(crate) fn journal_inode(&self) -> Inode {
        let mut inode = self.reserved_inode(self.geometry.journal_blocks * BLOCK_SIZE);
        let (extents, nodes) = &self.allocation.journal;
        inode.i_block = match &self.journal_tree {
            Some(tree) => tree.root,
            None => extent::in_inode(extents),
        };
        set_blocks(&mut inode, self.geometry.journal_blocks + nodes.len() as u64);
        inode.i_flags.set(InodeFlags::EXTENTS.bits());
        inode
    }

    /// The resize inode maps, through indirect blocks, each block reserved for descriptors and its copies. Its size covers
    /// all that the double indirect block could map.
    fn resize_inode(&self) -> Inode {
        const DIRECT: u64 = 12;
        let size = (ADDRESSES_PER_BLOCK * ADDRESSES_PER_BLOCK + ADDRESSES_PER_BLOCK + DIRECT) * BLOCK_SIZE;
        let mut inode = self.reserved_inode(size);
        if let Some(at) = self.allocation.resize_indirect {
            inode.i_block[4 * DOUBLE_INDIRECT..4 * DOUBLE_INDIRECT + 4].copy_from_slice(at.lo().as_bytes());
        }
        let copies = 1 + self.geometry.backups().count() as u64;
        set_blocks(&mut inode, 1 + self.geometry.reserved_gdt_blocks * copies);
        inode
    }

    fn reserved_inode(&self, size: u64) -> Inode {
        let mut inode: Inode = zeroed();
        inode.i_mode.set(S_IFREG | 0o600);
        inode.i_links_count.set(1);
        set_size(&mut inode, size);
        let made = self.made();
        set_times(&mut inode, made, made);
        inode
    }

    fn draw_file(&self, number: InodeNumber, out: &mut [u8]) {
        let Some(file) = self.contents.get(number) else { return };
        let node = self.contents.node(file);
        let metadata = &node.metadata;
        let mut inode: Inode = zeroed();
        let (kind, mut flags) = match node.kind {
            NodeKind::Directory => (S_IFDIR, InodeFlags::EXTENTS),
            NodeKind::File(_) => (S_IFREG, InodeFlags::EXTENTS),
            NodeKind::Symlink(ref target) if target.len() < FAST_SYMLINK => (S_IFLNK, InodeFlags::empty()),
            NodeKind::Symlink(_) => (S_IFLNK, InodeFlags::EXTENTS),
            NodeKind::CharDevice { .. } => (S_IFCHR, InodeFlags::empty()),
            NodeKind::BlockDevice { .. } => (S_IFBLK, InodeFlags::empty()),
            NodeKind::Fifo => (S_IFIFO, InodeFlags::empty()),
            NodeKind::Socket => (S_IFSOCK, InodeFlags::empty()),
        };
        inode.i_mode.set(kind | metadata.mode & 0o7777);
        inode.i_uid_lo.set(metadata.uid as u16);
        inode.i_uid_high.set((metadata.uid >> 16) as u16);
        inode.i_gid_lo.set(metadata.gid as u16);
        inode.i_gid_high.set((metadata.gid >> 16) as u16);
        // Files never get here with more; a directory with more has 1, which tells readers not to count.
        inode.i_links_count.set(if file.links > LINK_MAX { 1 } else { file.links as u16 });
        set_size(&mut inode, self.contents.size(file));
        set_times(&mut inode, metadata.mtime, self.made());

        let index = self.index_of(number);
        set_blocks(&mut inode, self.allocation.blocks_of(index));
        if let Some(at) = self.allocation.xattr_blocks.get(&index) {
            inode.i_file_acl_lo = at.lo();
            inode.i_file_acl_high.set(at.hi() as u16);
        }
        match &node.kind {
            NodeKind::Symlink(target) if target.len() < FAST_SYMLINK => {
                inode.i_block[..target.len()].copy_from_slice(target);
            }
            NodeKind::CharDevice { major, minor } | NodeKind::BlockDevice { major, minor } => {
                set_device(&mut inode, *major, *minor);
            }
            NodeKind::Directory | NodeKind::File(_) | NodeKind::Symlink(_) => {
                inode.i_block = match self.trees.get(&index) {
                    Some(tree) => tree.root,
                    None => extent::in_inode(self.allocation.extents_of(index)),
                };
            }
            NodeKind::Fifo | NodeKind::Socket => {}
        }
        if file.directory.is_some_and(|at| self.contents.directories[at as usize].indexed) {
            flags |= InodeFlags::INDEX;
        }
        inode.i_flags.set(flags.bits());
        // What does not fit was refused when the tree was taken in.
        let xattrs = Xattrs::place(metadata).unwrap_or_default();
        finish(inode, Some(&xattrs), number, self.seed, out);
    }

    fn index_of(&self, number: InodeNumber) -> u32 {
        // The inverse of `number_of`; only called for inodes that have a file.
        number.0.saturating_sub(number_of(1).0 - 1)
    }

    fn made(&self) -> Mtime {
        Mtime { seconds: in_range(self.time), nanoseconds: 0 }
    }
}

/// A time brought into the range of an inode's.
pub(crate) fn in_range(time: UnixTime) -> UnixTime {
    time.clamp(*SECONDS.start(), *SECONDS.end())
}

fn finish(mut inode: Inode, xattrs: Option<&Xattrs>, number: InodeNumber, seed: Seed, out: &mut [u8]) {
    let size = size_of::<Inode>();
    inode.i_extra_isize.set(EXTRA_ISIZE);
    out[..size].copy_from_slice(inode.as_bytes());
    if let Some(xattrs) = xattrs {
        xattrs.write_inode(&mut out[size..INODE_SIZE]);
    }
    let checksum = crc32c(seed.inode(number), &out[..INODE_SIZE]);
    inode.i_checksum_lo.set(checksum as u16);
    inode.i_checksum_hi.set((checksum >> 16) as u16);
    out[..size].copy_from_slice(inode.as_bytes());
}

fn set_size(inode: &mut Inode, size: u64) {
    inode.i_size_lo.set(size as u32);
    inode.i_size_high.set((size >> 32) as u32);
}

fn set_blocks(inode: &mut Inode, blocks: u64) {
    let sectors = blocks * SECTORS;
    inode.i_blocks_lo.set(sectors as u32);
    inode.i_blocks_high.set((sectors >> 32) as u16);
}

fn set_times(inode: &mut Inode, modified: Mtime, made: Mtime) {
    // Bits 32 and 33 count how often the signed 32 bits went round since 1970.
    let extra = |time: Mtime| {
        let rounds = (time.seconds - i64::from(time.seconds as i32)) >> 32;
        time.nanoseconds << 2 | rounds as u32 & 3
    };
    inode.i_mtime.set(modified.seconds as u32);
    inode.i_mtime_extra.set(extra(modified));
    inode.i_atime.set(modified.seconds as u32);
    inode.i_atime_extra.set(extra(modified));
    inode.i_ctime.set(made.seconds as u32);
    inode.i_ctime_extra.set(extra(made));
    inode.i_crtime.set(made.seconds as u32);
    inode.i_crtime_extra.set(extra(made));
}

/// Small numbers in the first word, as they were before Linux 2.6; others in the second.
fn set_device(inode: &mut Inode, major: u32, minor: u32) {
    if major < 256 && minor < 256 {
        inode.i_block[..4].copy_from_slice(&(major << 8 | minor).to_le_bytes());
    } else {
        let new = minor & 0xFF | major << 8 | (minor & !0xFF) << 12;
        inode.i_block[4..8].copy_from_slice(&new.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_reach_from_1901_to_2446() {
        let stored = |seconds, nanoseconds| {
            let mut inode: Inode = zeroed();
            set_times(&mut inode, Mtime { seconds, nanoseconds }, Mtime::default());
            (inode.i_mtime.get(), inode.i_mtime_extra.get())
        };
        assert_eq!(stored(0, 5), (0, 5 << 2));
        assert_eq!(stored(-1, 0), (0xFFFF_FFFF, 0));
        assert_eq!(stored(*SECONDS.start(), 0), (0x8000_0000, 0));
        assert_eq!(stored(1 << 31, 0), (0x8000_0000, 1));
        assert_eq!(stored(1 << 32, 0), (0, 1));
        assert_eq!(stored(*SECONDS.end(), 999_999_999), (0x7FFF_FFFF, 999_999_999 << 2 | 3));
    }

    #[test]
    fn large_device_numbers_take_the_second_word() {
        let stored = |major, minor| {
            let mut inode: Inode = zeroed();
            set_device(&mut inode, major, minor);
            inode.i_block[..8].to_vec()
        };
        assert_eq!(stored(8, 1), [1, 8, 0, 0, 0, 0, 0, 0]);
        assert_eq!(stored(259, 0x1_2345), [0, 0, 0, 0, 0x45, 0x03, 0x31, 0x12]);
    }
}
