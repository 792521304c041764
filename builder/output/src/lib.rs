//! One `[[output]]` of a profile to one file, under a temporary name until everything about it was checked.
//!
//! [`Staging`] is the folder beside the final one that a build writes into; [`Staging::publish`] gives the files their
//! names, the manifest last. [`write_disk`], [`write_tar`], [`write_oci`], [`write_squashfs`], [`write_erofs`] and
//! [`write_cpio`] fill one file each.

mod bios;
mod cpio;
mod disk;
mod erofs;
mod error;
mod formats;
mod ids;
mod made;
mod oci;
mod sink;
mod squashfs;
mod staging;
mod tar;
mod volume;

pub use bios::core_sector;
pub use cpio::write_cpio;
pub use disk::{DiskInput, DiskLayout, RawPiece, Room, names, rooms, write_disk};
pub use erofs::write_erofs;
pub use error::OutputError;
pub use formats::DiskFile;
pub use ids::{DiskIds, PartitionIds, partuuid};
pub use made::{MadeRoot, RootInput, Stored, for_root, make_root};
pub use oci::{OciInput, write_oci};
pub use rootsmith_cpio::attributes_lost;
pub use sink::Follow;
pub use squashfs::{for_squashfs, write_squashfs};
pub use staging::{Staging, release};
pub use tar::write_tar;
