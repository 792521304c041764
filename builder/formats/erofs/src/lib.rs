//! EROFS: planned, then compressed on all cores and written in one pass.
//!
//! As with squashfs, what is stored and what is refused is settled in [`plan`], and how long it becomes is known once it is
//! compressed (`docs/decisions/0018-compressed-file-systems-have-no-size-beforehand.md`). The same tree and options give the same
//! bytes, on any number of cores. `docs/formats/erofs.md` says what is left out.
//!
//! ```
//! use rootsmith_erofs::{Compression, Options, plan};
//! use rootsmith_tree::{Metadata, NoBlobs, Tree};
//! use rootsmith_types::Uuid;
//!
//! let tree = Tree::new(Metadata::root(0o755, 0));
//! let plan = plan(&tree, &NoBlobs, &Options::new(Compression::Lz4, Uuid::new([1; 16]), 1_700_000_000))?;
//! let file = tempfile::tempfile()?;
//! let size = plan.write(&file)?;
//! assert_eq!(file.metadata()?.len(), size.get());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod collect;
mod compress;
mod contents;
mod directory;
mod error;
mod format;
mod lz4;
mod options;
mod pack;
mod plan;
mod write;
mod xattr;

pub use error::PlanError;
pub use options::{Compression, Options};
pub use plan::{Plan, plan};
