//! On-disk structures of dm-verity, format version 1.
//!
//! Specification: the kernel's `Documentation/admin-guide/device-mapper/verity.rst`; the superblock is `veritysetup`'s, described in
//! cryptsetup's wiki ("DMVerity"). Integers are little-endian.
//!
//! | block        | holds                                                     |
//! |--------------|-----------------------------------------------------------|
//! | 0            | [`Superblock`]                                            |
//! | 1            | the root's block: hashes of the blocks of the level below |
//! | then         | each level below, the one over the data last              |

use std::mem::offset_of;

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{Immutable, IntoBytes, KnownLayout};

/// Bytes of a block, of data as of hashes.
pub(crate) const BLOCK: usize = 4096;
/// Bytes of a hash: SHA-256.
pub(crate) const HASH: usize = 32;
/// Hashes in a block.
pub(crate) const PER_BLOCK: usize = BLOCK / HASH;
/// Bytes of the salt that we write.
pub(crate) const SALT: usize = 32;

/// What `veritysetup` finds a hash device by; the rest of its block is zero.
#[derive(IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Superblock {
    /// `verity`, two zeros.
    pub(crate) signature: [u8; 8],
    /// 1.
    pub(crate) version: U32,
    /// 1: the salt comes before the data; 0 is Chrome OS's.
    pub(crate) hash_type: U32,

    pub(crate) uuid: [u8; 16],

    /// `sha256`.
    pub(crate) algorithm: [u8; 32],

    pub(crate) data_block_size: U32,
    pub(crate) hash_block_size: U32,
    pub(crate) data_blocks: U64,

    pub(crate) salt_size: U16,
    pub(crate) pad1: [u8; 6],
    pub(crate) salt: [u8; 256],
    pub(crate) pad2: [u8; 168],
}
const _: () = assert!(size_of::<Superblock>() == 512 && offset_of!(Superblock, salt) == 88);
