//! squashfs 4.0: planned, then compressed on all cores and written in one pass.
//!
//! What goes where is settled in [`plan`]: which contents are alike and stored once, which ends of files share a fragment, in
//! which order all of it comes. How long it becomes is known only once it is compressed, so a [`Plan`] is no
//! image with a size: it writes itself to a file and says how long that is
//! (`docs/decisions/0018-compressed-file-systems-have-no-size-beforehand.md`). The same tree and options give the same bytes, on
//! any number of cores. `docs/formats/squashfs.md` says what is left out.
//!
//! ```
//! use rootsmith_squashfs::{Compression, Options, plan};
//! use rootsmith_tree::{Metadata, NoBlobs, Tree};
//!
//! let tree = Tree::new(Metadata::root(0o755, 0));
//! let plan = plan(&tree, &NoBlobs, &Options::new(Compression::ZSTD, 1_700_000_000))?;
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
mod inode;
mod metadata;
mod options;
mod plan;
mod write;
mod xattr;

pub use error::PlanError;
pub use options::{Compression, Options};
pub use plan::{Plan, plan};
