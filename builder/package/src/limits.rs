//! How large an archive may be.

/// Bounds on what one archive may hold. The defaults are far above every package of Debian's archive and far below what
/// would hurt the builder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the decompressed `data.tar`. Debian's largest packages unpack to about 3 GiB.
    pub data: u64,
    /// Bytes of the decompressed `control.tar`.
    pub control: u64,
    /// How many members `data.tar` may have.
    pub entries: usize,
    /// Bytes of all paths, link targets and extended attributes together: they are held in memory.
    pub metadata: u64,
    /// How many times larger than its compressed form a tar may be, beyond its first 64 MiB.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { data: 16 << 30, control: 64 << 20, entries: 1 << 20, metadata: 256 << 20, ratio: 500 }
    }
}
