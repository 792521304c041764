//! What every block format shares: an [`Image`] knows its size and writes itself, once, in ascending order, to a [`Sink`].
//!
//! A format is planned first (sizes, offsets and refusals), then written; after the plan only I/O can fail. A GPT disk is an
//! `Image` made of `Image`s. What is not written reads as zeros in a file, and whatever was there on a card that is written by block map: so
//! only what nobody reads is left out.

mod ordered;

use std::io;

use rootsmith_types::NumBytes;

pub use ordered::in_order;

/// Where an image goes. Offsets never go back: a sink may be a stream, a hash, or a compressor.
pub trait Sink {
    /// Writes `data` at `offset`, which is at or after the end of everything written before. The gap reads as zeros.
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()>;
}

/// A block image that has been planned.
pub trait Image: Sync {
    /// Its full size, holes included.
    fn size(&self) -> NumBytes;

    /// Writes it, ascending. Blocks that nobody reads before writing them may be left out.
    fn write(&self, out: &mut dyn Sink) -> io::Result<()>;
}

impl<I: Image + ?Sized> Image for &I {
    fn size(&self) -> NumBytes {
        (**self).size()
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        (**self).write(out)
    }
}

/// A sink that starts somewhere inside another: a partition on a disk.
pub struct Shifted<'a> {
    inner: &'a mut dyn Sink,
    start: u64,
}

impl<'a> Shifted<'a> {
    /// Offset 0 of this sink is `start` of `inner`.
    pub fn new(inner: &'a mut dyn Sink, start: u64) -> Shifted<'a> {
        Shifted { inner, start }
    }
}

impl Sink for Shifted<'_> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let offset = self.start.checked_add(offset).ok_or(io::ErrorKind::FileTooLarge)?;
        self.inner.write_at(offset, data)
    }
}

/// A sink that writes zeros where nothing is written: for formats whose readers look at what is free or padding, too.
pub struct Gapless<'a> {
    inner: &'a mut dyn Sink,
    end: u64,
}

impl<'a> Gapless<'a> {
    /// Begins at offset 0.
    pub fn new(inner: &'a mut dyn Sink) -> Gapless<'a> {
        Gapless { inner, end: 0 }
    }

    /// Writes zeros up to `offset`, unless so much is written already.
    pub fn fill(&mut self, offset: u64) -> io::Result<()> {
        let zeros = [0; 64 << 10];
        while self.end < offset {
            let len = usize::try_from(offset - self.end).map_or(zeros.len(), |left| left.min(zeros.len()));
            self.inner.write_at(self.end, &zeros[..len])?;
            self.end += len as u64;
        }
        Ok(())
    }
}

impl Sink for Gapless<'_> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.fill(offset)?;
        self.inner.write_at(offset, data)?;
        self.end = offset.checked_add(data.len() as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(())
    }
}

/// An image in memory: for tests and small parts.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Memory {
    data: Vec<u8>,
}

impl Memory {
    /// The bytes of `image`, zeros where it wrote nothing. For images that fit memory.
    pub fn of(image: &dyn Image) -> io::Result<Vec<u8>> {
        let mut memory = Memory::default();
        image.write(&mut memory)?;
        let size = usize::try_from(image.size().get()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        if memory.data.len() > size {
            return Err(io::Error::other("image wrote past its size"));
        }
        memory.data.resize(size, 0);
        Ok(memory.data)
    }
}

impl Sink for Memory {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        if offset < self.data.len() {
            return Err(io::Error::other(format!("write at {offset} goes back from {}", self.data.len())));
        }
        self.data.resize(offset, 0);
        self.data.extend_from_slice(data);
        Ok(())
    }
}
