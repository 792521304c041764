//! How a tree becomes an EROFS.

use rootsmith_types::{UnixTime, Uuid};

/// How contents are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all. Linux reads it from 5.4 on, holes in files from 5.15 on.
    None,
    /// LZ4, the usual one: fast to read. Linux reads it from 5.13 on.
    Lz4,
    /// Zstandard: denser. Linux reads it from 6.10 on.
    Zstd {
        /// 1 to 22.
        level: u8,
    },
}

impl Compression {
    /// Zstandard at a level that costs a while and saves space.
    pub const ZSTD: Compression = Compression::Zstd { level: 15 };
    /// Each of them.
    pub const ALL: [Compression; 3] = [Compression::None, Compression::Lz4, Compression::ZSTD];
}

/// How a tree becomes an EROFS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How contents are compressed.
    pub compression: Compression,
    /// Of the file system.
    pub uuid: Uuid,
    /// At most 15 bytes.
    pub label: String,
    /// When it was made.
    pub time: UnixTime,
}

impl Options {
    /// Without a label.
    pub fn new(compression: Compression, uuid: Uuid, time: UnixTime) -> Options {
        Options { compression, uuid, label: String::new(), time }
    }
}
