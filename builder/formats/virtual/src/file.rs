//! Writing to a file: at its end, through a buffer; or somewhere, with holes where zeros would be.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::number::{add, index, is_zero, round_up, wide};

/// As much is collected before it is written.
const BUFFER: usize = 1 << 20;
/// Zeros of a page's length become a hole.
const PAGE: usize = 4096;

/// A file, or one inside another, that grows.
pub(crate) struct Tail<'a> {
    file: &'a File,
    /// Where it begins in `file`.
    base: u64,
    /// Where `buffer` will be written, from there on.
    start: u64,
    buffer: Vec<u8>,
}

impl<'a> Tail<'a> {
    /// Begins at `start`.
    pub(crate) fn new(file: &'a File, start: u64) -> Tail<'a> {
        Tail::inside(file, 0, start)
    }

    /// The same in a file that begins at `base` of another.
    pub(crate) fn inside(file: &'a File, base: u64, start: u64) -> Tail<'a> {
        Tail { file, base, start, buffer: Vec::new() }
    }

    pub(crate) fn file(&self) -> &'a File {
        self.file
    }

    /// Writes over what was left out before.
    pub(crate) fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_all_at(data, add(self.base, offset)?)
    }

    /// Where the next byte goes.
    pub(crate) fn position(&self) -> u64 {
        // No file is as long as numbers go.
        self.start.saturating_add(wide(self.buffer.len()))
    }

    pub(crate) fn append(&mut self, data: &[u8]) -> io::Result<()> {
        if self.buffer.len().saturating_add(data.len()) > BUFFER {
            self.flush()?;
        }
        if data.len() >= BUFFER {
            self.write_at(self.start, data)?;
            self.start = add(self.start, wide(data.len()))?;
        } else {
            self.buffer.extend_from_slice(data);
        }
        Ok(())
    }

    /// Appends zeros up to a multiple of `unit`.
    pub(crate) fn pad(&mut self, unit: u64) -> io::Result<()> {
        let position = self.position();
        let zeros = index(round_up(position, unit)?.saturating_sub(position))?;
        self.buffer.resize(self.buffer.len().saturating_add(zeros), 0);
        Ok(())
    }

    /// Writes what is left.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.write_at(self.start, &self.buffer)?;
        self.start = self.position();
        self.buffer.clear();
        Ok(())
    }
}

impl io::Write for Tail<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.append(data)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Tail::flush(self)
    }
}

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
