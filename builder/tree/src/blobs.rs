//! Where contents are read from.

use std::io;

use crate::Blob;

/// Contents that live outside the tree. The cache implements it; tests use a map.
pub trait Blobs: Sync {
    /// Fills `buf` with the content of `blob` from `offset` (relative to the blob's own start) on. Reading past its end is
    /// an error.
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()>;

    /// Takes a content in (a payload, a generated kernel image) and says where it now is.
    fn insert(&self, data: &mut dyn io::Read) -> io::Result<Blob>;
}

/// No contents at all: for trees whose contents are all inline.
pub struct NoBlobs;

impl Blobs for NoBlobs {
    fn read_at(&self, blob: &Blob, _: u64, _: &mut [u8]) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::NotFound, format!("no blob in container {}", blob.pack.0)))
    }

    fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
