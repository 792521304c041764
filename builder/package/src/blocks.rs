//! The blocks of an .xz file, several at a time.
//!
//! `xz -T` and `dpkg-deb` write large files in blocks that know their sizes (The .xz File Format 1.2, 3.1); others are decoded as ever.

use std::io::{self, BufRead, Read};

use liblzma::bufread::XzDecoder;
use liblzma::stream::MtStreamBuilder;

/// What several blocks at once may take: those of `dpkg-deb` have 24 MiB.
const MEMORY: u64 = 128 << 20;

/// Everything in `input`, which may be several streams, one after another: liblzma's decoder of blocks stops at the end of one.
pub(crate) struct Blocks<R> {
    /// Gone at the very end.
    decoder: Option<XzDecoder<R>>,
    threads: u32,
    /// What one block may take.
    memory: u64,
}

impl<R: BufRead> Blocks<R> {
    pub(crate) fn new(input: R, threads: u32, memory: u64) -> io::Result<Blocks<R>> {
        Ok(Blocks { decoder: Some(decoder(input, threads, memory)?), threads, memory })
    }
}

impl<R: BufRead> Read for Blocks<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while let Some(stream) = &mut self.decoder {
            let n = stream.read(buf)?;
            if n > 0 || buf.is_empty() {
                return Ok(n);
            }
            let Some(mut input) = self.decoder.take().map(XzDecoder::into_inner) else { break };
            if !skip_padding(&mut input)? {
                self.decoder = Some(decoder(input, self.threads, self.memory)?);
            }
        }
        Ok(0)
    }
}

fn decoder<R: BufRead>(input: R, threads: u32, memory: u64) -> io::Result<XzDecoder<R>> {
    let stream = MtStreamBuilder::new()
        .threads(threads)
        .memlimit_threading(MEMORY.min(memory))
        .memlimit_stop(memory)
        .decoder()?;
    Ok(XzDecoder::new_stream(input, stream))
}

/// Skips the zeros that may stand behind a stream (2.2, "Stream Padding"); whether that was all.
fn skip_padding(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let data = input.fill_buf()?;
        if data.is_empty() {
            return Ok(true);
        }
        let zeros = data.iter().take_while(|&&byte| byte == 0).count();
        let more = zeros < data.len();
        input.consume(zeros);
        if more {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Blocks of 64 KiB.
    fn packed(data: &[u8]) -> Vec<u8> {
        let stream = MtStreamBuilder::new().threads(2).preset(1).block_size(64 << 10).encoder().unwrap();
        let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(data: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Blocks::new(data, 3, 256 << 20)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn blocks_and_streams_come_out_as_they_went_in() {
        let data: Vec<u8> = (0..200_000u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 9).to_le_bytes()).collect();
        let whole = packed(&data);
        assert_eq!(unpacked(&whole).unwrap(), data);
        let two = [&whole[..], &[0; 8], &packed(b"more"), &[0; 4]].concat();
        assert_eq!(unpacked(&two).unwrap(), [&data[..], b"more"].concat());
        for cut in [whole.len() / 2, whole.len() - 1] {
            assert!(unpacked(&whole[..cut]).is_err(), "cut at {cut}");
        }
        let mut damaged = whole;
        damaged[100_000] ^= 1;
        assert!(unpacked(&damaged).is_err());
    }
}
