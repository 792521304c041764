//! CRC-32C as ext4 takes it: continued from a seed, without the final inversion.

use rootsmith_types::Uuid;

use crate::format::InodeNumber;

/// Continues `seed` over `data`.
pub(crate) fn crc32c(seed: u32, data: &[u8]) -> u32 {
    !crc32c::crc32c_append(!seed, data)
}

/// What every checksum of a filesystem begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed(u32);

impl Seed {
    /// The seed of the filesystem with this UUID.
    pub(crate) fn new(uuid: &Uuid) -> Seed {
        Seed(crc32c(!0, uuid.as_bytes()))
    }

    /// The seed for what belongs to one inode; its generation is always 0 here.
    pub(crate) fn inode(self, number: InodeNumber) -> u32 {
        crc32c(crc32c(self.0, &number.0.to_le_bytes()), &0u32.to_le_bytes())
    }

    /// The seed itself, for bitmaps, group descriptors and attribute blocks.
    pub(crate) fn plain(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_is_the_castagnoli_one_without_inversions() {
        // "123456789" gives 0xE3069283 with the usual inversions at both ends.
        assert_eq!(!crc32c(!0, b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(crc32c(!0, b"1234"), b"56789"), crc32c(!0, b"123456789"));
    }
}
