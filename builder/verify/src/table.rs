//! Partition tables, read by the `gpt` crate: GPT, MBR, and hybrids of both.
//!
//! | the MBR has                       | partitions are read from | and then                                            |
//! |-----------------------------------|--------------------------|-----------------------------------------------------|
//! | one record, of type EE            | the GPT, both copies     | it has to cover the disk                            |
//! | a record of type EE, and others   | the GPT, both copies     | the others have to show partitions of the GPT       |
//! | other records, or none            | the MBR                  |                                                     |
//!
//! So does Linux tell them apart (`block/partitions/efi.c`). What lies between partitions, boot code for example, is read as a
//! [`Slice`] of the image.

mod gpt;
mod mbr;
#[cfg(test)]
mod tests;

use std::fs::File;

use rootsmith_types::Uuid;

use crate::{ReadBackError, Slice};

const BLOCK: u64 = 512;

/// What a table says a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionType {
    /// A GPT's.
    Guid(Uuid),
    /// An MBR's.
    Mbr(u8),
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPartition {
    /// From 1 on, as Linux counts them.
    pub index: u32,
    /// What it is for.
    pub partition_type: PartitionType,
    /// `PARTUUID` as Linux spells it: a GUID in lower case, or `1234abcd-02` in an MBR.
    pub partuuid: String,
    /// `PARTLABEL`; empty in an MBR, which has none.
    pub name: String,
    /// Attribute bits; zero in an MBR, which has none.
    pub attributes: u64,
    /// An MBR, or a hybrid's, says to boot from it.
    pub active: bool,
    /// The type with which a hybrid's MBR shows it, too.
    pub hybrid: Option<u8>,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
}

/// The partitions of a disk, in their order in the table. Both copies of a GPT must be there and say the same.
pub fn partitions(image: &File) -> Result<Vec<FoundPartition>, ReadBackError> {
    let disk = Slice::new(image, 0, image.metadata()?.len());
    let record = mbr::BootRecord::read(disk)?;
    let found = if record.announces_gpt() {
        let mut found = gpt::partitions(disk)?;
        record.compare(disk, &mut found)?;
        found
    } else {
        record.partitions()?
    };
    let mut places: Vec<(u64, u64)> = found.iter().map(|it| (it.offset, it.offset + it.length)).collect();
    places.sort_unstable();
    if places.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        return Err(damaged("partitions overlap"));
    }
    Ok(found)
}

fn damaged(reason: impl std::fmt::Display) -> ReadBackError {
    ReadBackError::Table(reason.to_string())
}
