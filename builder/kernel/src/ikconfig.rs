//! The configuration inside a kernel image (`CONFIG_IKCONFIG`): gzip between the marks `IKCFG_ST` and `IKCFG_ED`
//! (linux/kernel/configs.c), in the kernel as it is in memory. Most images hold that compressed:
//!
//! | image                 | the compressed kernel is                                             |
//! |-----------------------|----------------------------------------------------------------------|
//! | x86 bzImage           | `payload_offset` (0x248) behind the setup sectors, `payload_length` (0x24c) |
//! | arm64 EFI zboot       | at the offset and of the size its header names                       |
//! | ARM zImage            | behind the code that unpacks it                                      |
//! | gzip, a module        | the file                                                             |
//! | arm64 Image, vmlinux  | not compressed                                                       |
//!
//! Specification: the kernel's Documentation/arch/x86/boot.rst, "payload_offset". What is unpacked is read as a stream and
//! only as far as the second mark.

use std::io::{self, Read};

use liblzma::read::XzDecoder;
use liblzma::stream::Stream;
use memchr::memmem;

use crate::KernelError;
use crate::release::{zboot, zimage};

const START: &[u8] = b"IKCFG_ST";
const END: &[u8] = b"IKCFG_ED";
/// The text mentions its own mark; what it marks begins with gzip's magic.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Whole files are packed so: gzip, xz, Zstandard.
const PACKED: [&[u8]; 3] = [GZIP, b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"];

/// No kernel is larger in memory.
const MAX_KERNEL: u64 = 512 << 20;
/// What xz may take to unpack; the kernel's own build has it take a window of 128 MiB (`scripts/xz_wrap.sh`), and a little more.
const MAX_MEMORY: u64 = 160 << 20;
/// Configurations have some 300 kB, 70 kB of it left by gzip.
const MAX_CONFIG: u64 = 16 << 20;
const MAX_PACKED: usize = 4 << 20;
const CHUNK: usize = 1 << 20;
/// A block of the old format of LZ4 (lz4_Block_format.md, "Legacy frame") is 8 MiB unpacked.
const LZ4_BLOCK: usize = 8 << 20;

/// The configuration that was built into the kernel `image`, or into its module `configs`; `None` when there is none.
pub fn embedded_config(image: &[u8]) -> Result<Option<String>, KernelError> {
    let bad = |reason: String| KernelError::BadPayload(reason);
    let reader = unpacked(image).map_err(bad)?;
    let Some(packed) = scan(reader).map_err(|e| bad(format!("the kernel in it cannot be unpacked: {e}")))? else {
        return Ok(None);
    };
    let mut text = Vec::new();
    let read = flate2::read::GzDecoder::new(packed.as_slice()).take(MAX_CONFIG).read_to_end(&mut text);
    read.map_err(|e| bad(format!("the configuration in it cannot be unpacked: {e}")))?;
    Ok(Some(String::from_utf8_lossy(&text).into_owned()))
}

/// The kernel in the image, as it would be in memory.
fn unpacked(image: &[u8]) -> Result<Box<dyn Read + '_>, String> {
    let payload =
        match bzimage_payload(image).or_else(|| zboot(image).or_else(|| zimage(image)).map(|(payload, _)| payload)) {
            Some(payload) => payload,
            None if PACKED.iter().any(|magic| image.starts_with(magic)) => image,
            None => return Ok(Box::new(image)),
        };
    Ok(match payload {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::GzDecoder::new(payload)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            let stream = Stream::new_stream_decoder(MAX_MEMORY, 0).map_err(|e| e.to_string())?;
            Box::new(XzDecoder::new_stream(payload, stream))
        }
        [0x5d, 0, 0, ..] => {
            let stream = Stream::new_lzma_decoder(MAX_MEMORY).map_err(|e| e.to_string())?;
            Box::new(XzDecoder::new_stream(payload, stream))
        }
        // Behind the frame stands the kernel's size.
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Box::new(zstd::stream::read::Decoder::new(payload).map_err(|e| e.to_string())?.single_frame())
        }
        [0x02, 0x21, 0x4c, 0x18, rest @ ..] => Box::new(Lz4 { rest, block: Vec::new(), at: 0 }),
        [b'B', b'Z', b'h', ..] => return Err("the kernel in it is packed with bzip2, which we do not read".to_owned()),
        [0x89, b'L', b'Z', b'O', ..] => {
            return Err("the kernel in it is packed with LZO, which we do not read".to_owned());
        }
        [0x7f, b'E', b'L', b'F', ..] => Box::new(payload),
        _ => return Err("the kernel in it is packed with nothing we know".to_owned()),
    })
}

