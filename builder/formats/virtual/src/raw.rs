//! The disk itself, compressed. Its holes are zeros, and compress to next to nothing.

use std::fs::File;
use std::io::{self, Write};

use liblzma::stream::{Check, MtStreamBuilder};
use liblzma::write::XzEncoder;

use crate::file::Tail;
use crate::number::{add, index, multiply, wide};
use crate::writer::Container;

/// 1 EiB: these have no limit that anybody meets.
pub(crate) const LIMIT: u64 = 1 << 60;
/// Bytes of what comes at once.
const CHUNK: usize = 1 << 20;
/// zstd's own default level.
const ZSTD_LEVEL: i32 = 3;
/// More do not help while one thread feeds them, and each holds jobs of 8 MiB.
const ZSTD_WORKERS: usize = 8;
/// Half the time of level 4 for 8 % more; a dictionary of 2 MiB.
const XZ_LEVEL: u32 = 2;
/// What xz compresses by itself.
const XZ_BLOCK: u64 = 12 << 20;
/// Each takes about 45 MiB.
const XZ_THREADS: usize = 4;

/// How the disk is compressed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Method {
    /// One frame, with size and checksum.
    Zstd,
    /// Blocks of 12 MiB.
    Xz,
}

/// A compressed disk that is being written.
pub(crate) struct Raw<'a> {
    file: &'a File,
    size: u64,
    method: Method,
    /// Made when the first bytes come.
    encoder: Option<Encoder<'a>>,
    /// Where the next bytes belong.
    end: u64,
    zeros: Vec<u8>,
}

enum Encoder<'a> {
    Zstd(zstd::Encoder<'static, Tail<'a>>),
    Xz(XzEncoder<Tail<'a>>),
}

impl<'a> Raw<'a> {
    pub(crate) fn new(file: &'a File, size: u64, method: Method) -> Raw<'a> {
        Raw { file, size, method, encoder: None, end: 0, zeros: vec![0; CHUNK] }
    }

    /// Writes zeros up to `end`, then `data`.
    fn write(&mut self, end: u64, data: &[u8]) -> io::Result<()> {
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(Encoder::new(self.file, self.size, self.method)?),
        };
        let out: &mut dyn Write = match encoder {
            Encoder::Zstd(encoder) => encoder,
            Encoder::Xz(encoder) => encoder,
        };
        while self.end < end {
            let length = index(end.saturating_sub(self.end))?.min(CHUNK);
            out.write_all(&self.zeros[..length])?;
            self.end = add(self.end, wide(length))?;
        }
        out.write_all(data)?;
        self.end = add(self.end, wide(data.len()))?;
        Ok(())
    }
}

impl<'a> Encoder<'a> {
    /// The bytes do not depend on the number of threads, as long as there is one beside this.
    fn new(file: &'a File, size: u64, method: Method) -> io::Result<Encoder<'a>> {
        let (tail, cores) = (Tail::new(file, 0), rayon::current_num_threads());
        let threads = |most: usize| u32::try_from(cores.clamp(1, most)).unwrap_or(1);
        match method {
            Method::Zstd => {
                let mut encoder = zstd::Encoder::new(tail, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                encoder.set_pledged_src_size(Some(size))?;
                encoder.multithread(threads(ZSTD_WORKERS))?;
                Ok(Encoder::Zstd(encoder))
            }
            Method::Xz => {
                let mut builder = MtStreamBuilder::new();
                builder.preset(XZ_LEVEL).block_size(XZ_BLOCK).check(Check::Crc64).threads(threads(XZ_THREADS));
                Ok(Encoder::Xz(XzEncoder::new_stream(tail, builder.encoder()?)))
            }
        }
    }
}

impl Container for Raw<'_> {
    fn cluster_size(&self) -> usize {
        CHUNK
    }

    fn cluster(&mut self, number: u64, data: &[u8]) -> io::Result<()> {
        self.write(multiply(number, wide(CHUNK))?, data)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.write(self.size, &[])?;
        match &mut self.encoder {
            Some(Encoder::Zstd(encoder)) => {
                encoder.do_finish()?;
                encoder.get_mut().flush()
            }
            Some(Encoder::Xz(encoder)) => {
                encoder.try_finish()?;
                encoder.get_mut().flush()
            }
            None => Ok(()),
        }
    }
}
