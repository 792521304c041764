//! GUID partition tables.
//!
//! Specification: UEFI 2.10, 5.3 "GUID Partition Table (GPT) Disk Layout". Integers are little-endian. What Linux would make of
//! a table (`block/partitions/efi.c`) decides what is said of it.

use std::fmt::Write;

use flate2::Crc;
use rootsmith_types::Uuid;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout};

use super::mbr::BootRecord;
use super::{Claim, Partition, SECTOR_SIZES, Table, TableKind, bytes, check};
use crate::{OpenError, Source};

const LAYER: &str = "GPT";
const SIGNATURE: [u8; 8] = *b"EFI PART";
/// Most entries that are read; tools make 128, and 1024 on request.
const MAX_ENTRIES: u32 = 1024;
/// The largest entry; every tool makes them of 128 bytes, and Linux reads no others.
const MAX_ENTRY_SIZE: u32 = 4096;
const ENTRY_SIZE: u32 = 128;

/// GPT header (5.3.2), 92 bytes; the rest of its block is zero.
#[derive(Debug, Clone, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Header {
    signature: [u8; 8],
    revision: U32,
    /// Bytes that `header_crc32` covers.
    header_size: U32,

    /// Taken with this field zero.
    header_crc32: U32,
    reserved: U32,
    my_lba: U64,

    alternate_lba: U64,
    first_usable_lba: U64,

    last_usable_lba: U64,
    disk_guid: [u8; 16],
    partition_entry_lba: U64,

    number_of_partition_entries: U32,
    size_of_partition_entry: U32,
    partition_entry_array_crc32: U32,
}
const HEADER: usize = size_of::<Header>();
const _: () = assert!(HEADER == 92 && std::mem::offset_of!(Header, partition_entry_lba) == 72);

/// GPT partition entry (5.3.3).
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Entry {
    partition_type_guid: [u8; 16],

    unique_partition_guid: [u8; 16],

    starting_lba: U64,
    ending_lba: U64,

    attributes: U64,
    partition_name: [U16; 36],
}
const _: () = assert!(size_of::<Entry>() == ENTRY_SIZE as usize);

/// One of the two copies, its checksums right.
struct Copy {
    header: Header,
    entries: Vec<u8>,
    sector: u64,
}

/// What is wrong with a copy.
struct Fault {
    /// Where its header was looked for, in bytes.
    place: u64,
    sector: u64,
    /// At least the signature was there.
    signed: bool,
    /// Its header is sound, its entries are not.
    header: Option<Header>,
    reason: String,
}

/// The GPT that the MBR announces.
pub(super) fn table(source: &Source, record: &BootRecord) -> Result<Table, OpenError> {
    let mut notes = Vec::new();
    let copy = find(source, &mut notes)?;
    let mut table = read(source, &copy, notes)?;
    record.compare(copy.sector, &mut table);
    Ok(table)
}

/// A GPT that no MBR announces: it counts only when it is sound, since remains of old tables are common.
pub(super) fn unannounced(source: &Source, why: &str) -> Result<Option<Table>, OpenError> {
    for sector in SECTOR_SIZES {
        if let Ok(copy) = read_copy(source, sector, 1)? {
            let mut notes = vec![format!("{why}, so Linux does not look for partitions")];
            compare_backup(source, &copy, &mut notes)?;
            return read(source, &copy, notes).map(Some);
        }
    }
    Ok(None)
}

