//! FAT16 and FAT32 with long names, planned and then written in one pass.
//!
//! Specification: Microsoft "FAT: General Overview of On-Disk Format" 1.03 (`fatgen103`), also named by UEFI 2.10, 13.3.
//! Sectors have 512 bytes; integers are little-endian.
//!
//! | sectors                    | FAT16                      | FAT32                                       |
//! |----------------------------|----------------------------|---------------------------------------------|
//! | 0                          | [`format::BootSector16`]   | [`format::BootSector32`]                    |
//! | 1                          | reserved                   | [`format::FsInfo`]                          |
//! | 6, 7                       |                            | both once more                              |
//! | after the reserved sectors | two allocation tables      | two allocation tables                       |
//! | then                       | root directory, fixed size |                                             |
//! | then                       | clusters from number 2 on  | the same; the root directory is the first   |
//!
//! Which of the two a volume is follows from its number of clusters and nothing else (`fatgen103`, "FAT Type Determination").
//! Directories come first, then contents, each in one run of clusters, in the tree's order.

mod error;
pub mod format;
mod geometry;
mod name;
mod plan;
mod time;
mod write;

pub use error::{NameFault, PlanError};
pub use geometry::FatType;
pub use plan::{Options, Plan, Size, plan};

#[cfg(test)]
mod tests;
