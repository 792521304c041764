//! The decompressed bytes of a tar on their way through: bounded, and copied to where the unpacked form is kept.

use std::io::{self, Read, Write};

use rootsmith_types::NumBytes;

use crate::archive_error::Defect;

/// Large enough that neither the decoder nor the writer is called often.
const BUFFER: usize = 256 << 10;
/// Below this no ratio is too large: a page of zeros is no bomb.
const FREE: u64 = 64 << 20;

/// Bounds on a member.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// `control.tar` or `data.tar`.
    pub(crate) member: &'static str,
    /// Its size as it is in the archive.
    pub(crate) compressed: u64,
    /// How many bytes it may have.
    pub(crate) limit: u64,
    /// How many times larger than `compressed` it may be.
    pub(crate) ratio: u64,
}

/// A decoder's output, buffered.
pub(crate) struct Decoded<'a> {
    decoder: Box<dyn Read + 'a>,
    copy: &'a mut dyn Write,
    bounds: Bounds,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// How many bytes the decoder has given.
    produced: u64,
}

impl<'a> Decoded<'a> {
    pub(crate) fn new(decoder: Box<dyn Read + 'a>, copy: &'a mut dyn Write, bounds: Bounds) -> Decoded<'a> {
        Decoded { decoder, copy, bounds, buffer: vec![0; BUFFER], start: 0, end: 0, produced: 0 }
    }

    /// The member's name, for messages.
    pub(crate) fn member(&self) -> &'static str {
        self.bounds.member
    }

    /// How many bytes were taken.
    pub(crate) fn position(&self) -> u64 {
        self.produced - (self.end - self.start) as u64
    }

    /// The next bytes, at least one and at most `most`. The end of the data is an error.
    pub(crate) fn take(&mut self, most: u64) -> Result<&[u8], Defect> {
        if self.start == self.end && !self.fill()? {
            return Err(Defect::Truncated(self.bounds.member));
        }
        let len = usize::try_from(most).unwrap_or(usize::MAX).min(self.end - self.start);
        self.start += len;
        Ok(&self.buffer[self.start - len..self.start])
    }

    /// The next 512 bytes; `None` at the end of the data.
    pub(crate) fn block(&mut self) -> Result<Option<[u8; 512]>, Defect> {
        if self.start == self.end && !self.fill()? {
            return Ok(None);
        }
        let mut block = [0; 512];
        let mut filled = 0;
        while filled < block.len() {
            let part = self.take((block.len() - filled) as u64)?;
            block[filled..][..part.len()].copy_from_slice(part);
            filled += part.len();
        }
        Ok(Some(block))
    }

    /// Passes over `count` bytes.
    pub(crate) fn skip(&mut self, mut count: u64) -> Result<(), Defect> {
        while count > 0 {
            count -= self.take(count)?.len() as u64;
        }
        Ok(())
    }

    /// Takes the rest, so that the decoder sees its own checksums and the copy is whole.
    pub(crate) fn finish(mut self) -> Result<(), Defect> {
        while self.fill()? {}
        Ok(())
    }

    /// Gets more from the decoder; `false` at the end of the data.
    fn fill(&mut self) -> Result<bool, Defect> {
        let count = loop {
            match self.decoder.read(&mut self.buffer) {
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // An error with a number comes from the file below the decoder.
                Err(error) if error.raw_os_error().is_some() => return Err(Defect::Read(error)),
                Err(error) => {
                    return Err(Defect::Compression { member: self.bounds.member, reason: error.to_string() });
                }
            }
        };
        let Bounds { member, compressed, limit, ratio } = self.bounds;
        self.produced += count as u64;
        if self.produced > limit {
            return Err(Defect::TooLarge { what: member, limit: NumBytes::new(limit) });
        }
        if self.produced > FREE.max(compressed.saturating_mul(ratio)) {
            return Err(Defect::Bomb { member, ratio });
        }
        self.copy.write_all(&self.buffer[..count]).map_err(Defect::Write)?;
        (self.start, self.end) = (0, count);
        Ok(count > 0)
    }
}
