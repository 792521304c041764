//! Inodes and names.

use rootsmith_tree::{Metadata, Mtime};

use crate::broken::{Result, broken};
use crate::erofs::Erofs;
use crate::erofs::contents::{Content, Place};
use crate::erofs::format::{CHUNK_BITS, CHUNK_INDEXES, CompactInode, Dirent, ExtendedInode, SLOT};
use crate::erofs::xattr;

/// Bytes of the names in one directory, at most.
const MAX_NAMES: u64 = 64 << 20;

/// An inode.
pub(crate) struct Inode {
    /// The upper four bits of the mode.
    pub(crate) kind: u16,
    /// Attributes are not in it yet.
    pub(crate) metadata: Metadata,
    pub(crate) links: u32,
    pub(crate) size: u64,
    /// Of devices: major and minor number.
    pub(crate) device: (u32, u32),
    /// Where attributes begin, and their bytes.
    pub(crate) xattrs: (u64, u64),
    layout: u16,
    /// First block, or form of chunks.
    word: u32,
}

impl Inode {
    /// Whether its content lies as it is, in one piece.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.layout, 0 | 2)
    }
}

impl Erofs {
    pub(crate) fn inode(&mut self, nid: u64) -> Result<Inode> {
        let Some(at) = self.geometry.inode_at(nid) else { return broken(format_args!("there is no inode {nid}")) };
        let compact: CompactInode = zerocopy::transmute!(self.bytes::<32>(at)?);
        let format = compact.i_format.get();
        if format >> 4 != 0 {
            return broken(format_args!("inode {nid} is of the unknown form {format:#x}"));
        }
        let kind = compact.i_mode.get() >> 12;
        let count = compact.i_xattr_icount.get();
        let (length, links, size, metadata);
        let mode = compact.i_mode.get() & 0o7777;
        if format & 1 == 0 {
            let (seconds, nanoseconds) = self.geometry.time;
            let seconds = seconds.saturating_add(compact.i_mtime.get().into());
            let mtime = Mtime { seconds, nanoseconds };
            let (uid, gid) = (compact.i_uid.get().into(), compact.i_gid.get().into());
            metadata = Metadata { mode, uid, gid, mtime, xattrs: None };
            (length, links, size) = (SLOT, compact.i_nlink.get().into(), compact.i_size.get().into());
        } else {
            let extended: ExtendedInode = zerocopy::transmute!(self.bytes::<64>(at)?);
            // Signed, in two's complement.
            let mtime = Mtime { seconds: extended.i_mtime.get() as i64, nanoseconds: extended.i_mtime_nsec.get() };
            let (uid, gid) = (extended.i_uid.get(), extended.i_gid.get());
            metadata = Metadata { mode, uid, gid, mtime, xattrs: None };
            (length, links, size) = (2 * SLOT, extended.i_nlink.get(), extended.i_size.get());
        }
        if metadata.mtime.nanoseconds > 999_999_999 {
            return broken(format_args!("inode {nid} has an impossible time"));
        }
        let word = compact.i_u.get();
        Ok(Inode {
            kind,
            metadata,
            links,
            size,
            device: ((word >> 8) & 0xFFF, (word & 0xFF) | ((word >> 12) & 0xF_FF00)),
            xattrs: (at + length, xattr::length(count)),
            layout: format >> 1,
            word,
        })
    }

