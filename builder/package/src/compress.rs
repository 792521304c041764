//! Decoders for the compressions Debian uses, each with a bound on its memory and a check that its input is whole.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, IGNORE_CHECK, Stream};
use rootsmith_types::NumBytes;

use crate::blocks::Blocks;
use crate::index_error::IndexError;

/// `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 256 << 20;
/// As a power of two: what `zstd --ultra -22` asks for.
const ZSTD_WINDOW: u32 = 27;

/// A compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// None.
    Plain,
    /// `.gz`
    Gzip,
    /// `.xz`
    Xz,
    /// `.zst`
    Zstd,
}

impl Compression {
    /// By the end of a file's name, none where it is not known.
    pub fn of(name: &str) -> Compression {
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("gz") => Compression::Gzip,
            Some("xz") => Compression::Xz,
            Some("zst") => Compression::Zstd,
            _ => Compression::Plain,
        }
    }

    /// By a file's first bytes; none where they are not those of a compression that is known.
    pub fn of_bytes(start: &[u8]) -> Compression {
        match start {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            _ => Compression::Plain,
        }
    }

    /// A reader of what `input` holds. It fails where `input` is cut short or does not pass its own checksums.
    pub fn decoder<'a>(self, input: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
        self.decoder_with(input, CONCATENATED)
    }

    /// The same for an `input` whose digest the caller compares: the checksums of xz, a twentieth of the work, would say nothing more.
    /// More than one of `threads` decode the blocks that xz may have.
    pub(crate) fn decoder_of_digested<'a>(
        self,
        input: impl BufRead + 'a,
        threads: u32,
    ) -> io::Result<Box<dyn Read + 'a>> {
        match self {
            Compression::Xz if threads > 1 => Ok(Box::new(Blocks::new(input, threads, XZ_MEMORY)?)),
            _ => self.decoder_with(input, CONCATENATED | IGNORE_CHECK),
        }
    }

    fn decoder_with<'a>(self, input: impl BufRead + 'a, xz: u32) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Compression::Plain => Box::new(input),
            Compression::Gzip => Box::new(MultiGzDecoder::new(input)),
            Compression::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, xz)?;
                Box::new(XzDecoder::new_stream(input, stream))
            }
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
                decoder.window_log_max(ZSTD_WINDOW)?;
                Box::new(decoder)
            }
        })
    }
}

/// Decompresses an index held in memory. The end of `name` tells how it is compressed; more than `limit` bytes are refused.
pub fn decompress(name: &str, data: &[u8], limit: u64) -> Result<Vec<u8>, IndexError> {
    // An index shrinks to a seventh; a forged limit must not reserve more than that is worth.
    let expected = limit.min(data.len() as u64 * 16);
    let mut out = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
    let read = Compression::of(name)
        .decoder(data)
        .and_then(|decoder| decoder.take(limit.saturating_add(1)).read_to_end(&mut out));
    match read {
        Err(error) => Err(IndexError::Compression { name: name.to_owned(), reason: error.to_string() }),
        Ok(_) if out.len() as u64 > limit => {
            Err(IndexError::TooLarge { name: name.to_owned(), limit: NumBytes::new(limit) })
        }
        Ok(_) => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn compressed(name: &str, data: &[u8]) -> Vec<u8> {
        match Compression::of(name) {
            Compression::Plain => data.to_vec(),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(data, 1).unwrap(),
        }
    }

    #[test]
    fn every_compression_is_read_and_bounded() {
        let text = "Package: a\n".repeat(5000);
        for name in ["Packages", "Packages.gz", "Packages.xz", "Packages.zst"] {
            let data = compressed(name, text.as_bytes());
            let size = text.len() as u64;
            assert_eq!(decompress(name, &data, size), Ok(text.clone().into_bytes()), "{name}");
            assert!(matches!(decompress(name, &data, size - 1), Err(IndexError::TooLarge { .. })), "{name}");
        }
    }

    #[test]
    fn several_streams_after_one_another_are_one_text() {
        for name in ["Packages.gz", "Packages.xz", "Packages.zst"] {
            let mut data = compressed(name, b"Package: a\n");
            data.extend(compressed(name, b"Version: 1\n"));
            assert_eq!(decompress(name, &data, 100).unwrap(), b"Package: a\nVersion: 1\n", "{name}");
        }
    }

    #[test]
    fn damaged_and_shortened_data_is_refused() {
        let text = (0..4000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect::<Vec<u8>>();
        for name in ["Packages.gz", "Packages.xz"] {
            let data = compressed(name, &text);
            for cut in [data.len() / 2, data.len() - 1] {
                assert!(decompress(name, &data[..cut], 1 << 20).is_err(), "{name} cut at {cut}");
            }
            let mut flipped = data.clone();
            flipped[data.len() / 2] ^= 1;
            assert!(decompress(name, &flipped, 1 << 20).is_err(), "{name} with a flipped bit");
        }
        let data = compressed("Packages.zst", &text);
        assert!(decompress("Packages.zst", &data[..data.len() - 1], 1 << 20).is_err());
        assert!(decompress("Packages.xz", b"", 1).is_err());
    }
}
