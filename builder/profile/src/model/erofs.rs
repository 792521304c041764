//! `kind = "erofs"`.

use rootsmith_types::Located;

/// The root file system as an EROFS.
#[derive(Debug, Clone)]
pub struct Erofs {
    /// How contents are compressed.
    pub compression: Located<ErofsCompression>,
}

/// What compresses the contents of an EROFS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErofsCompression {
    /// LZ4: fast to read, by older Linuxes as well.
    Lz4,
    /// Zstandard: denser, read by Linux from 6.10 on.
    Zstd,
    /// Nothing.
    None,
}
