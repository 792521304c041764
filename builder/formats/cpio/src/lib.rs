//! A tree as a cpio archive in the `newc` format, as the Linux kernel unpacks it for an initramfs.
//!
//! Specification: Linux `Documentation/driver-api/early-userspace/buffer-format.rst`. Numbers are eight hexadecimal digits.
//!
//! | what    | bytes                                                                             |
//! |---------|-----------------------------------------------------------------------------------|
//! | header  | 110: `070701`, then 13 numbers                                                    |
//! | name    | with its NUL, filled up so that header and name end at a multiple of 4            |
//! | content | filled up to a multiple of 4                                                      |
//! | end     | an entry named `TRAILER!!!`, then zeros up to a multiple of 512                   |
//!
//! Names are relative: `.`, `usr`, `usr/bin`. Inode numbers count up from 1 in the tree's order. Of a file with several
//! names the last one carries the content, as GNU cpio expects; the kernel takes either.
//!
//! `newc` has no place for extended attributes, times before 1970 or after 2106, or parts of a second: [`write()`] leaves them
//! out, and [`attributes_lost`] tells which paths had any.

mod header;
mod write;

pub use write::{attributes_lost, write};

#[cfg(test)]
mod tests;
