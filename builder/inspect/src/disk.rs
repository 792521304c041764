//! Partition tables: GPT (UEFI 2.10, 5.3), MBR with logical partitions, hybrid MBR.
//!
//! | sector 0 shows                          | taken for                                              |
//! |-----------------------------------------|--------------------------------------------------------|
//! | a partition of type EE, and no other    | GPT; its backup where the primary is damaged           |
//! | a partition of type EE, and others      | hybrid: the GPT's partitions, and what the MBR shows   |
//! | other partitions                        | MBR                                                    |
//! | a FAT boot sector, or nothing of a kind | no table, unless a sound GPT stands behind it          |

mod gpt;
mod mbr;
#[cfg(test)]
mod tests;

use rootsmith_types::Uuid;

use self::mbr::BootRecord;
use crate::{OpenError, Source};

/// The sizes of a sector that disks have.
const SECTOR_SIZES: [u64; 2] = [512, 4096];

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
    /// An MBR's; of a hybrid, where the MBR shows the partition, too.
    pub mbr_type: Option<u8>,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// In bytes.
    pub size: u64,
}

/// The partition table of a disk; `None` when it has none, or one without a single partition in an MBR.
pub(crate) fn table(source: &Source) -> Result<Option<Table>, OpenError> {
    let Some(record) = BootRecord::read(source)? else {
        return gpt::unannounced(source, "there is no protective MBR");
    };
    if record.announces_gpt() {
        return gpt::table(source, &record).map(Some);
    }
    match mbr::table(source, &record)? {
        Some(mut table) => {
            // Sound or not: it is not what counts here.
            if !matches!(gpt::unannounced(source, ""), Ok(None)) {
                table
                    .notes
                    .push("there is a GPT, too, and Linux does not look at it: the MBR has no entry for it".into());
            }
            Ok(Some(table))
        }
        None => gpt::unannounced(source, "the MBR has no entry for the GPT"),
    }
}

/// A range of the disk that something claims.
#[derive(Debug, Clone)]
struct Claim {
    /// `partition 2`.
    who: String,
    offset: u64,
    /// Of the byte after the last.
    end: u64,
}

impl Claim {
    fn of(partition: &Partition) -> Claim {
        // Partitions are only made where the sum fits.
        let end = partition.offset.saturating_add(partition.size);
        Claim { who: format!("partition {}", partition.index), offset: partition.offset, end }
    }
}

/// Every claim has to lie in the image, and no two may touch the same byte.
fn check(layer: &'static str, size: u64, mut claims: Vec<Claim>) -> Result<(), OpenError> {
    // The one that ends last says best how much is missing.
    if let Some(last) = claims.iter().max_by_key(|claim| claim.end)
        && last.end > size
    {
        let reason = format!("the image ends at byte {size}, {} ends at byte {}: truncated?", last.who, last.end);
        return Err(OpenError::damaged(layer, reason));
    }
    claims.sort_by_key(|claim| claim.offset);
    // Sorted, and no overlap so far: the one before is also the one that ends last.
    for pair in claims.windows(2) {
        if let [before, after] = pair
            && after.offset < before.end
        {
            let (from, to) = (after.offset, before.end.min(after.end));
            let reason = format!("{} and {} overlap, from byte {from} to byte {to}", before.who, after.who);
            return Err(OpenError::damaged(layer, reason));
        }
    }
    Ok(())
}

/// `len` bytes from `offset` on; `None` where the image has fewer. The caller bounds `len`.
fn bytes(source: &Source, layer: &'static str, offset: u64, len: usize) -> Result<Option<Vec<u8>>, OpenError> {
    if offset.checked_add(len as u64).is_none_or(|end| end > source.size()) {
        return Ok(None);
    }
    let mut bytes = vec![0; len];
    source
        .read_at(offset, &mut bytes)
        .map_err(|error| OpenError::unread(layer, format_args!("byte {offset}"), error))?;
    Ok(Some(bytes))
}