/// The primary copy, or the backup where that is damaged.
fn find(source: &Source, notes: &mut Vec<String>) -> Result<Copy, OpenError> {
    let mut faults = Vec::new();
    for sector in SECTOR_SIZES {
        match read_copy(source, sector, 1)? {
            Ok(copy) => {
                compare_backup(source, &copy, notes)?;
                return Ok(copy);
            }
            Err(fault) => faults.push(fault),
        }
    }
    let mut backups = Vec::new();
    for fault in &faults {
        // A sound header knows its backup's place. Otherwise it is the last sector.
        let named = fault.header.as_ref().map(|header| header.alternate_lba.get());
        let last = (source.size() / fault.sector).checked_sub(1);
        for lba in [named, last].into_iter().flatten().filter(|lba| *lba > 1) {
            match read_copy(source, fault.sector, lba)? {
                Ok(copy) => {
                    notes.push(format!(
                        "the primary table at byte {} is damaged ({}); its backup at byte {} was read",
                        fault.place,
                        fault.reason,
                        lba.saturating_mul(fault.sector)
                    ));
                    return Ok(copy);
                }
                Err(fault) => backups.push(fault),
            }
        }
    }
    let mut reason = String::new();
    for (copy, faults) in [("primary", faults), ("backup", backups)] {
        // Where there was anything like a header, that one is meant.
        if let Some(fault) = faults.iter().find(|fault| fault.signed).or(faults.first()) {
            let separator = if reason.is_empty() { "" } else { "; " };
            let _ = write!(reason, "{separator}its {copy} copy at byte {}: {}", fault.place, fault.reason);
        }
    }
    Err(OpenError::damaged(LAYER, reason))
}

/// Says in what the backup is not the same as `primary`.
fn compare_backup(source: &Source, primary: &Copy, notes: &mut Vec<String>) -> Result<(), OpenError> {
    let Copy { header, sector, .. } = primary;
    let (lba, size) = (header.alternate_lba.get(), source.size());
    let place = lba.saturating_mul(*sector);
    if place.saturating_add(*sector) > size {
        notes.push(format!("the backup table should be at byte {place}, the image ends at byte {size}: it was cut"));
        return Ok(());
    }
    if place < size / sector * sector - sector {
        notes.push(format!("the backup table is at byte {place}, not at the end at byte {size}: the image has grown"));
    }
    match read_copy(source, *sector, lba)? {
        Err(fault) => notes.push(format!("the backup table at byte {place} is damaged: {}", fault.reason)),
        Ok(copy) if copy.entries != primary.entries || copy.header.disk_guid != header.disk_guid => {
            notes.push(format!("the backup table at byte {place} has other partitions than the primary one"));
        }
        Ok(_) => {}
    }
    Ok(())
}

/// The copy whose header is at `lba`.
fn read_copy(source: &Source, sector: u64, lba: u64) -> Result<Result<Copy, Fault>, OpenError> {
    let place = lba.saturating_mul(sector);
    let fault = |reason: String| Fault { place, sector, signed: false, header: None, reason };
    // A sector is at most 4096 bytes.
    let Some(block) = bytes(source, LAYER, place, sector as usize)? else {
        return Ok(Err(fault(format!("the image ends at byte {}", source.size()))));
    };
    let Ok((header, _)) = Header::read_from_prefix(&block) else {
        return Ok(Err(fault("it is cut".to_owned())));
    };
    if header.signature != SIGNATURE {
        return Ok(Err(fault("it has no signature `EFI PART`".to_owned())));
    }
    let fault = |reason: String| Fault { place, sector, signed: true, header: None, reason };
    let header_size = header.header_size.get();
    let Some(covered) = block.get(..header_size as usize).filter(|covered| covered.len() >= HEADER) else {
        return Ok(Err(fault(format!("its header has {header_size} bytes, and 92 to {sector} are possible"))));
    };
    let mut covered = covered.to_vec();
    covered[16..20].fill(0);
    if let Err(reason) = compare_crc("header", &covered, header.header_crc32) {
        return Ok(Err(fault(reason)));
    }
    if header.my_lba.get() != lba {
        return Ok(Err(fault(format!("its header says that it is at LBA {}, and is at {lba}", header.my_lba))));
    }
    let (count, size) = (header.number_of_partition_entries.get(), header.size_of_partition_entry.get());
    if size < ENTRY_SIZE || !size.is_multiple_of(8) {
        return Ok(Err(fault(format!("its entries have {size} bytes, and 128 are needed"))));
    }
    if count > MAX_ENTRIES || size > MAX_ENTRY_SIZE {
        return Err(OpenError::unsupported(LAYER, format_args!("{count} entries of {size} bytes")));
    }
    let fault = |header: Header, reason: String| Fault { place, sector, signed: true, header: Some(header), reason };
    let array = header.partition_entry_lba.get().checked_mul(sector);
    // At most 4 MiB.
    let length = count as usize * size as usize;
    let entries = match array {
        Some(array) => bytes(source, LAYER, array, length)?,
        None => None,
    };
    let Some(entries) = entries else {
        let reason = format!("its entries at LBA {} are not in the image", header.partition_entry_lba);
        return Ok(Err(fault(header, reason)));
    };
    if let Err(reason) = compare_crc("entries", &entries, header.partition_entry_array_crc32) {
        return Ok(Err(fault(header, reason)));
    }
    Ok(Ok(Copy { header, entries, sector }))
}

