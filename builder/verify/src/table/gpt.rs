//! GUID partition tables, both copies.

use gpt::disk::LogicalBlockSize;
use gpt::header::{Header, read_header_from_arbitrary_device};
use gpt::partition::file_read_partitions;
use rootsmith_types::Uuid;

use super::{BLOCK, FoundPartition, PartitionType, damaged};
use crate::slice::Cursor;
use crate::{ReadBackError, Slice};

/// The partitions of the GPT, of which both copies say the same.
pub(super) fn partitions(disk: Slice<'_>) -> Result<Vec<FoundPartition>, ReadBackError> {
    let size = disk.length();
    let mut cursor = Cursor::new(disk);
    // The crate takes any size of entries for granted, so look before it does.
    let first = read_header_from_arbitrary_device(&mut cursor, LogicalBlockSize::Lb512).map_err(damaged)?;
    usual(&first)?;
    let disk = gpt::GptConfig::new().only_valid_headers(true).open_from_device(cursor).map_err(damaged)?;
    let primary = disk.primary_header().map_err(damaged)?.clone();
    let backup = disk.backup_header().map_err(damaged)?.clone();
    usual(&backup)?;
    let last = size / BLOCK - 1;
    let agree = (primary.current_lba, primary.backup_lba) == (1, last)
        && (backup.current_lba, backup.backup_lba) == (last, 1)
        && primary.disk_guid == backup.disk_guid
        && (primary.first_usable, primary.last_usable) == (backup.first_usable, backup.last_usable);
    let entries = disk.partitions().clone();
    let mut cursor = disk.take_device();
    let copy = file_read_partitions(&mut cursor, &backup, LogicalBlockSize::Lb512).map_err(damaged)?;
    if !agree || copy != entries {
        return Err(damaged("its two copies differ"));
    }

    let mut found = Vec::new();
    for (index, entry) in entries {
        let inside = primary.first_usable <= entry.first_lba
            && entry.first_lba <= entry.last_lba
            && entry.last_lba <= primary.last_usable
            && primary.last_usable < last;
        if !inside {
            return Err(damaged(format_args!("partition {index} is not on the disk")));
        }
        found.push(FoundPartition {
            index,
            partition_type: PartitionType::Guid(Uuid::new(*entry.part_type_guid.guid.as_bytes())),
            partuuid: Uuid::new(*entry.part_guid.as_bytes()).to_string(),
            name: entry.name,
            attributes: entry.flags,
            active: false,
            hybrid: None,
            // On the disk, so these fit.
            offset: entry.first_lba * BLOCK,
            length: (entry.last_lba - entry.first_lba + 1) * BLOCK,
        });
    }
    Ok(found)
}

/// Entries of 128 bytes, at most as many as anybody writes.
fn usual(header: &Header) -> Result<(), ReadBackError> {
    if header.part_size == 128 && header.num_parts <= 1024 {
        Ok(())
    } else {
        Err(damaged("it has entries of an unusual size or number"))
    }
}
