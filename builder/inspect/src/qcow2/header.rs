//! The header of a qcow2 image, and what it uses that we do not read.

use zerocopy::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout};

use super::LAYER;
use crate::mapped::Compression;
use crate::{OpenError, Source};

/// `QFI` and FB.
pub(super) const MAGIC: [u8; 4] = *b"QFI\xfb";
/// Clusters of 512 bytes to 2 MiB; QEMU opens no larger ones.
const CLUSTER_BITS: std::ops::RangeInclusive<u32> = 9..=21;
/// With extended L2 entries a subcluster has 512 bytes at least.
const MIN_EXTENDED_CLUSTER_BITS: u32 = 14;
const MAX_SIZE: u64 = 64 << 40;
/// QEMU opens no larger L1 table.
const MAX_L1_BYTES: u64 = 32 << 20;
/// The longest name of a backing file.
const MAX_NAME: u32 = 1023;
/// The header extension that names an external data file.
const DATA_FILE_NAME: u32 = 0x4441_5441;

// Incompatible features. Bit 0, dirty, says that reference counts may be wrong.
const DIRTY: u64 = 1;
const CORRUPT: u64 = 1 << 1;
const DATA_FILE: u64 = 1 << 2;
const COMPRESSION_TYPE: u64 = 1 << 3;
const EXTENDED_L2: u64 = 1 << 4;

/// The header of version 2, 72 bytes.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Version2 {
    magic: [u8; 4],
    version: U32,
    backing_file_offset: U64,

    backing_file_size: U32,
    cluster_bits: U32,
    size: U64,

    crypt_method: U32,
    l1_size: U32,
    l1_table_offset: U64,

    refcount_table_offset: U64,
    refcount_table_clusters: U32,
    nb_snapshots: U32,

    snapshots_offset: U64,
}
const _: () = assert!(size_of::<Version2>() == 72 && std::mem::offset_of!(Version2, l1_table_offset) == 40);

/// What version 3 adds: at least 32 bytes; `header_length` says how many.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Version3 {
    incompatible_features: U64,
    compatible_features: U64,

    autoclear_features: U64,
    refcount_order: U32,
    header_length: U32,
}
const VERSION_3_LENGTH: u32 = 104;
const _: () = assert!(size_of::<Version2>() + size_of::<Version3>() == VERSION_3_LENGTH as usize);

/// What reading needs of a header.
#[derive(Debug)]
pub(super) struct Header {
    /// 2 or 3.
    pub(super) version: u32,
    /// From 9 to 21.
    pub(super) cluster_bits: u32,
    /// Of the disk in it; at most 64 TiB.
    pub(super) size: u64,
    /// In bytes, whole clusters.
    pub(super) l1_table_offset: u64,
    /// As many as the disk needs; the table lies in the image as a whole.
    pub(super) l1_entries: u64,
    /// L2 entries have 16 bytes and tell of 32 subclusters each.
    pub(super) extended_l2: bool,
    /// `zlib` is bare deflate, in spite of its name.
    pub(super) compression: Compression,
}

impl Header {
    /// The header at the beginning of `source`, checked.
    pub(super) fn read(source: &Source) -> Result<Header, OpenError> {
        let bytes = read_at(source, 0, 72, "header")?;
        let Ok(header) = Version2::read_from_bytes(&bytes) else { return Err(cut(source, "header", 72)) };
        if header.magic != MAGIC {
            return Err(OpenError::damaged(LAYER, "it does not begin with `QFI` and FB"));
        }
        let version = header.version.get();
        if !matches!(version, 2 | 3) {
            return Err(OpenError::unsupported(LAYER, format_args!("version {version}")));
        }
        let cluster_bits = header.cluster_bits.get();
        if !CLUSTER_BITS.contains(&cluster_bits) {
            return Err(OpenError::damaged(
                LAYER,
                format_args!("its clusters have 2^{cluster_bits} bytes, and 2^9 to 2^21 are possible"),
            ));
        }
        match header.crypt_method.get() {
            0 => {}
            1 => return Err(OpenError::unsupported(LAYER, "AES encryption")),
            2 => return Err(OpenError::unsupported(LAYER, "LUKS encryption")),
            other => return Err(OpenError::unsupported(LAYER, format_args!("encryption method {other}"))),
        }
        let (extended_l2, compression) = match version {
            2 => (false, Compression::Deflate),
            _ => features(source, cluster_bits)?,
        };
        if header.backing_file_offset != 0 {
            let (offset, length) = (header.backing_file_offset.get(), header.backing_file_size.get());
            if length > MAX_NAME {
                return Err(OpenError::damaged(LAYER, format_args!("the name of its backing file has {length} bytes")));
            }
            let name = read_at(source, offset, length as usize, "backing file's name")?;
            return Err(OpenError::unsupported(LAYER, format_args!("the backing file `{}`", text(&name))));
        }
        let size = header.size.get();
        if size > MAX_SIZE {
            return Err(OpenError::unsupported(LAYER, format_args!("a disk of {size} bytes (more than 64 TiB)")));
        }

        let entry_bits = if extended_l2 { 4 } else { 3 };
        // What one L1 entry covers: at most 2^(21 + 18) bytes.
        let l1_entries = size.div_ceil(1 << (cluster_bits + cluster_bits - entry_bits));
        let (claimed, l1_table_offset) = (u64::from(header.l1_size.get()), header.l1_table_offset.get());
        if claimed < l1_entries {
            let reason = format!("its L1 table has {claimed} entries, and a disk of {size} bytes needs {l1_entries}");
            return Err(OpenError::damaged(LAYER, reason));
        }
        if l1_entries * 8 > MAX_L1_BYTES {
            return Err(OpenError::unsupported(LAYER, format_args!("an L1 table of {l1_entries} entries")));
        }
        if l1_entries > 0 {
            if l1_table_offset == 0 || !l1_table_offset.is_multiple_of(1 << cluster_bits) {
                return Err(OpenError::damaged(
                    LAYER,
                    format_args!("its L1 table is at byte {l1_table_offset}, where none can be"),
                ));
            }
            let end = l1_table_offset.saturating_add(l1_entries * 8);
            if end > source.size() {
                return Err(cut(source, "L1 table", end));
            }
        }
        Ok(Header { version, cluster_bits, size, l1_table_offset, l1_entries, extended_l2, compression })
    }
}

