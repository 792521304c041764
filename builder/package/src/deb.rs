//! Taking a `.deb` apart (`deb(5)`): `debian-binary`, `control.tar`, `data.tar`, in this order.
//!
//! The archive is read once from front to back. What is decompressed of `data.tar` goes to the caller's writer and, on the
//! way, through the tar reader and each file's digest; in memory stay the paths alone.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufReader, Read, Write};

use rootsmith_types::{ContentDigest, ContentHasher, NumBytes, PackageName, TreePath};

use crate::ar;
use crate::archive_error::{ArchiveError, Defect};
use crate::compress::Compression;
use crate::deb822::Stanza;
use crate::decoded::{Bounds, Decoded};
use crate::limits::Limits;
use crate::tar::{Kind, Member, Reader};
use crate::unpacked::{Control, PackedEntry, PackedKind, Unpacked};

/// Takes the archive of `package` apart. The decompressed `data.tar` goes to `out_tar` as it is; the offsets of the result
/// count its bytes. Whatever would not unpack to a plain tree is refused; whether these are the archive's bytes is for the caller to see,
/// who has its digest: what was read of it and is well-formed may still be wrong. An archive that others wait for may have several
/// `threads`.
pub fn unpack(
    package: &PackageName,
    deb: &mut dyn Read,
    out_tar: &mut dyn Write,
    limits: &Limits,
    threads: u32,
) -> Result<Unpacked, ArchiveError> {
    read_deb(package, deb, out_tar, limits, threads).map_err(|defect| ArchiveError { package: package.clone(), defect })
}

/// What the archive says of itself in its `control.tar`, whatever package it holds; nothing behind it is read.
pub fn read_control_of(deb: &mut dyn Read, limits: &Limits) -> Result<Control, Defect> {
    let mut members = Members::open(deb)?;
    members.control(limits)
}

fn read_deb(
    package: &PackageName,
    deb: &mut dyn Read,
    out_tar: &mut dyn Write,
    limits: &Limits,
    threads: u32,
) -> Result<Unpacked, Defect> {
    let mut members = Members::open(deb)?;
    let control = members.control(limits)?;
    check_control(package, &control)?;

    let found = members.next("data.tar")?;
    let bounds = Bounds { member: "data.tar", compressed: found.size, limit: limits.data, ratio: limits.ratio };
    let entries = members.tar(&found.name, bounds, threads, out_tar, |reader| read_data(reader, limits))?;

    members.end()?;
    Ok(Unpacked { control, entries })
}

/// The members of the outer archive.
struct Members<'a> {
    input: BufReader<&'a mut dyn Read>,
    /// Where the next header begins.
    offset: u64,
}

