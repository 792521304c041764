//! A disk: an [`Image`](rootsmith_ondisk::Image) made of images, with a partition table and boot code at fixed places.
//!
//! Specification: UEFI 2.10, 5.2 "LBA 0 Format" and 5.3 "GUID Partition Table (GPT) Disk Layout", with 512-byte logical
//! blocks.
//!
//! | place                      | [`Table::Gpt`]          | [`Table::Hybrid`]               | [`Table::Mbr`]  |
//! |----------------------------|-------------------------|---------------------------------|-----------------|
//! | LBA 0                      | protective MBR          | MBR of partitions and the GPT   | MBR             |
//! | LBA 1, 2..34               | header, 128 entries     | the same                        | free            |
//! | from `first` on            | the partitions, each starting and ending aligned | the same | the same        |
//! | last 33 blocks of the disk | entries, backup header  | the same                        | free            |
//!
//! [`Blob`]s lie where the board's boot ROM looks for them, wherever nothing else is. GPTs are made by the `gpt` crate, MBRs
//! here. All identifiers come in; none is drawn.

#![warn(clippy::as_conversions, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::as_conversions, clippy::arithmetic_side_effects))]

mod claim;
mod error;
mod format;
mod gpt;
mod mbr;
mod options;
mod plan;
pub mod types;

pub use claim::{Claim, Owner};
pub use error::PlanError;
pub use options::{BLOCK, BOOT_CODE, Options, Size, Table};
pub use plan::{Blob, Partition, Plan, plan};
