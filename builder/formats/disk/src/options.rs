//! What concerns a disk as a whole.

use std::fmt;

use rootsmith_types::{NumBytes, Uuid};

/// Bytes in a logical block.
pub const BLOCK: u64 = 512;

/// Bytes in front of the disk's signature and the partition records.
pub const BOOT_CODE: usize = 440;

/// Kinds of partition tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// A GUID partition table behind a protective MBR.
    Gpt,
    /// A master boot record with up to four partitions.
    Mbr,
    /// A GUID partition table, and an MBR that shows up to three of its partitions to boot ROMs that know nothing else.
    Hybrid,
}

impl Table {
    /// Every kind.
    pub const ALL: [Table; 3] = [Table::Gpt, Table::Mbr, Table::Hybrid];

    /// What the table takes at the beginning of the disk: one block, or 34.
    pub const fn head(self) -> NumBytes {
        match self {
            Table::Mbr => NumBytes::new(BLOCK),
            Table::Gpt | Table::Hybrid => NumBytes::new(34 * BLOCK),
        }
    }

    /// What it takes at the end: nothing, or the backup's 33 blocks.
    pub const fn tail(self) -> NumBytes {
        match self {
            Table::Mbr => NumBytes::new(0),
            Table::Gpt | Table::Hybrid => NumBytes::new(33 * BLOCK),
        }
    }

    /// How many partitions it has room for.
    pub const fn capacity(self) -> usize {
        match self {
            Table::Mbr => 4,
            Table::Gpt | Table::Hybrid => 128,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Table::Gpt => "GPT",
            Table::Mbr => "MBR",
            Table::Hybrid => "hybrid GPT",
        })
    }
}

/// How large a disk becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// It ends behind what comes last, at a multiple of the alignment.
    Minimal,
    /// The same, rounded up to a power of two, as QEMU wants its SD cards.
    PowerOfTwo,
}

/// What concerns the disk as a whole.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which kind of table.
    pub table: Table,
    /// A GPT's own GUID; an MBR has none.
    pub disk_guid: Uuid,
    /// An MBR's signature, of which Linux makes its partitions' `PARTUUID`: not zero. In a plain GPT's MBR it is zero, whatever
    /// is asked for.
    pub signature: u32,
    /// Each partition starts and ends at a multiple of this, and so does the disk. A power of two, at least one block.
    pub align: NumBytes,
    /// The first partition begins at the first multiple of `align` here or later: room for boot code, where a board has such.
    /// Zero: as early as the table allows.
    pub first: NumBytes,
    /// How large the disk becomes.
    pub size: Size,
    /// The disk's size is a whole number of these bytes, a power of two: clouds count in GiB.
    pub unit: NumBytes,
    /// What a BIOS runs, at the beginning of the first block; zeros are none.
    pub boot_code: [u8; BOOT_CODE],
}

impl Options {
    /// A GPT disk as small as can be, its partitions aligned to 1 MiB as every partitioning tool does today.
    pub fn new(disk_guid: Uuid) -> Options {
        Options {
            table: Table::Gpt,
            disk_guid,
            signature: 0,
            align: NumBytes::mib(1),
            first: NumBytes::new(0),
            size: Size::Minimal,
            unit: NumBytes::new(1),
            boot_code: [0; BOOT_CODE],
        }
    }
}
