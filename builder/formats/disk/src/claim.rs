//! Who takes which bytes of a disk.

use std::fmt;
use std::ops::Range;

use crate::{BLOCK, PlanError, Table};

/// Something that takes bytes of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The first copy of the partition table; the second one comes behind everything else.
    Table(Table),
    /// A partition, by its name.
    Partition(String),
    /// A blob, by its name.
    Blob(String),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Table(table) => write!(f, "the {table}"),
            Owner::Partition(name) => write!(f, "partition `{name}`"),
            Owner::Blob(name) => write!(f, "`{name}`"),
        }
    }
}

/// The bytes of a disk that something takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who.
    pub owner: Owner,
    /// Which bytes.
    pub range: Range<u64>,
}

impl fmt::Display for Claim {
    /// ``partition `root` (bytes 1048576 to 2097151, sectors 2048 to 4095)``: boards' manuals speak of either.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.range.start, self.range.end.saturating_sub(1));
        let (from, to) = (first / BLOCK, last / BLOCK);
        write!(f, "{} (bytes {first} to {last}, sectors {from} to {to})", self.owner)
    }
}

/// Refuses claims that share a byte. Tables and partitions are laid out one behind the other, so one of two is a blob.
pub(crate) fn check(mut claims: Vec<Claim>) -> Result<(), PlanError> {
    claims.sort_by_key(|claim| claim.range.start);
    // Sorted, and no overlap so far: the one before is also the one that ends last.
    for pair in claims.windows(2) {
        if let [before, after] = pair
            && after.range.start < before.range.end
        {
            let (blob, other) = match after.owner {
                Owner::Blob(_) => (after, before),
                _ => (before, after),
            };
            return Err(PlanError::Overlap { blob: blob.clone(), other: other.clone() });
        }
    }
    Ok(())
}
