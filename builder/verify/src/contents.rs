//! Contents that were not kept in memory, read again where they lie.

use std::io;
use std::sync::Mutex;

use rootsmith_tree::Blob;

use crate::{ext4, fat, tar};

/// Where a read-back's contents lie.
pub(crate) enum Contents<'a> {
    Ext4(ext4::Files),
    Fat(Box<Mutex<fat::Files<'a>>>),
    /// One archive, or several that were laid over each other.
    Tar(Vec<tar::Files<'a>>),
}

impl Contents<'_> {
    /// Fills `buf` from a blob of this read-back; the caller has checked the bounds.
    pub(crate) fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        match self {
            Contents::Ext4(files) => files.read_at(blob.pack, offset, buf),
            Contents::Fat(files) => {
                let mut files = files.lock().map_err(|_| io::Error::other("another reader failed"))?;
                files.read_at(blob.pack, offset, buf)
            }
            Contents::Tar(layers) => {
                let at = blob.offset.checked_add(offset).ok_or(io::ErrorKind::InvalidInput)?;
                let layer = usize::try_from(blob.pack.0).ok().and_then(|layer| layers.get(layer));
                layer.ok_or(io::ErrorKind::InvalidInput)?.read_at(at, buf)
            }
        }
    }
}
