//! squashfs 4.0, with every compressor of Linux but lzo and lzma.
//!
//! Our own reader: `backhand` reads all inodes and names into memory at once, has no extended attributes and no hard links, and
//! reads a content from its beginning only.

mod contents;
mod decompress;
mod format;
mod inode;
mod metadata;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rootsmith_tree::{Node, NodeKind, Tree};
use rootsmith_types::{NumBytes, TreePath};
use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

use crate::broken::{Broken, Result, broken};
use crate::growing::{Growing, Xattrs};
use crate::pages::Pages;
use crate::remembered::Remembered;
use crate::squashfs::contents::Places;
use crate::squashfs::decompress::Compressor;
use crate::squashfs::format::{MAGIC, NONE, Superblock};
use crate::squashfs::inode::Inode;
use crate::squashfs::metadata::Metadata;
use crate::{OpenError, Source, Volume};

/// An open file system. As [`crate::Files`] it knows a file by its number in [`Places`].
pub(crate) struct Squashfs {
    metadata: Metadata,
    compressor: Compressor,
    block_size: usize,
    root: u64,
    inode_table: u64,
    directory_table: u64,
    fragment_table: u64,
    fragments: u32,
    xattr_table: u64,
    /// User and group numbers.
    ids: Vec<u32>,
    places: Places,
    remembered: Remembered,
}

/// Whether the source looks like one.
pub(crate) fn is(source: &Source) -> bool {
    let mut magic = [0; 4];
    source.read_at(0, &mut magic).is_ok() && magic == MAGIC
}

/// Opens it: metadata now, contents when they are asked for.
pub(crate) fn open(source: &Source) -> std::result::Result<Volume, OpenError> {
    let pages: Source = Arc::new(Pages::new(source.clone()));
    let mut fs = load(&pages)?;
    let tree = walk(&mut fs)?;
    let end = fs.metadata.end;
    // Contents are read from many threads, which do not want one memory of pages.
    fs.metadata = Metadata::new(source.clone(), fs.compressor, end);
    Ok(Volume {
        arch: None,
        tree,
        filesystem: "squashfs",
        uuid: None,
        label: None,
        size: NumBytes::new(end),
        available: None,
        files: Box::new(fs),
    })
}

fn load(source: &Source) -> std::result::Result<Squashfs, OpenError> {
    let damaged = |reason: &str| OpenError::damaged_at("squashfs", "its superblock", reason);
    let mut bytes = [0; size_of::<Superblock>()];
    source.read_at(0, &mut bytes).map_err(|_| damaged("the image ends before it does"))?;
    // The array is as long as the structure.
    let sb = Superblock::read_from_bytes(&bytes).map_err(|_| damaged("it is too short"))?;
    if sb.magic != MAGIC {
        return Err(damaged("it has no signature"));
    }
    if (sb.s_major.get(), sb.s_minor.get()) != (4, 0) {
        let version = format_args!("version {}.{} of its format", sb.s_major, sb.s_minor).to_string();
        return Err(OpenError::unsupported("squashfs", version));
    }
    let compressor = Compressor::new(sb.compression.get())?;
    let block_size = sb.block_size.get();
    if !(12..=20).contains(&sb.block_log.get()) || block_size != 1 << sb.block_log.get() {
        return Err(damaged("its block size is impossible"));
    }
    let end = sb.bytes_used.get();
    if end > source.size() {
        let reason = format_args!("it is {end} bytes long, and the image holds {} of them", source.size());
        return Err(OpenError::damaged("squashfs", reason));
    }
    let metadata = Metadata::new(source.clone(), compressor, end);
    let ids = (0..u32::from(sb.no_ids.get()))
        .map(|index| Ok(metadata.entry::<U32>(sb.id_table_start.get(), index)?.get()))
        .collect::<Result<Vec<u32>>>()
        .map_err(|error| error.at("squashfs", "its id table"))?;
    Ok(Squashfs {
        metadata,
        compressor,
        block_size: block_size as usize,
        root: sb.root_inode.get(),
        inode_table: sb.inode_table_start.get(),
        directory_table: sb.directory_table_start.get(),
        fragment_table: sb.fragment_table_start.get(),
        fragments: sb.fragments.get(),
        xattr_table: sb.xattr_id_table_start.get(),
        ids,
        places: Places::default(),
        remembered: Remembered::default(),
    })
}

/// Everything from the root down.
fn walk(fs: &mut Squashfs) -> std::result::Result<Tree, OpenError> {
    let at = |path: &TreePath, error: Broken| error.at("squashfs", format_args!("`{path}`"));
    let root = TreePath::root();
    let mut growing = Growing::new(rootsmith_tree::Metadata::root(0o755, 0));
    let mut xattrs = BTreeMap::new();
    let inode = fs.inode(fs.root).map_err(|error| at(&root, error))?;
    let Some(names) = inode.names else {
        return Err(OpenError::damaged_at("squashfs", "`/`", "it is no directory"));
    };
    let inode = Inode { names: None, ..inode };
    let node = convert(fs, inode, &mut growing, &mut xattrs).map_err(|error| at(&root, error))?;
    growing.insert(&root, node).map_err(|error| at(&root, error))?;
    let mut seen = BTreeSet::from([fs.root]);
    // Only of what says it has several names.
    let mut links: BTreeMap<u64, TreePath> = BTreeMap::new();
    let mut directories = vec![(root, names)];
    while let Some((directory, names)) = directories.pop() {
        for (name, reference) in fs.names(&names).map_err(|error| at(&directory, error))? {
            let path = growing.path(&directory, &name).map_err(|error| at(&directory, error))?;
            if let Some(existing) = links.get(&reference) {
                growing.hard_link(&path, existing).map_err(|error| at(&path, error))?;
                continue;
            }
            let mut inode = fs.inode(reference).map_err(|error| at(&path, error))?;
            let (names, several) = (inode.names.take(), inode.links > 1);
            let node = convert(fs, inode, &mut growing, &mut xattrs).map_err(|error| at(&path, error))?;
            growing.insert(&path, node).map_err(|error| at(&path, error))?;
            if let Some(names) = names {
                if !seen.insert(reference) {
                    return Err(at(&path, Broken("the same directory is in two places".to_owned())));
                }
                directories.push((path, names));
            } else if several {
                links.insert(reference, path);
            }
        }
    }
    Ok(growing.tree)
}

fn convert(
    fs: &Squashfs,
    inode: Inode,
    growing: &mut Growing,
    known: &mut BTreeMap<u32, Option<Xattrs>>,
) -> Result<Node> {
    let mut metadata = inode.metadata;
    if inode.xattr != NONE {
        // Many inodes have the attributes of one number, so they are read once.
        metadata.xattrs = match known.get(&inode.xattr) {
            Some(xattrs) => xattrs.clone(),
            None => {
                let xattrs = growing.share(fs.xattrs(inode.xattr)?)?;
                known.insert(inode.xattr, xattrs.clone());
                xattrs
            }
        };
    }
    if inode.links == 0 && !matches!(inode.kind, NodeKind::Directory) {
        return broken("its inode is not in use");
    }
    Ok(Node { kind: inode.kind, metadata })
}

#[cfg(test)]
mod tests;
