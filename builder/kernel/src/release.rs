//! What release a kernel image calls itself: the `R` of `uname -r` and of `/usr/lib/modules/R`.
//!
//! | image                    | recognised by                                | where the release is                          |
//! |--------------------------|----------------------------------------------|-----------------------------------------------|
//! | x86 bzImage              | `HdrS` at 0x202                              | text at 0x200 + the 16-bit number at 0x20e    |
//! | arm64 Image              | `ARM\x64` at 56                              | the banner `Linux version R (`                |
//! | riscv Image              | `RSC\x05` at 56                              | as arm64's                                    |
//! | arm64 Image, compressed  | gzip magic, or `MZ`, `zimg` at 4 (EFI zboot) | the banner, once decompressed                 |
//! | 32-bit ARM zImage        | 0x016f2818 at 0x24                           | as above; the packed kernel is behind the code that unpacks it |
//!
//! Specifications: the kernel's Documentation/arch/x86/boot.rst ("kernel_version"), Documentation/arch/arm64/booting.rst and,
//! for the zImage, arch/arm/boot/compressed/head.S.

use std::io::Read;

use memchr::memmem;
use rootsmith_types::Arch;

use crate::KernelError;

/// A decompressed arm64 kernel is about 40 MB; what claims to be much more is hostile.
const MAX_IMAGE: u64 = 256 << 20;

/// `uname` has 65 bytes for it, the last one NUL.
const MAX_RELEASE: usize = 64;

/// What `kernel_version` of a bzImage counts from.
const SETUP: usize = 0x200;
/// So much of a bzImage has its release, wherever that lies.
pub(crate) const BZIMAGE_HEAD: usize = SETUP + u16::MAX as usize + MAX_RELEASE + 1;