impl<'a> Members<'a> {
    fn open(deb: &'a mut dyn Read) -> Result<Members<'a>, Defect> {
        let mut input = BufReader::with_capacity(64 << 10, deb);
        ar::read_magic(&mut input)?;
        Ok(Members { input, offset: 8 })
    }

    /// The two members that every archive begins with.
    fn control(&mut self, limits: &Limits) -> Result<Control, Defect> {
        let size = self.next("debian-binary")?.size;
        let version = self.small(size)?;
        if !version.starts_with(b"2.") {
            return Err(Defect::FormatVersion(version.escape_ascii().to_string()));
        }
        let found = self.next("control.tar")?;
        let (limit, ratio) = (limits.control, limits.ratio);
        let bounds = Bounds { member: "control.tar", compressed: found.size, limit, ratio };
        self.tar(&found.name, bounds, 1, &mut io::sink(), read_control)
    }

    /// The next member, which must be `wanted`, a tar with any of the known compressions.
    fn next(&mut self, wanted: &'static str) -> Result<ar::Member, Defect> {
        let Some(found) = self.next_known()? else { return Err(Defect::MissingMember(wanted)) };
        let is_tar = found.name.strip_prefix(wanted).is_some_and(|rest| matches!(rest, ".gz" | ".xz" | ".zst"));
        if found.name == wanted || (wanted.ends_with(".tar") && is_tar) {
            Ok(found)
        } else if ["debian-binary", "control.tar", "data.tar"].iter().any(|name| found.name.starts_with(name)) {
            Err(Defect::MissingMember(wanted))
        } else {
            Err(Defect::UnknownMember(found.name))
        }
    }

    /// Nothing follows but what `dpkg` passes over.
    fn end(&mut self) -> Result<(), Defect> {
        self.next_known()?.map_or(Ok(()), |found| Err(Defect::UnknownMember(found.name)))
    }

    /// The next member whose name does not begin with `_`: those hold signatures and the like.
    fn next_known(&mut self) -> Result<Option<ar::Member>, Defect> {
        loop {
            let Some(found) = ar::read_header(&mut self.input, self.offset)? else { return Ok(None) };
            self.offset = self.offset.saturating_add(60).saturating_add(found.size).next_multiple_of(2);
            if !found.name.starts_with('_') {
                return Ok(Some(found));
            }
            let skipped = io::copy(&mut (&mut self.input).take(found.size), &mut io::sink()).map_err(Defect::Read)?;
            if skipped < found.size {
                return Err(Defect::Truncated("ar"));
            }
            self.pad(found.size)?;
        }
    }

    fn small(&mut self, size: u64) -> Result<Vec<u8>, Defect> {
        if size > 64 {
            return Err(Defect::NotAPackage);
        }
        let mut content = vec![0; size as usize];
        if ar::read_full(&mut self.input, &mut content)? < content.len() {
            return Err(Defect::Truncated("debian-binary"));
        }
        self.pad(size)?;
        Ok(content)
    }

    /// Decodes a tar, copies it to `copy`, and gives it to `read`.
    fn tar<T>(
        &mut self,
        name: &str,
        bounds: Bounds,
        threads: u32,
        copy: &mut dyn Write,
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, Defect>,
    ) -> Result<T, Defect> {
        let mut member = (&mut self.input).take(bounds.compressed);
        let decoder = Compression::of(name)
            .decoder_of_digested(&mut member, threads)
            .map_err(|error| Defect::Compression { member: bounds.member, reason: error.to_string() })?;
        let mut reader = Reader::new(Decoded::new(decoder, copy, bounds));
        let value = read(&mut reader)?;
        reader.finish()?;
        if member.limit() > 0 {
            return Err(Defect::Truncated(bounds.member));
        }
        self.pad(bounds.compressed)?;
        Ok(value)
    }

    /// Members begin at even bytes. The padding after the last one may be missing.
    fn pad(&mut self, size: u64) -> Result<(), Defect> {
        if !size.is_multiple_of(2) {
            ar::read_full(&mut self.input, &mut [0])?;
        }
        Ok(())
    }
}

/// Every member is a plain file at the top.
fn read_control(reader: &mut Reader<'_>) -> Result<Control, Defect> {
    let mut members = BTreeMap::new();
    let mut stanza = None;
    while let Some(member) = reader.next()? {
        let unknown = || Defect::UnknownMember(format!("control.tar:{}", member.path));
        let Kind::File { .. } = member.kind else {
            if matches!(member.kind, Kind::Directory) && member.path.is_root() {
                continue;
            }
            return Err(unknown());
        };
        let name = std::str::from_utf8(member.path.relative()).map_err(|_| unknown())?.to_owned();
        if name.contains('/') || name.is_empty() {
            return Err(unknown());
        }
        let mut content = Vec::new();
        reader.content(|part| content.extend_from_slice(part))?;
        let again = if name == "control" {
            stanza.replace(String::from_utf8(content).map_err(|_| Defect::ControlFile)?).is_some()
        } else {
            members.insert(name, (member.mode, content)).is_some()
        };
        if again {
            return Err(Defect::Duplicate(member.path));
        }
    }
    Ok(Control { stanza: stanza.ok_or(Defect::MissingMember("control"))?, members })
}

/// The `control` file is one stanza, of the package that was asked for.
fn check_control(package: &PackageName, control: &Control) -> Result<(), Defect> {
    let stanza = Stanza::new(control.stanza.trim_matches('\n'));
    if stanza.fields().any(|field| field.is_err()) {
        return Err(Defect::ControlFile);
    }
    match stanza.get("Package") {
        None => Err(Defect::ControlFile),
        Some(name) if name != package.as_str() => Err(Defect::OtherPackage(name.chars().take(200).collect())),
        Some(_) => Ok(()),
    }
}

pub(crate) fn read_data(reader: &mut Reader<'_>, limits: &Limits) -> Result<Vec<PackedEntry>, Defect> {
    let mut entries = Vec::new();
    let mut places = Places::default();
    let mut metadata = 0u64;
    while let Some(member) = reader.next()? {
        if entries.len() == limits.entries {
            return Err(Defect::TooManyEntries(limits.entries));
        }
        places.add(&member)?;
        let Member { path, kind, mode, uid, gid, mtime, xattrs } = member;
        let kind = match kind {
            Kind::Directory => PackedKind::Directory,
            Kind::File { offset, size } => PackedKind::File { offset, size, digest: digest(reader)? },
            Kind::HardLink(target) => PackedKind::HardLink(target.as_bytes().to_vec()),
            Kind::Symlink(target) => PackedKind::Symlink(target),
            Kind::CharDevice(major, minor) => PackedKind::CharDevice(major, minor),
            Kind::BlockDevice(major, minor) => PackedKind::BlockDevice(major, minor),
            Kind::Fifo => PackedKind::Fifo,
        };
        let target = match &kind {
            PackedKind::HardLink(target) | PackedKind::Symlink(target) => target.len(),
            _ => 0,
        };
        let xattr_bytes: usize = xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        metadata += (target + xattr_bytes) as u64;
        if metadata + places.bytes > limits.metadata {
            return Err(Defect::TooLarge { what: "paths", limit: NumBytes::new(limits.metadata) });
        }
        entries.push(PackedEntry { path: path.as_bytes().to_vec(), kind, mode, uid, gid, mtime, xattrs });
    }
    Ok(entries)
}

fn digest(reader: &mut Reader<'_>) -> Result<ContentDigest, Defect> {
    let mut hasher = ContentHasher::new();
    reader.content(|part| hasher.update(part))?;
    Ok(hasher.finish().0)
}

/// What each path of the archive stands for, folders included that only show in longer paths.
#[derive(Default)]
pub(crate) struct Places {
    known: HashMap<Box<[u8]>, Place>,
    /// Of all paths in `known`: one deep path brings thousands.
    pub(crate) bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Folder,
    File,
    Other,
}

impl Places {
    /// Refuses a member that does not fit what came before: whichever of two comes first, nothing lies below a link, and
    /// nothing is two things.
    pub(crate) fn add(&mut self, member: &Member) -> Result<(), Defect> {
        let path = &member.path;
        let place = match &member.kind {
            Kind::Directory => Place::Folder,
            Kind::File { .. } => Place::File,
            Kind::HardLink(target) if self.known.get(target.as_bytes()) == Some(&Place::File) => Place::File,
            Kind::HardLink(target) => {
                return Err(Defect::HardLink { path: path.clone(), target: target.clone() });
            }
            _ => Place::Other,
        };
        if path.is_root() && place != Place::Folder {
            return Err(Defect::Duplicate(path.clone()));
        }
        self.add_parents(path)?;
        match self.insert(path.as_bytes(), place) {
            None => Ok(()),
            Some(Place::Folder) if place == Place::Folder => Ok(()),
            Some(_) => Err(Defect::Duplicate(path.clone())),
        }
    }

    fn insert(&mut self, path: &[u8], place: Place) -> Option<Place> {
        self.bytes += path.len() as u64;
        self.known.insert(path.into(), place)
    }

    fn add_parents(&mut self, path: &TreePath) -> Result<(), Defect> {
        let mut above = path.as_bytes();
        while let Some(slash) = memchr::memrchr(b'/', above).filter(|&slash| slash > 0) {
            above = &above[..slash];
            match self.known.get(above) {
                // What is above a folder was looked at when the folder was added.
                Some(Place::Folder) => return Ok(()),
                Some(_) => {
                    let above = TreePath::new(above).map_err(Defect::Path)?;
                    return Err(Defect::BelowNoFolder { path: path.clone(), above });
                }
                None => self.insert(above, Place::Folder),
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
