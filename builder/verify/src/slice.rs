//! A part of an image file, read by position.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use rootsmith_types::Trace;

/// A part of an image file: a partition, or the whole.
#[derive(Debug, Clone, Copy)]
pub struct Slice<'a> {
    file: &'a File,
    offset: u64,
    length: u64,
    trace: Trace<'a>,
}

impl<'a> Slice<'a> {
    /// `length` bytes of `file` from `offset` on.
    pub fn new(file: &'a File, offset: u64, length: u64) -> Slice<'a> {
        Slice { file, offset, length, trace: Trace::off() }
    }

    /// The same, with what each thread reads of it recorded in `trace`.
    pub fn traced(self, trace: Trace<'a>) -> Slice<'a> {
        Slice { trace, ..self }
    }

    /// Where that is recorded.
    pub(crate) fn trace(&self) -> Trace<'a> {
        self.trace
    }

    /// `length` bytes of it from `offset` on; `None` where it has not so many.
    pub(crate) fn part(&self, offset: u64, length: u64) -> Option<Slice<'a>> {
        let within = offset.checked_add(length).is_some_and(|end| end <= self.length);
        let offset = self.offset.checked_add(offset).filter(|_| within)?;
        Some(Slice { offset, length, ..*self })
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Fills `buf` from `offset` on. Reading past the end is an error.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        read_at(self.file, self.offset, self.length, offset, buf)
    }

    /// The same with a file of its own.
    pub(crate) fn to_owned(self) -> io::Result<OwnedSlice> {
        Ok(OwnedSlice { file: self.file.try_clone()?, offset: self.offset, length: self.length })
    }
}

/// A slice for readers that want to own what they read.
#[derive(Debug)]
pub(crate) struct OwnedSlice {
    file: File,
    offset: u64,
    length: u64,
}

impl OwnedSlice {
    pub(crate) fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        read_at(&self.file, self.offset, self.length, offset, buf)
    }
}

fn read_at(file: &File, start: u64, length: u64, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    let end = offset.checked_add(buf.len() as u64);
    let at = start.checked_add(offset);
    match (at, end) {
        (Some(at), Some(end)) if end <= length => file.read_exact_at(buf, at),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Bytes in one page of a [`Cursor`], and how many pages it keeps.
const PAGE: u64 = 64 << 10;
const PAGES: u64 = 16;

/// A slice with a place in it, for readers that want a stream. It keeps a few pages, because such readers go back and forth
/// between a table and what the table speaks of, a few bytes at a time.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    slice: Slice<'a>,
    at: u64,
    pages: Vec<Option<(u64, Vec<u8>)>>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(slice: Slice<'a>) -> Cursor<'a> {
        Cursor { slice, at: 0, pages: (0..PAGES).map(|_| None).collect() }
    }

    fn page(&mut self, number: u64) -> io::Result<&[u8]> {
        let place = &mut self.pages[(number % PAGES) as usize];
        if place.as_ref().is_none_or(|(there, _)| *there != number) {
            let start = number * PAGE;
            let mut data = vec![0; (self.slice.length - start).min(PAGE) as usize];
            self.slice.read_at(start, &mut data)?;
            *place = Some((number, data));
        }
        Ok(place.as_ref().map_or(&[], |(_, data)| data))
    }
}

impl Read for Cursor<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.slice.length || buf.is_empty() {
            return Ok(0);
        }
        let at = self.at;
        let data = &self.page(at / PAGE)?[(at % PAGE) as usize..];
        let n = data.len().min(buf.len());
        buf[..n].copy_from_slice(&data[..n]);
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Cursor<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.slice.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// The `gpt` crate asks for a device it could write to, even when it only reads.
impl Write for Cursor<'_> {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
