//! Clusters, compressed on all cores a batch at a time; what comes out has the order of what went in.

use std::io;

use flate2::{Compress, Compression, FlushCompress, Status};
use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSlice;

use crate::number::wide;

/// Bytes of a batch; compressed there are hardly more.
const BATCH: usize = 16 << 20;
/// Clusters that one compressor takes in a row: making one costs more than clearing it.
const ROW: usize = 4;
/// zlib's own default level.
const ZLIB_LEVEL: u32 = 6;
/// zstd's own default level.
const ZSTD_LEVEL: i32 = 3;

/// How clusters are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Bare deflate, ending at a whole byte but without the stream's end: such pieces are one stream if put together.
    Piece,
    /// A zlib stream with a window of 4 KiB: all that QEMU's readers of qcow2 keep.
    Zlib,
    /// A zstd frame.
    Zstd,
}

/// Clusters that wait to be compressed.
pub(crate) struct Batch {
    method: Method,
    cluster_size: usize,
    numbers: Vec<u64>,
    /// The clusters one after the other, short ones filled up with zeros.
    data: Vec<u8>,
}

impl Batch {
    pub(crate) fn new(method: Method, cluster_size: usize) -> Batch {
        Batch { method, cluster_size, numbers: Vec::new(), data: Vec::new() }
    }

    /// Takes a cluster; whether that made the batch full.
    pub(crate) fn push(&mut self, number: u64, data: &[u8]) -> bool {
        self.numbers.push(number);
        self.data.extend_from_slice(data);
        // As many clusters as fit memory already.
        self.data.resize(self.numbers.len().saturating_mul(self.cluster_size), 0);
        self.data.len() >= BATCH
    }

    /// Hands out every cluster: its number, its bytes, and those compressed, unless they are as many. The batch is empty then.
    pub(crate) fn drain(
        &mut self,
        mut each: impl FnMut(u64, &[u8], Option<&[u8]>) -> io::Result<()>,
    ) -> io::Result<()> {
        let chunks = self.data.par_chunks(self.cluster_size);
        let packed: Vec<io::Result<Option<Vec<u8>>>> = chunks
            .with_min_len(ROW)
            .map_init(
                || Compressor::new(self.method),
                |compressor, chunk| match compressor {
                    Ok(compressor) => compressor.compress(chunk),
                    Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
                },
            )
            .collect();
        for ((number, data), packed) in self.numbers.iter().zip(self.data.chunks(self.cluster_size)).zip(packed) {
            each(*number, data, packed?.as_deref())?;
        }
        self.numbers.clear();
        self.data.clear();
        Ok(())
    }
}

/// What compresses one cluster after the other.
pub(crate) enum Compressor {
    Piece(Compress),
    Zlib(Compress),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Compressor {
    pub(crate) fn new(method: Method) -> io::Result<Compressor> {
        let level = Compression::new(ZLIB_LEVEL);
        Ok(match method {
            Method::Piece => Compressor::Piece(Compress::new(level, false)),
            Method::Zlib => Compressor::Zlib(Compress::new_with_window_bits(level, true, 12)),
            Method::Zstd => Compressor::Zstd(zstd::bulk::Compressor::new(ZSTD_LEVEL)?),
        })
    }

    /// `None` when the result would not be smaller; a zlib stream and a piece are never refused.
    pub(crate) fn compress(&mut self, data: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let (compress, room, flush) = match self {
            Compressor::Zstd(compressor) => {
                let packed = compressor.compress(data)?;
                return Ok((packed.len() < data.len()).then_some(packed));
            }
            // Stored blocks cost five bytes each, and a few more around them.
            Compressor::Piece(compress) => (compress, data.len().saturating_add(1024), FlushCompress::Sync),
            // With a window as small as this blocks may not be stored: an eighth more is zlib's own bound.
            Compressor::Zlib(compress) => {
                (compress, data.len().saturating_add(data.len() / 8).saturating_add(1024), FlushCompress::Finish)
            }
        };
        compress.reset();
        let mut packed = Vec::with_capacity(room);
        let status = compress.compress_vec(data, &mut packed, flush)?;
        // A piece has no end, but it is whole when there was room to spare.
        let whole = status == Status::StreamEnd || matches!(flush, FlushCompress::Sync) && packed.len() < room;
        // The vector may have more room than was asked for.
        let fits = whole && packed.len() <= room && compress.total_in() == wide(data.len());
        Ok(fits.then_some(packed))
    }
}
