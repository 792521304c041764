//! EROFS, with every compressor of Linux but LZMA: all that `mkfs.erofs` makes unless it is asked for other devices, LZMA, long
//! prefixes of attributes' names, or compressed metadata. Those are refused by their names.
//!
//! Our own reader: there is none to be had that reads compressed files. That `.` and `..` are among the names is not asked for, that
//! names are in order is, since Linux does not find them otherwise.

mod clusters;
mod contents;
mod decompress;
mod format;
mod inode;
mod superblock;
mod xattr;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rootsmith_tree::{Blob, Metadata, Node, NodeKind, PackId, Tree};
use rootsmith_types::{NumBytes, TreePath};

use crate::broken::{Broken, Result, broken};
use crate::erofs::clusters::Extent;
use crate::erofs::contents::Content;
use crate::erofs::inode::Inode;
use crate::erofs::superblock::Geometry;
use crate::growing::{Growing, MAX_TARGET};
use crate::pages::Pages;
use crate::remembered::Remembered;
use crate::{OpenError, Source, Volume};

/// Metadata that are read beside what the image has of them: shared attributes are read again for each inode.
const MORE_METADATA: u64 = 256 << 20;

/// An open file system. As [`crate::Files`] it knows a file by its number among the contents.
pub(crate) struct Erofs {
    source: Source,
    geometry: Geometry,
    contents: Vec<Content>,
    /// Of all compressed contents, one after the other.
    extents: Vec<Extent>,
    /// The file in which ends of contents lie.
    fragments: Option<Content>,
    remembered: Remembered,
    /// Bytes of metadata that may still be read. Those of an image lie apart, so together they are no more than it is.
    budget: u64,
}

/// Whether the source looks like one.
pub(crate) fn is(source: &Source) -> bool {
    superblock::is(source.as_ref())
}

/// Opens it: metadata now, contents when they are asked for.
pub(crate) fn open(source: &Source) -> std::result::Result<Volume, OpenError> {
    let geometry = Geometry::read(source.as_ref())?;
    let budget = geometry.end.saturating_add(MORE_METADATA);
    let mut fs = Erofs {
        source: Arc::new(Pages::new(source.clone())),
        geometry,
        contents: Vec::new(),
        extents: Vec::new(),
        fragments: None,
        remembered: Remembered::default(),
        budget,
    };
    if let Some(nid) = fs.geometry.packed {
        let fragments = fs.inode(nid).and_then(|inode| fs.content(&inode));
        fs.fragments = Some(fragments.map_err(|error| error.at("EROFS", "its file of fragments"))?);
    }
    let tree = walk(&mut fs)?;
    // Contents are read from many threads, which do not want one memory of pages.
    fs.source = source.clone();
    Ok(Volume {
        arch: None,
        tree,
        filesystem: "erofs",
        uuid: fs.geometry.uuid(),
        label: fs.geometry.label.clone(),
        size: NumBytes::new(fs.geometry.end),
        available: None,
        files: Box::new(fs),
    })
}

/// Everything from the root down.
fn walk(fs: &mut Erofs) -> std::result::Result<Tree, OpenError> {
    let at = |path: &TreePath, error: Broken| error.at("EROFS", format_args!("`{path}`"));
    let root = TreePath::root();
    let number = fs.geometry.root;
    let inode = fs.inode(number).map_err(|error| at(&root, error))?;
    let mut growing = Growing::new(Metadata::root(0o755, 0));
    let node = node(fs, &inode, &mut growing).map_err(|error| at(&root, error))?;
    if !node.is_directory() {
        return Err(OpenError::damaged_at("EROFS", "`/`", "it is no directory"));
    }
    growing.insert(&root, node).map_err(|error| at(&root, error))?;
    let mut seen = BTreeSet::from([number]);
    // Only of files that say they have several names.
    let mut links: BTreeMap<u64, TreePath> = BTreeMap::new();
    let mut directories = vec![(root, inode)];
    while let Some((directory, inode)) = directories.pop() {
        let names = fs.names(&inode).map_err(|error| at(&directory, error))?;
        for (name, nid) in names {
            let path = growing.path(&directory, &name).map_err(|error| at(&directory, error))?;
            if let Some(existing) = links.get(&nid) {
                growing.hard_link(&path, existing).map_err(|error| at(&path, error))?;
                continue;
            }
            let inode = fs.inode(nid).map_err(|error| at(&path, error))?;
            let node = self::node(fs, &inode, &mut growing).map_err(|error| at(&path, error))?;
            let is_directory = node.is_directory();
            growing.insert(&path, node).map_err(|error| at(&path, error))?;
            if is_directory {
                if !seen.insert(nid) {
                    return Err(at(&path, Broken("the same directory is in two places".to_owned())));
                }
                directories.push((path, inode));
            } else if inode.links > 1 {
                links.insert(nid, path);
            }
        }
    }
    Ok(growing.tree)
}

fn node(fs: &mut Erofs, inode: &Inode, growing: &mut Growing) -> Result<Node> {
    if inode.links == 0 {
        return broken("its inode is not in use");
    }
    let (major, minor) = inode.device;
    let kind = match inode.kind {
        0x1 => NodeKind::Fifo,
        0x2 => NodeKind::CharDevice { major, minor },
        0x4 => NodeKind::Directory,
        0x6 => NodeKind::BlockDevice { major, minor },
        0x8 => NodeKind::File(content(fs, inode)?),
        0xA => NodeKind::Symlink(target(fs, inode)?.into()),
        0xC => NodeKind::Socket,
        kind => return broken(format_args!("its inode is of the unknown type {kind:#x}")),
    };
    let (at, length) = inode.xattrs;
    let xattrs = growing.share(fs.xattrs(at, length)?)?;
    Ok(Node { kind, metadata: Metadata { xattrs, ..inode.metadata.clone() } })
}

fn content(fs: &mut Erofs, inode: &Inode) -> Result<rootsmith_tree::Content> {
    if inode.size == 0 {
        return Ok(rootsmith_tree::Content::inline([]));
    }
    let content = fs.content(inode)?;
    // There are at most `MAX_ENTRIES`.
    let pack = PackId(fs.contents.len() as u32);
    fs.contents.push(content);
    Ok(rootsmith_tree::Content::Blob(Blob { digest: None, size: inode.size, pack, offset: 0 }))
}

fn target(fs: &mut Erofs, inode: &Inode) -> Result<Vec<u8>> {
    let size = inode.size;
    if size >= MAX_TARGET {
        return broken(format_args!("it is a symbolic link of {size} bytes"));
    }
    // Nobody compresses a few letters, and who does it millions of times wants them to be decompressed as often.
    if !inode.is_plain() {
        return broken("it is a symbolic link that is compressed");
    }
    let content = fs.content(inode)?;
    let mut target = vec![0; size as usize];
    fs.read_content(&content, 0, &mut target)?;
    Ok(target)
}

impl Erofs {
    /// Bytes as they lie.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.geometry.end) {
            return broken("it points outside the file system");
        }
        Ok(self.source.read_at(offset, buf)?)
    }

    /// A structure's bytes.
    fn bytes<const N: usize>(&self, offset: u64) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read_at(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Counts metadata that are read.
    fn spend(&mut self, bytes: u64) -> Result<()> {
        match self.budget.checked_sub(bytes) {
            Some(left) => self.budget = left,
            None => return broken("its metadata are read over and over"),
        }
        Ok(())
    }

    /// Bytes of the file of fragments.
    fn fragments_size(&self) -> u64 {
        self.fragments.as_ref().map_or(0, |fragments| fragments.size)
    }
}

#[cfg(test)]
mod tests;
