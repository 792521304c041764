//! One member after another: its header, what extended headers before it say, and where its data lies.

use std::collections::BTreeMap;
use std::sync::Arc;

use rootsmith_tree::{Metadata, Mtime};
use rootsmith_types::TreePath;

use super::budget::Budget;
use super::header::{Block, Field, Header};
use super::pax::{self, Records};
use super::sparse::{self, Segment};
use super::stream::Stream;
use crate::OpenError;

/// Most bytes of an extended header or a long name: an attribute has at most 64 KiB.
const MAX_EXTENSION: u64 = 1 << 20;
/// Longest target of a symbolic link (`PATH_MAX`).
const MAX_TARGET: usize = 4095;
const BLOCK: u64 = 512;

/// One entry of an archive.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name.
    pub(crate) path: TreePath,
    /// What it is.
    pub(crate) what: What,
    /// Whose it is; a hard link's is its first name's.
    pub(crate) metadata: Metadata,
}

/// What an entry is.
#[derive(Debug)]
pub(crate) enum What {
    Directory,
    File(Data),
    Symlink(Arc<[u8]>),
    HardLink(TreePath),
    CharDevice {
        major: u32,
        minor: u32,
    },
    BlockDevice {
        major: u32,
        minor: u32,
    },
    Fifo,
    /// Of a cpio: tar has none.
    Socket,
}

/// Where the data of a file lies.
#[derive(Debug)]
pub(crate) struct Data {
    /// With its holes.
    pub(crate) size: u64,
    /// From the start of the archive.
    pub(crate) offset: u64,
    /// Its pieces, which lie there one after another; `None` when it has no holes.
    pub(crate) segments: Option<Vec<Segment>>,
}

/// How an archive must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// With a block of zeros at least: nothing else tells that it is whole.
    Marked,
    /// Anywhere behind a member's data, as some layers do (umoci 0.4 leaves out even what fills up the last block): their digest
    /// tells that they are whole.
    Anywhere,
}

/// Gives each member to `each`.
pub(crate) fn read(
    stream: &mut dyn Stream,
    budget: &Budget,
    ends: Ends,
    each: &mut dyn FnMut(Member) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let mut reader = Reader { stream, budget, ends, at_end: false, global: Records::new() };
    let mut before = Before::default();
    let mut zeros = 0;
    loop {
        let at = reader.stream.position();
        let Some(block) = reader.block()? else {
            if before.any || zeros == 0 && ends == Ends::Marked {
                return Err(OpenError::damaged_at("tar", byte(at), "it ends early, without its two blocks of zeros"));
            }
            return Ok(());
        };
        if block.iter().all(|&b| b == 0) {
            zeros += 1;
            if zeros == 2 {
                return Ok(());
            }
            continue;
        }
        zeros = 0;
        let header = Header::new(&block).ok_or_else(|| {
            OpenError::damaged_at("tar", byte(at), "a header should be here, and its checksum is wrong")
        })?;
        if !reader.extension(&header, &mut before)? {
            budget.entry("tar")?;
            let member = reader.member(&header, &block, std::mem::take(&mut before))?;
            each(member)?;
        }
    }
}

struct Reader<'a> {
    stream: &'a mut dyn Stream,
    budget: &'a Budget,
    ends: Ends,
    /// The last block was not filled up.
    at_end: bool,
    /// What global headers say of every later entry.
    global: Records,
}

/// What entries before an entry say of it.
#[derive(Default)]
struct Before {
    any: bool,
    records: Records,
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl Reader<'_> {
    /// The next block; `None` at the end.
    fn block(&mut self) -> Result<Option<Block>, OpenError> {
        if self.at_end {
            return Ok(None);
        }
        let mut block = [0; 512];
        let at = self.stream.position();
        match self.stream.fill(&mut block)? {
            0 => Ok(None),
            512 => Ok(Some(block)),
            _ => Err(OpenError::damaged_at("tar", byte(at), "it ends in the middle of a block")),
        }
    }

