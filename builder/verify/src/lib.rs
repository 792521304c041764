//! Reads an image back with somebody else's reader and compares what is found with what was wanted.
//!
//! | kind            | reader                       | cannot see                                              |
//! |-----------------|------------------------------|---------------------------------------------------------|
//! | ext4            | `ext4-view`                  | extended attributes, device numbers, hard links         |
//! | FAT             | `hadris-fat`                 | owners, modes; times are even seconds from 1980 on      |
//! | tar, `.tar.zst` | `tar`, `zstd`                | nothing: PAX records are parsed here, by their length   |
//! | OCI, `.oci.tar` | `tar`, `serde_json`, `zstd`  | as tar: every digest is recomputed                      |
//! | GPT, MBR        | `gpt`                        | boot code: it is no partition                           |
//!
//! What a reader cannot see is said by [`Seen`] and left out of the comparison; `e2fsck`, `debugfs` and their like judge that
//! in the tests. Contents are digested as they stream by, never held: the found tree names them as blobs, and a
//! [`ReadBack`] serves those, so that every check that ran on the wanted tree can run on what was read.

mod compare;
mod contents;
mod digest;
mod error;
mod ext4;
mod fat;
mod oci;
mod pax;
mod read_back;
mod slice;
mod table;
mod tar;

pub use compare::{Difference, What, compare, compare_seen};
pub use error::ReadBackError;
pub use oci::{FoundConfig, FoundImage, FoundRun, image};
pub use read_back::{Kind, ReadBack, Seen, Times, read_back};
pub use slice::Slice;
pub use table::{FoundPartition, PartitionType, partitions};

#[cfg(test)]
mod tests;
