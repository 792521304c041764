//! Taking a zip archive apart (PKWARE APPNOTE.TXT 6.3.10).
//!
//! | record                    | signature    | what of it is used                                           |
//! |---------------------------|--------------|--------------------------------------------------------------|
//! | end of central directory  | `0x06054b50` | where the directory is, and how many entries it has          |
//! | central directory header  | `0x02014b50` | name, method, CRC, both sizes, Unix mode, local header       |
//! | local file header         | `0x04034b50` | that it has the same name, and where the data begins         |
//!
//! The directory is the truth; a local header that says another name is refused, and so are data that lie over each other
//! (a small archive could unfold to anything) or leave the archive. Not read: encryption, ZIP64, several disks, methods
//! beside stored and deflated. Who owns files, zip does not say: it is root.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use flate2::Crc;
use flate2::read::DeflateDecoder;
use rootsmith_types::{ContentHasher, NumBytes, TreePath};

use crate::archive_error::Defect;
use crate::date::days_since_1970;
use crate::deb::Places;
use crate::limits::Limits;
use crate::tar::{Kind, Member};
use crate::unpacked::{PackedEntry, PackedKind};

const END: [u8; 4] = *b"PK\x05\x06";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";
/// Without its comment.
const END_SIZE: usize = 22;
const CENTRAL_SIZE: usize = 46;
const LOCAL_SIZE: usize = 30;
/// Below this no ratio is too large.
const FREE: u64 = 64 << 20;
/// `PATH_MAX`, without its NUL.
const MAX_TARGET: u64 = 4095;
/// `version made by`: the host is Unix, and the upper half of the external attributes a mode.
const UNIX: u8 = 3;

/// An entry of the central directory.
struct Entry {
    name: Vec<u8>,
    path: TreePath,
    deflated: bool,
    crc: u32,
    compressed: u64,
    size: u64,
    /// With the type of the file; 0 when it was made by a system without such.
    mode: u32,
    mtime: i64,
    local: u64,
}

/// Takes it apart; `size` is that of the archive.
pub(crate) fn unpack(
    archive: &mut File,
    size: u64,
    out: &mut dyn Write,
    limits: &Limits,
) -> Result<Vec<PackedEntry>, Defect> {
    let (count, start, end) = directory(archive, size)?;
    if count > limits.entries {
        return Err(Defect::TooManyEntries(limits.entries));
    }
    let entries = central(archive, count, start, end, limits)?;
    check_sizes(&entries, size, limits)?;
    let mut unpacking = Unpacking { archive, out, written: 0, places: Places::default(), ends_before: start };
    let mut ranges = Vec::with_capacity(entries.len());
    let mut unpacked = Vec::with_capacity(entries.len());
    for entry in &entries {
        ranges.push(unpacking.local(entry)?);
    }
    no_overlap(&entries, &ranges)?;
    for (entry, (_, data)) in entries.iter().zip(&ranges) {
        unpacked.push(unpacking.entry(entry, *data)?);
        if unpacking.places.bytes > limits.metadata {
            return Err(Defect::TooLarge { what: "paths", limit: NumBytes::new(limits.metadata) });
        }
    }
    Ok(unpacked)
}

/// How many entries the central directory has, where it begins, and where it ends.
fn directory(archive: &mut File, size: u64) -> Result<(usize, u64, u64), Defect> {
    // A comment of up to 64 KiB may follow the record.
    let tail_size = size.min(END_SIZE as u64 + 0xffff);
    let at = size - tail_size;
    let tail = read_at(archive, at, tail_size as usize)?;
    let is_end = |at: &usize| {
        let comment = tail.get(at + 20..at + 22).map(|field| usize::from(u16_at(field, 0)));
        tail[*at..].starts_with(&END) && comment == Some(tail.len() - at - END_SIZE)
    };
    let last = tail.len().checked_sub(END_SIZE);
    let found = last.and_then(|last| (0..=last).rev().find(is_end)).ok_or(Defect::NotAnArchive("zip"))?;
    let record = &tail[found..found + END_SIZE];
    let (disk, directory_disk) = (u16_at(record, 4), u16_at(record, 6));
    let (here, all) = (u16_at(record, 8), u16_at(record, 10));
    let (length, start) = (u32_at(record, 12), u32_at(record, 16));
    if all == u16::MAX || length == u32::MAX || start == u32::MAX {
        return Err(Defect::Unsupported("ZIP64".to_owned()));
    }
    if (disk, directory_disk) != (0, 0) || here != all {
        return Err(Defect::Unsupported("several disks".to_owned()));
    }
    let (start, end) = (u64::from(start), u64::from(start) + u64::from(length));
    if end > at + found as u64 {
        return Err(bad(b"", "its directory leaves the archive"));
    }
    Ok((usize::from(all), start, end))
}

