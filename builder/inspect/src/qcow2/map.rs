//! Where a byte of the disk lies in the image: the L1 table, and the L2 tables it points at.

use std::sync::{Arc, Mutex, PoisonError};

use super::LAYER;
use super::header::{Header, cut};
use crate::mapped::{Cache, Extent, Map};
use crate::{OpenError, Source};

/// Memory for L2 tables.
const CACHE: usize = 8 << 20;
/// When an image is opened, every place its tables name is looked at, up to this many bytes of L2 tables (enough for 512 GiB in
/// clusters of 64 KiB): so a truncated image is refused at once, not somewhere in the middle.
const CHECKED: u64 = 64 << 20;
/// L1 entries read at a time when an image is opened.
const L1_CHUNK: u64 = 4096;
/// Bits 9 to 55 of an L1 or L2 entry.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
const COMPRESSED: u64 = 1 << 62;
const READS_AS_ZEROS: u64 = 1;
const SUBCLUSTERS: u64 = 32;

/// The map of an image.
pub(super) struct Clusters {
    source: Source,
    version: u32,
    cluster_bits: u32,
    size: u64,
    l1_table_offset: u64,
    l1_entries: u64,
    extended_l2: bool,
    /// L2 tables, by the byte where they begin.
    tables: Mutex<Cache>,
}

impl Clusters {
    /// The map of the image with this header; its tables are looked through once.
    pub(super) fn new(source: Source, header: &Header) -> Result<Clusters, OpenError> {
        let map = Clusters {
            source,
            version: header.version,
            cluster_bits: header.cluster_bits,
            size: header.size,
            l1_table_offset: header.l1_table_offset,
            l1_entries: header.l1_entries,
            extended_l2: header.extended_l2,
            tables: Mutex::new(Cache::new(CACHE)),
        };
        map.check()?;
        Ok(map)
    }

    /// Looks up every place that the tables name.
    fn check(&self) -> Result<(), OpenError> {
        // A sound image is never smaller than its tables, so a small one is not searched for long.
        let mut budget = CHECKED.min(self.source.size());
        let mut first = 0;
        while first < self.l1_entries {
            let count = L1_CHUNK.min(self.l1_entries - first);
            let mut chunk = vec![0; (count * 8) as usize];
            self.read(self.l1_table_offset + first * 8, &mut chunk)?;
            for (index, entry) in (first..).zip(chunk.as_chunks().0) {
                let Some(offset) = self.table_offset(index, u64::from_be_bytes(*entry))? else { continue };
                let Some(left) = budget.checked_sub(1 << self.cluster_bits) else { continue };
                budget = left;
                self.check_table(index, offset)?;
            }
            first += count;
        }
        Ok(())
    }

    fn check_table(&self, l1_index: u64, offset: u64) -> Result<(), OpenError> {
        let mut table = vec![0; 1 << self.cluster_bits];
        self.read(offset, &mut table)?;
        let start = l1_index << self.table_bits();
        let covered = (1 << self.table_bits()).min(self.size - start);
        let mut at = 0;
        while at < covered {
            at += self.in_table(&table, start + at, covered - at)?.length();
        }
        Ok(())
    }

    /// What the L2 table that is responsible for byte `at` says.
    fn in_table(&self, table: &[u8], at: u64, length: u64) -> Result<Extent, OpenError> {
        let (bits, entry_size) = (self.cluster_bits, if self.extended_l2 { 16 } else { 8 });
        // A table has as many entries as fit into a cluster of 2 MiB at most.
        let entries = (1 << bits) / entry_size;
        let place = ((at >> bits) % entries * entry_size) as usize;
        let word = |place: usize| {
            let bytes = table.get(place..place + 8).and_then(|bytes| bytes.try_into().ok());
            // A table is a whole cluster, so there is such a place.
            u64::from_be_bytes(bytes.unwrap_or([0; 8]))
        };
        let entry = word(place);
        let within = at & ((1 << bits) - 1);
        let length = length.min(left(at, bits));
        if entry & COMPRESSED != 0 {
            return self.compressed(at, entry, within, length);
        }
        let offset = entry & OFFSET;
        let (zeros, length) = if self.extended_l2 {
            self.subclusters(at, word(place + 8), length)?
        } else {
            (entry & READS_AS_ZEROS != 0 || offset == 0, length)
        };
        if entry & READS_AS_ZEROS != 0 && (self.version == 2 || self.extended_l2) {
            return Err(damaged(at, "has a zero bit that this version does not know"));
        }
        if zeros {
            return Ok(Extent::Zeros { length });
        }
        if offset == 0 || !offset.is_multiple_of(1 << bits) {
            return Err(damaged(at, format_args!("is stored at byte {offset}, where no cluster can be")));
        }
        // 56 bits and a few more.
        let offset = offset + within;
        if offset + length > self.source.size() {
            return Err(cut(&self.source, format_args!("cluster for byte {at} of the disk"), offset + length));
        }
        Ok(Extent::Stored { offset, length })
    }

