//! The compressions that archives come in.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::MtStreamBuilder;

use crate::Source;

/// `xz -9` needs 65 MiB; nothing may ask for more than this.
const XZ_MEMORY: u64 = 256 << 20;
/// What several blocks at once may take.
const XZ_PARALLEL_MEMORY: u64 = 128 << 20;
/// As a power of two: what `zstd --ultra -22` asks for.
const ZSTD_WINDOW: u32 = 27;
/// Read at once.
const PIECE: usize = 256 << 10;
const XZ_MAGIC: &[u8] = b"\xfd7zXZ\0";

/// A compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// None.
    Plain,
    /// RFC 1952, several members one after another included.
    Gzip,
    /// The .xz file format 1.2, several streams one after another included.
    Xz,
    /// RFC 8878, several frames one after another included.
    Zstd,
}

impl Compression {
    /// What the first bytes say.
    pub(crate) fn of(source: &Source) -> io::Result<Compression> {
        let mut magic = [0; 6];
        let n = source.size().min(6) as usize;
        source.read_at(0, &mut magic[..n])?;
        Ok(match magic {
            [0x1f, 0x8b, 8, ..] => Compression::Gzip,
            _ if magic == XZ_MAGIC => Compression::Xz,
            // A frame (3.1.1), or one to skip (3.1.2), which is what pzstd and seekable archives begin with.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            _ => Compression::Plain,
        })
    }

    /// As errors call it.
    pub(crate) fn layer(self) -> &'static str {
        match self {
            Compression::Plain => "tar",
            Compression::Gzip => "gzip stream",
            Compression::Xz => "xz stream",
            Compression::Zstd => "Zstandard stream",
        }
    }

    /// What `source` holds, decompressed as it is read; `threads` more of them may help.
    pub(crate) fn decoder(self, source: &Source, threads: u32) -> io::Result<Box<dyn Read + Send>> {
        let input = BufReader::with_capacity(PIECE, FromStart { source: Arc::clone(source), at: 0 });
        Ok(match self {
            Compression::Plain => Box::new(input),
            Compression::Gzip => Box::new(Parts { part: Some(Part::Gzip(GzDecoder::new(input))), threads }),
            Compression::Xz => Box::new(Parts { part: Some(Part::Xz(xz(input, threads)?)), threads }),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(input)?;
                decoder.window_log_max(ZSTD_WINDOW)?;
                Box::new(decoder)
            }
        })
    }
}

/// The first 512 bytes, decompressed; `None` when there are not as many.
pub(crate) fn first_block(source: &Source) -> Option<[u8; 512]> {
    let mut block = [0; 512];
    let mut decoder = Compression::of(source).ok()?.decoder(source, 1).ok()?;
    decoder.read_exact(&mut block).ok()?;
    Some(block)
}

/// A source as a stream.
struct FromStart {
    source: Source,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // At most as long as `buf`.
        let n = (self.source.size() - self.at).min(buf.len() as u64) as usize;
        self.source.read_at(self.at, &mut buf[..n])?;
        self.at += n as u64;
        Ok(n)
    }
}

type Input = BufReader<FromStart>;

fn xz(input: Input, threads: u32) -> io::Result<XzDecoder<Input>> {
    let stream = MtStreamBuilder::new()
        .threads(threads)
        .memlimit_threading(XZ_PARALLEL_MEMORY)
        .memlimit_stop(XZ_MEMORY)
        .decoder()
        .map_err(io::Error::from)?;
    Ok(XzDecoder::new_stream(input, stream))
}

/// One gzip member, or one .xz stream, after another. liblzma's decoder of several blocks at once stops at a stream's end; and
/// zeros behind the last gzip member, which tapes and pipes leave, are no member.
struct Parts {
    /// Gone at the very end.
    part: Option<Part>,
    threads: u32,
}

enum Part {
    Gzip(GzDecoder<Input>),
    Xz(XzDecoder<Input>),
}

impl Read for Parts {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while let Some(part) = &mut self.part {
            let n = match part {
                Part::Gzip(decoder) => decoder.read(buf)?,
                Part::Xz(decoder) => decoder.read(buf)?,
            };
            if n > 0 || buf.is_empty() {
                return Ok(n);
            }
            self.part = match self.part.take() {
                None => None,
                Some(Part::Gzip(decoder)) => {
                    let mut input = decoder.into_inner();
                    (!skip_padding(&mut input)?).then(|| Part::Gzip(GzDecoder::new(input)))
                }
                Some(Part::Xz(decoder)) => {
                    let mut input = decoder.into_inner();
                    if skip_padding(&mut input)? { None } else { Some(Part::Xz(xz(input, self.threads)?)) }
                }
            };
        }
        Ok(0)
    }
}

/// Skips the zeros that may stand between streams (.xz, 2.2 "Stream Padding") and at the end; whether that was all.
fn skip_padding(input: &mut Input) -> io::Result<bool> {
    loop {
        let data = input.fill_buf()?;
        if data.is_empty() {
            return Ok(true);
        }
        let zeros = data.iter().take_while(|&&b| b == 0).count();
        let more = zeros < data.len();
        input.consume(zeros);
        if more {
            return Ok(false);
        }
    }
}
