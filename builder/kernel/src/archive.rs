//! What is in an initramfs that is there already: names only, whoever made it.

use std::io::{self, Read};

use crate::KernelError;

/// An initramfs of a distribution with all drivers has a hundred MiB; what unpacks to more than this is hostile.
const MAX_UNPACKED: u64 = 2 << 30;
/// cpio "newc": thirteen numbers of eight hexadecimal digits behind the magic.
const HEADER: usize = 110;
const MAX_NAME: usize = 4096;

/// The paths in an initramfs, without a leading `./` or `/`, in the order of the archive. One archive after another, plain
/// or compressed with gzip, xz or zstd, as the kernel reads them.
pub fn initramfs_files(initrd: &[u8]) -> Result<Vec<String>, KernelError> {
    let failed = |e: io::Error| KernelError::Archive(format!("cannot be read: {e}"));
    let mut names = Vec::new();
    // Plain archives stand before a compressed one: microcode. What follows a compressed one is not looked at.
    let mut rest = initrd;
    loop {
        let padding = rest.iter().take_while(|&&b| b == 0).count();
        rest = &rest[padding..];
        match rest {
            [] => return Ok(names),
            [b'0', b'7', b'0', b'7', ..] => {
                let mut reader = rest;
                members(&mut reader, &mut names).map_err(failed)?;
                rest = reader;
            }
            _ => {
                let mut reader = unpacked(rest).map_err(failed)?.take(MAX_UNPACKED);
                members(&mut reader, &mut names).map_err(failed)?;
                return Ok(names);
            }
        }
    }
}

fn unpacked(data: &[u8]) -> io::Result<Box<dyn Read + '_>> {
    Ok(match data {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(data)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::stream::read::Decoder::new(data)?),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Box::new(liblzma::read::XzDecoder::new(data)),
        _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "unknown compression")),
    })
}

fn members(reader: &mut dyn Read, names: &mut Vec<String>) -> io::Result<()> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    loop {
        let mut header = [0; HEADER];
        reader.read_exact(&mut header)?;
        if !header.starts_with(b"070701") && !header.starts_with(b"070702") {
            return Err(bad("no cpio archive"));
        }
        let field = |index: usize| {
            let digits = std::str::from_utf8(&header[6 + 8 * index..14 + 8 * index]).ok()?;
            u32::from_str_radix(digits, 16).ok()
        };
        let (size, name_size) = field(6).zip(field(11)).ok_or_else(|| bad("damaged cpio header"))?;
        let name_size = name_size as usize;
        if name_size == 0 || name_size > MAX_NAME {
            return Err(bad("damaged cpio header"));
        }
        // Header and name together, and the content, fill up to multiples of four.
        let mut name = vec![0; (HEADER + name_size).next_multiple_of(4) - HEADER];
        reader.read_exact(&mut name)?;
        name.truncate(name_size - 1);
        if name == b"TRAILER!!!" {
            return Ok(());
        }
        let content = u64::from(size).next_multiple_of(4);
        if io::copy(&mut reader.take(content), &mut io::sink())? < content {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let name = String::from_utf8_lossy(&name);
        names.push(name.trim_start_matches("./").trim_start_matches('/').to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, content: &[u8]) -> Vec<u8> {
        let mut out = b"070701".to_vec();
        for value in [0, 0o100644, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0] {
            out.extend_from_slice(format!("{value:08x}").as_bytes());
        }
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn archive(names: &[&str]) -> Vec<u8> {
        let mut out: Vec<u8> = names.iter().flat_map(|name| member(name, b"abc")).collect();
        out.extend(member("TRAILER!!!", b""));
        out
    }

    #[test]
    fn names_of_every_archive_in_a_row() {
        let mut data = archive(&["kernel/x86/microcode"]);
        data.resize(data.len().next_multiple_of(512), 0);
        data.extend(zstd::encode_all(&archive(&["./init", "/bin/busybox"])[..], 1).unwrap());
        assert_eq!(initramfs_files(&data).unwrap(), ["kernel/x86/microcode", "init", "bin/busybox"]);
        assert_eq!(initramfs_files(&[]).unwrap(), [""; 0]);
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let whole = archive(&["init"]);
        assert!(initramfs_files(&whole[..whole.len() - 40]).is_err());
        assert!(initramfs_files(b"plain text").is_err());
        let mut endless = whole.clone();
        endless[54..62].copy_from_slice(b"ffffffff");
        assert!(initramfs_files(&endless).is_err());
    }
}