/// `None` for what is no bzImage, or one older than boot protocol 2.08, which does not say.
fn bzimage_payload(image: &[u8]) -> Option<&[u8]> {
    if image.get(0x202..0x206)? != b"HdrS" || u16::from_le_bytes(image.get(0x206..0x208)?.try_into().ok()?) < 0x208 {
        return None;
    }
    let number = |at: usize| {
        let bytes = image.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    // 0 means 4, for the oldest loaders.
    let sectors = match image.get(0x1f1)? {
        0 => 4,
        &sectors => usize::from(sectors),
    };
    let offset = number(0x248).filter(|&offset| offset != 0)?;
    let start = ((sectors + 1) * 512).checked_add(offset)?;
    image.get(start..start.checked_add(number(0x24c)?)?)
}

/// What stands between the marks.
fn scan(reader: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut reader = reader.take(MAX_KERNEL);
    let mark: Vec<u8> = [START, GZIP].concat();
    let (start, end) = (memmem::Finder::new(&mark), memmem::Finder::new(END));
    let mut data: Vec<u8> = Vec::new();
    let mut inside = false;
    loop {
        let before = data.len();
        if reader.by_ref().take(CHUNK as u64).read_to_end(&mut data)? == 0 {
            return if inside { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(None) };
        }
        if !inside {
            match start.find(&data) {
                Some(at) => {
                    data.drain(..at + START.len());
                    inside = true;
                }
                None => {
                    // A mark may lie across two chunks.
                    data.drain(..data.len().saturating_sub(mark.len() - 1));
                    continue;
                }
            }
            if let Some(at) = end.find(&data) {
                data.truncate(at);
                return Ok(Some(data));
            }
        } else if let Some(at) = end.find(&data[before.saturating_sub(END.len())..]) {
            data.truncate(before.saturating_sub(END.len()) + at);
            return Ok(Some(data));
        }
        if data.len() > MAX_PACKED {
            return Err(io::Error::other("a configuration begins and does not end"));
        }
    }
}

/// The old format of LZ4, which the kernel uses: blocks, each behind its size.
struct Lz4<'a> {
    rest: &'a [u8],
    block: Vec<u8>,
    at: usize,
}

