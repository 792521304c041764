//! On-disk structures of qcow2.
//!
//! Specification: QEMU, `docs/interop/qcow2.txt`, version 3. Integers are big-endian.
//!
//! | cluster     | holds                                                   | section                 |
//! |-------------|---------------------------------------------------------|-------------------------|
//! | 0           | [`Header`]                                              | Header                  |
//! | 1..         | clusters of the disk, and an L2 table behind those of each 512 MiB | Cluster mapping |
//! | then        | refcount table                                          | Host cluster management |
//! | then        | refcount blocks                                         | Host cluster management |
//! | last        | L1 table                                                | Cluster mapping         |

use std::mem::offset_of;

use zerocopy::big_endian::{U32, U64};
use zerocopy::{Immutable, IntoBytes, KnownLayout, Unaligned};

/// `QFI\xfb`.
pub(crate) const MAGIC: u32 = 0x5146_49fb;
/// Version 3, which QEMU calls `compat=1.1`.
pub(crate) const VERSION: u32 = 3;
/// A cluster of 64 KiB, QEMU's own default.
pub(crate) const CLUSTER_BITS: u32 = 16;
/// Bytes of a cluster.
pub(crate) const CLUSTER: usize = 1 << CLUSTER_BITS;
/// Entries of an L2 table, which is one cluster.
pub(crate) const L2_ENTRIES: u64 = 1 << (CLUSTER_BITS - 3);
/// Bits of a refcount, as a power of two: 16.
pub(crate) const REFCOUNT_ORDER: u32 = 4;
/// Refcounts in a block, which is one cluster.
pub(crate) const REFCOUNTS: u64 = 1 << (CLUSTER_BITS - 1);
/// [`Header::incompatible_features`]: clusters are compressed by what [`Header::compression_type`] says.
pub(crate) const COMPRESSION_TYPE: u64 = 1 << 3;
/// [`Header::compression_type`]: zlib, which means bare deflate.
pub(crate) const ZLIB: u8 = 0;
/// [`Header::compression_type`]: zstd.
pub(crate) const ZSTD: u8 = 1;
/// L1 and L2 entries: the cluster is used once, so it may be written in place.
pub(crate) const COPIED: u64 = 1 << 63;
/// L2 entries: the cluster is compressed.
pub(crate) const COMPRESSED: u64 = 1 << 62;
/// Compressed L2 entries: below it the offset in the file, in it the sectors after the first.
pub(crate) const SECTORS_SHIFT: u32 = 62 - (CLUSTER_BITS - 8);

/// Header and the end of its extensions ("Header", "Header extensions"); the rest of its cluster is zero.
#[derive(IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Header {
    /// [`MAGIC`].
    pub(crate) magic: U32,
    /// [`VERSION`].
    pub(crate) version: U32,
    /// Zero: no backing file.
    pub(crate) backing_file_offset: U64,

    /// Zero.
    pub(crate) backing_file_size: U32,
    /// [`CLUSTER_BITS`].
    pub(crate) cluster_bits: U32,
    /// Bytes of the disk.
    pub(crate) size: U64,

    /// Zero: not encrypted.
    pub(crate) crypt_method: U32,
    /// Entries of the L1 table.
    pub(crate) l1_size: U32,
    /// Where it is.
    pub(crate) l1_table_offset: U64,

    /// Where the refcount table is.
    pub(crate) refcount_table_offset: U64,
    /// Its clusters.
    pub(crate) refcount_table_clusters: U32,
    /// Zero.
    pub(crate) nb_snapshots: U32,

    /// Zero.
    pub(crate) snapshots_offset: U64,
    /// [`COMPRESSION_TYPE`], or zero.
    pub(crate) incompatible_features: U64,

    /// Zero.
    pub(crate) compatible_features: U64,
    /// Zero.
    pub(crate) autoclear_features: U64,

    /// [`REFCOUNT_ORDER`].
    pub(crate) refcount_order: U32,
    /// Bytes up to the extensions: 112.
    pub(crate) header_length: U32,
    /// [`ZLIB`] or [`ZSTD`].
    pub(crate) compression_type: u8,
    /// Zero.
    pub(crate) padding: [u8; 7],

    /// Type 0 and length 0: no extensions.
    pub(crate) end_of_extensions: U64,
}
const _: () = assert!(
    size_of::<Header>() == 120
        && offset_of!(Header, size) == 24
        && offset_of!(Header, refcount_table_offset) == 48
        && offset_of!(Header, incompatible_features) == 72
        && offset_of!(Header, compression_type) == 104
        && offset_of!(Header, end_of_extensions) == 112
);
