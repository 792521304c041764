//! One `[[output]]` of a profile to one file, under a temporary name until everything about it was checked.
//!
//! [`Staging`] is the folder beside the final one that a build writes into; [`Staging::publish`] gives the files their
//! names, the manifest last. [`write_disk`] and [`write_tar`] fill one file each.

mod disk;
mod error;
mod sink;
mod staging;
mod tar;

pub use disk::{DiskIds, DiskInput, DiskLayout, names, root_size, write_disk};
pub use error::OutputError;
pub use staging::Staging;
pub use tar::write_tar;
