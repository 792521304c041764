//! The outer archive of a Debian package (`deb(5)`, `ar(5)`): headers of 60 bytes, each before its member's data.
//!
//! | bytes   | field                               |
//! |---------|-------------------------------------|
//! | 0..16   | name, padded with spaces            |
//! | 16..48  | time, owner, group, mode: not used  |
//! | 48..58  | size in decimal digits              |
//! | 58..60  | a back quote and a line end         |

use std::io::{self, Read};

use crate::archive_error::Defect;

const MAGIC: &[u8; 8] = b"!<arch>\n";

/// A member's header.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) size: u64,
}

/// Reads the archive's first bytes.
pub(crate) fn read_magic(input: &mut dyn Read) -> Result<(), Defect> {
    let mut magic = [0; 8];
    match read_full(input, &mut magic)? {
        8 if magic == *MAGIC => Ok(()),
        _ => Err(Defect::NotAPackage),
    }
}

/// Reads the header of the next member, which begins at `offset`; `None` at the end of the archive.
pub(crate) fn read_header(input: &mut dyn Read, offset: u64) -> Result<Option<Member>, Defect> {
    let mut header = [0; 60];
    match read_full(input, &mut header)? {
        0 => return Ok(None),
        60 => {}
        _ => return Err(Defect::Truncated("ar")),
    }
    let bad = |field| Defect::Header { member: "ar", offset, field };
    if header[58..] != *b"`\n" {
        return Err(bad("end mark"));
    }
    let text =
        |range: std::ops::Range<usize>| std::str::from_utf8(&header[range]).ok().map(|text| text.trim_end_matches(' '));
    let name = text(0..16).ok_or_else(|| bad("name"))?;
    let size = text(48..58).filter(|size| size.bytes().all(|byte| byte.is_ascii_digit())).ok_or_else(|| bad("size"))?;
    // Some writers end the name with a slash, as System V did.
    let name = name.strip_suffix('/').unwrap_or(name).to_owned();
    Ok(Some(Member { name, size: size.parse().map_err(|_| bad("size"))? }))
}

/// Fills `buffer` as far as the input goes.
pub(crate) fn read_full(input: &mut dyn Read, buffer: &mut [u8]) -> Result<usize, Defect> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Defect::Read(error)),
        }
    }
    Ok(filled)
}
