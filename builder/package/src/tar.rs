//! Reading a tar (POSIX.1-2017 `pax`, "ustar Interchange Format" and "pax Extended Header"; GNU long names).
//!
//! | bytes    | field      | bytes    | field                              |
//! |----------|------------|----------|------------------------------------|
//! | 0..100   | name       | 156      | typeflag                           |
//! | 100..108 | mode       | 157..257 | linkname                           |
//! | 108..116 | uid        | 257..263 | magic: `ustar\0`, GNU `ustar `     |
//! | 116..124 | gid        | 329..337 | devmajor                           |
//! | 124..136 | size       | 337..345 | devminor                           |
//! | 136..148 | mtime      | 345..500 | prefix of the name, not with GNU   |
//! | 148..156 | checksum   |          |                                    |
//!
//! PAX records are told apart by their stated length alone: a value may hold line ends.

use rootsmith_types::{NumBytes, TreePath};

use crate::archive_error::Defect;
use crate::decoded::Decoded;

/// A long name or a PAX header may have this many bytes.
const MAX_EXTENSION: u64 = 1 << 20;

/// A member of a tar.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) path: TreePath,
    pub(crate) kind: Kind,
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: i64,
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What a member is.
#[derive(Debug)]
pub(crate) enum Kind {
    Directory,
    /// Its content begins at `offset`; [`Reader::content`] gives it.
    File {
        offset: u64,
        size: u64,
    },
    HardLink(TreePath),
    Symlink(Vec<u8>),
    CharDevice(u32, u32),
    BlockDevice(u32, u32),
    Fifo,
}

/// Reads members one after another.
pub(crate) struct Reader<'a> {
    input: Decoded<'a>,
    /// Content of the current member that was not taken yet, and the padding behind it.
    content: u64,
    padding: u64,
}

