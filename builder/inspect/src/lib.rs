//! Opens any image, without root and without mounting anything: its partitions, its file systems, its files.
//!
//! | module     | opens                                                | reader                                |
//! |------------|------------------------------------------------------|---------------------------------------|
//! | `qcow2`    | a qcow2 image as the raw disk in it                  | our own                               |
//! | `vmdk`, `vhd`, `vhdx`, `vdi` | the same for other virtual machines' disks | our own                       |
//! | `wrapped`  | disks that are compressed, or carried in an archive  | the others                            |
//! | `disk`     | partition tables: GPT, MBR, hybrid                   | our own                               |
//! | `ext4`     | ext2, ext3, ext4, with an unreplayed journal, too    | our own                               |
//! | `fat`      | FAT12, FAT16, FAT32                                  | `hadris-fat` for names, our own       |
//! | `squashfs` | squashfs 4                                           | our own                               |
//! | `erofs`    | EROFS, compressed or not                             | our own                               |
//! | `swap`     | swap areas, for what they say of themselves          | our own                               |
//! | `tar`      | tar: plain, gzip, xz, Zstandard                      | our own, `flate2`, `liblzma`, `zstd`  |
//! | `cpio`     | cpio: an initramfs, plain or compressed              | our own                               |
//! | `oci`      | an OCI image layout, its layers applied              | our own                               |
//! | `folder`   | a folder of the host                                 | `walkdir`, the host                   |
//!
//! Nothing is ever written to an image. Only metadata is read at first; contents are read where they lie when somebody asks
//! for them. Every byte is taken for hostile: sizes, counts, depths and offsets are bounded before anything is allocated.
//! The judges in the tests are other people's readers, `ext4-view` among them, and other people's writers.

mod broken;
mod compose;
mod cpio;
mod disk;
mod erofs;
mod error;
mod ext4;
mod fat;
mod folder;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod growing;
mod grows;
mod guess;
mod image;
#[cfg(test)]
mod judges;
mod mapped;
mod oci;
mod pages;
mod qcow2;
mod remembered;
mod source;
mod squashfs;
mod swap;
mod tar;
#[cfg(test)]
mod testing;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;
mod volume;
mod wrapped;

pub use compose::Composed;
pub use disk::{Partition, Table, TableKind};
pub use error::OpenError;
pub use image::Image;
pub use oci::{Bundle, BundledImage};
pub use source::{FileSource, Part, ReadAt, Source};
pub use swap::SwapArea;
pub use volume::{Files, Volume};
pub use wrapped::Disk;

/// Most entries of one file system; each costs some hundred bytes of memory.
pub(crate) const MAX_ENTRIES: usize = 4 << 20;