    /// Whether the entry only speaks of the next one; then `before` has what it says.
    fn extension(&mut self, header: &Header<'_>, before: &mut Before) -> Result<bool, OpenError> {
        let kind = header.kind();
        // `X` is what Solaris wrote before `x` was agreed on; `V` names the whole archive.
        if !matches!(kind, b'x' | b'X' | b'g' | b'L' | b'K' | b'V') {
            return Ok(false);
        }
        let at = self.stream.position();
        let damaged = |reason: &str| OpenError::damaged_at("tar", byte(at), reason);
        let size = header.number(Field::Size).and_then(|size| u64::try_from(size).ok());
        let size =
            size.filter(|size| *size <= MAX_EXTENSION).ok_or_else(|| damaged("an extended header is too long"))?;
        // Bounded, so it fits; and read before anything is believed of it.
        let mut data = vec![0; size as usize];
        let padding = size.next_multiple_of(BLOCK) - size;
        if self.stream.fill(&mut data)? != data.len() || !self.stream.skip(padding)? {
            return Err(damaged("it ends in the middle of an extended header"));
        }
        let records = |data: &[u8]| pax::parse(data).ok_or_else(|| damaged("an extended header is not well formed"));
        let text = |mut data: Vec<u8>| {
            data.truncate(data.iter().position(|&b| b == 0).unwrap_or(data.len()));
            Some(data)
        };
        match kind {
            b'x' | b'X' => before.records = records(&data)?,
            b'L' => before.path = text(data),
            b'K' => before.target = text(data),
            b'g' => {
                let records = records(&data)?;
                let one = ["path", "linkpath", "size"].into_iter().find(|one| records.contains_key(one.as_bytes()));
                if let Some(one) = one {
                    return Err(OpenError::unsupported("tar", format_args!("one `{one}` for many entries")));
                }
                self.global.extend(records);
                self.budget.memory("tar", data.len())?;
            }
            _ => return Ok(true),
        }
        // A global header may be the last entry of all; the others speak of one.
        before.any |= kind != b'g';
        Ok(true)
    }

    /// The member that a header begins; goes on behind its data.
    fn member(&mut self, header: &Header<'_>, block: &Block, before: Before) -> Result<Member, OpenError> {
        let mut records = before.records;
        for (keyword, value) in &self.global {
            records.entry(keyword.clone()).or_insert_with(|| value.clone());
        }
        let value = |keyword: &str| records.get(keyword.as_bytes()).filter(|value| !value.is_empty());
        let name = value("GNU.sparse.name").or_else(|| value("path")).cloned().or(before.path);
        let name = name.unwrap_or_else(|| header.name());
        let path = TreePath::new(&name).map_err(|error| OpenError::damaged("tar", error))?;
        let entry = Entry { header, records: &records, path: &path };

        let target = || value("linkpath").cloned().or(before.target).unwrap_or_else(|| header.link_name());
        let what = match header.kind() {
            b'1' => {
                let first =
                    TreePath::new(target()).map_err(|error| entry.damaged(format_args!("hard link: {error}")))?;
                What::HardLink(first)
            }
            b'2' => {
                let target = target();
                if target.is_empty() || target.len() > MAX_TARGET || target.contains(&0) {
                    return Err(entry.damaged("a symbolic link whose target is no path"));
                }
                self.budget.memory("tar", target.len())?;
                What::Symlink(target.into())
            }
            b'3' => {
                What::CharDevice { major: entry.small(Field::DeviceMajor)?, minor: entry.small(Field::DeviceMinor)? }
            }
            b'4' => {
                What::BlockDevice { major: entry.small(Field::DeviceMajor)?, minor: entry.small(Field::DeviceMinor)? }
            }
            b'6' => What::Fifo,
            b'5' => What::Directory,
            b'0' | b'\0' | b'7' | b'S' | b'D' => {
                let data = self.data(&entry, block)?;
                // Before directories had a type of their own, a slash told.
                if header.kind() == b'D' || name.ends_with(b"/") { What::Directory } else { What::File(data) }
            }
            b'M' => return Err(OpenError::unsupported("tar", "several volumes")),
            other => {
                let other = other.escape_ascii();
                return Err(OpenError::unsupported("tar", format_args!("an entry of type `{other}` (`{path}`)")));
            }
        };
        let metadata = entry.metadata(self.budget)?;
        Ok(Member { path, what, metadata })
    }

    /// Where the data of a file lies; goes on behind it.
    fn data(&mut self, entry: &Entry<'_>, block: &Block) -> Result<Data, OpenError> {
        let mut stored = entry.number(Field::Size)?;
        let mut size = stored;
        let mut segments = None;
        if entry.header.kind() == b'S' {
            if !entry.header.is_gnu() {
                return Err(entry.damaged("a file with holes outside GNU tar's format"));
            }
            size = entry.number(Field::RealSize)?;
            segments = Some(self.old_gnu(entry, block)?);
        } else if let Some(pax) = sparse::pax(entry.records).map_err(|reason| entry.damaged(reason))? {
            let real = ["GNU.sparse.realsize", "GNU.sparse.size"].into_iter().find_map(|keyword| entry.record(keyword));
            size = real.and_then(number).ok_or_else(|| entry.damaged("a file with holes and no size"))?;
            segments = Some(match pax {
                sparse::Pax::Map(segments) => {
                    self.budget.memory("tar", segments.len().saturating_mul(size_of::<Segment>()))?;
                    segments
                }
                sparse::Pax::BeforeData => self.before_data(entry, &mut stored)?,
                sparse::Pax::Unknown => {
                    let path = entry.path;
                    return Err(OpenError::unsupported(
                        "tar",
                        format_args!("a map of holes of another version (`{path}`)"),
                    ));
                }
            });
        }
        // Linux has no longer files.
        if i64::try_from(size).is_err() {
            return Err(entry.damaged(format_args!("it is {size} bytes long")));
        }
        let offset = self.stream.position();
        let padding = stored.checked_next_multiple_of(BLOCK).map(|whole| whole - stored);
        let there = self.stream.skip(stored)?;
        let (true, Some(padding)) = (there, padding) else {
            return Err(entry.damaged(format_args!("it ends in the middle of this file's {stored} bytes")));
        };
        self.at_end = !self.stream.skip(padding)?;
        if self.at_end && self.ends == Ends::Marked {
            return Err(entry.damaged("it ends early, right behind this file"));
        }
        let checked = segments.map(|segments| sparse::checked(segments, size, stored)).transpose();
        Ok(Data { size, offset, segments: checked.map_err(|reason| entry.damaged(reason))? })
    }

