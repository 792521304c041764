//! Partition tables.

use rootsmith_types::Uuid;

use crate::{OpenError, Source};

/// A disk's partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Which kind.
    pub kind: TableKind,
    /// In the order of the table; an extended partition itself is not in it, its logical ones are.
    pub partitions: Vec<Partition>,
    /// What is not as it should be and does not hinder: `the backup table is missing`.
    pub notes: Vec<String>,
}

/// What a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// GUID partition table (UEFI 2.10, 5.3).
    Gpt,
    /// Master boot record.
    Mbr,
    /// A GUID partition table, and an MBR that shows some of its partitions.
    Hybrid,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// From 1 on, as Linux counts them; logical ones from 5.
    pub index: u32,
    /// `PARTUUID`, as Linux spells it: a GUID, or `1234abcd-02` for an MBR's.
    pub partuuid: String,
    /// `PARTLABEL`; empty in an MBR.
    pub name: String,
    /// A GPT's.
    pub type_guid: Option<Uuid>,
    /// An MBR's.
    pub mbr_type: Option<u8>,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// In bytes.
    pub size: u64,
}

/// The partition table of a disk; `None` when it has none.
pub(crate) fn table(_source: &Source) -> Result<Option<Table>, OpenError> {
    Ok(None)
}
