//! The compressors, and how many threads share them.

use std::io;
use std::sync::{Mutex, PoisonError};

use flate2::{Compress, FlushCompress, Status};
use liblzma::stream::{Action, Check, Filters, LzmaOptions, Stream};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{Immutable, IntoBytes};

use crate::Compression;

/// xz's own default.
const XZ_PRESET: u32 = 6;

impl Compression {
    /// Its number in the superblock.
    pub(crate) fn number(self) -> u16 {
        match self {
            Compression::Gzip { .. } => 1,
            Compression::Xz => 4,
            Compression::Lz4 => 5,
            Compression::Zstd { .. } => 6,
        }
    }

    /// What tells a reader how it was compressed, where that is not the usual way.
    pub(crate) fn options(self) -> Option<Vec<u8>> {
        #[derive(IntoBytes, Immutable)]
        #[repr(C)]
        struct Gzip {
            level: U32,
            window: U16,
            strategies: U16,
        }
        match self {
            Compression::ZSTD | Compression::GZIP | Compression::Xz => None,
            Compression::Zstd { level } => Some(U32::new(level.into()).as_bytes().to_vec()),
            Compression::Gzip { level } => {
                let options = Gzip { level: U32::new(level.into()), window: U16::new(15), strategies: U16::new(0) };
                Some(options.as_bytes().to_vec())
            }
            // Version 1, no flags: the kernel insists on it.
            Compression::Lz4 => Some([U32::new(1), U32::new(0)].as_bytes().to_vec()),
        }
    }
}

/// Compresses one block after the other.
pub(crate) struct Compressor(State);

enum State {
    Zstd(zstd::bulk::Compressor<'static>),
    /// Bytes of its dictionary.
    Xz(u32),
    Gzip(Compress),
    Lz4,
}

impl Compressor {
    /// For blocks of at most `block_size` bytes.
    pub(crate) fn new(compression: Compression, block_size: usize) -> io::Result<Compressor> {
        Ok(Compressor(match compression {
            Compression::Zstd { level } => State::Zstd(zstd::bulk::Compressor::new(level.into())?),
            // A block is at most 1 MiB.
            Compression::Xz => State::Xz(block_size as u32),
            Compression::Gzip { level } => State::Gzip(Compress::new(flate2::Compression::new(level.into()), true)),
            Compression::Lz4 => State::Lz4,
        }))
    }

    /// `None` when the result would not be smaller.
    pub(crate) fn compress(&mut self, data: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let limit = data.len().saturating_sub(1);
        let packed = match &mut self.0 {
            State::Zstd(compressor) => Some(compressor.compress(data)?),
            State::Xz(dictionary) => {
                let mut options = LzmaOptions::new_preset(XZ_PRESET)?;
                options.dict_size(*dictionary);
                let mut filters = Filters::new();
                filters.lzma2(&options);
                // The kernel's decoder knows no longer check.
                let mut stream = Stream::new_stream_encoder(&filters, Check::Crc32)?;
                let mut packed = Vec::with_capacity(limit);
                let status = stream.process_vec(data, &mut packed, Action::Finish)?;
                (status == liblzma::stream::Status::StreamEnd).then_some(packed)
            }
            State::Gzip(compress) => {
                compress.reset();
                let mut packed = Vec::with_capacity(limit);
                let status = compress.compress_vec(data, &mut packed, FlushCompress::Finish)?;
                (status == Status::StreamEnd).then_some(packed)
            }
            State::Lz4 => Some(lz4_flex::block::compress(data)),
        };
        // A vector may have more room than was asked for.
        Ok(packed.filter(|packed| packed.len() <= limit))
    }
}

/// What a thread needs to compress a block, kept for the next one: making it anew would cost more than a small block.
pub(crate) struct Worker {
    pub(crate) compressor: Compressor,
    /// Where a block is read into.
    pub(crate) block: Vec<u8>,
}

/// Workers that wait; there come to be as many as threads that compress at the same time.
pub(crate) struct Workers {
    compression: Compression,
    block_size: usize,
    idle: Mutex<Vec<Worker>>,
}

impl Workers {
    pub(crate) fn new(compression: Compression, block_size: usize) -> Workers {
        Workers { compression, block_size, idle: Mutex::new(Vec::new()) }
    }

    /// Hands a worker to `work`.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Worker) -> io::Result<T>) -> io::Result<T> {
        // A thread that failed while it held the lock left whole workers behind.
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut worker = match idle {
            Some(worker) => worker,
            None => {
                let compressor = Compressor::new(self.compression, self.block_size)?;
                Worker { compressor, block: vec![0; self.block_size] }
            }
        };
        let result = work(&mut worker);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        result
    }
}
