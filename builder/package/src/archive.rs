//! Archives that are no packages: tar, plain or compressed, and zip.
//!
//! Both come out as a package's `data.tar` does: one container with all contents, and what is where in it.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};

use crate::archive_error::Defect;
use crate::compress::Compression;
use crate::deb::read_data;
use crate::decoded::{Bounds, Decoded};
use crate::limits::Limits;
use crate::tar::Reader;
use crate::unpacked::PackedEntry;
use crate::zip;

/// A kind of archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArchiveKind {
    /// tar; how it is compressed, its first bytes say.
    Tar,
    /// zip, its members stored or deflated.
    Zip,
}

impl ArchiveKind {
    /// `tar`, `zip`.
    pub fn name(self) -> &'static str {
        match self {
            ArchiveKind::Tar => "tar",
            ArchiveKind::Zip => "zip",
        }
    }
}

/// Takes an archive apart. All contents go to `out`; the offsets of the result count its bytes. Whatever would not unpack to
/// a plain tree is refused.
pub fn unpack_archive(
    kind: ArchiveKind,
    archive: &mut File,
    out: &mut dyn Write,
    limits: &Limits,
) -> Result<Vec<PackedEntry>, Defect> {
    let size = archive.seek(SeekFrom::End(0)).and_then(|size| archive.rewind().map(|()| size)).map_err(Defect::Read)?;
    match kind {
        ArchiveKind::Tar => unpack_tar(archive, size, out, limits),
        ArchiveKind::Zip => zip::unpack(archive, size, out, limits),
    }
}

fn unpack_tar(archive: &mut File, size: u64, out: &mut dyn Write, limits: &Limits) -> Result<Vec<PackedEntry>, Defect> {
    let mut input = BufReader::with_capacity(64 << 10, archive);
    let start = input.fill_buf().map_err(Defect::Read)?;
    if start.starts_with(b"BZh") {
        return Err(Defect::Unsupported("bzip2".to_owned()));
    }
    if start.is_empty() || start.starts_with(b"PK\x03\x04") || start.starts_with(b"!<arch>\n") {
        return Err(Defect::NotAnArchive("tar"));
    }
    let compression = Compression::of_bytes(start);
    let damaged = |error: std::io::Error| Defect::Compression { member: "tar", reason: error.to_string() };
    let decoder = compression.decoder(&mut input).map_err(damaged)?;
    let bounds = Bounds { member: "tar", compressed: size, limit: limits.data, ratio: limits.ratio };
    let mut reader = Reader::new(Decoded::new(decoder, out, bounds));
    let entries = read_data(&mut reader, limits)?;
    reader.finish()?;
    Ok(entries)
}

#[cfg(test)]
mod tests;
