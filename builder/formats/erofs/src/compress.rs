//! The compressors, as EROFS knows them.

use std::io;

use zerocopy::little_endian::U16;
use zerocopy::{Immutable, IntoBytes};

use crate::contents::EXTENT;
use crate::format::BLOCK;
use crate::{Compression, lz4};

impl Compression {
    /// Its number; `None` for none.
    pub(crate) fn algorithm(self) -> Option<u8> {
        match self {
            Compression::None => None,
            Compression::Lz4 => Some(0),
            Compression::Zstd { .. } => Some(3),
        }
    }

    /// What follows the superblock: its length, then what readers must know.
    pub(crate) fn configuration(self) -> Vec<u8> {
        #[derive(IntoBytes, Immutable)]
        #[repr(C)]
        struct Lz4 {
            size: U16,
            max_distance: U16,
            max_pclusterblks: U16,
            reserved: [u8; 10],
        }
        match self {
            Compression::None => Vec::new(),
            Compression::Lz4 => {
                let blocks = U16::new((EXTENT as usize / BLOCK) as u16);
                let lz4 = Lz4 {
                    size: U16::new(14),
                    max_distance: U16::new(u16::MAX),
                    max_pclusterblks: blocks,
                    reserved: [0; 10],
                };
                lz4.as_bytes().to_vec()
            }
            // Format 0, a window of 64 KiB as its logarithm less 10.
            Compression::Zstd { .. } => vec![6, 0, 0, (EXTENT.ilog2() - 10) as u8, 0, 0, 0, 0],
        }
    }

    /// `data` compressed.
    pub(crate) fn compress(self, data: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Compression::None => Ok(data.to_vec()),
            Compression::Lz4 => Ok(lz4::compress(data)),
            Compression::Zstd { level } => zstd::bulk::compress(data, level.into()),
        }
    }
}