    fn old_gnu(&mut self, entry: &Entry<'_>, block: &Block) -> Result<Vec<Segment>, OpenError> {
        let (mut segments, mut more) = sparse::old_gnu(block, true).map_err(|reason| entry.damaged(reason))?;
        while more {
            let block = self.block()?.ok_or_else(|| entry.damaged("it ends in the middle of a map of holes"))?;
            let (others, another) = sparse::old_gnu(&block, false).map_err(|reason| entry.damaged(reason))?;
            // Blocks that add nothing could go on for ever.
            if others.is_empty() {
                break;
            }
            self.budget.memory("tar", others.len().saturating_mul(size_of::<Segment>()))?;
            segments.extend(others);
            more = another;
        }
        Ok(segments)
    }

    /// The map that stands before the data, which is that much shorter then.
    fn before_data(&mut self, entry: &Entry<'_>, stored: &mut u64) -> Result<Vec<Segment>, OpenError> {
        let mut lines = sparse::Lines::default();
        loop {
            *stored =
                stored.checked_sub(BLOCK).ok_or_else(|| entry.damaged("its map of holes is longer than its data"))?;
            let block = self.block()?.ok_or_else(|| entry.damaged("it ends in the middle of a map of holes"))?;
            let count = lines.count();
            if let Some(segments) = lines.take(&block).map_err(|reason| entry.damaged(reason))? {
                return Ok(segments);
            }
            let more = lines.count().saturating_sub(count);
            self.budget.memory("tar", more.saturating_mul(size_of::<Segment>()))?;
        }
    }
}

/// A header, with the extended headers that belong to it.
struct Entry<'a> {
    header: &'a Header<'a>,
    records: &'a Records,
    path: &'a TreePath,
}

impl Entry<'_> {
    fn damaged(&self, reason: impl std::fmt::Display) -> OpenError {
        OpenError::damaged_at("tar", format_args!("`{}`", self.path), reason)
    }

    /// An extended header's value; an empty one takes back what was said.
    fn record(&self, keyword: &str) -> Option<&[u8]> {
        self.records.get(keyword.as_bytes()).map(Vec::as_slice).filter(|value| !value.is_empty())
    }

    fn number(&self, field: Field) -> Result<u64, OpenError> {
        let value = match self.record(field.name()) {
            Some(text) => number(text),
            None => self.header.number(field).and_then(|value| u64::try_from(value).ok()),
        };
        value.ok_or_else(|| self.damaged(format_args!("its `{}` is no number", field.name())))
    }

    fn small(&self, field: Field) -> Result<u32, OpenError> {
        let value = u32::try_from(self.number(field)?);
        value.map_err(|_| self.damaged(format_args!("its `{}` is too large", field.name())))
    }

    fn metadata(&self, budget: &Budget) -> Result<Metadata, OpenError> {
        let mode = self.header.number(Field::Mode).ok_or_else(|| self.damaged("its `mode` is no number"))?;
        let time = match self.record("mtime") {
            Some(text) => pax::time(text),
            None => {
                let seconds = self.header.number(Field::Mtime).and_then(|seconds| i64::try_from(seconds).ok());
                seconds.map(|seconds| (seconds, 0))
            }
        };
        let (seconds, nanoseconds) = time.ok_or_else(|| self.damaged("its `mtime` is no time"))?;
        let xattrs: BTreeMap<_, _> =
            pax::xattrs(self.records).ok_or_else(|| self.damaged("an extended attribute is not well formed"))?;
        let length = xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        budget.memory("tar", length)?;
        Ok(Metadata {
            // Twelve bits.
            mode: (mode & 0o7777) as u16,
            uid: self.small(Field::Uid)?,
            gid: self.small(Field::Gid)?,
            mtime: Mtime { seconds, nanoseconds },
            xattrs: (!xattrs.is_empty()).then(|| Arc::new(xattrs)),
        })
    }
}

/// A decimal number.
fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn byte(at: u64) -> String {
    format!("byte {at}")
}
