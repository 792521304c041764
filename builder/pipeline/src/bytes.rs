//! The bytes of a disk that was written, beside those that were to be there.

use std::io;

use rootsmith_ondisk::{Image, Sink};
use rootsmith_types::NumBytes;
use rootsmith_verify::Slice;

/// How much is read at once.
const CHUNK: usize = 256 << 10;

/// Whether `slice` begins with the bytes of `image`, as far as that writes any.
pub(crate) fn has(slice: Slice<'_>, image: &dyn Image) -> io::Result<bool> {
    let mut beside = Beside { slice, same: true };
    image.write(&mut beside)?;
    Ok(beside.same)
}

struct Beside<'a> {
    slice: Slice<'a>,
    same: bool,
}

impl Sink for Beside<'_> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut found = vec![0; data.len()];
        self.slice.read_at(offset, &mut found)?;
        self.same &= found == data;
        Ok(())
    }
}

/// The first bytes of a slice, as an image.
pub(crate) struct First<'a> {
    pub(crate) slice: Slice<'a>,
    pub(crate) size: u64,
}

impl Image for First<'_> {
    fn size(&self) -> NumBytes {
        NumBytes::new(self.size)
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        let mut buf = vec![0; CHUNK];
        let mut at = 0;
        while at < self.size {
            let part = &mut buf[..(self.size - at).min(CHUNK as u64) as usize];
            self.slice.read_at(at, part)?;
            out.write_at(at, part)?;
            at += part.len() as u64;
        }
        Ok(())
    }
}
