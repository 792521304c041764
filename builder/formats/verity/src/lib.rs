//! dm-verity: a tree of hashes over an image, whose root, put where nobody can change it, vouches for every block.
//!
//! The size of the tree follows from the size of the data ([`plan`]), so a disk can be laid out before anything is hashed. Then the
//! data image streams through [`Plan::hash`]; what comes out is an image of its own, and the root hash. Format version 1 with
//! SHA-256 and blocks of 4 KiB, as `veritysetup` makes it: byte for byte the same. `docs/formats/verity.md` says more.
//!
//! ```
//! use rootsmith_ondisk::{Image, Sink};
//! use rootsmith_types::{NumBytes, Sha256Digest};
//! use rootsmith_verity::{Options, plan};
//!
//! struct Zeros;
//! impl Image for Zeros {
//!     fn size(&self) -> NumBytes { NumBytes::mib(1) }
//!     fn write(&self, _: &mut dyn Sink) -> std::io::Result<()> { Ok(()) }
//! }
//! let plan = plan(Zeros.size(), &Options::derive(&Sha256Digest::of(b"lock")))?;
//! let tree = plan.hash(&Zeros)?;
//! // The superblock, one block of roots, two blocks of 128 hashes.
//! assert_eq!(tree.size().get(), 4 * 4096);
//! assert_eq!(tree.partition_uuids().0.as_bytes(), &tree.root_hash().as_bytes()[..16]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod format;
mod hash;
mod plan;
mod write;

pub use error::PlanError;
pub use plan::{Options, Plan, plan};
pub use write::HashTree;
