//! One file system (or archive) that was opened.

use std::io;

use rootsmith_tree::{Blob, Blobs, PackId, Tree};
use rootsmith_types::{Arch, NumBytes};

/// A file system, or an archive, as a tree. As [`Blobs`] it serves the contents of its own tree, and of no other.
pub struct Volume {
    /// The files. Contents that are not tiny are blobs without a digest.
    pub tree: Tree,
    /// As `blkid` names it: `ext4` (`ext3`, `ext2`), `vfat`, `squashfs`, `erofs`, `tar`, `oci`, `folder`.
    pub filesystem: &'static str,
    /// For which architecture it says that it is; only an OCI image says so.
    pub arch: Option<Arch>,
    /// The file system's UUID or serial number, as `blkid` prints it.
    pub uuid: Option<String>,
    /// The file system's label.
    pub label: Option<String>,
    /// How much it holds in all.
    pub size: NumBytes,
    /// What ordinary programs may still write; `None` for what cannot be written to.
    pub available: Option<NumBytes>,
    /// Where contents are read.
    pub files: Box<dyn Files>,
}

/// Contents, by the container and place that the reader itself put into its tree's blobs.
pub trait Files: Send + Sync {
    /// Fills `buf` from `offset` on: the blob's own offset and the place in it, added.
    fn read_at(&self, pack: PackId, offset: u64, buf: &mut [u8]) -> io::Result<()>;
}

impl Blobs for Volume {
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64);
        let at = blob.offset.checked_add(offset);
        match (end, at) {
            (Some(end), Some(at)) if end <= blob.size => self.files.read_at(blob.pack, at, buf),
            _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "read past the end of a content")),
        }
    }

    fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
