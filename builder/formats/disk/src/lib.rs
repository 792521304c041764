//! A disk with a GUID partition table (GPT): an [`Image`](rootsmith_ondisk::Image) made of images.
//!
//! Specification: UEFI 2.10, 5.2.3 "Protective MBR" and 5.3 "GUID Partition Table (GPT) Disk Layout", with 512-byte
//! logical blocks.
//!
//! | place                      | holds                                                |
//! |----------------------------|------------------------------------------------------|
//! | LBA 0                      | protective MBR                                       |
//! | LBA 1, 2..34               | header, 128 partition entries                        |
//! | from `align` on            | the partitions, each starting and ending aligned     |
//! | last 33 blocks of the disk | the entries once more, then the backup header        |
//!
//! The tables are made by the `gpt` crate. All GUIDs come in; none is drawn.

mod error;
mod plan;
mod table;
pub mod types;

pub use error::PlanError;
pub use plan::{BLOCK, Options, Partition, Plan, plan};