/// How packed kernels begin, and what unpacks them.
const PACKED: [(&[u8], &str); 3] = [(b"\xfd7zXZ\0", "xz"), (b"\x1f\x8b\x08", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd")];

/// The release an x86 bzImage, an arm64 or riscv Image or an ARM zImage carries.
pub fn kernel_release(image: &[u8]) -> Result<String, KernelError> {
    if let Some(release) = bzimage_release(image) {
        return Ok(release);
    }
    let plain = matches!(image.get(56..60), Some(b"ARM\x64" | b"RSC\x05"));
    if plain && image.get(4..8) != Some(b"zimg") {
        return banner(image).ok_or(KernelError::UnknownImage(None));
    }
    let packed =
        if image.starts_with(&[0x1f, 0x8b]) { Some((image, "gzip")) } else { zboot(image).or_else(|| zimage(image)) };
    packed
        .and_then(|(data, kind)| unpack(data, kind))
        .and_then(|data| banner(&data))
        .ok_or(KernelError::UnknownImage(None))
}

/// The architecture an image is for, by its first kilobytes; `None` for one that does not say.
pub fn kernel_arch(head: &[u8]) -> Option<Arch> {
    if head.get(0x202..0x206) == Some(b"HdrS") {
        return Some(Arch::Amd64);
    }
    if head.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        // The rest is not there: what comes before the error is enough.
        let _ = flate2::read::GzDecoder::new(head).take(64).read_to_end(&mut plain);
        return plain_arch(&plain);
    }
    if is_zimage(head) {
        return Some(Arch::Armhf);
    }
    if zboot_kind(head).is_none() {
        return plain_arch(head);
    }
    // PE Format, "Machine Types", behind the offset at 0x3c.
    let at = usize::try_from(u32_at(head, 0x3c)?).ok()?;
    match u16_at(head, at.checked_add(4)?)? {
        0xaa64 => Some(Arch::Arm64),
        0x5064 => Some(Arch::Riscv64),
        _ => None,
    }
}

fn plain_arch(head: &[u8]) -> Option<Arch> {
    match head.get(56..60)? {
        b"ARM\x64" => Some(Arch::Arm64),
        b"RSC\x05" => Some(Arch::Riscv64),
        _ => None,
    }
}

/// The release of an x86 bzImage, by its first [`BZIMAGE_HEAD`] bytes.
pub(crate) fn bzimage_release(image: &[u8]) -> Option<String> {
    if image.get(0x202..0x206)? != b"HdrS" {
        return None;
    }
    let offset = usize::from(u16_at(image, 0x20e)?);
    if offset == 0 {
        return None;
    }
    first_word(image.get(offset + SETUP..)?)
}

/// The payload of an EFI zboot image (linux/arch: drivers/firmware/efi/libstub/zboot-header.S) and how it is packed.
pub(crate) fn zboot(image: &[u8]) -> Option<(&[u8], &str)> {
    let kind = zboot_kind(image)?;
    let offset = usize::try_from(u32_at(image, 8)?).ok()?;
    let size = usize::try_from(u32_at(image, 12)?).ok()?;
    let payload = image.get(offset..offset.checked_add(size)?)?;
    Some((payload, kind))
}

/// The packed kernel in a zImage and how it is packed. No field says where it begins: it is found by its magic, behind the
/// first 32 KiB or so of code.
pub(crate) fn zimage(image: &[u8]) -> Option<(&[u8], &'static str)> {
    if !is_zimage(image) {
        return None;
    }
    let packed = |(magic, kind): &(&[u8], &'static str)| {
        let places = memmem::find_iter(image, magic).map(|at| &image[at..]);
        // The code that unpacks it has the magic, too.
        let mut real = places.filter(|data| *kind != "xz" || is_xz_header(data));
        real.next().map(|data| (data, *kind))
    };
    PACKED.iter().find_map(packed)
}

/// Whether the stream header is whole (xz-file-format.txt, 2.1.1): its flags with their CRC32 behind the magic.
fn is_xz_header(data: &[u8]) -> bool {
    let mut crc = flate2::Crc::new();
    data.get(6..8).is_some_and(|flags| {
        crc.update(flags);
        u32_at(data, 8) == Some(crc.sum())
    })
}

fn is_zimage(image: &[u8]) -> bool {
    u32_at(image, 0x24) == Some(0x016f_2818)
}

/// How the payload of an EFI zboot image is packed; `None` for what is none.
fn zboot_kind(image: &[u8]) -> Option<&str> {
    if !image.starts_with(b"MZ") || image.get(4..8)? != b"zimg" {
        return None;
    }
    std::str::from_utf8(image.get(24..56)?.split(|&b| b == 0).next()?).ok()
}

fn unpack(data: &[u8], kind: &str) -> Option<Vec<u8>> {
    let reader: Box<dyn Read + '_> = match kind {
        "gzip" => Box::new(flate2::read::GzDecoder::new(data)),
        "zstd" => Box::new(zstd::stream::read::Decoder::new(data).ok()?),
        "xzkern" | "xz" => Box::new(liblzma::read::XzDecoder::new(data)),
        _ => return None,
    };
    let mut out = Vec::new();
    reader.take(MAX_IMAGE).read_to_end(&mut out).ok()?;
    Some(out)
}

/// The kernel's own banner. Format strings (`Linux version %s`) are passed over: a release begins with a digit.
fn banner(image: &[u8]) -> Option<String> {
    const BANNER: &[u8] = b"Linux version ";
    let mut behind = memmem::find_iter(image, BANNER).map(|at| &image[at + BANNER.len()..]);
    behind.find(|rest| rest.first().is_some_and(u8::is_ascii_digit)).and_then(first_word)
}

