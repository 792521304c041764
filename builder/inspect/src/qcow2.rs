//! qcow2 images, read where they lie: nothing is unpacked, any byte can be asked for.
//!
//! Specification: QEMU, `docs/interop/qcow2.rst`. Integers are big-endian.
//!
//! | what                                                        |                                              |
//! |-------------------------------------------------------------|----------------------------------------------|
//! | versions 2 and 3, clusters of 512 bytes to 2 MiB            | read                                         |
//! | compressed clusters: zlib, Zstandard                        | read                                         |
//! | zero clusters, extended L2 entries, internal snapshots      | read (the active state, not the snapshots)   |
//! | the dirty bit (reference counts may be wrong)               | of no importance to a reader                 |
//! | backing files, external data files, encryption              | refused by name                              |
//! | the corrupt bit                                             | damaged                                      |
//!
//! The reference counts are not looked at: they tell a writer what is free.

mod cache;
mod header;
mod map;
#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::bufread::DeflateDecoder;

use self::cache::Cache;
use self::header::{Compression, Header, MAGIC};
use self::map::{Extent, Map};
use crate::{OpenError, ReadAt, Source};

const LAYER: &str = "qcow2";
/// Memory for decompressed clusters; the tables of the map have as much again.
const CACHE: usize = 8 << 20;
/// The largest window of a Zstandard frame, as a power of two: 8 MiB, as level 19 uses.
const MAX_WINDOW: u32 = 23;

/// Whether the source looks like one.
pub(crate) fn is(source: &Source) -> bool {
    let mut magic = [0; MAGIC.len()];
    source.size() >= magic.len() as u64 && source.read_at(0, &mut magic).is_ok() && magic == MAGIC
}

/// The disk in it.
pub(crate) fn open(source: Source) -> Result<Source, OpenError> {
    let header = Header::read(&source)?;
    let map = Map::new(source.clone(), &header)?;
    Ok(Arc::new(Disk {
        source,
        size: header.size,
        cluster: 1 << header.cluster_bits,
        compression: header.compression,
        map,
        decompressed: Mutex::new(Cache::new(CACHE)),
    }))
}

/// An opened image, as the disk that a guest would see.
struct Disk {
    source: Source,
    size: u64,
    /// Bytes of a cluster: a power of two from 512 to 2 MiB.
    cluster: u64,
    compression: Compression,
    map: Map,
    /// By the byte where the compressed form begins.
    decompressed: Mutex<Cache>,
}

impl ReadAt for Disk {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let extent = self.map.find(at, rest.len() as u64).map_err(io::Error::other)?;
            // No longer than what was asked for.
            let (now, later) = rest.split_at_mut(extent.length() as usize);
            match extent {
                Extent::Zeros { .. } => now.fill(0),
                Extent::Stored { offset, .. } => self.source.read_at(offset, now)?,
                Extent::Compressed { offset, stored, within, .. } => {
                    let cluster = self.decompressed(offset, stored)?;
                    // Within a cluster, so it fits.
                    let within = within as usize;
                    now.copy_from_slice(&cluster[within..within + now.len()]);
                }
            }
            at += now.len() as u64;
            rest = later;
        }
        Ok(())
    }
}

impl Disk {
    /// The whole cluster whose `stored` bytes at `offset` are compressed.
    fn decompressed(&self, offset: u64, stored: usize) -> io::Result<Arc<[u8]>> {
        // Whoever panicked with the lock held left a cache that is still one.
        if let Some(cluster) = self.decompressed.lock().unwrap_or_else(PoisonError::into_inner).get(offset) {
            return Ok(cluster);
        }
        let mut compressed = vec![0; stored];
        self.source.read_at(offset, &mut compressed)?;
        // At most 2 MiB.
        let mut cluster = vec![0; self.cluster as usize];
        let result = match self.compression {
            Compression::Zlib => DeflateDecoder::new(&compressed[..]).read_exact(&mut cluster),
            Compression::Zstd => zstd(&compressed, &mut cluster),
        };
        if let Err(error) = result {
            let reason = match error.kind() {
                io::ErrorKind::UnexpectedEof => "its compressed cluster ends too early".to_owned(),
                _ => format!("its compressed cluster cannot be decompressed: {error}"),
            };
            return Err(io::Error::other(OpenError::damaged_at(LAYER, format_args!("byte {offset}"), reason)));
        }
        let cluster: Arc<[u8]> = cluster.into();
        self.decompressed.lock().unwrap_or_else(PoisonError::into_inner).put(offset, cluster.clone());
        Ok(cluster)
    }
}

/// Fills `cluster`; what lies behind that in `compressed` belongs to somebody else.
fn zstd(compressed: &[u8], cluster: &mut [u8]) -> io::Result<()> {
    let mut decoder = zstd::Decoder::with_buffer(compressed)?;
    decoder.window_log_max(MAX_WINDOW)?;
    decoder.read_exact(cluster)
}