/// The entries of the central directory, which lies between `start` and `end`.
fn central(archive: &mut File, count: usize, start: u64, end: u64, limits: &Limits) -> Result<Vec<Entry>, Defect> {
    archive.seek(SeekFrom::Start(start)).map_err(Defect::Read)?;
    let mut input = BufReader::with_capacity(64 << 10, archive).take(end - start);
    let mut entries = Vec::new();
    let mut names = 0;
    for _ in 0..count {
        let header = filled(&mut input, CENTRAL_SIZE)?;
        if !header.starts_with(&CENTRAL) {
            return Err(bad(b"", "its directory is not well formed"));
        }
        let field = |at| u16_at(&header, at);
        let name = filled(&mut input, usize::from(field(28)))?;
        // What is known of extra fields is ZIP64, which the sizes tell, and times.
        filled(&mut input, usize::from(field(30)) + usize::from(field(32)))?;
        names += name.len() as u64;
        if names > limits.metadata {
            return Err(Defect::TooLarge { what: "paths", limit: NumBytes::new(limits.metadata) });
        }
        let (compressed, size, local) = (u32_at(&header, 20), u32_at(&header, 24), u32_at(&header, 42));
        if [compressed, size, local].contains(&u32::MAX) {
            return Err(Defect::Unsupported("ZIP64".to_owned()));
        }
        // Bit 0: encrypted; bit 6: strongly; bit 13: the directory is.
        if field(8) & (1 | 1 << 6 | 1 << 13) != 0 {
            return Err(Defect::Unsupported("encryption".to_owned()));
        }
        let deflated = match field(10) {
            0 => false,
            8 => true,
            method => return Err(Defect::Unsupported(format!("compression method {method}"))),
        };
        if name.starts_with(b"/") {
            return Err(Defect::Absolute(shown(&name)));
        }
        if name.contains(&b'\\') {
            return Err(bad(&name, "it is named with backslashes"));
        }
        entries.push(Entry {
            path: TreePath::new(&name).map_err(Defect::Path)?,
            deflated,
            crc: u32_at(&header, 16),
            compressed: u64::from(compressed),
            size: u64::from(size),
            mode: if header[5] == UNIX { u32_at(&header, 38) >> 16 } else { 0 },
            mtime: dos_time(field(14), field(12)),
            local: u64::from(local),
            name,
        });
    }
    Ok(entries)
}

/// What the directory promises must be bounded before anything is decompressed.
fn check_sizes(entries: &[Entry], archive: u64, limits: &Limits) -> Result<(), Defect> {
    let total: u64 = entries.iter().map(|entry| entry.size).sum();
    if total > limits.data {
        return Err(Defect::TooLarge { what: "zip", limit: NumBytes::new(limits.data) });
    }
    if total > FREE.max(archive.saturating_mul(limits.ratio)) {
        return Err(Defect::Bomb { member: "zip", ratio: limits.ratio });
    }
    Ok(())
}

/// No byte of the archive belongs to two members. `ranges` has the local header and the data of each.
fn no_overlap(entries: &[Entry], ranges: &[(u64, u64)]) -> Result<(), Defect> {
    let mut spans: Vec<(u64, u64, &Entry)> =
        entries.iter().zip(ranges).map(|(entry, (local, data))| (*local, data + entry.compressed, entry)).collect();
    spans.sort_by_key(|(start, end, _)| (*start, *end));
    match spans.windows(2).find(|pair| pair[0].1 > pair[1].0) {
        Some(pair) => Err(bad(&pair[1].2.name, "its data lie over those of another member")),
        None => Ok(()),
    }
}

struct Unpacking<'a> {
    archive: &'a mut File,
    out: &'a mut dyn Write,
    written: u64,
    places: Places,
    /// Where the central directory begins: all data lie before it.
    ends_before: u64,
}

