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

mod header;
mod map;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::header::{Header, MAGIC};
use self::map::Clusters;
use crate::mapped::Mapped;
use crate::{OpenError, Source};

const LAYER: &str = "qcow2";

/// Whether the source looks like one.
pub(crate) fn is(source: &Source) -> bool {
    let mut magic = [0; MAGIC.len()];
    source.size() >= magic.len() as u64 && source.read_at(0, &mut magic).is_ok() && magic == MAGIC
}

/// The disk in it.
pub(crate) fn open(source: Source) -> Result<Source, OpenError> {
    let header = Header::read(&source)?;
    let map = Clusters::new(source.clone(), &header)?;
    // At most 2 MiB.
    let cluster = 1 << header.cluster_bits;
    Ok(Arc::new(Mapped::new(LAYER, source, header.size, map).compressed(cluster, header.compression)))
}
