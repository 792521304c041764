//! `kind = "squashfs"`.

use rootsmith_types::Located;

/// The root file system as a squashfs.
#[derive(Debug, Clone)]
pub struct Squashfs {
    /// How its blocks are compressed.
    pub compression: Located<SquashfsCompression>,
}

/// What compresses the blocks of a squashfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SquashfsCompression {
    /// Zstandard: dense, and fast to read.
    Zstd,
    /// xz: densest, and slow to read.
    Xz,
    /// zlib: every Linux reads it.
    Gzip,
    /// LZ4: fastest to read, least dense.
    Lz4,
}
