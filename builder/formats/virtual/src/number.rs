//! Numbers of different widths, and sums that say when they do not fit.

use std::io;

use rootsmith_types::{Sha256Digest, Uuid};

/// Bytes of a sector, everywhere.
pub(crate) const SECTOR: u64 = 512;

/// A length in memory: it always fits.
pub(crate) fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// A number of bytes or entries in memory.
pub(crate) fn index(n: u64) -> io::Result<usize> {
    usize::try_from(n).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

/// A field of 32 bits.
pub(crate) fn short(n: u64) -> io::Result<u32> {
    u32::try_from(n).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

pub(crate) fn add(a: u64, b: u64) -> io::Result<u64> {
    a.checked_add(b).ok_or_else(|| io::ErrorKind::FileTooLarge.into())
}

pub(crate) fn multiply(a: u64, b: u64) -> io::Result<u64> {
    a.checked_mul(b).ok_or_else(|| io::ErrorKind::FileTooLarge.into())
}

/// The next multiple of `unit`, which is not zero.
pub(crate) fn round_up(n: u64, unit: u64) -> io::Result<u64> {
    n.checked_next_multiple_of(unit).ok_or_else(|| io::ErrorKind::FileTooLarge.into())
}

/// Whether there is nothing but zeros.
pub(crate) fn is_zero(data: &[u8]) -> bool {
    data.chunks(256).all(|chunk| chunk.iter().fold(0, |any, byte| any | byte) == 0)
}

/// A further identifier of the disk `id`, for what a format asks beside it.
pub(crate) fn derived(id: &Uuid, purpose: &str) -> Uuid {
    Uuid::derive(&Sha256Digest::of(id.as_bytes()), purpose)
}

/// A GUID as Microsoft's and VirtualBox's formats store it: the first three groups little-endian.
pub(crate) const fn guid(id: &[u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = *id;
    let [i, j, k, l, m, n, o, p] = rest;
    [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
}