/// What extension headers said about the member that follows them.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<i64>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(input: Decoded<'a>) -> Reader<'a> {
        Reader { input, content: 0, padding: 0 }
    }

    /// The next member; `None` at the end mark. Content that was not taken is passed over.
    pub(crate) fn next(&mut self) -> Result<Option<Member>, Defect> {
        let mut extensions = Extensions::default();
        loop {
            self.input.skip(self.content + self.padding)?;
            (self.content, self.padding) = (0, 0);
            let offset = self.input.position();
            let Some(block) = self.input.block()? else { return Err(Defect::Truncated(self.input.member())) };
            if block.iter().all(|&byte| byte == 0) {
                return Ok(None);
            }
            let header = Header { block, member: self.input.member(), offset };
            header.check()?;
            let size = match extensions.size {
                Some(size) => size,
                None => header.unsigned("size", 124..136)?,
            };
            self.content = size;
            self.padding = size.wrapping_neg() % 512;
            if size > u64::MAX - 1024 {
                return Err(header.bad("size"));
            }
            match block[156] {
                b'L' => extensions.path = Some(self.extension()?),
                b'K' => extensions.link = Some(self.extension()?),
                b'x' => {
                    let records = self.extension()?;
                    extensions.read_pax(&records, offset, false)?;
                }
                b'g' => {
                    let records = self.extension()?;
                    extensions.read_pax(&records, offset, true)?;
                }
                _ => return self.member(&header, extensions).map(Some),
            }
        }
    }

    /// Gives the content of the file that [`Reader::next`] returned, in pieces.
    pub(crate) fn content(&mut self, mut sink: impl FnMut(&[u8])) -> Result<(), Defect> {
        while self.content > 0 {
            let part = self.input.take(self.content)?;
            self.content -= part.len() as u64;
            sink(part);
        }
        Ok(())
    }

    /// Reads what follows the end mark, to the end of the data.
    pub(crate) fn finish(self) -> Result<(), Defect> {
        self.input.finish()
    }

    /// The content of an extension header.
    fn extension(&mut self) -> Result<Vec<u8>, Defect> {
        if self.content > MAX_EXTENSION {
            return Err(Defect::TooLarge { what: "paths", limit: NumBytes::new(MAX_EXTENSION) });
        }
        let mut text = Vec::new();
        self.content(|part| text.extend_from_slice(part))?;
        Ok(text)
    }

    fn member(&mut self, header: &Header, extensions: Extensions) -> Result<Member, Defect> {
        let name = extensions.path.map_or_else(|| header.name(), |path| until_nul(&path).to_vec());
        let path = tree_path(&name)?;
        let link = extensions
            .link
            .map_or_else(|| until_nul(&header.block[157..257]).to_vec(), |link| until_nul(&link).to_vec());
        let kind = match header.block[156] {
            // Before POSIX a folder was a file whose name ends with a slash.
            0 if name.ends_with(b"/") => Kind::Directory,
            0 | b'0' | b'7' => Kind::File { offset: self.input.position(), size: self.content },
            b'1' => Kind::HardLink(tree_path(&link)?),
            b'2' if link.is_empty() || link.len() > 4095 => return Err(Defect::Symlink(path)),
            b'2' => Kind::Symlink(link),
            b'3' => Kind::CharDevice(header.device(329..337)?, header.device(337..345)?),
            b'4' => Kind::BlockDevice(header.device(329..337)?, header.device(337..345)?),
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            b'S' => return Err(Defect::Sparse),
            kind => return Err(Defect::UnknownKind { kind, path: shown(&name) }),
        };
        if self.content > 0 && !matches!(kind, Kind::File { .. }) {
            return Err(Defect::Content(path));
        }
        let owner = |wide: u64, field| u32::try_from(wide).map_err(|_| header.bad(field));
        Ok(Member {
            path,
            kind,
            // The type bits that old writers put above the permissions say nothing new.
            mode: (header.unsigned("mode", 100..108)? & 0o7777) as u16,
            uid: extensions.uid.map_or_else(|| owner(header.unsigned("uid", 108..116)?, "uid"), Ok)?,
            gid: extensions.gid.map_or_else(|| owner(header.unsigned("gid", 116..124)?, "gid"), Ok)?,
            mtime: extensions.mtime.map_or_else(|| header.number("mtime", 136..148), Ok)?,
            xattrs: extensions.xattrs,
        })
    }
}

/// A header block and where it was.
struct Header {
    block: [u8; 512],
    member: &'static str,
    offset: u64,
}

impl Header {
    fn bad(&self, field: &'static str) -> Defect {
        Defect::Header { member: self.member, offset: self.offset, field }
    }

    /// The sum of all bytes, those of the checksum itself counted as spaces.
    fn check(&self) -> Result<(), Defect> {
        let outside = |at: usize| !(148..156).contains(&at);
        let sum: u64 =
            self.block.iter().enumerate().filter(|(at, _)| outside(*at)).map(|(_, &byte)| u64::from(byte)).sum();
        if self.unsigned("checksum", 148..156)? == sum + 8 * u64::from(b' ') {
            Ok(())
        } else {
            Err(self.bad("checksum"))
        }
    }

    fn name(&self) -> Vec<u8> {
        let name = until_nul(&self.block[..100]);
        let prefix = if self.block[257..263] == *b"ustar\0" { until_nul(&self.block[345..500]) } else { b"" };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    fn device(&self, range: std::ops::Range<usize>) -> Result<u32, Defect> {
        u32::try_from(self.unsigned("device", range)?).map_err(|_| self.bad("device"))
    }

    fn unsigned(&self, field: &'static str, range: std::ops::Range<usize>) -> Result<u64, Defect> {
        u64::try_from(self.number(field, range)?).map_err(|_| self.bad(field))
    }

    /// Octal digits between spaces and NULs; or, as GNU does for what does not fit, a big-endian number in two's complement
    /// whose first bit is set to tell it apart.
    fn number(&self, field: &'static str, range: std::ops::Range<usize>) -> Result<i64, Defect> {
        let bytes = &self.block[range];
        if bytes[0] & 0x80 != 0 {
            let negative = bytes[0] & 0x40 != 0;
            let mut value: i128 = if negative { -1 } else { 0 };
            for (at, &byte) in bytes.iter().enumerate() {
                let byte = if at == 0 && !negative { byte & 0x7f } else { byte };
                // Twelve bytes at most: 96 bits fit.
                value = value << 8 | i128::from(byte);
            }
            return i64::try_from(value).map_err(|_| self.bad(field));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| self.bad(field))?;
        let digits = text.trim_matches(['\0', ' ']);
        if digits.is_empty() {
            return Ok(0);
        }
        if !digits.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
            return Err(self.bad(field));
        }
        i64::from_str_radix(digits, 8).map_err(|_| self.bad(field))
    }
}

