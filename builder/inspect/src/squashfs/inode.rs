//! Inodes, names and attributes.

use std::collections::BTreeMap;

use rootsmith_tree::{Blob, Content, Metadata, Mtime, NodeKind};
use zerocopy::little_endian::{U16, U32, U64};

use crate::broken::{Broken, Result, broken};
use crate::growing::MAX_TARGET;
use crate::squashfs::Squashfs;
use crate::squashfs::contents::Place;
use crate::squashfs::format::{
    Directory, File, InodeHeader, LongDirectory, LongFile, NO_TABLE, NONE, NameHeader, NamesHeader, OUT_OF_LINE,
    XattrId, XattrTable,
};
use crate::squashfs::metadata::Reader;

/// Bytes one inode's attributes may have: as many as Linux lists and then some.
const MAX_XATTRS: usize = 1 << 20;
/// Longest value Linux knows.
const MAX_VALUE: u32 = 64 << 10;
/// Bytes of the names in one directory, at most.
const MAX_NAMES: u32 = 64 << 20;
/// Names in a run, at most.
const MAX_RUN: u32 = 256;

/// A place in the inode table: metadata block, shifted by 16, and the place in it.
pub(crate) type Reference = u64;

/// An inode.
pub(crate) struct Inode {
    pub(crate) kind: NodeKind,
    /// Attributes are not in it yet.
    pub(crate) metadata: Metadata,
    /// Index of its attributes, or [`NONE`].
    pub(crate) xattr: u32,
    pub(crate) links: u32,
    /// Where a directory's names are; nothing for the rest.
    pub(crate) names: Option<Names>,
}

/// Where the names of a directory are.
pub(crate) struct Names {
    start: u32,
    offset: u16,
    length: u32,
}

impl Squashfs {
    pub(crate) fn inode(&mut self, reference: Reference) -> Result<Inode> {
        // The reader borrows the metadata alone, so that places can be added meanwhile.
        let places = &mut self.places;
        let start = self.inode_table.checked_add(reference >> 16).ok_or_else(outside)?;
        let mut reader = self.metadata.reader(start, (reference & 0xFFFF) as usize)?;
        let header: InodeHeader = reader.read()?;
        let id = |index: U16| self.ids.get(usize::from(index.get())).copied();
        let (Some(uid), Some(gid)) = (id(header.uid), id(header.guid)) else {
            return broken("its owner is not in the id table");
        };
        let metadata = Metadata {
            mode: header.mode.get() & 0o7777,
            uid,
            gid,
            mtime: Mtime { seconds: i64::from(header.mtime.get()), nanoseconds: 0 },
            xattrs: None,
        };
        let mut names = None;
        let kind_number = header.inode_type.get();
        let long = kind_number > 7;
        let (kind, links, xattr) = match kind_number {
            1 => {
                let directory: Directory = reader.read()?;
                let length = u32::from(directory.file_size.get());
                names = Some(Names { start: directory.start_block.get(), offset: directory.offset.get(), length });
                (NodeKind::Directory, 1, NONE)
            }
            8 => {
                let directory: LongDirectory = reader.read()?;
                let length = directory.file_size.get();
                names = Some(Names { start: directory.start_block.get(), offset: directory.offset.get(), length });
                (NodeKind::Directory, 1, directory.xattr.get())
            }
            2 => {
                let file: File = reader.read()?;
                let place = Place {
                    start: u64::from(file.start_block.get()),
                    size: u64::from(file.file_size.get()),
                    fragment: file.fragment.get(),
                    offset: file.offset.get(),
                    blocks: 0..0,
                };
                (NodeKind::File(content(places, self.block_size, &mut reader, place)?), 1, NONE)
            }
            9 => {
                let file: LongFile = reader.read()?;
                let place = Place {
                    start: file.start_block.get(),
                    size: file.file_size.get(),
                    fragment: file.fragment.get(),
                    offset: file.offset.get(),
                    blocks: 0..0,
                };
                let content = content(places, self.block_size, &mut reader, place)?;
                (NodeKind::File(content), file.nlink.get(), file.xattr.get())
            }
            3 | 10 => {
                let links = reader.read::<U32>()?.get();
                let size = reader.read::<U32>()?.get();
                if u64::from(size) >= MAX_TARGET {
                    return broken(format_args!("it is a symbolic link of {size} bytes"));
                }
                let target = reader.bytes(size as usize)?;
                let xattr = if long { reader.read::<U32>()?.get() } else { NONE };
                (NodeKind::Symlink(target.into()), links, xattr)
            }
            4 | 5 | 11 | 12 => {
                let links = reader.read::<U32>()?.get();
                let device = reader.read::<U32>()?.get();
                let (major, minor) = ((device >> 8) & 0xFFF, (device & 0xFF) | ((device >> 12) & 0xF_FF00));
                let xattr = if long { reader.read::<U32>()?.get() } else { NONE };
                let kind = match kind_number {
                    4 | 11 => NodeKind::BlockDevice { major, minor },
                    _ => NodeKind::CharDevice { major, minor },
                };
                (kind, links, xattr)
            }
            6 | 7 | 13 | 14 => {
                let links = reader.read::<U32>()?.get();
                let xattr = if long { reader.read::<U32>()?.get() } else { NONE };
                (if matches!(kind_number, 6 | 13) { NodeKind::Fifo } else { NodeKind::Socket }, links, xattr)
            }
            kind => return broken(format_args!("an inode is of the unknown type {kind}")),
        };
        Ok(Inode { kind, metadata, xattr, links, names })
    }

