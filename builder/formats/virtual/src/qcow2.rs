//! qcow2: clusters in the order of the disk, L2 tables among them, everything else behind.

use std::fs::File;
use std::io;

use zerocopy::IntoBytes;
use zerocopy::big_endian::{U16, U32, U64};

use self::format::{
    CLUSTER, CLUSTER_BITS, COMPRESSED, COMPRESSION_TYPE, COPIED, Header, L2_ENTRIES, MAGIC, REFCOUNT_ORDER, REFCOUNTS,
    SECTORS_SHIFT, VERSION, ZLIB, ZSTD,
};
use crate::compress::{Batch, Method};
use crate::deflated::{Deflated, bare};
use crate::file::Tail;
use crate::number::{SECTOR, add, index, multiply, short, wide};
use crate::writer::Container;

mod format;

/// 2 PiB: an L1 table of 32 MiB, the largest that QEMU reads.
pub(crate) const LIMIT: u64 = 1 << 51;
/// Bytes of a cluster, again.
const UNIT: u64 = 1 << CLUSTER_BITS;

/// A qcow2 that is being written.
pub(crate) struct Qcow2<'a> {
    size: u64,
    method: Option<Method>,
    batch: Option<Batch>,
    layout: Layout<'a>,
}

/// Where everything is in the file.
struct Layout<'a> {
    tail: Tail<'a>,
    l1: Vec<U64>,
    /// The L2 table that entries go to, and its place in `l1`.
    l2: Vec<U64>,
    l2_number: Option<usize>,
    /// How often each cluster of the file is used.
    refcounts: Vec<U16>,
}

impl<'a> Qcow2<'a> {
    /// One that begins at `base` of the file. With zlib it takes its clusters deflated.
    pub(crate) fn new(file: &'a File, base: u64, size: u64, method: Option<Method>) -> Qcow2<'a> {
        let l1_size = size.div_ceil(UNIT).div_ceil(L2_ENTRIES);
        let layout = Layout {
            // The header is written last.
            tail: Tail::inside(file, base, UNIT),
            refcounts: vec![U16::new(1)],
            // 2^22 at most.
            l1: vec![U64::ZERO; usize::try_from(l1_size).unwrap_or(usize::MAX)],
            l2: vec![U64::ZERO; CLUSTER / 8],
            l2_number: None,
        };
        let batch = method.filter(|method| *method != Method::Zlib).map(|method| Batch::new(method, CLUSTER));
        Qcow2 { size, method, batch, layout }
    }

    /// Bytes of the file so far.
    pub(crate) fn length(&self) -> u64 {
        self.layout.tail.position()
    }

    /// Tables and header.
    fn close(&mut self) -> io::Result<()> {
        self.layout.close()?;
        let tables = self.layout.tables()?;
        let (incompatible, compression) = match self.method {
            Some(Method::Zstd) => (COMPRESSION_TYPE, ZSTD),
            _ => (0, ZLIB),
        };
        let header = Header {
            magic: U32::new(MAGIC),
            version: U32::new(VERSION),
            backing_file_offset: U64::ZERO,
            backing_file_size: U32::ZERO,
            cluster_bits: U32::new(CLUSTER_BITS),
            size: U64::new(self.size),
            crypt_method: U32::ZERO,
            l1_size: U32::new(short(wide(self.layout.l1.len()))?),
            l1_table_offset: U64::new(tables.l1),
            refcount_table_offset: U64::new(tables.refcount_table),
            refcount_table_clusters: U32::new(short(tables.refcount_table_clusters)?),
            nb_snapshots: U32::ZERO,
            snapshots_offset: U64::ZERO,
            incompatible_features: U64::new(incompatible),
            compatible_features: U64::ZERO,
            autoclear_features: U64::ZERO,
            refcount_order: U32::new(REFCOUNT_ORDER),
            header_length: U32::new(112),
            compression_type: compression,
            padding: [0; 7],
            end_of_extensions: U64::ZERO,
        };
        self.layout.tail.write_at(0, header.as_bytes())
    }
}

impl Deflated for Qcow2<'_> {
    fn cluster(&mut self, number: u64, data: &[u8], zlib: &[u8]) -> io::Result<()> {
        let packed = bare(zlib).filter(|packed| packed.len() < data.len());
        self.layout.compressed(number, data, packed)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.close()
    }
}

impl Container for Qcow2<'_> {
    fn cluster_size(&self) -> usize {
        CLUSTER
    }

    fn cluster(&mut self, number: u64, data: &[u8]) -> io::Result<()> {
        let Some(batch) = &mut self.batch else { return self.layout.plain(number, data) };
        if batch.push(number, data) {
            batch.drain(|number, data, packed| self.layout.compressed(number, data, packed))?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(batch) = &mut self.batch {
            batch.drain(|number, data, packed| self.layout.compressed(number, data, packed))?;
        }
        self.close()
    }
}