impl Read for Lz4<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() {
            // What is too short for a block is the kernel's size, which stands behind the last one.
            let Some((size, rest)) = self.rest.split_first_chunk() else { return Ok(0) };
            let Some((block, rest)) =
                usize::try_from(u32::from_le_bytes(*size)).ok().and_then(|size| rest.split_at_checked(size))
            else {
                return Ok(0);
            };
            self.block = lz4_flex::block::decompress(block, LZ4_BLOCK).map_err(io::Error::other)?;
            (self.rest, self.at) = (rest, 0);
        }
        let from = &self.block[self.at..];
        let length = from.len().min(out.len());
        out[..length].copy_from_slice(&from[..length]);
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const CONFIG: &str = "# Linux/x86 6.12.1 Kernel Configuration\nCONFIG_NET=y\n";

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    /// A kernel as it is in memory, its configuration behind `before` bytes.
    fn vmlinux(before: usize) -> Vec<u8> {
        let mut kernel = b"\x7fELF says IKCFG_ST of itself".to_vec();
        kernel.resize(before, 7);
        kernel.extend_from_slice(START);
        kernel.extend_from_slice(&gzip(CONFIG.as_bytes()));
        kernel.extend_from_slice(END);
        kernel.extend_from_slice(&[9; 100]);
        kernel
    }

    fn bzimage(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 3 * 512 + 16];
        image[0x1f1] = 2;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x206..0x208].copy_from_slice(&0x20f_u16.to_le_bytes());
        image[0x248..0x24c].copy_from_slice(&16_u32.to_le_bytes());
        image[0x24c..0x250].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        image.extend_from_slice(payload);
        image.extend_from_slice(b"behind it");
        image
    }

    fn xz(data: &[u8], lzma: bool) -> Vec<u8> {
        let stream = if lzma {
            liblzma::stream::Stream::new_lzma_encoder(&liblzma::stream::LzmaOptions::new_preset(1).unwrap()).unwrap()
        } else {
            liblzma::stream::Stream::new_easy_encoder(1, liblzma::stream::Check::Crc32).unwrap()
        };
        let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn lz4(data: &[u8]) -> Vec<u8> {
        let mut out = vec![0x02, 0x21, 0x4c, 0x18];
        for block in data.chunks(LZ4_BLOCK) {
            let packed = lz4_flex::block::compress(block);
            out.extend_from_slice(&(packed.len() as u32).to_le_bytes());
            out.extend_from_slice(&packed);
        }
        out
    }

    #[test]
    fn the_configuration_is_found_however_the_kernel_is_packed() {
        let kernel = vmlinux(100);
        let with_size = |packed: Vec<u8>| [packed, (kernel.len() as u32).to_le_bytes().to_vec()].concat();
        let packed = [
            gzip(&kernel),
            with_size(xz(&kernel, false)),
            xz(&kernel, true),
            with_size(zstd::encode_all(kernel.as_slice(), 3).unwrap()),
            with_size(lz4(&kernel)),
        ];
        for payload in packed {
            assert_eq!(embedded_config(&bzimage(&payload)).unwrap().as_deref(), Some(CONFIG), "{:x?}", &payload[..4]);
        }
        assert_eq!(embedded_config(&kernel).unwrap().as_deref(), Some(CONFIG));
        assert_eq!(embedded_config(&gzip(&kernel)).unwrap().as_deref(), Some(CONFIG));
    }

    /// `tinyconfig` packs with xz: the first kernel of our own from it could not be looked into.
    #[test]
    fn a_kernel_may_be_packed_with_as_large_a_window_as_its_own_build_takes() {
        let kernel = vmlinux(100);
        let mut packed = xz(&kernel, false);
        // The header of the first block (The .xz File Format, 3.1): its length, flags, one filter (LZMA2) with its window.
        let header = 12..12 + (usize::from(packed[12]) + 1) * 4;
        assert_eq!(packed[13..16], [0, 0x21, 1]);
        // 2 << (30 / 2 + 11)
        packed[16] = 30;
        let mut crc = flate2::Crc::new();
        crc.update(&packed[header.start..header.end - 4]);
        packed[header.end - 4..header.end].copy_from_slice(&crc.sum().to_le_bytes());
        packed.extend_from_slice(&(kernel.len() as u32).to_le_bytes());
        assert_eq!(embedded_config(&bzimage(&packed)).unwrap().as_deref(), Some(CONFIG));
    }

    #[test]
    fn marks_may_lie_across_the_pieces_that_are_read() {
        for before in CHUNK - 200..CHUNK + 10 {
            assert_eq!(embedded_config(&vmlinux(before)).unwrap().as_deref(), Some(CONFIG), "{before}");
        }
        // More than one block of LZ4.
        let far = vmlinux(LZ4_BLOCK + 5);
        assert_eq!(embedded_config(&bzimage(&lz4(&far))).unwrap().as_deref(), Some(CONFIG));
    }

    #[test]
    fn a_kernel_without_one_has_none_and_a_damaged_one_is_an_error() {
        assert_eq!(embedded_config(&bzimage(&gzip(b"\x7fELF IKCFG_ST only"))).unwrap(), None);
        assert_eq!(embedded_config(b"").unwrap(), None);
        let refused = |image: &[u8]| embedded_config(image).unwrap_err().to_string();
        assert!(refused(&bzimage(b"BZh9...")).ends_with("packed with bzip2, which we do not read"));
        assert!(refused(&bzimage(b"????????")).ends_with("packed with nothing we know"));
        let mut cut = gzip(&vmlinux(100));
        cut.truncate(cut.len() / 2);
        assert!(refused(&bzimage(&cut)).contains("cannot be unpacked"));
        let kernel = vmlinux(100);
        let begun = &kernel[..kernel.len() - 110];
        assert!(refused(begun).contains("cannot be unpacked"), "the second mark is missing");
        let mut broken = kernel.clone();
        let at = memmem::find(&broken, GZIP).unwrap();
        broken[at + 12..at + 30].fill(0xff);
        assert!(refused(&broken).contains("the configuration in it cannot be unpacked"));
    }

    #[test]
    fn no_flipped_bit_is_a_panic() {
        let image = bzimage(&gzip(&vmlinux(100)));
        for at in (0..image.len()).filter(|at| *at >= 3 * 512 || (0x1f0..0x260).contains(at)) {
            for bit in [0x01, 0x10, 0x80] {
                let mut bad = image.clone();
                bad[at] ^= bit;
                let _ = embedded_config(&bad);
            }
        }
    }
}