    /// The names in a directory, as they lie.
    pub(crate) fn names(&self, names: &Names) -> Result<Vec<(Vec<u8>, Reference)>> {
        let mut found = Vec::new();
        // `.` and `..` count three bytes and are not there.
        let Some(mut left) = names.length.checked_sub(3).filter(|&left| left > 0) else { return Ok(found) };
        let start = self.directory_table.checked_add(u64::from(names.start)).ok_or_else(outside)?;
        let mut reader = self.metadata.reader(start, usize::from(names.offset))?;
        if left > MAX_NAMES {
            return broken(format_args!("its names have {left} bytes"));
        }
        let mut take = |bytes: usize| {
            left = left.checked_sub(bytes as u32).ok_or_else(|| Broken("its list of names is cut off".to_owned()))?;
            Ok::<u32, Broken>(left)
        };
        loop {
            take(size_of::<NamesHeader>())?;
            let run: NamesHeader = reader.read()?;
            if run.count.get() >= MAX_RUN {
                return broken("its list of names is not one");
            }
            let mut rest = 0;
            for _ in 0..=run.count.get() {
                take(size_of::<NameHeader>())?;
                let head: NameHeader = reader.read()?;
                let length = usize::from(head.size.get()) + 1;
                if length > 256 {
                    return broken("a name has more than 256 bytes");
                }
                rest = take(length)?;
                let name = reader.bytes(length)?;
                found.push((name, u64::from(run.start_block.get()) << 16 | u64::from(head.offset.get())));
                if found.len() > crate::MAX_ENTRIES {
                    return broken(format_args!("it has more than {} entries", crate::MAX_ENTRIES));
                }
            }
            if rest == 0 {
                return Ok(found);
            }
        }
    }

    /// The attributes number `index`, by their full names.
    pub(crate) fn xattrs(&self, index: u32) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        let mut xattrs = BTreeMap::new();
        if index == NONE || self.xattr_table == NO_TABLE {
            return Ok(xattrs);
        }
        let mut head = [0; size_of::<XattrTable>()];
        self.metadata.read_at(self.xattr_table, &mut head)?;
        let head: XattrTable = zerocopy::transmute!(head);
        if index >= head.xattr_ids.get() {
            return broken(format_args!("there are no attributes number {index}"));
        }
        let list = self.xattr_table.checked_add(head_length()).ok_or_else(outside)?;
        let id: XattrId = self.metadata.entry(list, index)?;
        let mut reader = self.xattr_reader(head.xattr_table_start.get(), id.xattr.get())?;
        let mut bytes = 0usize;
        for _ in 0..id.count.get() {
            let kind = reader.read::<U16>()?.get();
            let length = usize::from(reader.read::<U16>()?.get());
            let prefix: &[u8] = match kind & !OUT_OF_LINE {
                0 => b"user.",
                1 => b"trusted.",
                2 => b"security.",
                kind => return broken(format_args!("an extended attribute has the unknown prefix {kind}")),
            };
            if length == 0 || length > 255 {
                return broken("an extended attribute has no usable name");
            }
            let name = [prefix, &reader.bytes(length)?].concat();
            if name.contains(&0) {
                return broken("an extended attribute has no usable name");
            }
            let value = if kind & OUT_OF_LINE == 0 {
                value(&mut reader)?
            } else {
                if reader.read::<U32>()?.get() != 8 {
                    return broken("the value of an extended attribute is nowhere");
                }
                let place = reader.read::<U64>()?.get();
                value(&mut self.xattr_reader(head.xattr_table_start.get(), place)?)?
            };
            bytes += name.len() + value.len();
            if bytes > MAX_XATTRS {
                return broken(format_args!("its extended attributes have more than {MAX_XATTRS} bytes"));
            }
            xattrs.insert(name, value);
        }
        Ok(xattrs)
    }

    fn xattr_reader(&self, table: u64, reference: Reference) -> Result<Reader<'_>> {
        let start = table.checked_add(reference >> 16).ok_or_else(outside)?;
        self.metadata.reader(start, (reference & 0xFFFF) as usize)
    }
}

fn content(
    places: &mut crate::squashfs::contents::Places,
    block_size: usize,
    reader: &mut Reader<'_>,
    mut place: Place,
) -> Result<Content> {
    if place.size == 0 {
        return Ok(Content::inline([]));
    }
    let block_size = block_size as u64;
    let blocks = match place.fragment {
        NONE => place.size.div_ceil(block_size),
        _ => place.size / block_size,
    };
    let first = places.blocks();
    for _ in 0..blocks {
        places.push_block(reader.read::<U32>()?.get())?;
    }
    place.blocks = first..places.blocks();
    let size = place.size;
    Ok(Content::Blob(Blob { digest: None, size, pack: places.push(place), offset: 0 }))
}

fn value(reader: &mut Reader<'_>) -> Result<Vec<u8>> {
    let length = reader.read::<U32>()?.get();
    if length > MAX_VALUE {
        return broken(format_args!("an extended attribute has {length} bytes"));
    }
    reader.bytes(length as usize)
}

fn head_length() -> u64 {
    size_of::<XattrTable>() as u64
}

fn outside() -> Broken {
    Broken("it points outside the file system".to_owned())
}
