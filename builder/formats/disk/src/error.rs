//! Why partitions and blobs do not make a disk.

use std::fmt;

use rootsmith_types::{Blame, Explain, NumBytes, Subject, Uuid};

use crate::{Claim, Owner, Table};

/// Why partitions and blobs do not make a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// More than the table has room for.
    TooManyPartitions {
        /// Which table.
        table: Table,
        /// How many there are.
        given: usize,
    },
    /// A hybrid MBR has room for three partitions beside the GPT.
    TooManyShown(usize),
    /// A hybrid MBR that shows no partition: a plain GPT.
    NothingShown,
    /// A partition without a single byte.
    EmptyPartition(String),
    /// A blob without a single byte.
    EmptyBlob(String),
    /// A GPT's entry has room for 36 UTF-16 units.
    NameTooLong(String),
    /// Two things on one disk with one GUID.
    RepeatedGuid(Uuid),
    /// Signature zero: an MBR without one.
    NoSignature,
    /// A type that an MBR keeps for something else than a partition.
    ReservedType {
        /// The partition.
        name: String,
        /// `00`, `05`, `0f`, `85` or `ee`.
        mbr_type: u8,
    },
    /// An MBR has one partition to boot from.
    TwoActive(String, String),
    /// An MBR counts sectors with 32 bits.
    PastMbr(Claim),
    /// A blob lies where something else is.
    Overlap {
        /// The blob.
        blob: Claim,
        /// The table, a partition or another blob, which begins before it if so.
        other: Claim,
    },
    /// Not a power of two of at least one block.
    Alignment(NumBytes),
    /// Past 2^64 bytes.
    TooLarge,
    /// The tables could not be made, though everything was checked.
    Tables(String),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::TooManyPartitions { table, given } => {
                write!(f, "{given} partitions, where a {table} has room for {}", table.capacity())
            }
            PlanError::TooManyShown(given) => {
                write!(f, "{given} partitions for a hybrid MBR, which has room for 3 beside the GPT")
            }
            PlanError::NothingShown => f.write_str("no partition for a hybrid MBR to show"),
            PlanError::EmptyPartition(name) => write!(f, "partition `{name}` is empty"),
            PlanError::EmptyBlob(name) => write!(f, "`{name}` is empty"),
            PlanError::NameTooLong(name) => write!(f, "partition name `{name}` is longer than 36 UTF-16 units"),
            PlanError::RepeatedGuid(guid) => write!(f, "GUID `{guid}` is used twice on one disk"),
            PlanError::NoSignature => f.write_str("MBR without a signature"),
            PlanError::ReservedType { name, mbr_type } => {
                let meaning = match mbr_type {
                    0x00 => "an unused record",
                    0xee => "a GPT",
                    _ => "logical partitions",
                };
                write!(f, "partition `{name}` has type `{mbr_type:02x}`, which means {meaning} in an MBR")
            }
            PlanError::TwoActive(one, other) => {
                write!(f, "partitions `{one}` and `{other}` are both the active one")
            }
            PlanError::PastMbr(claim) => write!(f, "{claim} is past 2 TiB, where an MBR cannot count"),
            PlanError::Overlap { blob, other } => write!(f, "{blob} overlaps {other}"),
            PlanError::Alignment(align) => {
                write!(f, "alignment of {align} is not a power of two of at least 512 bytes")
            }
            PlanError::TooLarge => f.write_str("disk is too large"),
            PlanError::Tables(reason) => write!(f, "internal error: no partition table: {reason}"),
        }
    }
}

impl std::error::Error for PlanError {}

impl Explain for PlanError {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        let text = match self {
            PlanError::TooManyPartitions { table: Table::Mbr, .. } => {
                "use `table = \"gpt\"` if the board can boot from one, or put several file systems' contents into one partition"
            }
            PlanError::TooManyPartitions { .. } => "put several file systems' contents into one partition",
            PlanError::TooManyShown(_) => "show only what the board's firmware reads itself; Linux reads the GPT",
            PlanError::NothingShown => "mark the partition that the board's firmware reads, or use `table = \"gpt\"`",
            PlanError::EmptyPartition(_) => "give the partition a size, or leave it out",
            PlanError::EmptyBlob(_) => "look whether the file was built or fetched whole, or leave it out",
            PlanError::NameTooLong(_) => "choose a shorter partition name",
            PlanError::ReservedType { .. } => {
                "choose what is in the partition: `0c` for FAT, `83` for Linux, `ef` for an EFI system partition"
            }
            PlanError::TwoActive(..) => "mark the one that the board's firmware boots from",
            PlanError::PastMbr(_) => "make the partitions smaller, or use `table = \"gpt\"`",
            PlanError::Overlap { blob, other } => return Some(separate(blob, other)),
            PlanError::TooLarge => "make the partitions smaller",
            PlanError::RepeatedGuid(_) | PlanError::NoSignature | PlanError::Alignment(_) | PlanError::Tables(_) => {
                return None;
            }
        };
        Some(text.to_owned())
    }

    fn blame(&self) -> Blame {
        match self {
            PlanError::RepeatedGuid(_) | PlanError::NoSignature | PlanError::Alignment(_) | PlanError::Tables(_) => {
                Blame::Ours
            }
            _ => Blame::Inputs,
        }
    }
}

/// What helps against an overlap.
fn separate(blob: &Claim, other: &Claim) -> String {
    match &other.owner {
        Owner::Table(Table::Mbr) => "the first sector holds the table: begin at byte 512 (sector 1) or later".to_owned(),
        Owner::Table(Table::Gpt | Table::Hybrid) => {
            "use `table = \"mbr\"`, which takes sector 0 alone, or another place where the board looks, from sector 34 on: \
             Allwinner's, from H3 and A64 on, also look at byte 131072 (sector 256)"
                .to_owned()
        }
        Owner::Partition(_) => {
            format!("let the first partition begin at byte {} or later, or move {}", blob.range.end, blob.owner)
        }
        Owner::Blob(_) => {
            let (before, after) = if blob.range.start < other.range.start { (blob, other) } else { (other, blob) };
            let end = before.range.end;
            format!("move one of the two: {} ends before byte {end}, so {} can begin there", before.owner, after.owner)
        }
    }
}
