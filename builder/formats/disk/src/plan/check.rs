//! What can be refused before anything has a place.

use std::collections::BTreeSet;

use crate::format::{EXTENDED, GPT_PROTECTIVE};
use crate::{Blob, Options, Partition, PlanError, Table};

/// Refuses what `options.table` cannot say of the partitions, and what has no bytes.
pub(super) fn check(partitions: &[Partition<'_>], blobs: &[Blob<'_>], options: &Options) -> Result<(), PlanError> {
    let table = options.table;
    if partitions.len() > table.capacity() {
        return Err(PlanError::TooManyPartitions { table, given: partitions.len() });
    }
    if let Some(empty) = partitions.iter().find(|partition| partition.image.size().get() == 0) {
        return Err(PlanError::EmptyPartition(empty.name.clone()));
    }
    if let Some(empty) = blobs.iter().find(|blob| blob.image.size().get() == 0) {
        return Err(PlanError::EmptyBlob(empty.name.clone()));
    }
    let shown: Vec<&Partition<'_>> = match table {
        Table::Gpt => return gpt(partitions, options),
        Table::Mbr => partitions.iter().collect(),
        Table::Hybrid => {
            gpt(partitions, options)?;
            partitions.iter().filter(|partition| partition.hybrid).collect()
        }
    };
    if table == Table::Hybrid {
        match shown.len() {
            0 => return Err(PlanError::NothingShown),
            1..=3 => {}
            more => return Err(PlanError::TooManyShown(more)),
        }
    }
    mbr(&shown, options)
}

fn gpt(partitions: &[Partition<'_>], options: &Options) -> Result<(), PlanError> {
    let mut guids = BTreeSet::from([options.disk_guid]);
    for partition in partitions {
        if partition.name.encode_utf16().count() > 36 {
            return Err(PlanError::NameTooLong(partition.name.clone()));
        }
        if !guids.insert(partition.guid) {
            return Err(PlanError::RepeatedGuid(partition.guid));
        }
    }
    Ok(())
}

/// What an MBR shows: everything, or a hybrid's part of it.
fn mbr(shown: &[&Partition<'_>], options: &Options) -> Result<(), PlanError> {
    if options.signature == 0 {
        return Err(PlanError::NoSignature);
    }
    for partition in shown {
        let mbr_type = partition.mbr_type;
        if mbr_type == 0 || mbr_type == GPT_PROTECTIVE || EXTENDED.contains(&mbr_type) {
            return Err(PlanError::ReservedType { name: partition.name.clone(), mbr_type });
        }
    }
    let mut active = shown.iter().filter(|partition| partition.active);
    match (active.next(), active.next()) {
        (Some(one), Some(other)) => Err(PlanError::TwoActive(one.name.clone(), other.name.clone())),
        _ => Ok(()),
    }
}
