//! A file as the sink of an image: what is not written stays a hole.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rootsmith_ondisk::Sink;
use rootsmith_types::Trace;

/// How much is copied at once.
const CHUNK: u64 = 1 << 20;

/// Copies `size` bytes, which `read` has from each place on, to the begin of `out`.
pub(crate) fn copy(size: u64, read: impl Fn(u64, &mut [u8]) -> io::Result<()>, out: &mut dyn Sink) -> io::Result<()> {
    let mut buf = vec![0; CHUNK.min(size) as usize];
    let mut at = 0;
    while at < size {
        let part = &mut buf[..CHUNK.min(size - at) as usize];
        read(at, part)?;
        out.write_at(at, part)?;
        at += part.len() as u64;
    }
    Ok(())
}

/// A sink whose writes are spans of a trace, called after `name`.
pub(crate) struct Spanned<'a> {
    pub(crate) sink: &'a mut dyn Sink,
    pub(crate) name: &'static str,
    pub(crate) trace: Trace<'a>,
}

impl Sink for Spanned<'_> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let _span = self.trace.span("write", self.name);
        self.sink.write_at(offset, data)
    }
}

/// Who is told of every write to a file, after it. Nothing before its end is written any more; an error ends the writing.
pub type Follow<'a> = &'a mut dyn FnMut(Range<u64>) -> io::Result<()>;

pub(crate) struct FileSink<'a> {
    file: &'a File,
    end: u64,
    written: Vec<Range<u64>>,
    follow: Follow<'a>,
}

impl<'a> FileSink<'a> {
    pub(crate) fn new(file: &'a File, follow: Follow<'a>) -> FileSink<'a> {
        FileSink { file, end: 0, written: Vec::new(), follow }
    }

    /// What was really written, ascending: the rest are holes.
    pub(crate) fn into_written(self) -> Vec<Range<u64>> {
        self.written
    }
}

impl Sink for FileSink<'_> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset < self.end {
            return Err(io::Error::other(format!("internal error: write at {offset} goes back from {}", self.end)));
        }
        self.file.write_all_at(data, offset)?;
        let end = offset.checked_add(data.len() as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        match self.written.last_mut() {
            Some(last) if last.end == offset => last.end = end,
            _ => self.written.push(offset..end),
        }
        self.end = end;
        (self.follow)(offset..end)
    }
}