impl Unpacking<'_> {
    /// Where a member's local header and its data begin.
    fn local(&mut self, entry: &Entry) -> Result<(u64, u64), Defect> {
        let outside = || bad(&entry.name, "its data leave the archive");
        if entry.local + LOCAL_SIZE as u64 > self.ends_before {
            return Err(outside());
        }
        let header = read_at(self.archive, entry.local, LOCAL_SIZE)?;
        if !header.starts_with(&LOCAL) {
            return Err(bad(&entry.name, "it has no header where the directory says"));
        }
        let (name, extra) = (u16_at(&header, 26), u16_at(&header, 28));
        if read_at(self.archive, entry.local + LOCAL_SIZE as u64, usize::from(name))? != entry.name {
            return Err(bad(&entry.name, "its own header has another name"));
        }
        let data = entry.local + LOCAL_SIZE as u64 + u64::from(name) + u64::from(extra);
        if data + entry.compressed > self.ends_before {
            return Err(outside());
        }
        Ok((entry.local, data))
    }

    fn entry(&mut self, entry: &Entry, data: u64) -> Result<PackedEntry, Defect> {
        let path = entry.path.clone();
        // S_IFMT and what it may say (inode(7)).
        let (kind, mode) = match entry.mode & 0o17_0000 {
            _ if entry.name.ends_with(b"/") => (Kind::Directory, 0o755),
            0o04_0000 => (Kind::Directory, 0o755),
            0o12_0000 => (Kind::Symlink(self.target(entry, data)?), 0o777),
            0 | 0o10_0000 => (Kind::File { offset: self.written, size: entry.size }, 0o644),
            _ => return Err(Defect::Unsupported(format!("a device or a socket (`{path}`)"))),
        };
        if matches!(kind, Kind::Directory) && entry.size > 0 {
            return Err(Defect::Content(path));
        }
        let mode = if entry.mode == 0 { mode } else { (entry.mode & 0o7777) as u16 };
        let member = Member { path, kind, mode, uid: 0, gid: 0, mtime: entry.mtime, xattrs: Vec::new() };
        self.places.add(&member)?;
        let kind = match member.kind {
            Kind::File { offset, size } => {
                let mut hashed = Hashed { out: self.out, hasher: ContentHasher::new() };
                content(self.archive, entry, data, &mut hashed)?;
                self.written += size;
                PackedKind::File { offset, size, digest: hashed.hasher.finish().0 }
            }
            Kind::Symlink(target) => PackedKind::Symlink(target),
            _ => PackedKind::Directory,
        };
        let (uid, gid, mtime) = (0, 0, entry.mtime);
        Ok(PackedEntry { path: member.path.as_bytes().to_vec(), kind, mode, uid, gid, mtime, xattrs: Vec::new() })
    }

    fn target(&mut self, entry: &Entry, data: u64) -> Result<Vec<u8>, Defect> {
        let impossible = || Defect::Symlink(entry.path.clone());
        if entry.size == 0 || entry.size > MAX_TARGET {
            return Err(impossible());
        }
        let mut target = Vec::new();
        content(self.archive, entry, data, &mut target)?;
        if target.contains(&0) { Err(impossible()) } else { Ok(target) }
    }
}

/// What passes on to `out` is digested.
struct Hashed<'a> {
    out: &'a mut dyn Write,
    hasher: ContentHasher,
}

impl Write for Hashed<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let n = self.out.write(data)?;
        self.hasher.update(&data[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes what a member holds; neither more nor less than the directory says, and with its CRC.
fn content(archive: &mut File, entry: &Entry, data: u64, out: &mut dyn Write) -> Result<(), Defect> {
    archive.seek(SeekFrom::Start(data)).map_err(Defect::Read)?;
    let raw = BufReader::with_capacity(64 << 10, &mut *archive).take(entry.compressed);
    let mut input: Box<dyn Read> = if entry.deflated { Box::new(DeflateDecoder::new(raw)) } else { Box::new(raw) };
    let mut crc = Crc::new();
    let mut left = entry.size;
    let mut buffer = vec![0; 128 << 10];
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.raw_os_error().is_some() => return Err(Defect::Read(error)),
            Err(_) => return Err(bad(&entry.name, "its compressed data are damaged")),
        };
        left =
            left.checked_sub(count as u64).ok_or_else(|| bad(&entry.name, "it is longer than the directory says"))?;
        crc.update(&buffer[..count]);
        out.write_all(&buffer[..count]).map_err(Defect::Write)?;
    }
    if left > 0 {
        return Err(bad(&entry.name, "it is shorter than the directory says"));
    }
    if crc.sum() != entry.crc {
        return Err(bad(&entry.name, "its checksum is wrong"));
    }
    Ok(())
}

/// Of a time without a zone: as if it were universal time, so that it is the same everywhere. Years count from 1980, and
/// seconds in pairs.
fn dos_time(date: u16, time: u16) -> i64 {
    let (date, time) = (i64::from(date), i64::from(time));
    let (year, month, day) = (1980 + (date >> 9), (date >> 5 & 0xf).clamp(1, 12), (date & 0x1f).max(1));
    days_since_1970(year, month, day) * 86_400 + (time >> 11) * 3600 + (time >> 5 & 0x3f) * 60 + (time & 0x1f) * 2
}

fn read_at(archive: &mut File, at: u64, count: usize) -> Result<Vec<u8>, Defect> {
    archive.seek(SeekFrom::Start(at)).map_err(Defect::Read)?;
    filled(archive, count)
}

/// So many bytes, which are a few KiB at most.
fn filled(input: &mut impl Read, count: usize) -> Result<Vec<u8>, Defect> {
    let mut bytes = vec![0; count];
    match input.read_exact(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Defect::Truncated("zip")),
        Err(error) => Err(Defect::Read(error)),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn bad(name: &[u8], reason: &'static str) -> Defect {
    Defect::BadZip { path: shown(name), reason }
}

fn shown(name: &[u8]) -> String {
    name[..name.len().min(200)].escape_ascii().to_string()
}
