//! Master boot records, with the chain of extended boot records that hold logical partitions.
//!
//! No standard exists but what DOS did; Linux (`block/partitions/msdos.c`) is followed in what counts as a table and in how
//! logical partitions are numbered. Integers are little-endian.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout};

use super::{Claim, Partition, Table, TableKind, bytes, check};
use crate::{OpenError, Source};

const LAYER: &str = "MBR";
const SECTOR: usize = 512;
/// Most extended boot records, and so most logical partitions; Linux shows up to 255 in all.
const MAX_LOGICAL: usize = 256;
/// The type of the entry that says that there is a GPT.
const GPT_PROTECTIVE: u8 = 0xee;

/// The first sector of a disk (UEFI 2.10, 5.2.1), and of each extended boot record.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct BootRecord {
    /// A program, or a FAT's parameters, see [`BootRecord::is_fat`].
    boot_code: [u8; 440],
    disk_signature: U32,
    reserved: U16,

    entries: [Entry; 4],

    /// 55 AA.
    signature: [u8; 2],
}
const _: () = assert!(size_of::<BootRecord>() == SECTOR && std::mem::offset_of!(BootRecord, entries) == 446);

/// One entry (5.2.1).
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Entry {
    /// 80 for the one to boot, else 0.
    boot_indicator: u8,
    first_chs: [u8; 3],
    os_type: u8,
    last_chs: [u8; 3],
    first_lba: U32,
    sectors: U32,
}

impl Entry {
    /// An entry of no sectors is no partition.
    fn is_used(&self) -> bool {
        self.sectors.get() != 0 && self.os_type != 0
    }

    /// It holds a chain of logical partitions.
    fn is_extended(&self) -> bool {
        matches!(self.os_type, 0x05 | 0x0f | 0x85)
    }

    /// Where it begins, counted from `base`, and where it ends. Two sums of 32 bits, each times 4096, fit.
    fn range(&self, base: u64, sector: u64) -> (u64, u64) {
        let first = base + u64::from(self.first_lba.get());
        (first * sector, (first + u64::from(self.sectors.get())) * sector)
    }
}

impl BootRecord {
    /// Sector 0, when it ends with the signature that a table needs.
    pub(super) fn read(source: &Source) -> Result<Option<BootRecord>, OpenError> {
        BootRecord::read_at(source, 0).map(|record| record.filter(BootRecord::is_signed))
    }

    /// The record at a byte; `None` when the image ends before its end.
    fn read_at(source: &Source, offset: u64) -> Result<Option<BootRecord>, OpenError> {
        let bytes = bytes(source, LAYER, offset, SECTOR)?;
        Ok(bytes.and_then(|bytes| BootRecord::read_from_bytes(&bytes).ok()))
    }

    fn is_signed(&self) -> bool {
        self.signature == [0x55, 0xaa]
    }

    /// Whether it has the entry that says that there is a GPT.
    pub(super) fn announces_gpt(&self) -> bool {
        self.is_table() && self.entries.iter().any(|entry| entry.os_type == GPT_PROTECTIVE)
    }

    /// Whether its four entries can be a table at all. Where a file system or a boot loader lies, they hold a program.
    fn is_table(&self) -> bool {
        self.entries.iter().all(|entry| matches!(entry.boot_indicator, 0 | 0x80))
    }

    /// Whether it is the boot sector of a FAT (of the whole disk: a superfloppy), by its parameters.
    fn is_fat(&self) -> bool {
        let code = &self.boot_code;
        let [bytes_low, bytes_high, per_cluster, reserved_low, reserved_high, fats] =
            [code[11], code[12], code[13], code[14], code[15], code[16]];
        matches!(code[0], 0xeb | 0xe9)
            && matches!(u16::from_le_bytes([bytes_low, bytes_high]), 512 | 1024 | 2048 | 4096)
            && per_cluster.is_power_of_two()
            && [reserved_low, reserved_high] != [0, 0]
            && matches!(fats, 1 | 2)
            && matches!(code[21], 0xf0 | 0xf8..=0xff)
    }

    /// Tells in `table`, a GPT, which of its partitions this MBR shows, too.
    pub(super) fn compare(&self, sector: u64, table: &mut Table) {
        for (index, entry) in (1..).zip(&self.entries) {
            if entry.os_type == GPT_PROTECTIVE {
                // Linux and most firmware look for the GPT only where the protective entry begins right behind the MBR.
                if entry.first_lba != 1 {
                    let first = entry.first_lba;
                    table
                        .notes
                        .push(format!("the protective entry {index} of the MBR begins at sector {first}, not 1"));
                }
                continue;
            }
            if !entry.is_used() {
                continue;
            }
            table.kind = TableKind::Hybrid;
            let (offset, end) = entry.range(0, sector);
            let shown = |partition: &&mut Partition| (partition.offset, partition.size) == (offset, end - offset);
            match table.partitions.iter_mut().find(shown) {
                Some(partition) => partition.mbr_type = Some(entry.os_type),
                None => table.notes.push(format!(
                    "entry {index} of the MBR shows byte {offset} to {end}, and no partition of the GPT is there"
                )),
            }
        }
    }
}

