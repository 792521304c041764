//! One `[[output]]` of a profile to one file, under a temporary name until everything about it was checked.
//!
//! [`Staging`] is the folder beside the final one that a build writes into; [`Staging::publish`] gives the files their
//! names, the manifest last. [`write_disk`], [`write_tar`], [`write_oci`], [`write_squashfs`] and [`write_cpio`] fill
//! one file each.

mod bios;
mod cpio;
mod disk;
mod error;
mod formats;
mod oci;
mod root;
mod sink;
mod squashfs;
mod staging;
mod tar;

pub use bios::core_sector;
pub use cpio::write_cpio;
pub use disk::{DiskIds, DiskInput, DiskLayout, RawPiece, names, partuuid, root_size, write_disk};
pub use error::OutputError;
pub use formats::DiskFile;
pub use oci::{OciInput, write_oci};
pub use root::{MadeRoot, make_root};
pub use rootsmith_cpio::attributes_lost;
pub use squashfs::{for_squashfs, write_squashfs};
pub use staging::Staging;
pub use tar::write_tar;
