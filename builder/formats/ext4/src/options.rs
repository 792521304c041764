//! What the caller chooses; everything else follows from the tree.

use rootsmith_types::{NumBytes, UnixTime, Uuid};

/// How large the filesystem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// This size. Less than a block at the end is left unused, and so is a last block group too small for its own tables.
    Fixed(NumBytes),
    /// As small as the content allows, with this much available to users other than root: what `df` calls available,
    /// after reserved blocks and the clusters a kernel keeps for itself.
    Minimal {
        /// Bytes available.
        free: NumBytes,
    },
}

/// How a filesystem is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Identity, and seed of all checksums.
    pub uuid: Uuid,
    /// Seed of the directory hash.
    pub hash_seed: Uuid,
    /// Volume name: at most 16 bytes.
    pub label: String,
    /// How large it is.
    pub size: Size,
    /// When it was made: times of the superblock, creation and status change of every inode. Brought into the range
    /// of ext4's times (1901 to 2446) where it lies outside.
    pub time: UnixTime,
    /// Blocks reserved for root, in percent of all: at most 50; `mke2fs` takes 5.
    pub reserved_percent: u8,
    /// Whether there is a journal, sized as `mke2fs` would (4 to 1024 MiB). Never below 8 MiB of filesystem.
    pub journal: bool,
}

impl Options {
    /// A filesystem with a journal, without a label, 5 % reserved, made in 1970.
    pub fn new(uuid: Uuid, hash_seed: Uuid, size: Size) -> Options {
        Options { uuid, hash_seed, label: String::new(), size, time: 0, reserved_percent: 5, journal: true }
    }
}
