//! The root file system as `NAME-ARCH.erofs`.

use std::fs::File;
use std::path::Path;

use rootsmith_erofs::{Compression, Options, plan};
use rootsmith_profile::ErofsCompression;
use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::{NumBytes, Problems, UnixTime, Uuid};

use crate::OutputError;
use crate::disk::ROOT_LABEL;

/// Writes `tree` to `file` (empty, at `path`): as in the root partition of a disk, with the same identifier. Returns the image's size.
pub fn write_erofs(
    compression: ErofsCompression,
    tree: &Tree,
    blobs: &dyn Blobs,
    uuid: Uuid,
    date: UnixTime,
    file: &File,
    path: &Path,
) -> Result<NumBytes, Problems> {
    let compression = match compression {
        ErofsCompression::Lz4 => Compression::Lz4,
        ErofsCompression::Zstd => Compression::ZSTD,
        ErofsCompression::None => Compression::None,
    };
    let plan = plan(tree, blobs, &Options { label: ROOT_LABEL.to_owned(), ..Options::new(compression, uuid, date) })?;
    Ok(plan.write(file).map_err(OutputError::io(path, "write", NumBytes::new(0)))?)
}
