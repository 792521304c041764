//! Metadata blocks, and tables of records in them.

use std::io;

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U64};

use crate::compress::Compressor;
use crate::format::{METADATA, METADATA_STORED, Reference};

/// A chain of metadata blocks that grows at its end.
pub(crate) struct Chain<'c> {
    compressor: &'c mut Compressor,
    /// Blocks that are full, as they will lie.
    done: Vec<u8>,
    /// Where each of them begins.
    starts: Vec<u32>,
    /// What the next one has so far: less than a block.
    begun: Vec<u8>,
}

impl<'c> Chain<'c> {
    pub(crate) fn new(compressor: &'c mut Compressor) -> Chain<'c> {
        Chain { compressor, done: Vec::new(), starts: Vec::new(), begun: Vec::new() }
    }

    /// Where the next byte goes.
    pub(crate) fn end(&self) -> Reference {
        // Less than a block was begun.
        Reference { block: self.done.len() as u32, offset: self.begun.len() as u16 }
    }

    /// Adds `bytes`; they may go from one block into the next.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(METADATA - self.begun.len()));
            self.begun.extend_from_slice(now);
            if self.begun.len() == METADATA {
                self.close()?;
            }
            bytes = later;
        }
        Ok(())
    }

    /// The blocks as they will lie, and where each begins.
    pub(crate) fn finish(mut self) -> io::Result<(Vec<u8>, Vec<u32>)> {
        if !self.begun.is_empty() {
            self.close()?;
        }
        Ok((self.done, self.starts))
    }

    fn close(&mut self) -> io::Result<()> {
        let start = u32::try_from(self.done.len()).map_err(|_| too_large())?;
        let packed = self.compressor.compress(&self.begun)?;
        let (data, flag) = packed.as_ref().map_or((&self.begun, METADATA_STORED), |packed| (packed, 0));
        // At most 8 KiB.
        self.done.extend_from_slice(U16::new(data.len() as u16 | flag).as_bytes());
        self.done.extend_from_slice(data);
        self.starts.push(start);
        self.begun.clear();
        Ok(())
    }
}

/// Records in metadata blocks from `at` on, then the list of where the blocks begin: all of it, and where the list begins.
pub(crate) fn table(compressor: &mut Compressor, records: &[u8], at: u64) -> io::Result<(Vec<u8>, u64)> {
    let mut chain = Chain::new(compressor);
    chain.push(records)?;
    let (mut bytes, starts) = chain.finish()?;
    let list = at + bytes.len() as u64;
    for start in starts {
        bytes.extend_from_slice(U64::new(at + u64::from(start)).as_bytes());
    }
    Ok((bytes, list))
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "the metadata of a squashfs has more than 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Compression;

    #[test]
    fn a_block_is_closed_when_it_is_full_and_not_before() {
        let mut compressor = Compressor::new(Compression::ZSTD, METADATA).unwrap();
        let mut chain = Chain::new(&mut compressor);
        chain.push(&[7; METADATA - 1]).unwrap();
        assert_eq!(chain.end(), Reference { block: 0, offset: 8191 });
        chain.push(&[7]).unwrap();
        let second = chain.end();
        assert!(second.block > 2 && second.block < 100 && second.offset == 0, "{second:?}");
        chain.push(b"abc").unwrap();
        let (bytes, starts) = chain.finish().unwrap();
        assert_eq!(starts, [0, second.block]);
        // Three bytes never become fewer.
        assert_eq!(bytes[second.block as usize..], [3, 0x80, b'a', b'b', b'c']);
    }

    #[test]
    fn a_table_ends_with_the_places_of_its_blocks() {
        let mut compressor = Compressor::new(Compression::Lz4, METADATA).unwrap();
        let (bytes, list) = table(&mut compressor, &[1; 5], 1000).unwrap();
        assert_eq!((bytes.len(), list), (2 + 5 + 8, 1007));
        assert_eq!(bytes[7..], 1000u64.to_le_bytes());
    }
}
