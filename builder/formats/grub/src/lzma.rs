//! LZMA as GRUB's decompressor wants it: without a header, for it has all parameters built in.

use liblzma::stream::{Action, Filters, LzmaOptions, Status, Stream};

/// `grub-mkimage` takes as large a window; the others are the only ones that the decompressor knows.
const DICTIONARY: u32 = 1 << 16;
const LITERAL_CONTEXT_BITS: u32 = 3;
const LITERAL_POSITION_BITS: u32 = 0;
const POSITION_BITS: u32 = 2;
/// The most that looking harder gains on these images is a tenth of a percent.
const PRESET: u32 = 9;
/// What may be left when all is decompressed: the mark at the end, and what the coder writes to be done.
const TRAILER: usize = 16;

/// `data`, with a mark at its end: a few bytes that the decompressor never reads, for it stops by the size it was told.
pub(crate) fn compress(data: &[u8]) -> Result<Vec<u8>, String> {
    let mut stream = Stream::new_raw_encoder(&filters()?).map_err(said)?;
    let mut out = Vec::with_capacity(data.len());
    loop {
        let at = usize::try_from(stream.total_in()).map_err(said)?;
        out.reserve(1 << 16);
        match stream.process_vec(data.get(at..).unwrap_or_default(), &mut out, Action::Finish).map_err(said)? {
            Status::StreamEnd => return Ok(out),
            Status::Ok | Status::GetCheck | Status::MemNeeded => {}
        }
    }
}

/// The `size` bytes that `data` is of; `None` when it is no LZMA, or of more or fewer. There is no checksum: a changed byte
/// makes all that follows something else, mostly of another length.
pub(crate) fn decompress(data: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut stream = Stream::new_raw_decoder(&filters().ok()?).ok()?;
    let mut out = vec![0; size];
    stream.process(data, &mut out, Action::Run).ok()?;
    let (read, written) = (usize::try_from(stream.total_in()).ok()?, usize::try_from(stream.total_out()).ok()?);
    (written == size && data.len().checked_sub(read)? <= TRAILER).then_some(out)
}

fn filters() -> Result<Filters, String> {
    let mut options = LzmaOptions::new_preset(PRESET).map_err(said)?;
    options
        .dict_size(DICTIONARY)
        .literal_context_bits(LITERAL_CONTEXT_BITS)
        .literal_position_bits(LITERAL_POSITION_BITS)
        .position_bits(POSITION_BITS);
    let mut filters = Filters::new();
    filters.lzma1(&options);
    Ok(filters)
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_and_nothing_else() {
        let data: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
        let packed = compress(&data).unwrap();
        assert!(packed.len() < data.len());
        assert_eq!(packed[0], 0, "a range coder begins with a zero");
        assert_eq!(decompress(&packed, data.len()).unwrap(), data);
        for other in [0, 1000, data.len() - 1000, data.len() + 1] {
            assert_eq!(decompress(&packed, other), None, "{other}");
        }
        assert_eq!(decompress(&packed[..packed.len() / 2], data.len()), None);
        assert_eq!(decompress(b"not LZMA at all, as its first byte says", 4), None);
    }
}