    /// Where an inode's content is, and whether it lies in the file system.
    pub(crate) fn content(&mut self, inode: &Inode) -> Result<Content> {
        let (size, block) = (inode.size, self.geometry.block());
        let behind = inode.xattrs.0 + inode.xattrs.1;
        let too_large = || broken(format_args!("it has {size} bytes, more than the file system holds"));
        if size >= 1 << 62 {
            return too_large();
        }
        let within = |at: u64, length: u64| at.checked_add(length).is_some_and(|end| end <= self.geometry.end);
        let place = match inode.layout {
            0 | 2 => {
                let whole = match inode.layout {
                    0 => size,
                    // The last block, full or not, lies behind the inode.
                    _ => size.saturating_sub(1) / block * block,
                };
                let start = if whole == 0 { 0 } else { u64::from(inode.word) * block };
                if !within(start, whole) {
                    return too_large();
                }
                let tail = size - whole;
                if tail > 0 && (behind % block + tail > block || !within(behind, tail)) {
                    return broken("its end crosses the end of a block");
                }
                Place::Flat { start, whole, tail: behind }
            }
            1 | 3 if size == 0 => Place::Extents(0..0),
            1 | 3 => {
                // The shortest indexes have two bytes for each block.
                if size / block * 2 > self.geometry.end {
                    return too_large();
                }
                Place::Extents(self.extents(behind, size, inode.layout == 3)?)
            }
            4 => {
                // The upper half is not used.
                let form = inode.word as u16;
                if form & !(CHUNK_BITS | CHUNK_INDEXES) != 0 {
                    return broken(format_args!("its chunks are of the unknown form {form:#x}"));
                }
                let bits = u32::from(self.geometry.block_bits) + u32::from(form & CHUNK_BITS);
                let unit = if form & CHUNK_INDEXES != 0 { 8 } else { 4 };
                let map = behind.next_multiple_of(unit);
                if !within(map, size.div_ceil(1 << bits) * unit) {
                    return too_large();
                }
                Place::Chunks { map, bits, unit }
            }
            layout => return broken(format_args!("its content is laid out in the unknown way {layout}")),
        };
        Ok(Content { size, place })
    }

    /// The names in a directory, but for `.` and `..`, and their inodes. Linux finds a name by halving, so they have to be in order.
    pub(crate) fn names(&mut self, inode: &Inode) -> Result<Vec<(Vec<u8>, u64)>> {
        let block = self.geometry.block();
        if !inode.is_plain() {
            return broken("its names are compressed or in chunks");
        }
        if inode.size > MAX_NAMES {
            return broken(format_args!("its names have {} bytes", inode.size));
        }
        self.spend(inode.size)?;
        let content = self.content(inode)?;
        let mut names: Vec<(Vec<u8>, u64)> = Vec::new();
        let mut last: Vec<u8> = Vec::new();
        let mut bytes = vec![0; block as usize];
        for start in (0..inode.size).step_by(block as usize) {
            let bytes = &mut bytes[..(inode.size - start).min(block) as usize];
            self.read_content(&content, start, bytes)?;
            for (name, nid) in block_of_names(bytes)? {
                // The empty name would be the first.
                if name <= last.as_slice() {
                    return broken("its names are not in order");
                }
                last = name.to_vec();
                if name != b"." && name != b".." {
                    names.push((name.to_vec(), nid));
                }
                if names.len() > crate::MAX_ENTRIES {
                    return broken(format_args!("it has more than {} entries", crate::MAX_ENTRIES));
                }
            }
        }
        Ok(names)
    }
}

/// The names in one block. Each ends where the next begins, the last at a zero or with the block.
fn block_of_names(bytes: &[u8]) -> Result<Vec<(&[u8], u64)>> {
    const HEAD: usize = size_of::<Dirent>();
    let head = |index: usize| {
        let head = bytes.get(index * HEAD..)?.first_chunk::<HEAD>()?;
        Some(zerocopy::transmute!(*head))
    };
    let first: Option<Dirent> = head(0);
    let names_at = first.map_or(0, |first| usize::from(first.nameoff.get()));
    if names_at < HEAD || !names_at.is_multiple_of(HEAD) || names_at > bytes.len() {
        return broken("its list of names is not one");
    }
    let count = names_at / HEAD;
    let mut names = Vec::with_capacity(count);
    for index in 0..count {
        let Some(dirent): Option<Dirent> = head(index) else { return broken("its list of names is cut off") };
        let start = usize::from(dirent.nameoff.get());
        let next: Option<Dirent> = if index + 1 < count { head(index + 1) } else { None };
        let name = match next {
            Some(next) => bytes.get(start..usize::from(next.nameoff.get())),
            None => bytes.get(start..).and_then(|rest| rest.split(|&byte| byte == 0).next()),
        };
        match name {
            Some(name) if start >= names_at && name.len() <= 255 => names.push((name, dirent.nid.get())),
            _ => return broken("its list of names is not one"),
        }
    }
    Ok(names)
}