fn compare_crc(what: &str, bytes: &[u8], wanted: U32) -> Result<(), String> {
    let mut crc = Crc::new();
    crc.update(bytes);
    let found = crc.sum();
    if found == wanted.get() {
        return Ok(());
    }
    Err(format!("the CRC-32 of its {what} is `{found:08x}`, it says `{wanted:08x}`"))
}

fn read(source: &Source, copy: &Copy, mut notes: Vec<String>) -> Result<Table, OpenError> {
    let Copy { header, entries, sector } = copy;
    let size = header.size_of_partition_entry.get();
    if size != ENTRY_SIZE {
        notes.push(format!("its entries have {size} bytes, and Linux reads only those of {ENTRY_SIZE}"));
    }
    let mut partitions = Vec::new();
    for (index, bytes) in (1..).zip(entries.chunks_exact(size as usize)) {
        // A chunk is never shorter than an entry.
        if let Ok((entry, _)) = Entry::ref_from_prefix(bytes)
            && let Some(partition) = partition(index, entry, *sector)?
        {
            let (first, last) = (header.first_usable_lba.get(), header.last_usable_lba.get());
            if entry.starting_lba.get() < first || entry.ending_lba.get() > last {
                notes.push(format!(
                    "partition {index} is not within LBA {first} to {last}, which the table calls usable"
                ));
            }
            partitions.push(partition);
        }
    }
    check(LAYER, source.size(), partitions.iter().map(Claim::of).collect())?;
    if header.last_usable_lba.get() >= source.size() / sector {
        let last = header.last_usable_lba;
        notes.push(format!(
            "the table calls LBA {last} usable, which is behind the image's end: Linux refuses the table"
        ));
    }
    Ok(Table { kind: TableKind::Gpt, partitions, notes })
}

/// `None` for an entry that is not used, or of no sector at all.
fn partition(index: u32, entry: &Entry, sector: u64) -> Result<Option<Partition>, OpenError> {
    if entry.partition_type_guid == [0; 16] {
        return Ok(None);
    }
    let (first, last) = (entry.starting_lba.get(), entry.ending_lba.get());
    let place = || format!("partition {index}");
    let Some(sectors) = last.checked_add(1).and_then(|end| end.checked_sub(first)) else {
        return Err(OpenError::damaged_at(LAYER, place(), format!("it begins at LBA {first} and ends at LBA {last}")));
    };
    if sectors == 0 {
        return Ok(None);
    }
    let (Some(offset), Some(size)) = (first.checked_mul(sector), sectors.checked_mul(sector)) else {
        return Err(OpenError::damaged_at(LAYER, place(), format!("LBA {last} is beyond any disk")));
    };
    let units = entry.partition_name.iter().map(|unit| unit.get()).take_while(|unit| *unit != 0);
    Ok(Some(Partition {
        index,
        partuuid: guid(&entry.unique_partition_guid).to_string(),
        name: char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
        type_guid: Some(guid(&entry.partition_type_guid)),
        mbr_type: None,
        offset,
        size,
    }))
}

/// A GUID's first three fields are little-endian on disk, and big-endian in its text (UEFI 2.10, appendix A).
fn guid(stored: &[u8; 16]) -> Uuid {
    let mut bytes = *stored;
    bytes[..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    Uuid::new(bytes)
}
