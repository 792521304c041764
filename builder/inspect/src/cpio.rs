//! cpio in its `newc` form, unpacked as the Linux kernel unpacks an initramfs.
//!
//! Linux `Documentation/driver-api/early-userspace/buffer-format.rst` and `init/initramfs.c`. Several archives may follow one another, with
//! zeros between them. Contents are read where they lie.
//!
//! | bytes    | what                                                                                      |
//! |----------|-------------------------------------------------------------------------------------------|
//! | 0..6     | `070701`; `070702` where the last number is a checksum, which nobody looks at             |
//! | 6..110   | 13 numbers of 8 hexadecimal digits: [`Header`]                                            |
//! | 110..    | the name with its NUL, zeros up to a multiple of 4, the content, zeros up to a multiple of 4 |

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Display;
use std::sync::Arc;

use rootsmith_tree::{Metadata, Mtime};
use rootsmith_types::{NumBytes, TreePath};

use crate::tar::budget::Budget;
use crate::tar::growing::Growing;
use crate::tar::members::{Data, Member, What};
use crate::{OpenError, Source, Volume};

const LAYER: &str = "cpio";
const HEADER: usize = 110;
/// What follows the last entry.
const TRAILER: &[u8] = b"TRAILER!!!";
/// `PATH_MAX`: the kernel passes over longer names, and no link leads further.
const MAX_NAME: u32 = 4096;
const TYPE: u32 = 0o170_000;

/// Whether the source begins with such an archive.
pub(crate) fn is(source: &Source) -> bool {
    let mut magic = [0; 6];
    source.read_at(0, &mut magic).is_ok() && is_magic(&magic)
}

/// Opens it.
pub(crate) fn open(source: &Source, budget: &Budget) -> Result<Volume, OpenError> {
    let mut reader = Reader { source, at: 0, budget, growing: Growing::new(LAYER, 1, budget) };
    while reader.archive_follows()? {
        reader.archive()?;
    }
    let (tree, packs) = reader.growing.finish(vec![Arc::clone(source)]);
    Ok(Volume {
        tree,
        filesystem: LAYER,
        arch: None,
        uuid: None,
        label: None,
        size: NumBytes::new(source.size()),
        available: None,
        files: Box::new(packs),
    })
}

/// The numbers of an entry. What the kernel does not look at is left out.
struct Header {
    ino: u32,
    mode: u32,
    uid: u32,
    gid: u32,
    nlink: u32,
    mtime: u32,
    size: u32,
    /// Of the file system that the file was in: inode numbers mean something within one alone.
    dev: (u32, u32),
    rdev: (u32, u32),
    name_size: u32,
}

impl Header {
    fn new(bytes: &[u8; HEADER]) -> Option<Header> {
        let number = |index: usize| {
            let digits = &bytes[6 + 8 * index..14 + 8 * index];
            // `from_str_radix` would take a sign.
            let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
            u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
        };
        is_magic(&bytes[..6]).then_some(())?;
        Some(Header {
            ino: number(0)?,
            mode: number(1)?,
            uid: number(2)?,
            gid: number(3)?,
            nlink: number(4)?,
            mtime: number(5)?,
            size: number(6)?,
            dev: (number(7)?, number(8)?),
            rdev: (number(9)?, number(10)?),
            name_size: number(11)?,
        })
    }

    fn metadata(&self) -> Metadata {
        Metadata {
            // Twelve bits.
            mode: (self.mode & 0o7777) as u16,
            uid: self.uid,
            gid: self.gid,
            mtime: Mtime { seconds: i64::from(self.mtime), nanoseconds: 0 },
            xattrs: None,
        }
    }
}

/// What has several names: the first of them by its file system and inode number.
type FirstNames = BTreeMap<((u32, u32), u32), TreePath>;

struct Reader<'a> {
    source: &'a Source,
    at: u64,
    budget: &'a Budget,
    growing: Growing<'a>,
}

