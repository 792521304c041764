//! ext2, ext3 and ext4.
//!
//! Our own reader: inode by inode, because a tree wants what `ext4-view` does not show (extended attributes, device numbers,
//! which names are one file, times outside 1970..2038), and what it looks up path by path takes too long for an image of
//! thirty thousand files. In the tests it is the judge.

mod directory;
mod format;
mod groups;
mod inode;
mod journal;
mod map;
mod superblock;
mod xattr;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use rootsmith_tree::{Blob, Content, Metadata, Node, NodeKind, PackId};
use rootsmith_types::{NumBytes, TreePath};

use crate::broken::{Result, broken};
use crate::ext4::format::{Incompat, InodeFlags, ROOT_INODE};
use crate::ext4::groups::Groups;
use crate::ext4::inode::Inode;
use crate::ext4::superblock::Geometry;
use crate::growing::{Growing, MAX_TARGET};
use crate::pages::Pages;
use crate::volume::Files;
use crate::{OpenError, Source, Volume};

/// An open file system. As [`Files`] it knows a file by the number of its inode.
pub(crate) struct Ext4 {
    source: Source,
    geometry: Geometry,
    groups: Groups,
}

/// Whether the source looks like one.
pub(crate) fn is(source: &Source) -> bool {
    superblock::is(source.as_ref())
}

/// Opens it: metadata now, contents when they are asked for.
pub(crate) fn open(source: &Source) -> std::result::Result<Volume, OpenError> {
    let (fs, plain) = load(source)?;
    let tree = walk(&fs)?;
    let geometry = &fs.geometry;
    Ok(Volume {
        arch: None,
        tree,
        filesystem: geometry.name(),
        uuid: geometry.uuid(),
        label: geometry.label.clone(),
        // The superblock was held against the source's length, so the products fit.
        size: NumBytes::new(geometry.blocks * geometry.block_size),
        available: Some(NumBytes::new(available(&fs) * geometry.block_size)),
        files: Box::new(Ext4 { source: plain, ..fs }),
    })
}

/// The file system over a source that remembers pages, and the source without: who reads contents from many threads does not
/// want the one memory.
fn load(source: &Source) -> std::result::Result<(Ext4, Source), OpenError> {
    let mut plain = source.clone();
    let mut fs = read(&plain)?;
    if fs.geometry.incompat.contains(Incompat::RECOVER) {
        if fs.geometry.journal_inode == 0 {
            return Err(OpenError::unsupported("ext4", "a journal on another device that was not replayed"));
        }
        fs.source = plain.clone();
        plain = journal::replay(&fs).map_err(|error| error.at("ext4", "its journal"))?;
        fs = read(&plain)?;
    }
    Ok((fs, plain))
}

fn read(source: &Source) -> std::result::Result<Ext4, OpenError> {
    let geometry = Geometry::read(source.as_ref())?;
    let source: Source = Arc::new(Pages::new(source.clone()));
    let groups = Groups::read(source.as_ref(), &geometry).map_err(|error| error.whole("ext4"))?;
    Ok(Ext4 { source, geometry, groups })
}

/// Free blocks without those kept for root and for the kernel: `f_bavail` of `statfs`.
fn available(fs: &Ext4) -> u64 {
    let geometry = &fs.geometry;
    let kernel = match geometry.incompat.contains(Incompat::EXTENTS) {
        // `ext4_calculate_resv_clusters`
        true => (geometry.blocks / geometry.cluster / 50).min(4096) * geometry.cluster,
        false => 0,
    };
    fs.groups.free_blocks.saturating_sub(geometry.reserved_blocks).saturating_sub(kernel)
}

