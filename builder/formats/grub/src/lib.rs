//! GRUB for a BIOS: boot sector and core image, made of the parts in `/usr/lib/grub/i386-pc` as `grub-mkimage` and
//! `grub-bios-setup` make them, and read back.
//!
//! | bytes of a core image | hold                                                                                 |
//! |-----------------------|--------------------------------------------------------------------------------------|
//! | 0..512                | `diskboot.img`; its last 12 bytes say where the rest is ([`format::Blocklist`])      |
//! | from 512 on           | `lzma_decompress.img`; it begins with a jump and [`format::Decompressor`]            |
//! | behind it             | the payload, as LZMA without a header                                                |
//!
//! | bytes of the payload  | hold                                                                                 |
//! |-----------------------|--------------------------------------------------------------------------------------|
//! | 0..                   | `kernel.img` as it lies in memory, without its `.bss`                                |
//! | behind it             | [`format::ModuleInfo`]                                                               |
//! | behind that           | objects, each behind a [`format::ObjectHeader`]: the modules, each after those it needs, then the prefix |
//!
//! The boot sector (`boot.img`, 440 bytes of it) loads the first sector of the core image, which loads the rest; so both hold
//! places on the disk, and [`CoreImage::place`] puts them in.
//!
//! There is no specification; GRUB 2.12 is followed, and 2.06 is the same. A core image may have Reed-Solomon codes behind
//! it, against programs that write into the gap behind an MBR; ours lies in a partition of its own or is read back, and has none.

#![warn(clippy::as_conversions, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::as_conversions, clippy::arithmetic_side_effects))]

mod assemble;
mod error;
pub mod format;
mod lzma;
mod modules;
mod read;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use assemble::{CoreImage, Parts, Placed};
pub use error::GrubError;
pub use modules::with_dependencies;
pub use read::{Installed, ReadError, read};
