//! GUID partition tables, read by the `gpt` crate.

use std::fs::File;

use gpt::disk::LogicalBlockSize;
use gpt::header::{Header, read_header_from_arbitrary_device};
use gpt::partition::file_read_partitions;
use rootsmith_types::Uuid;

use crate::slice::Cursor;
use crate::{ReadBackError, Slice};

const BLOCK: u64 = 512;

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPartition {
    /// From 1 on, as Linux counts them.
    pub index: u32,
    /// What it is for.
    pub type_guid: Uuid,
    /// `PARTUUID`.
    pub guid: Uuid,
    /// `PARTLABEL`.
    pub name: String,
    /// Attribute bits.
    pub attributes: u64,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
}

/// The partitions of a disk, in their order in the table. Both copies of the table must be there and say the same.
pub fn partitions(image: &File) -> Result<Vec<FoundPartition>, ReadBackError> {
    let size = image.metadata()?.len();
    let damaged = |reason: &dyn std::fmt::Display| ReadBackError::Table(reason.to_string());
    let mut cursor = Cursor::new(Slice::new(image, 0, size));
    // The crate takes any size of entries for granted, so look before it does.
    let first = read_header_from_arbitrary_device(&mut cursor, LogicalBlockSize::Lb512).map_err(|it| damaged(&it))?;
    usual(&first)?;
    let disk = gpt::GptConfig::new().only_valid_headers(true).open_from_device(cursor).map_err(|it| damaged(&it))?;
    let primary = disk.primary_header().map_err(|it| damaged(&it))?.clone();
    let backup = disk.backup_header().map_err(|it| damaged(&it))?.clone();
    usual(&backup)?;
    let last = size / BLOCK - 1;
    let agree = (primary.current_lba, primary.backup_lba) == (1, last)
        && (backup.current_lba, backup.backup_lba) == (last, 1)
        && primary.disk_guid == backup.disk_guid
        && (primary.first_usable, primary.last_usable) == (backup.first_usable, backup.last_usable);
    let entries = disk.partitions().clone();
    let mut cursor = disk.take_device();
    let copy = file_read_partitions(&mut cursor, &backup, LogicalBlockSize::Lb512).map_err(|it| damaged(&it))?;
    if !agree || copy != entries {
        return Err(ReadBackError::Table("its two copies differ".to_owned()));
    }

    let mut found = Vec::new();
    for (index, entry) in entries {
        let inside = primary.first_usable <= entry.first_lba
            && entry.first_lba <= entry.last_lba
            && entry.last_lba <= primary.last_usable
            && primary.last_usable < last;
        if !inside {
            return Err(ReadBackError::Table(format!("partition {index} is not on the disk")));
        }
        found.push(FoundPartition {
            index,
            type_guid: Uuid::new(*entry.part_type_guid.guid.as_bytes()),
            guid: Uuid::new(*entry.part_guid.as_bytes()),
            name: entry.name,
            attributes: entry.flags,
            // On the disk, so these fit.
            offset: entry.first_lba * BLOCK,
            length: (entry.last_lba - entry.first_lba + 1) * BLOCK,
        });
    }
    let mut places: Vec<(u64, u64)> = found.iter().map(|it| (it.offset, it.offset + it.length)).collect();
    places.sort_unstable();
    if places.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        return Err(ReadBackError::Table("partitions overlap".to_owned()));
    }
    Ok(found)
}

/// Entries of 128 bytes, at most as many as anybody writes.
fn usual(header: &Header) -> Result<(), ReadBackError> {
    if header.part_size == 128 && header.num_parts <= 1024 {
        Ok(())
    } else {
        Err(ReadBackError::Table("it has entries of an unusual size or number".to_owned()))
    }
}
