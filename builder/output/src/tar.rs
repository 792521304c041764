//! The root file system as `NAME-ARCH.rootfs.tar.zst`.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::{NumBytes, Sha256Digest, Sha256Writer};

use crate::OutputError;

/// zstd's own default: higher levels cost much and save little (facts: 16 times the time for 8 % at 15).
pub(crate) const LEVEL: i32 = 3;

/// Writes the tree as tar, compressed by zstd with `workers` threads; the bytes do not depend on their number.
pub fn write_tar(
    tree: &Tree,
    blobs: &dyn Blobs,
    workers: u32,
    file: &File,
    path: &Path,
) -> Result<(NumBytes, Sha256Digest), OutputError> {
    let failed = |e| OutputError::io(path, "write", NumBytes::new(0))(e);
    let mut out = Sha256Writer::new(BufWriter::with_capacity(1 << 20, file));
    rootsmith_tar::write_zstd(tree, blobs, LEVEL, workers.max(1), &mut out).map_err(failed)?;
    let (buffered, digest, size) = out.finish();
    buffered.into_inner().map_err(|error| failed(error.into_error()))?;
    Ok((NumBytes::new(size), digest))
}
