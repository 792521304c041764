//! Writing to a file, with holes where zeros would be.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::number::{add, is_zero, wide};

/// Zeros of a page's length become a hole.
const PAGE: usize = 4096;

/// Writes `data` at `offset` of a file that has a hole there, and leaves it where `data` is zeros.
pub(crate) fn write_sparse(file: &File, offset: u64, data: &[u8]) -> io::Result<()> {
    let mut at = offset;
    let same = |a: &[u8], b: &[u8]| is_zero(a) == is_zero(b);
    let mut pages = data.chunks(PAGE).peekable();
    let mut rest = data;
    while let Some(first) = pages.next() {
        let mut length = first.len();
        while let Some(next) = pages.next_if(|next| same(first, next)) {
            length = length.saturating_add(next.len());
        }
        let (run, later) = rest.split_at(length);
        if !is_zero(first) {
            file.write_all_at(run, at)?;
        }
        at = add(at, wide(length))?;
        rest = later;
    }
    Ok(())
}
