//! A file as the sink of an image: what is not written stays a hole.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rootsmith_ondisk::Sink;

pub(crate) struct FileSink<'a> {
    file: &'a File,
    end: u64,
    written: u64,
}

impl<'a> FileSink<'a> {
    pub(crate) fn new(file: &'a File) -> FileSink<'a> {
        FileSink { file, end: 0, written: 0 }
    }

    /// Bytes that were really written: what the file costs on disk, about.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }
}

impl Sink for FileSink<'_> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset < self.end {
            return Err(io::Error::other(format!("internal error: write at {offset} goes back from {}", self.end)));
        }
        self.file.write_all_at(data, offset)?;
        let len = data.len() as u64;
        self.end = offset.checked_add(len).ok_or(io::ErrorKind::FileTooLarge)?;
        self.written = self.written.saturating_add(len);
        Ok(())
    }
}
