//! A tree as a tar stream: ustar headers, with PAX records for what those cannot hold.
//!
//! Specification: POSIX.1-2024, `pax`, "ustar Interchange Format" and "pax Extended Header". Extended attributes are
//! `SCHILY.xattr.NAME` records, as GNU tar, libarchive and star read them.
//!
//! | entry            | path           | then                                         |
//! |------------------|----------------|----------------------------------------------|
//! | the root         | `./`           |                                              |
//! | a directory      | `./usr/bin/`   |                                              |
//! | a file           | `./usr/bin/sh` | its bytes, filled up to 512                  |
//! | a further name   | `./usr/bin/ls` | type 1, with the file's first name as target |
//! | end              |                | two blocks of zeros                          |
//!
//! Entries come sorted and parents first. Owners are numbers without names, as images know no other machine's accounts.

mod header;
mod pax;
mod write;

pub use write::{compress, write, write_zstd};

#[cfg(test)]
mod tests;