/// Everything from the root down.
fn walk(fs: &Ext4) -> std::result::Result<rootsmith_tree::Tree, OpenError> {
    let at = |path: &TreePath, error: crate::broken::Broken| error.at("ext4", format_args!("`{path}`"));
    let root = TreePath::root();
    let inode = fs.inode(ROOT_INODE).map_err(|error| at(&root, error))?;
    if inode.mode() & 0xF000 != 0x4000 {
        return Err(OpenError::damaged_at("ext4", "`/`", "it is no directory"));
    }
    refuse(&inode)?;
    let mut growing = Growing::new(Metadata::root(0o755, 0));
    let metadata = metadata(fs, &inode, &mut growing).map_err(|error| at(&root, error))?;
    growing.insert(&root, Node::directory(metadata)).map_err(|error| at(&root, error))?;
    let mut seen = BTreeSet::from([ROOT_INODE]);
    // Only of files that say they have several names.
    let mut links: BTreeMap<u32, TreePath> = BTreeMap::new();
    let mut budget = fs.geometry.blocks;
    let mut directories = vec![(root, inode)];
    while let Some((directory, inode)) = directories.pop() {
        let names = fs.names(&inode, &mut budget).map_err(|error| at(&directory, error))?;
        for (name, number) in names {
            let path = growing.path(&directory, &name).map_err(|error| at(&directory, error))?;
            if let Some(existing) = links.get(&number) {
                growing.hard_link(&path, existing).map_err(|error| at(&path, error))?;
                continue;
            }
            let inode = fs.inode(number).map_err(|error| at(&path, error))?;
            refuse(&inode)?;
            let node = node(fs, &inode, &mut growing).map_err(|error| at(&path, error))?;
            let is_directory = node.is_directory();
            growing.insert(&path, node).map_err(|error| at(&path, error))?;
            if is_directory {
                if !seen.insert(number) {
                    let reason = format_args!("directory inode {number} is in two places");
                    return Err(OpenError::damaged_at("ext4", format_args!("`{path}`"), reason));
                }
                directories.push((path, inode));
            } else if inode.links() > 1 {
                links.insert(number, path);
            }
        }
    }
    Ok(growing.tree)
}

/// What is there and cannot be read as it is meant.
fn refuse(inode: &Inode) -> std::result::Result<(), OpenError> {
    let flags = inode.flags();
    let feature = match () {
        () if flags.contains(InodeFlags::ENCRYPT) => "encryption",
        () if flags.contains(InodeFlags::CASEFOLD) => "directories that do not tell `A` from `a`",
        () if flags.contains(InodeFlags::COMPRESSED) => "compression",
        () => return Ok(()),
    };
    Err(OpenError::unsupported("ext4", feature))
}

fn metadata(fs: &Ext4, inode: &Inode, growing: &mut Growing) -> Result<Metadata> {
    Ok(Metadata {
        mode: inode.mode() & 0o7777,
        uid: inode.uid(),
        gid: inode.gid(),
        mtime: inode.mtime(),
        xattrs: growing.share(fs.xattrs(inode)?)?,
    })
}

fn node(fs: &Ext4, inode: &Inode, growing: &mut Growing) -> Result<Node> {
    if inode.links() == 0 || inode.flags().contains(InodeFlags::EA_INODE) {
        return broken(format_args!("inode {} is not in use", inode.number));
    }
    let (major, minor) = inode.device();
    let kind = match inode.mode() >> 12 {
        0x1 => NodeKind::Fifo,
        0x2 => NodeKind::CharDevice { major, minor },
        0x4 => NodeKind::Directory,
        0x6 => NodeKind::BlockDevice { major, minor },
        0x8 => NodeKind::File(content(fs, inode)?),
        0xA => NodeKind::Symlink(target(fs, inode)?.into()),
        0xC => NodeKind::Socket,
        kind => return broken(format_args!("inode {} is of the unknown type {kind:#x}", inode.number)),
    };
    Ok(Node { kind, metadata: metadata(fs, inode, growing)? })
}

fn content(fs: &Ext4, inode: &Inode) -> Result<Content> {
    if inode.size() == 0 {
        return Ok(Content::inline([]));
    }
    if inode.flags().contains(InodeFlags::INLINE_DATA) {
        return Ok(Content::inline(fs.inline_content(inode)?));
    }
    if !fs.size_fits(inode) {
        return broken(format_args!("it has {} bytes, more than a file can have", inode.size()));
    }
    Ok(Content::Blob(Blob { digest: None, size: inode.size(), pack: PackId(inode.number), offset: 0 }))
}

/// A short target lies in the inode, in place of the block map.
fn target(fs: &Ext4, inode: &Inode) -> Result<Vec<u8>> {
    let size = inode.size();
    if size >= MAX_TARGET {
        return broken(format_args!("it is a symbolic link of {size} bytes"));
    }
    if inode.flags().contains(InodeFlags::INLINE_DATA) {
        return fs.inline_content(inode);
    }
    if size < 60 && !inode.flags().contains(InodeFlags::EXTENTS) {
        return Ok(inode.block()[..size as usize].to_vec());
    }
    let mut target = vec![0; size as usize];
    fs.read_content(inode, 0, &mut target)?;
    Ok(target)
}

impl Files for Ext4 {
    fn read_at(&self, pack: PackId, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let inode = self.inode(pack.0)?;
        self.read_content(&inode, offset, buf)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