impl Extensions {
    /// Each record is `LENGTH KEY=VALUE\n`, the length counting the whole record. A global header may only have comments:
    /// `git archive` writes one.
    fn read_pax(&mut self, mut records: &[u8], offset: u64, global: bool) -> Result<(), Defect> {
        while !records.is_empty() {
            let (key, value, rest) = pax_record(records).ok_or(Defect::BadPax { offset })?;
            records = rest;
            let number = || std::str::from_utf8(value).ok().ok_or(Defect::BadPax { offset });
            match key {
                b"comment" => {}
                _ if global => return Err(Defect::UnknownPax(shown(key))),
                b"path" | b"linkpath" if value.contains(&0) => return Err(Defect::BadPax { offset }),
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = Some(number()?.parse().map_err(|_| Defect::BadPax { offset })?),
                b"uid" => self.uid = Some(number()?.parse().map_err(|_| Defect::BadPax { offset })?),
                b"gid" => self.gid = Some(number()?.parse().map_err(|_| Defect::BadPax { offset })?),
                b"mtime" => self.mtime = Some(pax_time(number()?).ok_or(Defect::BadPax { offset })?),
                // Names of owners, times nobody keeps, and the writer's view of the file it read.
                b"uname" | b"gname" | b"atime" | b"ctime" | b"hdrcharset" | b"charset" => {}
                b"SCHILY.dev" | b"SCHILY.ino" | b"SCHILY.nlink" | b"LIBARCHIVE.creationtime" => {}
                _ if key.starts_with(b"GNU.sparse.") || key == b"SCHILY.realsize" => return Err(Defect::Sparse),
                _ => match key.strip_prefix(b"SCHILY.xattr.") {
                    Some(name) if !name.is_empty() && name.len() <= 255 && !name.contains(&0) => {
                        self.xattrs.retain(|(other, _)| other != name);
                        self.xattrs.push((name.to_vec(), value.to_vec()));
                    }
                    _ => return Err(Defect::UnknownPax(shown(key))),
                },
            }
        }
        self.xattrs.sort();
        Ok(())
    }
}

/// The first record's key and value, and the records after it.
fn pax_record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().take(20).position(|&byte| byte == b' ')?;
    let digits = std::str::from_utf8(&records[..space]).ok()?;
    let len: usize = if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok()? } else { return None };
    let (record, rest) = records.split_at_checked(len)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|&byte| byte == b'=')?;
    Some((&body[..equals], &body[equals + 1..], rest))
}

/// Seconds, perhaps negative, perhaps with a fraction, which is rounded down.
fn pax_time(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let before = whole.starts_with('-') && fraction.bytes().any(|byte| byte != b'0');
    if before { seconds.checked_sub(1) } else { Some(seconds) }
}

/// A path as archives write it: relative, `./usr/bin`.
fn tree_path(name: &[u8]) -> Result<TreePath, Defect> {
    if name.starts_with(b"/") {
        return Err(Defect::Absolute(shown(name)));
    }
    TreePath::new(name).map_err(Defect::Path)
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    memchr::memchr(0, bytes).map_or(bytes, |nul| &bytes[..nul])
}

fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(200)].escape_ascii().to_string()
}