/// Where the tables are, and how large.
struct Tables {
    refcount_table: u64,
    refcount_table_clusters: u64,
    l1: u64,
}

impl Layout<'_> {
    /// A cluster as it is.
    fn plain(&mut self, number: u64, data: &[u8]) -> io::Result<()> {
        self.turn(number)?;
        let at = self.whole(data)?;
        self.map(number, at | COPIED)
    }

    /// A cluster that was compressed, unless it did not become smaller.
    fn compressed(&mut self, number: u64, data: &[u8], packed: Option<&[u8]>) -> io::Result<()> {
        let Some(packed) = packed else { return self.plain(number, data) };
        self.turn(number)?;
        let start = self.tail.position();
        self.tail.append(packed)?;
        // A compressed cluster is never empty.
        let last = self.tail.position().saturating_sub(1);
        self.count(start, last)?;
        let further = (last / SECTOR).saturating_sub(start / SECTOR);
        self.map(number, COMPRESSED | further << SECTORS_SHIFT | start)
    }

    /// Appends a cluster of its own. Where it is.
    fn whole(&mut self, data: &[u8]) -> io::Result<u64> {
        self.tail.pad(UNIT)?;
        let at = self.tail.position();
        self.tail.append(data)?;
        self.tail.pad(UNIT)?;
        self.count(at, at)?;
        Ok(at)
    }

    /// One more use of the clusters from that of byte `first` to that of byte `last`.
    fn count(&mut self, first: u64, last: u64) -> io::Result<()> {
        for cluster in first / UNIT..=last / UNIT {
            let cluster = index(cluster)?;
            match self.refcounts.get_mut(cluster) {
                Some(count) => *count = U16::new(count.get().checked_add(1).ok_or(io::ErrorKind::FileTooLarge)?),
                // Clusters are used one after the other.
                None => self.refcounts.push(U16::new(1)),
            }
        }
        Ok(())
    }

    /// Writes the L2 table, when cluster `number` belongs to another.
    fn turn(&mut self, number: u64) -> io::Result<()> {
        let l2_number = index(number / L2_ENTRIES)?;
        if self.l2_number != Some(l2_number) {
            self.close()?;
            self.l2_number = Some(l2_number);
        }
        Ok(())
    }

    /// Writes the L2 table.
    fn close(&mut self) -> io::Result<()> {
        let Some(l2_number) = self.l2_number.take() else { return Ok(()) };
        let mut table = std::mem::take(&mut self.l2);
        let at = self.whole(table.as_bytes())?;
        table.fill(U64::ZERO);
        self.l2 = table;
        match self.l1.get_mut(l2_number) {
            Some(entry) => *entry = U64::new(at | COPIED),
            None => return Err(io::Error::other("internal error: cluster past the end of the disk")),
        }
        Ok(())
    }

    /// Notes where cluster `number` is.
    fn map(&mut self, number: u64, entry: u64) -> io::Result<()> {
        if let Some(slot) = self.l2.get_mut(index(number % L2_ENTRIES)?) {
            *slot = U64::new(entry);
        }
        Ok(())
    }

    /// Writes the tables behind everything: refcount table, refcount blocks, L1.
    fn tables(&mut self) -> io::Result<Tables> {
        self.tail.pad(UNIT)?;
        let start = self.tail.position();
        let l1_clusters = multiply(wide(self.l1.len()), 8)?.div_ceil(UNIT);
        let other = add(wide(self.refcounts.len()), l1_clusters)?;
        // Refcounts count the clusters they are in, too.
        let (mut blocks, mut clusters) = (0, 0);
        loop {
            let needed = add(add(other, blocks)?, clusters)?.div_ceil(REFCOUNTS);
            let table = multiply(needed, 8)?.div_ceil(UNIT);
            if (needed, table) == (blocks, clusters) {
                break;
            }
            (blocks, clusters) = (needed, table);
        }
        let first_block = add(start, multiply(clusters, UNIT)?)?;
        let l1 = add(first_block, multiply(blocks, UNIT)?)?;
        let all = add(add(other, blocks)?, clusters)?;
        self.refcounts.resize(index(all)?, U16::new(1));
        for block in 0..blocks {
            self.tail.append(U64::new(add(first_block, multiply(block, UNIT)?)?).as_bytes())?;
        }
        self.tail.pad(UNIT)?;
        self.tail.append(self.refcounts.as_bytes())?;
        self.tail.pad(UNIT)?;
        self.tail.append(self.l1.as_bytes())?;
        self.tail.pad(UNIT)?;
        self.tail.flush()?;
        Ok(Tables { refcount_table: start, refcount_table_clusters: clusters, l1 })
    }
}