/// Whether L2 entries are extended, and the compression, of a header of version 3; refuses what is not known.
fn features(source: &Source, cluster_bits: u32) -> Result<(bool, Compression), OpenError> {
    let bytes = read_at(source, 72, size_of::<Version3>(), "header")?;
    let Ok(header) = Version3::read_from_bytes(&bytes) else { return Err(cut(source, "header", 104)) };
    let length = header.header_length.get();
    if length < VERSION_3_LENGTH || !length.is_multiple_of(8) || length > 1 << cluster_bits {
        return Err(OpenError::damaged(LAYER, format_args!("its header has {length} bytes")));
    }
    let incompatible = header.incompatible_features.get();
    if incompatible & CORRUPT != 0 {
        return Err(OpenError::damaged(LAYER, "it is marked as corrupt by the program that wrote it last"));
    }
    if incompatible & DATA_FILE != 0 {
        return Err(OpenError::unsupported(
            LAYER,
            format_args!("the external data file{}", data_file(source, length, cluster_bits)?),
        ));
    }
    let unknown = incompatible & !(DIRTY | COMPRESSION_TYPE | EXTENDED_L2);
    if unknown != 0 {
        return Err(OpenError::unsupported(
            LAYER,
            format_args!("the incompatible feature {}", unknown.trailing_zeros()),
        ));
    }
    let extended = incompatible & EXTENDED_L2 != 0;
    if extended && cluster_bits < MIN_EXTENDED_CLUSTER_BITS {
        return Err(OpenError::damaged(
            LAYER,
            format_args!("it has subclusters, and clusters of 2^{cluster_bits} bytes only"),
        ));
    }
    let compression = match length > VERSION_3_LENGTH {
        true => read_at(source, VERSION_3_LENGTH.into(), 1, "header")?.first().copied().unwrap_or(0),
        false => 0,
    };
    match (incompatible & COMPRESSION_TYPE != 0, compression) {
        (false, 0) => Ok((extended, Compression::Deflate)),
        (true, 1) => Ok((extended, Compression::Zstd)),
        (true, other) if other > 1 => Err(OpenError::unsupported(LAYER, format_args!("compression type {other}"))),
        _ => Err(OpenError::damaged(
            LAYER,
            format_args!("its compression type {compression} and its features do not agree"),
        )),
    }
}

/// The name of the external data file, with a space and in backticks, when a header extension gives one.
fn data_file(source: &Source, header_length: u32, cluster_bits: u32) -> Result<String, OpenError> {
    // All extensions are in the first cluster, at most 2 MiB, each with 8 bytes at least.
    let (mut at, end) = (u64::from(header_length), 1 << cluster_bits);
    while at + 8 <= end {
        let extension = read_at(source, at, 8, "header extension")?;
        let number = |place: usize| {
            let bytes = extension.get(place..place + 4).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; 4]);
            u32::from_be_bytes(bytes)
        };
        let (kind, length) = (number(0), number(4));
        match kind {
            0 => break,
            DATA_FILE_NAME if length <= MAX_NAME => {
                let name = read_at(source, at + 8, length as usize, "header extension")?;
                return Ok(format!(" `{}`", text(&name)));
            }
            _ => at += 8 + u64::from(length).next_multiple_of(8),
        }
    }
    Ok(String::new())
}

/// A name from the image that can be printed.
fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).escape_debug().collect()
}

fn read_at(source: &Source, offset: u64, length: usize, what: &str) -> Result<Vec<u8>, OpenError> {
    let end = offset.saturating_add(length as u64);
    if end > source.size() {
        return Err(cut(source, what, end));
    }
    let mut bytes = vec![0; length];
    source
        .read_at(offset, &mut bytes)
        .map_err(|error| OpenError::unread(LAYER, format_args!("byte {offset}"), error))?;
    Ok(bytes)
}

/// The file ends before something that should be in it.
pub(super) fn cut(source: &Source, what: impl std::fmt::Display, end: u64) -> OpenError {
    OpenError::damaged(
        LAYER,
        format_args!("the file ends at byte {}, its {what} ends at byte {end}: truncated?", source.size()),
    )
}