    /// Whether byte `at` is in a subcluster without data, and for how long that goes on.
    fn subclusters(&self, at: u64, bitmap: u64, length: u64) -> Result<(bool, u64), OpenError> {
        let bits = self.cluster_bits - SUBCLUSTERS.trailing_zeros();
        let (stored, zeros) = (bitmap & 0xffff_ffff, bitmap >> 32);
        if stored & zeros != 0 {
            return Err(damaged(at, "has subclusters that are stored and read as zeros"));
        }
        let first = (at >> bits) % SUBCLUSTERS;
        let is_stored = |index: u64| stored >> index & 1 != 0;
        let mut end = left(at, bits);
        for index in first + 1..SUBCLUSTERS {
            if is_stored(index) != is_stored(first) {
                break;
            }
            end += 1 << bits;
        }
        Ok((!is_stored(first), length.min(end)))
    }

    fn compressed(&self, at: u64, entry: u64, within: u64, length: u64) -> Result<Extent, OpenError> {
        // With clusters of 64 KiB: 54 bits of an offset, and 8 that count sectors of 512 bytes behind the one it is in.
        let bits = 62 - (self.cluster_bits - 8);
        let offset = entry & ((1 << bits) - 1);
        let sectors = (entry & (COMPRESSED - 1)) >> bits;
        let end = (offset & !511) + (sectors + 1) * 512;
        let size = self.source.size();
        // The last sector need not be whole: what is compressed tells itself where it ends.
        if offset >= size || end - size.min(end) >= 512 {
            return Err(cut(&self.source, format_args!("compressed cluster for byte {at} of the disk"), end));
        }
        // At most 2^13 sectors.
        Ok(Extent::Compressed { offset, stored: (end.min(size) - offset) as usize, within, length })
    }

    /// Where an L2 table is; `None` when there is none, and all it would tell of is zeros.
    fn table_offset(&self, l1_index: u64, entry: u64) -> Result<Option<u64>, OpenError> {
        let offset = entry & OFFSET;
        if offset == 0 {
            return Ok(None);
        }
        let size = 1 << self.cluster_bits;
        if !offset.is_multiple_of(size) {
            let reason = format!("it says that its L2 table is at byte {offset}, where none can be");
            return Err(OpenError::damaged_at(LAYER, format_args!("L1 entry {l1_index}"), reason));
        }
        if offset + size > self.source.size() {
            return Err(cut(&self.source, format_args!("L2 table {l1_index}"), offset + size));
        }
        Ok(Some(offset))
    }

    /// The L2 table at a byte, from memory if it was used lately.
    fn table(&self, offset: u64) -> Result<Arc<[u8]>, OpenError> {
        // Whoever panicked with the lock held left a cache that is still one.
        if let Some(table) = self.tables.lock().unwrap_or_else(PoisonError::into_inner).get(offset) {
            return Ok(table);
        }
        let mut table = vec![0; 1 << self.cluster_bits];
        self.read(offset, &mut table)?;
        let table: Arc<[u8]> = table.into();
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).put(offset, table.clone());
        Ok(table)
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), OpenError> {
        self.source.read_at(offset, buf).map_err(|error| OpenError::unread(LAYER, format_args!("byte {offset}"), error))
    }

    /// An L2 table tells of so many bytes, as a power of two.
    fn table_bits(&self) -> u32 {
        self.cluster_bits + self.cluster_bits - if self.extended_l2 { 4 } else { 3 }
    }
}

impl Map for Clusters {
    fn find(&self, at: u64, length: u64) -> Result<Extent, OpenError> {
        let l1_index = at >> self.table_bits();
        let place = self.l1_table_offset + l1_index * 8;
        let mut entry = [0; 8];
        self.read(place, &mut entry)?;
        match self.table_offset(l1_index, u64::from_be_bytes(entry))? {
            Some(offset) => {
                let table = self.table(offset)?;
                self.in_table(&table, at, length)
            }
            None => Ok(Extent::Zeros { length: length.min(left(at, self.table_bits())) }),
        }
    }
}

/// How far it is from `at` to the end of the block of `2^bits` bytes that it is in.
fn left(at: u64, bits: u32) -> u64 {
    let size = 1 << bits;
    size - (at & (size - 1))
}

fn damaged(at: u64, reason: impl std::fmt::Display) -> OpenError {
    OpenError::damaged(LAYER, format_args!("the cluster for byte {at} of the disk {reason}"))
}
