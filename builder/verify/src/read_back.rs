//! What is in an image, as far as its reader can see.

use std::io;

use rootsmith_tree::{Blob, Blobs, Tree};

use crate::contents::Contents;
use crate::{ReadBackError, Slice, ext4, fat, oci, tar};

/// Most entries of an image; each costs some hundred bytes of memory.
pub(crate) const MAX_ENTRIES: usize = 4 << 20;

/// What an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// ext4.
    Ext4,
    /// FAT12, FAT16 or FAT32.
    Fat,
    /// A tar archive, plain or compressed with Zstandard.
    Tar,
    /// An OCI image layout in a tar archive, with one image of one layer.
    Oci,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 4] = [Kind::Ext4, Kind::Fat, Kind::Tar, Kind::Oci];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Ext4 => "ext4",
            Kind::Fat => "FAT",
            Kind::Tar => "tar",
            Kind::Oci => "OCI",
        }
    }
}

/// How exactly a reader sees times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// To the nanosecond.
    Exact,
    /// Rounded down to a second.
    Seconds,
    /// As FAT has them: rounded down to an even second, from 1980 to 2107, and none for the root.
    EvenSeconds,
}

/// What a reader can see beside names, types, contents and link targets, which all of them see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Permission bits.
    pub mode: bool,
    /// User and group.
    pub owner: bool,
    /// Times of last modification.
    pub mtime: Times,
    /// Extended attributes.
    pub xattrs: bool,
    /// Device numbers.
    pub devices: bool,
    /// Which names are one file.
    pub hard_links: bool,
}

impl Seen {
    /// What the reader of `kind` can see.
    pub fn of(kind: Kind) -> Seen {
        match kind {
            Kind::Ext4 => {
                Seen { mode: true, owner: true, mtime: Times::Exact, xattrs: false, devices: false, hard_links: false }
            }
            Kind::Fat => Seen {
                mode: false,
                owner: false,
                mtime: Times::EvenSeconds,
                xattrs: false,
                devices: false,
                hard_links: false,
            },
            Kind::Tar | Kind::Oci => {
                Seen { mode: true, owner: true, mtime: Times::Exact, xattrs: true, devices: true, hard_links: true }
            }
        }
    }
}

/// What was found. As [`Blobs`] it serves the contents of its own tree, and of no other.
pub struct ReadBack<'a> {
    /// The files. Contents that are not tiny are blobs.
    pub tree: Tree,
    /// What of them can be trusted.
    pub seen: Seen,
    /// What kind of image it was.
    pub kind: Kind,
    /// The file system's label, where it has one.
    pub label: Option<String>,
    /// The file system's UUID or serial number, as `blkid` prints it.
    pub uuid: Option<String>,
    pub(crate) contents: Contents<'a>,
}

/// Reads everything, every byte of every content included.
pub fn read_back(kind: Kind, source: Slice<'_>) -> Result<ReadBack<'_>, ReadBackError> {
    match kind {
        Kind::Ext4 => ext4::read_back(source),
        Kind::Fat => fat::read_back(source),
        Kind::Tar => tar::read_back(source),
        Kind::Oci => oci::image(source)?.read_back(),
    }
}

impl Blobs for ReadBack<'_> {
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64);
        if end.is_none_or(|end| end > blob.size) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "read past the end of a content"));
        }
        self.contents.read_at(blob, offset, buf)
    }

    fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
