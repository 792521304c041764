//! A source whose last read pages stay in memory, for readers that go back and forth between tables.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use crate::{ReadAt, Source};

/// Bytes in one page, and how many pages are kept: 4 MiB.
const PAGE: u64 = 64 << 10;
const PAGES: u64 = 64;

/// Its number, and its bytes.
type Page = (u64, Vec<u8>);

/// A source with a small memory. What is longer than a page goes past it.
pub(crate) struct Pages {
    source: Source,
    slots: Mutex<Vec<Option<Page>>>,
}

impl Pages {
    /// `source`, with nothing remembered yet.
    pub(crate) fn new(source: Source) -> Pages {
        Pages { source, slots: Mutex::new((0..PAGES).map(|_| None).collect()) }
    }
}

impl ReadAt for Pages {
    fn size(&self) -> u64 {
        self.source.size()
    }

    fn read_at(&self, mut offset: u64, mut buf: &mut [u8]) -> io::Result<()> {
        let size = self.size();
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if buf.len() as u64 > PAGE {
            return self.source.read_at(offset, buf);
        }
        // A thread that failed while it held the lock left whole pages behind.
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        while !buf.is_empty() {
            let number = offset / PAGE;
            let slot = &mut slots[(number % PAGES) as usize];
            let start = number * PAGE;
            if slot.as_ref().is_none_or(|(there, _)| *there != number) {
                let mut data = vec![0; (size - start).min(PAGE) as usize];
                self.source.read_at(start, &mut data)?;
                *slot = Some((number, data));
            }
            let Some((_, data)) = slot else { return Err(io::ErrorKind::UnexpectedEof.into()) };
            let data = &data[(offset - start) as usize..];
            let n = data.len().min(buf.len());
            let (now, later) = buf.split_at_mut(n);
            now.copy_from_slice(&data[..n]);
            buf = later;
            offset += n as u64;
        }
        Ok(())
    }
}

/// A source with a place in it, for readers that want a stream.
pub(crate) struct Cursor {
    source: Source,
    at: u64,
}

impl Cursor {
    /// At the beginning.
    pub(crate) fn new(source: Source) -> Cursor {
        Cursor { source, at: 0 }
    }
}

impl Read for Cursor {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.source.size().saturating_sub(self.at).min(buf.len() as u64) as usize;
        self.source.read_at(self.at, &mut buf[..n])?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Cursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.source.size().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn reads_across_pages_and_never_past_the_end() {
        let bytes: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        let pages = Pages::new(Arc::new(bytes.clone()));
        for (offset, length) in [(0, 10), (65_530, 20), (65_536, 65_536), (131_000, 69_000), (199_999, 1)] {
            let mut buf = vec![0; length];
            pages.read_at(offset as u64, &mut buf).unwrap();
            assert_eq!(buf, bytes[offset..offset + length], "{offset}");
        }
        assert!(pages.read_at(199_999, &mut [0; 2]).is_err());
        assert!(pages.read_at(u64::MAX, &mut [0; 2]).is_err());
    }
}