impl Reader<'_> {
    /// Goes over zeros; whether an archive is behind them.
    fn archive_follows(&mut self) -> Result<bool, OpenError> {
        let mut window = [0; 4096];
        loop {
            let n = (self.source.size() - self.at).min(window.len() as u64) as usize;
            if n == 0 {
                return Ok(false);
            }
            self.read(&mut window[..n])?;
            let Some(zeros) = window[..n].iter().position(|&byte| byte != 0) else { continue };
            self.at -= (n - zeros) as u64;
            // It may reach out of what was read.
            let mut magic = [0; 6];
            if self.source.read_at(self.at, &mut magic).is_ok() && is_magic(&magic) {
                return Ok(true);
            }
            let what = format_args!("something else behind an archive, at byte {}: a compressed one?", self.at);
            return Err(OpenError::unsupported(LAYER, what));
        }
    }

    /// The entries of one archive.
    fn archive(&mut self) -> Result<(), OpenError> {
        let mut names = FirstNames::new();
        loop {
            let at = self.at;
            let damaged = |reason: &str| OpenError::damaged_at(LAYER, format_args!("byte {at}"), reason);
            let mut bytes = [0; HEADER];
            self.read(&mut bytes)?;
            let header = Header::new(&bytes).ok_or_else(|| damaged("a header should be here, and is not"))?;
            if header.name_size == 0 || header.name_size > MAX_NAME {
                return Err(damaged("its name is too long, or not there"));
            }
            // Bounded, so it fits.
            let mut name = vec![0; header.name_size as usize];
            self.read(&mut name)?;
            if name.pop() != Some(0) {
                return Err(damaged("its name has no end"));
            }
            if name == TRAILER {
                return Ok(());
            }
            self.align()?;
            self.budget.entry(LAYER)?;
            let path = TreePath::new(&name).map_err(|error| OpenError::damaged(LAYER, error))?;
            self.entry(&header, path, &mut names)?;
            self.align()?;
        }
    }

    /// The entry called `path`; goes on behind its content.
    fn entry(&mut self, header: &Header, path: TreePath, names: &mut FirstNames) -> Result<(), OpenError> {
        let damaged = |reason: &dyn Display| OpenError::damaged_at(LAYER, format_args!("`{path}`"), reason);
        let data = Data { size: u64::from(header.size), offset: self.at, segments: None };
        let end = self.at.checked_add(data.size).filter(|end| *end <= self.source.size());
        let end =
            end.ok_or_else(|| damaged(&format_args!("it ends in the middle of this file's {} bytes", data.size)))?;
        let (major, minor) = header.rdev;
        let what = match header.mode & TYPE {
            0o040_000 => What::Directory,
            0o100_000 => What::File(data),
            0o120_000 => {
                if header.size >= MAX_NAME {
                    return Err(damaged(&"its target is too long"));
                }
                let mut target = vec![0; header.size as usize];
                self.read(&mut target)?;
                self.budget.memory(LAYER, target.len())?;
                What::Symlink(target.into())
            }
            0o020_000 => What::CharDevice { major, minor },
            0o060_000 => What::BlockDevice { major, minor },
            0o010_000 => What::Fifo,
            0o140_000 => What::Socket,
            other => return Err(damaged(&format_args!("no file is of type {other:o}"))),
        };
        self.at = end;
        let metadata = header.metadata();
        if header.nlink < 2 || matches!(what, What::Directory) {
            return self.growing.put(Member { path, what, metadata }, 0);
        }
        self.budget.memory(LAYER, path.as_bytes().len())?;
        match names.entry((header.dev, header.ino)) {
            Entry::Vacant(first) => {
                first.insert(path.clone());
                self.growing.put(Member { path, what, metadata }, 0)
            }
            Entry::Occupied(first) => {
                let first = first.get().clone();
                self.growing.put(Member { path, what: What::HardLink(first.clone()), metadata }, 0)?;
                match what {
                    // Any of the names may carry the content; with GNU cpio it is the last.
                    What::File(data) if data.size > 0 => self.growing.fill(&first, data, 0),
                    _ => Ok(()),
                }
            }
        }
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<(), OpenError> {
        let unread = |error| OpenError::unread(LAYER, format_args!("byte {}", self.at), error);
        self.source.read_at(self.at, buf).map_err(unread)?;
        self.at += buf.len() as u64;
        Ok(())
    }

    /// Goes on to a multiple of four from the start of the archive; archives begin at one themselves.
    fn align(&mut self) -> Result<(), OpenError> {
        let next = self.at.checked_next_multiple_of(4).filter(|next| *next <= self.source.size());
        self.at = next.ok_or_else(|| OpenError::damaged(LAYER, "it ends early, without its last entry"))?;
        Ok(())
    }
}

fn is_magic(magic: &[u8]) -> bool {
    magic == b"070701" || magic == b"070702"
}
