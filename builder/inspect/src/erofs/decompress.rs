//! The compressors of EROFS.

use std::io::Read;

use crate::broken::{Broken, Result, broken};

/// Memory of Zstandard for one extent, as a power of two: the longest become 12 MiB.
const MAX_WINDOW: u32 = 24;

/// How contents are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compressor {
    Lz4,
    Deflate,
    Zstd,
}

impl Compressor {
    /// Those that can be read, a bit for each.
    pub(crate) const KNOWN: u16 = 1 << 0 | 1 << 2 | 1 << 3;

    /// By its number in an inode.
    pub(crate) fn new(number: u8) -> Option<Compressor> {
        match number {
            0 => Some(Compressor::Lz4),
            2 => Some(Compressor::Deflate),
            3 => Some(Compressor::Zstd),
            _ => None,
        }
    }

    /// What `data` was before: `length` bytes, all of it, or its beginning when it is asked for in part.
    pub(crate) fn decompress(self, data: &[u8], length: usize, in_part: bool) -> Result<Vec<u8>> {
        let mut out = vec![0; length];
        let found = match self {
            Compressor::Lz4 if in_part => lz4_in_part(data, &mut out),
            Compressor::Lz4 => lz4_flex::block::decompress_into(data, &mut out).map_err(|error| bad(&error))?,
            Compressor::Deflate => read(flate2::read::DeflateDecoder::new(data), &mut out, in_part)?,
            Compressor::Zstd if in_part => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(data).map_err(|error| bad(&error))?;
                decoder.window_log_max(MAX_WINDOW).map_err(|error| bad(&error))?;
                read(decoder, &mut out, in_part)?
            }
            Compressor::Zstd => zstd::bulk::decompress_to_buffer(data, &mut out[..]).map_err(|error| bad(&error))?,
        };
        match found == length {
            true => Ok(out),
            false => broken(format_args!("its data have {found} bytes where they should have {length}")),
        }
    }
}

fn bad(error: &dyn std::error::Error) -> Broken {
    Broken(format!("its data cannot be decompressed: {error}"))
}

/// Fills `out`, and says whether there is more by one byte more.
fn read(mut reader: impl Read, out: &mut [u8], in_part: bool) -> Result<usize> {
    let mut found = 0;
    while found < out.len() {
        match reader.read(&mut out[found..]).map_err(|error| bad(&error))? {
            0 => return Ok(found),
            more => found += more,
        }
    }
    let more = if in_part { 0 } else { reader.read(&mut [0]).map_err(|error| bad(&error))? };
    Ok(found + more)
}

/// Fills `out` from a block of LZ4 that may go on, and may have zeros behind it: how much there was. `lz4_flex` takes whole blocks
/// only. A sequence is a token, literals, a distance of two bytes, and a match; lengths of 15 and more go on in bytes.
fn lz4_in_part(mut data: &[u8], out: &mut [u8]) -> usize {
    let mut at = 0;
    let next = |data: &mut &[u8]| {
        let (&byte, rest) = data.split_first()?;
        *data = rest;
        Some(byte)
    };
    let length = |data: &mut &[u8], short: u8| {
        let mut length = usize::from(short);
        if short == 15 {
            loop {
                let more = next(data)?;
                length += usize::from(more);
                if more != 255 {
                    break;
                }
            }
        }
        Some(length)
    };
    let mut sequence = || -> Option<()> {
        while at < out.len() {
            let (&token, rest) = data.split_first()?;
            data = rest;
            let literals = length(&mut data, token >> 4)?.min(out.len() - at);
            out[at..at + literals].copy_from_slice(data.get(..literals)?);
            at += literals;
            data = &data[literals..];
            if at == out.len() {
                break;
            }
            let (distance, rest) = data.split_first_chunk::<2>()?;
            data = rest;
            let from = at.checked_sub(usize::from(u16::from_le_bytes(*distance))).filter(|&from| from < at)?;
            let matched = (length(&mut data, token & 15)? + 4).min(out.len() - at);
            // It may overlap what it makes.
            for to in at..at + matched {
                out[to] = out[from + (to - at)];
            }
            at += matched;
        }
        Some(())
    };
    let _ = sequence();
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;

    fn samples() -> Vec<Vec<u8>> {
        let text = b"a line of text\n".repeat(4000);
        vec![text.clone(), [noise(700, 1), text, noise(3000, 2)].concat(), vec![7; 100_000], noise(300, 3)]
    }

    #[test]
    fn a_part_of_lz4_is_the_beginning_of_the_whole() {
        for sample in samples() {
            let mut packed = lz4_flex::block::compress(&sample);
            for length in [0, 1, 14, 15, 16, 255, 300, sample.len() - 1, sample.len()].map(|it| it.min(sample.len())) {
                assert!(Compressor::Lz4.decompress(&packed, length, true).unwrap() == sample[..length], "{length}");
            }
            // The end of a block whose data were not moved to it.
            packed.resize(packed.len().next_multiple_of(4096), 0);
            assert!(Compressor::Lz4.decompress(&packed, sample.len(), true).unwrap() == sample);
            for end in 0..packed.len().min(600) {
                let _ = Compressor::Lz4.decompress(&packed[..end], sample.len(), true);
                let _ = Compressor::Lz4.decompress(&noise(end, 5), sample.len(), true);
            }
        }
    }

    #[test]
    fn what_grows_without_end_is_stopped() {
        use std::io::Write;
        let zeros = vec![0; 1 << 20];
        let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        deflate.write_all(&zeros).unwrap();
        let bombs = [
            (Compressor::Lz4, lz4_flex::block::compress(&zeros)),
            (Compressor::Deflate, deflate.finish().unwrap()),
            (Compressor::Zstd, zstd::bulk::compress(&zeros, 3).unwrap()),
        ];
        for (compressor, data) in bombs {
            assert!(data.len() < 8192, "{compressor:?}");
            assert!(compressor.decompress(&data, 8192, false).is_err(), "{compressor:?}");
            assert!(compressor.decompress(&data, 8192, true).unwrap() == zeros[..8192], "{compressor:?}");
            assert!(compressor.decompress(&data, zeros.len(), false).unwrap() == zeros, "{compressor:?}");
            assert!(compressor.decompress(&data, zeros.len() + 1, false).is_err(), "{compressor:?}");
            assert!(compressor.decompress(&data, zeros.len() + 1, true).is_err(), "{compressor:?}");
            assert!(compressor.decompress(&data[..data.len() / 2], zeros.len(), false).is_err(), "{compressor:?}");
        }
    }
}
