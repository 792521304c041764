//! `kind = "cpio"`.

use rootsmith_types::Located;

/// The root file system as an initramfs, beside its kernel.
#[derive(Debug, Clone)]
pub struct Cpio {
    /// How the archive is compressed.
    pub compression: Located<CpioCompression>,
}

/// What compresses an initramfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CpioCompression {
    /// Zstandard: kernels from 5.9 on read it.
    Zstd,
    /// xz: densest, and slow to read.
    Xz,
    /// gzip: every kernel reads it.
    Gzip,
}

impl CpioCompression {
    /// All of them, the best first.
    pub const ALL: [CpioCompression; 3] = [CpioCompression::Zstd, CpioCompression::Xz, CpioCompression::Gzip];

    /// As a profile names it.
    pub fn name(self) -> &'static str {
        match self {
            CpioCompression::Zstd => "zstd",
            CpioCompression::Xz => "xz",
            CpioCompression::Gzip => "gzip",
        }
    }

    /// What such a file's name ends with.
    pub fn extension(self) -> &'static str {
        match self {
            CpioCompression::Zstd => "zst",
            CpioCompression::Xz => "xz",
            CpioCompression::Gzip => "gz",
        }
    }

    /// The kernel's configuration that makes it read such an initramfs.
    pub fn option(self) -> &'static str {
        match self {
            CpioCompression::Zstd => "RD_ZSTD",
            CpioCompression::Xz => "RD_XZ",
            CpioCompression::Gzip => "RD_GZIP",
        }
    }
}
