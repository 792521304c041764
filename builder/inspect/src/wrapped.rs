//! Disks in files of another format: what virtual machines run from, what is compressed, what is carried in an archive.
//!
//! | file                                              | the disk                                            |
//! |---------------------------------------------------|-----------------------------------------------------|
//! | qcow2, VMDK, VHD, VHDX, VDI                       | read where it lies                                  |
//! | gzip, xz, Zstandard of a disk                     | decompressed                                        |
//! | an OVA: a descriptor `.ovf` and one `.vmdk`       | of the VMDK in it                                   |
//! | a Vagrant box: `metadata.json` and `box.img`      | of the image in it                                  |
//! | a tar archive with nothing but `disk.raw`         | that file                                           |

#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::sync::Arc;

use rootsmith_tree::{Content, NodeKind, Tree};

use crate::tar::decompress::Compression;
use crate::tar::header::{Block, Field, Header};
use crate::{OpenError, ReadAt, Source, Volume, qcow2, tar, vdi, vhd, vhdx, vmdk};

/// What Google's cloud calls the disk in its archive.
const GCE_DISK: &str = "disk.raw";
/// What Vagrant calls the disk in a box for libvirt.
const BOX_DISK: &str = "box.img";

/// A disk in a file, on its own.
pub enum Disk {
    /// Any of its bytes can be asked for.
    At(Source),
    /// They come one after the other; whether the file was whole is known at the end.
    Stream(Box<dyn Read + Send>),
}

impl Disk {
    /// The disk in `source`, a file of any of the formats above, or a raw disk. Nothing is written anywhere, so that a box or an OVA must
    /// not be compressed as a whole.
    pub fn open(source: Source) -> Result<Disk, OpenError> {
        let unread = |error| OpenError::unread("disk", "its beginning", error);
        match Compression::of(&source).map_err(unread)? {
            Compression::Plain => {}
            compression => return stream(compression, &source).map(Disk::Stream),
        }
        let source = match tar::is(&source) {
            true => {
                let volume = tar::in_place(&source)?;
                let within = carried(&volume.tree).ok_or_else(|| OpenError::damaged("tar", "it carries no disk"))?;
                within.of(volume)
            }
            false => source,
        };
        Ok(Disk::At(opened(source)?.1))
    }
}

/// The disk in a file of a virtual machine, and the name of its format; others as they are.
pub(crate) fn opened(source: Source) -> Result<(Option<&'static str>, Source), OpenError> {
    let (name, disk) = match () {
        () if qcow2::is(&source) => ("qcow2", qcow2::open(source)?),
        () if vmdk::is(&source) => ("VMDK", vmdk::open(source)?),
        () if vhdx::is(&source) => ("VHDX", vhdx::open(source)?),
        () if vdi::is(&source) => ("VDI", vdi::open(source)?),
        () if vhd::is(&source) => ("VHD", vhd::open(source)?),
        () => return Ok((None, source)),
    };
    Ok((Some(name), disk))
}

/// A disk in an archive.
pub(crate) struct Carried {
    /// What the archive is.
    pub(crate) layer: &'static str,
    content: Content,
}

impl Carried {
    /// As a source.
    pub(crate) fn of(self, archive: Volume) -> Source {
        Arc::new(Member { content: self.content, archive })
    }
}

/// The disk that an archive is there for; `None` when it is an archive of anything else.
pub(crate) fn carried(tree: &Tree) -> Option<Carried> {
    let mut files: Vec<(String, &Content)> = Vec::new();
    for entry in tree.walk().filter(|entry| !entry.path.is_root()) {
        // Whatever is in a folder, or no file, is no such archive.
        let NodeKind::File(content) = &entry.node.kind else { return None };
        files.push((String::from_utf8_lossy(entry.path.relative()).into_owned(), content));
    }
    let named = |name: &str| files.iter().find(|(file, _)| file == name).map(|(_, content)| (*content).clone());
    let ending = |end: &str| files.iter().filter(|(file, _)| file.ends_with(end)).collect::<Vec<_>>();
    if let ([_], [(_, disk)]) = (&ending(".ovf")[..], &ending(".vmdk")[..]) {
        return Some(Carried { layer: "OVA", content: (*disk).clone() });
    }
    if let (Some(_), Some(content)) = (named("metadata.json"), named(BOX_DISK)) {
        return Some(Carried { layer: "Vagrant box", content });
    }
    let alone = named(GCE_DISK).filter(|_| files.len() == 1);
    alone.map(|content| Carried { layer: "tar", content })
}

/// A file in an archive.
struct Member {
    content: Content,
    archive: Volume,
}

impl ReadAt for Member {
    fn size(&self) -> u64 {
        self.content.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.content.read_at(&self.archive, offset, buf)
    }
}

/// What is compressed, or the one disk in an archive that is.
fn stream(compression: Compression, source: &Source) -> Result<Box<dyn Read + Send>, OpenError> {
    let failed = |error| OpenError::unread(compression.layer(), "its beginning", error);
    let mut decoder = compression.decoder(source, 1).map_err(failed)?;
    let mut first: Block = [0; 512];
    decoder.read_exact(&mut first).map_err(failed)?;
    let disk = Header::new(&first).filter(|header| header.name() == GCE_DISK.as_bytes());
    if disk.as_ref().is_some_and(|header| !matches!(header.kind(), 0 | b'0')) {
        return Err(OpenError::unsupported("tar", format_args!("`{GCE_DISK}` as anything but a plain file")));
    }
    let size = disk.and_then(|header| header.number(Field::Size)).and_then(|size| u64::try_from(size).ok());
    Ok(match size {
        Some(size) => Box::new(Archived { left: size, decoder }),
        None => Box::new(io::Cursor::new(first).chain(decoder)),
    })
}

/// The one member of an archive, from its first byte on; only zeros may follow.
struct Archived {
    left: u64,
    decoder: Box<dyn Read + Send>,
}

impl Read for Archived {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if self.left > 0 {
            let most = usize::try_from(self.left).map_or(buf.len(), |left| left.min(buf.len()));
            let n = self.decoder.read(&mut buf[..most])?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.left -= n as u64;
            return Ok(n);
        }
        // To the end, where the checksum is.
        let mut rest = [0; 4096];
        loop {
            match self.decoder.read(&mut rest)? {
                0 => return Ok(0),
                n if rest[..n].iter().all(|&byte| byte == 0) => {}
                _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "something follows the disk")),
            }
        }
    }
}
