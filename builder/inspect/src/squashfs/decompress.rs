//! The compressors of squashfs.

use std::io::Read;

use crate::OpenError;
use crate::broken::{Broken, Result, broken};

/// Most memory for one block of xz: its dictionary is at most as large as the largest block, 1 MiB.
const XZ_MEMORY: u64 = 64 << 20;

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compressor {
    Gzip,
    Xz,
    Lz4,
    Zstd,
}

impl Compressor {
    /// By its number in the superblock.
    pub(crate) fn new(number: u16) -> std::result::Result<Compressor, OpenError> {
        match number {
            1 => Ok(Compressor::Gzip),
            4 => Ok(Compressor::Xz),
            5 => Ok(Compressor::Lz4),
            6 => Ok(Compressor::Zstd),
            2 => Err(OpenError::unsupported("squashfs", "lzma compression")),
            3 => Err(OpenError::unsupported("squashfs", "lzo compression")),
            _ => Err(OpenError::unsupported("squashfs", format_args!("compression number {number}"))),
        }
    }

    /// What `data` was before: at most `limit` bytes.
    pub(crate) fn decompress(self, data: &[u8], limit: usize) -> Result<Vec<u8>> {
        match self {
            Compressor::Gzip => read(flate2::read::ZlibDecoder::new(data), limit),
            Compressor::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, 0);
                let stream = stream.map_err(|error| bad(&error))?;
                read(liblzma::read::XzDecoder::new_stream(data, stream), limit)
            }
            Compressor::Lz4 => {
                let mut out = vec![0; limit];
                let length = lz4_flex::block::decompress_into(data, &mut out).map_err(|error| bad(&error))?;
                out.truncate(length);
                Ok(out)
            }
            Compressor::Zstd => zstd::bulk::decompress(data, limit).map_err(|error| bad(&error)),
        }
    }
}

fn bad(error: &dyn std::error::Error) -> Broken {
    Broken(format!("a block cannot be decompressed: {error}"))
}

fn read(reader: impl Read, limit: usize) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(limit);
    // One byte more shows that there is more.
    reader.take(limit as u64 + 1).read_to_end(&mut out).map_err(|error| bad(&error))?;
    match out.len() <= limit {
        true => Ok(out),
        false => broken("a block is larger than blocks are"),
    }
}
