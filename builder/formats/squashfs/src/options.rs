//! How a tree becomes a squashfs.

use rootsmith_types::UnixTime;

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard: dense, and fast to read. Linux reads it from 4.14 on.
    Zstd {
        /// 1 to 22.
        level: u8,
    },
    /// xz, its dictionary as large as a block: densest, and slow to read.
    Xz,
    /// zlib: every Linux reads it.
    Gzip {
        /// 1 to 9.
        level: u8,
    },
    /// LZ4: fastest to read, least dense.
    Lz4,
}

impl Compression {
    /// Zstandard at the level that `mksquashfs` takes.
    pub const ZSTD: Compression = Compression::Zstd { level: 15 };
    /// zlib at the level that `mksquashfs` takes.
    pub const GZIP: Compression = Compression::Gzip { level: 9 };
    /// Each of them, at the level that `mksquashfs` takes.
    pub const ALL: [Compression; 4] = [Compression::ZSTD, Compression::Xz, Compression::GZIP, Compression::Lz4];
}

/// How a tree becomes a squashfs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How blocks are compressed.
    pub compression: Compression,
    /// Bytes of a block before it is compressed: a power of two from 4 KiB to 1 MiB. Larger ones are denser, and each read
    /// of a few bytes decompresses a whole one.
    pub block_size: u32,
    /// When the file system was made.
    pub time: UnixTime,
}

impl Options {
    /// With blocks of 128 KiB, as `mksquashfs` has them.
    pub fn new(compression: Compression, time: UnixTime) -> Options {
        Options { compression, block_size: 128 << 10, time }
    }
}
