//! The file tree of an image, in memory: metadata and the places of contents, never whole packages.
//!
//! Directories are sorted maps from a name to a child; everything that is not a directory is a *leaf* in one flat table,
//! so that hard links share a [`LeafId`] and a writer sees each content once. Contents are small bytes ([`Content::Inline`]),
//! a slice of something in the cache ([`Blob`]), or a file with holes ([`Sparse`]).

mod blobs;
mod content;
mod digest;
mod dump;
mod name;
mod node;
mod split;
#[cfg(feature = "testing")]
pub mod testing;
mod tree;

pub use bytes::Bytes;

pub use blobs::{Blobs, DerivedKey, NoBlobs};
pub use content::{Blob, Content, PackId, Run, Sparse};
pub use node::{Metadata, Mtime, Node, NodeKind};
pub use split::SplitError;
pub use tree::{Entry, LeafId, Tree, TreeError};
