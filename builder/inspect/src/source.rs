//! Bytes that are read by position.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes that are read by position, from any thread.
pub trait ReadAt: Send + Sync {
    /// How many there are.
    fn size(&self) -> u64;

    /// Fills `buf` from `offset` on. Reading past the end is an error.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()>;

    /// How many of the `length` bytes from `offset` on are known to be zeros without looking at them.
    fn hole(&self, _offset: u64, _length: u64) -> io::Result<u64> {
        Ok(0)
    }
}

/// What a reader opens.
pub type Source = Arc<dyn ReadAt>;

/// A file of the host, or a block device.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    size: u64,
}

impl FileSource {
    /// The whole of `file`, as long as it is now.
    pub fn new(file: File) -> io::Result<FileSource> {
        use std::io::{Seek, SeekFrom};
        // A block device has no length of its own: its end is where seeking ends.
        let size = (&file).seek(SeekFrom::End(0))?;
        Ok(FileSource { file, size })
    }
}

impl ReadAt for FileSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buf, offset)
    }
}

/// A part of a source: a partition.
#[derive(Clone)]
pub struct Part {
    source: Source,
    offset: u64,
    size: u64,
}

impl Part {
    /// `size` bytes of `source` from `offset` on; `None` when they are not all there.
    pub fn new(source: Source, offset: u64, size: u64) -> Option<Part> {
        (offset.checked_add(size)? <= source.size()).then_some(Part { source, offset, size })
    }
}

impl ReadAt for Part {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        // Within the source, so the sum does not overflow.
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.source.read_at(self.offset + offset, buf)
    }

    fn hole(&self, offset: u64, length: u64) -> io::Result<u64> {
        let length = length.min(self.size.saturating_sub(offset));
        if length == 0 { Ok(0) } else { self.source.hole(self.offset + offset, length) }
    }
}

/// Bytes in memory.
impl ReadAt for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