fn first_word(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().take(MAX_RELEASE + 1).position(|&b| b == b' ' || b == 0)?;
    let word = &bytes[..end];
    let sane = !word.is_empty() && word.iter().all(|&b| b.is_ascii_alphanumeric() || b"._+-~".contains(&b));
    // ASCII by the line above.
    sane.then(|| String::from_utf8_lossy(word).into_owned())
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(data.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(data.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    pub(crate) fn bzimage_of(text: &str) -> Vec<u8> {
        let mut image = vec![0; 0x400];
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
        image[0x300..0x300 + text.len()].copy_from_slice(text.as_bytes());
        image
    }

    fn arm64(text: &str) -> Vec<u8> {
        let mut image = vec![0; 100];
        image[56..60].copy_from_slice(b"ARM\x64");
        image.extend_from_slice(b"Linux version %s\0");
        image.extend_from_slice(text.as_bytes());
        image
    }

    #[test]
    fn bzimage_has_its_release_in_the_setup_header() {
        let image = bzimage_of("6.12.107+deb13-cloud-amd64 (debian-kernel@lists.debian.org) #1 SMP");
        assert_eq!(kernel_release(&image).unwrap(), "6.12.107+deb13-cloud-amd64");
    }

    #[test]
    fn arm64_images_have_it_in_the_banner_also_compressed() {
        let image = arm64("Linux version 6.12.1-arm64 (x) #1\n\0");
        assert_eq!(kernel_release(&image).unwrap(), "6.12.1-arm64");
        let mut riscv = image.clone();
        riscv[56..60].copy_from_slice(b"RSC\x05");
        assert_eq!(kernel_release(&riscv).unwrap(), "6.12.1-arm64");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&image).unwrap();
        let packed = gzip.finish().unwrap();
        assert_eq!(kernel_release(&packed).unwrap(), "6.12.1-arm64");

        let mut zboot = b"MZ\0\0zimg".to_vec();
        zboot.extend_from_slice(&64u32.to_le_bytes());
        zboot.extend_from_slice(&(packed.len() as u32).to_le_bytes());
        zboot.resize(24, 0);
        zboot.extend_from_slice(b"gzip");
        zboot.resize(64, 0);
        zboot.extend_from_slice(&packed);
        assert_eq!(kernel_release(&zboot).unwrap(), "6.12.1-arm64");
    }

    #[test]
    fn a_zimage_has_it_in_the_kernel_that_it_unpacks() {
        let mut image = vec![0; 0x1000];
        image[0x24..0x28].copy_from_slice(&0x016f_2818u32.to_le_bytes());
        assert_eq!(kernel_arch(&image), Some(Arch::Armhf));
        assert_eq!(kernel_release(&image), Err(KernelError::UnknownImage(None)));
        // What unpacks it knows the magic.
        image.extend_from_slice(b"\xfd7zXZ\0unpacker");
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(b"Linux version 6.12.1-armmp (x)\0").unwrap();
        image.extend_from_slice(&xz.finish().unwrap());
        image.extend_from_slice(b"device tree");
        assert_eq!(kernel_release(&image).unwrap(), "6.12.1-armmp");
    }

    #[test]
    fn images_say_what_they_are_for() {
        assert_eq!(kernel_arch(&bzimage_of("6.12 ")), Some(Arch::Amd64));
        let mut image = arm64("");
        assert_eq!(kernel_arch(&image), Some(Arch::Arm64));
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&image).unwrap();
        let mut packed = gzip.finish().unwrap();
        packed.truncate(packed.len() - 9);
        assert_eq!(kernel_arch(&packed), Some(Arch::Arm64));
        image[56..60].copy_from_slice(b"RSC\x05");
        assert_eq!(kernel_arch(&image), Some(Arch::Riscv64));
        let mut zboot = vec![0; 128];
        zboot[..8].copy_from_slice(b"MZ\0\0zimg");
        zboot[24..28].copy_from_slice(b"zstd");
        zboot[0x3c] = 64;
        zboot[64..70].copy_from_slice(b"PE\0\0\x64\xaa");
        assert_eq!(kernel_arch(&zboot), Some(Arch::Arm64));
        for bad in [&zboot[..66], b"", b"text"] {
            assert_eq!(kernel_arch(bad), None);
        }
    }

    #[test]
    fn what_is_no_kernel_is_refused() {
        let far = {
            let mut image = bzimage_of("6.12 ");
            image[0x20e..0x210].copy_from_slice(&0xffffu16.to_le_bytes());
            image
        };
        let endless = bzimage_of(&"6".repeat(200));
        for bad in
            [Vec::new(), vec![0; 0x210], far, endless, arm64("no banner"), vec![0x1f, 0x8b, 8], b"MZ\0\0zimg".to_vec()]
        {
            assert_eq!(kernel_release(&bad), Err(KernelError::UnknownImage(None)));
        }
    }
}
