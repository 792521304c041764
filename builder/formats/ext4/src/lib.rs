//! ext4, planned and then written in one ascending pass.
//!
//! The features are those of Debian 13's `mke2fs` with blocks of 4 KiB: journal, extents, hash tree directories, metadata
//! checksums, 64-bit group descriptors, blocks reserved so that the filesystem grows online. Nothing depends on a clock or on
//! chance: the same tree and options give the same bytes. `docs/formats/ext4.md` says what is left out.
//!
//! ```
//! use rootsmith_ext4::{Options, Size, plan};
//! use rootsmith_ondisk::Memory;
//! use rootsmith_tree::{Metadata, NoBlobs, Tree};
//! use rootsmith_types::{NumBytes, Uuid};
//!
//! let tree = Tree::new(Metadata::root(0o755, 0));
//! let options = Options::new(Uuid::new([1; 16]), Uuid::new([2; 16]), Size::Fixed(NumBytes::mib(16)));
//! let plan = plan(&tree, &NoBlobs, &options)?;
//! let image = Memory::of(&plan)?;
//! assert_eq!(image.len(), 16 << 20);
//! assert_eq!(image[1080..1082], [0x53, 0xEF]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod allocate;
mod checksum;
mod contents;
mod directory;
mod error;
mod extent;
mod format;
mod geometry;
mod groups;
mod hash;
mod inode;
mod options;
mod plan;
mod superblock;
mod write;
mod xattr;

pub use error::PlanError;
pub use options::{Options, Size};
pub use plan::{Plan, plan};
