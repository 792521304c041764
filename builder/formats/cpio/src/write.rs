//! The archive: every entry, then the trailer.

use std::io::{self, Write};

use rootsmith_tree::{Blobs, Content, NodeKind, Tree};
use rootsmith_types::TreePath;

use crate::header::Header;

/// What fills the archive up to a multiple of 512, as GNU cpio does.
const BLOCK: u64 = 512;

/// One leaf while its names are being written.
#[derive(Clone, Default)]
struct Leaf {
    ino: u32,
    written: u32,
}

/// Writes `tree` as one archive. Several may follow one another, as an early archive with microcode and the main one do.
pub fn write(tree: &Tree, blobs: &dyn Blobs, out: &mut dyn Write) -> io::Result<()> {
    let mut out = Counted { inner: out, written: 0 };
    let mut leaves = vec![Leaf::default(); tree.leaf_slots()];
    let mut last_ino = 0;
    for entry in tree.walk() {
        let mut header = Header { nlink: 2, ..Header::default() };
        header.set_kind(&entry.node.kind);
        header.set_metadata(&entry.node.metadata);
        let mut last_name = true;
        let leaf = entry.leaf.map(|leaf| (&mut leaves[leaf.index()], tree.links(leaf)));
        if let Some((leaf, links)) = leaf {
            if leaf.ino == 0 {
                leaf.ino = next(&mut last_ino)?;
            }
            leaf.written += 1;
            last_name = leaf.written == links;
            header.ino = leaf.ino;
            header.nlink = links;
        } else {
            header.ino = next(&mut last_ino)?;
        }

        let target;
        let content = match &entry.node.kind {
            NodeKind::File(content) if last_name => Some(content),
            NodeKind::Symlink(bytes) => {
                target = Content::inline(bytes);
                Some(&target)
            }
            _ => None,
        };
        if let Some(content) = content {
            header.filesize = u32::try_from(content.size()).map_err(|_| {
                let message = format!("`{}` has 4 GiB or more, which cpio cannot hold", entry.path);
                io::Error::new(io::ErrorKind::FileTooLarge, message)
            })?;
        }
        let name = if entry.path.is_root() { b"." } else { entry.path.relative() };
        out.write_all(&header.encode(name)?)?;
        if let Some(content) = content {
            let at = |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", entry.path));
            content.copy_to(blobs, &mut out).map_err(at)?;
            out.fill(4)?;
        }
    }
    let trailer = Header { nlink: 1, ..Header::default() };
    out.write_all(&trailer.encode(b"TRAILER!!!")?)?;
    out.fill(BLOCK)
}

/// The paths whose extended attributes (capabilities, above all) an archive cannot hold.
pub fn attributes_lost(tree: &Tree) -> impl Iterator<Item = TreePath> {
    tree.walk().filter(|entry| entry.node.metadata.xattrs().next().is_some()).map(|entry| entry.path)
}

fn next(last: &mut u32) -> io::Result<u32> {
    *last = last.checked_add(1).ok_or_else(|| io::Error::other("more entries than cpio has inode numbers"))?;
    Ok(*last)
}

/// A writer that knows how far it is.
struct Counted<'a> {
    inner: &'a mut dyn Write,
    written: u64,
}

impl Counted<'_> {
    /// Zeros up to a multiple of `unit`, which is at most [`BLOCK`].
    fn fill(&mut self, unit: u64) -> io::Result<()> {
        let missing = self.written.next_multiple_of(unit) - self.written;
        self.write_all(&[0; BLOCK as usize][..missing as usize])
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(data)?;
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
