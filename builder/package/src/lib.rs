//! What a distribution's indexes and archives look like: the only crate that knows one package format from another.

mod unpacked;

pub use unpacked::{Control, PackedEntry, PackedKind, Unpacked};
