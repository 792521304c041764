//! On-disk structures of a swap area.
//!
//! Specification: Linux, `include/linux/swap.h`, `union swap_header`, version 1; util-linux, `include/swapheader.h`. Integers have the
//! order of the machine that swaps, which is little-endian on every architecture here.
//!
//! | byte | holds                                      |
//! |------|--------------------------------------------|
//! | 0    | nothing: a boot sector may be there        |
//! | 1024 | [`Header`]                                 |
//! | 1536 | the numbers of bad pages, of which is none |
//! | 4086 | [`SIGNATURE`]                              |

use zerocopy::little_endian::U32;
use zerocopy::{Immutable, IntoBytes, KnownLayout};

/// The page that an area is counted in. A kernel with other pages does not take it; those of the distribution have these.
pub(crate) const PAGE: u64 = 4096;
/// Of the area.
pub(crate) const HEADER: u64 = 1024;
/// The last ten bytes of the first page.
pub(crate) const SIGNATURE: &[u8; 10] = b"SWAPSPACE2";
/// Fewer are no area for `mkswap`.
pub(crate) const LEAST_PAGES: u64 = 10;

/// What the area is.
#[derive(IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Header {
    /// 1.
    pub(crate) version: U32,
    /// The number of the last page.
    pub(crate) last_page: U32,
    /// 0.
    pub(crate) nr_badpages: U32,
    /// As `blkid` shows it.
    pub(crate) uuid: [u8; 16],
    /// Filled up with zeros.
    pub(crate) volume_name: [u8; 16],
}
const _: () = assert!(size_of::<Header>() == 44 && std::mem::offset_of!(Header, uuid) == 12);
