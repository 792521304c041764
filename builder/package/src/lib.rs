//! What a distribution's indexes and archives look like: the only crate that knows one package format from another.
//!
//! [`Release`] and [`Index`] are a repository's own words about what it holds, [`unpack`] takes one archive apart into its
//! [`Unpacked`] form. Everything here is pure: bytes in, facts or a refusal out.

mod ar;
mod archive;
mod archive_error;
mod blocks;
mod compress;
mod date;
mod deb;
mod deb822;
mod decoded;
mod index;
mod index_error;
mod limits;
mod record;
mod relation;
mod release;
mod tar;
mod unpacked;
mod version;
mod zip;

pub use archive::{ArchiveKind, unpack_archive};
pub use archive_error::{ArchiveError, Defect};
pub use compress::{Compression, decompress};
pub use deb::{read_control_of, unpack};
pub use deb822::{BadLine, Fields, Stanza, Stanzas};
pub use index::{Index, IndexBuilder, Provider, RecordId, needed};
pub use index_error::IndexError;
pub use limits::Limits;
pub use record::{Field, PoolFile, Priority, Record};
pub use relation::{BadRelation, Clause, Relation, parse_relations};
pub use release::Release;
pub use unpacked::{BadUnpacked, Control, PackedEntry, PackedKind, Unpacked};
pub use version::{Comparison, Version};