/// The table in an MBR that announces no GPT; `None` when there is no partition in it.
pub(super) fn table(source: &Source, record: &BootRecord) -> Result<Option<Table>, OpenError> {
    if !record.is_table() || !record.entries.iter().any(Entry::is_used) {
        return Ok(None);
    }
    let sector = sector_size(source, record)?;
    // In a FAT's boot sector the entries are its program, most of the time: they mean a table only if they make sense.
    if record.is_fat() {
        let sound = |entry: &Entry| entry.first_lba != 0 && entry.range(0, sector).1 <= source.size();
        if !record.entries.iter().filter(|entry| entry.is_used()).all(sound) {
            return Ok(None);
        }
    }
    let mut reader = Reader { source, disk_signature: record.disk_signature.get(), sector, partitions: Vec::new() };
    let mut primary = Vec::new();
    for (index, entry) in (1..).zip(&record.entries) {
        if !entry.is_used() {
            continue;
        }
        let (offset, end) = entry.range(0, sector);
        if offset == 0 {
            let place = format!("partition {index}");
            return Err(OpenError::damaged_at(LAYER, place, "it begins at sector 0, where the table is"));
        }
        let who = if entry.is_extended() { "the extended partition" } else { "partition" };
        primary.push(Claim { who: format!("{who} {index}"), offset, end });
        if !entry.is_extended() {
            reader.push(index, entry, 0);
        }
    }
    check(LAYER, source.size(), primary)?;
    for entry in record.entries.iter().filter(|entry| entry.is_used() && entry.is_extended()) {
        reader.logical(u64::from(entry.first_lba.get()))?;
    }
    // Once more, since the chain of logical partitions can lead anywhere.
    check(LAYER, source.size(), reader.partitions.iter().map(Claim::of).collect())?;
    let mut notes = Vec::new();
    if sector != SECTOR as u64 {
        notes.push(format!("its sectors were taken for {sector} bytes, since its partitions begin there"));
    }
    Ok(Some(Table { kind: TableKind::Mbr, partitions: reader.partitions, notes }))
}

struct Reader<'a> {
    source: &'a Source,
    disk_signature: u32,
    sector: u64,
    partitions: Vec<Partition>,
}

impl Reader<'_> {
    /// Adds the partition of an entry that is counted from sector `base`.
    fn push(&mut self, index: u32, entry: &Entry, base: u64) {
        let (offset, end) = entry.range(base, self.sector);
        self.partitions.push(Partition {
            index,
            partuuid: format!("{:08x}-{index:02x}", self.disk_signature),
            name: String::new(),
            type_guid: None,
            mbr_type: Some(entry.os_type),
            offset,
            size: end - offset,
        });
    }

    /// Follows the chain of an extended partition that begins at sector `start`.
    fn logical(&mut self, start: u64) -> Result<(), OpenError> {
        let mut visited = Vec::new();
        let mut at = start;
        loop {
            // Sums of two 32-bit numbers, times 4096.
            let place = at * self.sector;
            let damaged = |reason: &str| {
                OpenError::damaged_at(
                    LAYER,
                    format_args!("byte {place}"),
                    format_args!("the chain of logical partitions {reason}"),
                )
            };
            if visited.contains(&at) {
                return Err(damaged("goes in a circle"));
            }
            if visited.len() == MAX_LOGICAL {
                return Err(damaged("has more than 256 links"));
            }
            let Some(record) = BootRecord::read_at(self.source, place)? else {
                return Err(damaged("leaves the image: truncated?"));
            };
            if !record.is_signed() {
                // Some tools leave the first sector of an extended partition as it was until there is a logical one.
                return if visited.is_empty() { Ok(()) } else { Err(damaged("lacks its signature `55aa`")) };
            }
            visited.push(at);
            for entry in record.entries.iter().filter(|entry| entry.is_used() && !entry.is_extended()).take(2) {
                let index = self.partitions.iter().map(|partition| partition.index).max().unwrap_or(0).max(4) + 1;
                self.push(index, entry, at);
            }
            // A link is counted from the beginning of the extended partition, and a partition from that of its record.
            match record.entries.iter().find(|entry| entry.is_used() && entry.is_extended()) {
                Some(next) => at = start + u64::from(next.first_lba.get()),
                None => return Ok(()),
            }
        }
    }
}

/// The table counts in sectors and does not say how large they are: 4096 bytes, if more of its partitions begin with something
/// known when it is taken like that.
fn sector_size(source: &Source, record: &BootRecord) -> Result<u64, OpenError> {
    let mut known = [0; 2];
    for (sector, known) in super::SECTOR_SIZES.into_iter().zip(&mut known) {
        for entry in record.entries.iter().filter(|entry| entry.is_used()) {
            let (offset, end) = entry.range(0, sector);
            if end <= source.size() && begins_known(source, offset)? {
                *known += 1;
            }
        }
    }
    let [small, large] = super::SECTOR_SIZES;
    Ok(if known[1] > known[0] { large } else { small })
}

/// Whether a boot sector, an ext superblock or a squashfs begins there.
fn begins_known(source: &Source, offset: u64) -> Result<bool, OpenError> {
    let Some(start) = bytes(source, LAYER, offset, 2048)? else { return Ok(false) };
    let at = |place: usize, magic: &[u8]| start.get(place..).is_some_and(|rest| rest.starts_with(magic));
    Ok(at(510, &[0x55, 0xaa]) || at(1024 + 56, &[0x53, 0xef]) || at(0, b"hsqs"))
}
