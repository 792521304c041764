//! A folder of the host.
//!
//! Names, owners and attributes are read at once, contents when somebody asks for them: through the folder that was opened, never
//! through a symbolic link, and only as long as the file is still the one that was seen.

mod beneath;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{File, FileType, Metadata as Stat};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rootsmith_tree::{Blob, Content, Metadata, Mtime, Node, NodeKind, PackId, Tree};
use rootsmith_types::{NumBytes, TreePath};
use rustix::fs::{StatVfs, lgetxattr, llistxattr, major, minor, statvfs};
use walkdir::{DirEntry, WalkDir};

pub(crate) use self::beneath::Beneath;
use crate::{Files, MAX_ENTRIES, OpenError, Volume};

/// Longest value of an attribute, and longest list of their names (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX`).
const MAX_XATTR: usize = 64 << 10;

/// Opens it: what is in it as it is, links never followed out of it. File systems that are mounted in it (`/proc`) stay out: the
/// directory is seen, and nothing below it. A folder or file that may not be read is seen, too, as far as it can be.
pub(crate) fn open(folder: &Path) -> Result<Volume, OpenError> {
    let host = |path: &Path, source| OpenError::Host { path: path.to_owned(), source };
    let beneath = Beneath::open(folder).map_err(|error| host(folder, error))?;
    let mut reader =
        Reader { folder, tree: Tree::new(Metadata::root(0o755, 0)), seen: Vec::new(), first: BTreeMap::new() };
    let walk = WalkDir::new(folder).same_file_system(true).sort_by_file_name();
    for (count, entry) in walk.into_iter().enumerate() {
        if count > MAX_ENTRIES {
            return Err(OpenError::unsupported("folder", format_args!("more than {MAX_ENTRIES} entries")));
        }
        match entry {
            Ok(entry) => reader.put(&entry)?,
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                let error = io::Error::from(error);
                // What may not be read stays empty; what is gone by now was not there.
                if !matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound) || path == folder
                {
                    return Err(host(&path, error));
                }
            }
        }
    }
    let room = statvfs(folder).ok();
    let bytes = |blocks: fn(&StatVfs) -> u64| room.as_ref().map(|room| blocks(room).saturating_mul(room.f_frsize));
    let contents = reader.seen.iter().fold(0_u64, |sum, seen| sum.saturating_add(seen.size));
    Ok(Volume {
        tree: reader.tree,
        filesystem: "folder",
        arch: None,
        uuid: None,
        label: None,
        size: NumBytes::new(bytes(|room| room.f_blocks).unwrap_or(contents)),
        available: bytes(|room| room.f_bavail).map(NumBytes::new),
        files: Box::new(Contents { beneath, seen: reader.seen, last: Mutex::new(None) }),
    })
}

struct Reader<'a> {
    folder: &'a Path,
    tree: Tree,
    /// Files, by the number of their pack.
    seen: Vec<Seen>,
    /// The first name of what has several, by device and inode.
    first: BTreeMap<(u64, u64), TreePath>,
}

impl Reader<'_> {
    fn put(&mut self, entry: &DirEntry) -> Result<(), OpenError> {
        let host = |source| OpenError::Host { path: entry.path().to_owned(), source };
        // `strip_prefix` takes a folder's own path away, which every entry begins with.
        let relative = entry.path().strip_prefix(self.folder).unwrap_or(entry.path()).as_os_str().as_bytes();
        let unusable =
            |reason: &dyn std::fmt::Display| host(io::Error::new(io::ErrorKind::InvalidData, reason.to_string()));
        let path = TreePath::new(relative).map_err(|error| unusable(&error))?;
        let stat = match if path.is_root() { std::fs::metadata(self.folder) } else { entry.path().symlink_metadata() } {
            Ok(stat) => stat,
            Err(error) if !path.is_root() && error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(host(error)),
        };
        if !stat.is_dir() && stat.nlink() > 1 {
            let inode = (stat.dev(), stat.ino());
            if let Some(first) = self.first.get(&inode) {
                return self.tree.hard_link(&path, first).map_err(|error| unusable(&error));
            }
            self.first.insert(inode, path.clone());
        }
        let kind = match self.kind(entry.path(), relative, &stat) {
            Ok(Some(kind)) => kind,
            Ok(None) => return Err(unusable(&"it is a file of an unknown kind")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(host(error)),
        };
        let metadata = Metadata {
            // Twelve bits.
            mode: (stat.mode() & 0o7777) as u16,
            uid: stat.uid(),
            gid: stat.gid(),
            // The kernel keeps them below one thousand million.
            mtime: Mtime { seconds: stat.mtime(), nanoseconds: stat.mtime_nsec() as u32 },
            xattrs: xattrs(entry.path()),
        };
        self.tree.insert(&path, Node { kind, metadata }).map_err(|error| unusable(&error))
    }

    fn kind(&mut self, path: &Path, relative: &[u8], stat: &Stat) -> io::Result<Option<NodeKind>> {
        let device = (major(stat.rdev()), minor(stat.rdev()));
        let is = |kind: fn(&FileType) -> bool| kind(&stat.file_type());
        Ok(Some(match () {
            () if stat.is_dir() => NodeKind::Directory,
            () if stat.is_symlink() => NodeKind::Symlink(path.read_link()?.as_os_str().as_bytes().into()),
            () if stat.is_file() && stat.size() == 0 => NodeKind::File(Content::inline([])),
            () if stat.is_file() => {
                // Fewer than `MAX_ENTRIES`.
                let pack = PackId(self.seen.len() as u32);
                self.seen.push(Seen { path: relative.into(), inode: (stat.dev(), stat.ino()), size: stat.size() });
                NodeKind::File(Content::Blob(Blob { digest: None, size: stat.size(), pack, offset: 0 }))
            }
            () if is(FileType::is_char_device) => NodeKind::CharDevice { major: device.0, minor: device.1 },
            () if is(FileType::is_block_device) => NodeKind::BlockDevice { major: device.0, minor: device.1 },
            () if is(FileType::is_fifo) => NodeKind::Fifo,
            () if is(FileType::is_socket) => NodeKind::Socket,
            () => return Ok(None),
        }))
    }
}

/// A file that was seen.
struct Seen {
    path: Box<[u8]>,
    inode: (u64, u64),
    size: u64,
}

/// Where contents are read.
struct Contents {
    beneath: Beneath,
    seen: Vec<Seen>,
    /// The file that was read last: most are read in pieces, one file after another.
    last: Mutex<Option<(PackId, Arc<File>)>>,
}

impl Contents {
    fn file(&self, pack: PackId) -> io::Result<Arc<File>> {
        let mut last = self.last.lock().map_err(|_| io::Error::other("another reader failed"))?;
        if let Some((_, file)) = last.as_ref().filter(|(there, _)| *there == pack) {
            return Ok(Arc::clone(file));
        }
        let seen = self.seen.get(pack.0 as usize).ok_or(io::ErrorKind::NotFound)?;
        let file = Arc::new(self.beneath.file(&seen.path)?);
        let stat = file.metadata()?;
        if (stat.dev(), stat.ino()) != seen.inode || stat.size() != seen.size {
            let path = PathBuf::from(std::ffi::OsStr::from_bytes(&seen.path));
            return Err(io::Error::other(format!("`{}` has changed since it was seen", path.display())));
        }
        *last = Some((pack, Arc::clone(&file)));
        Ok(file)
    }
}

impl Files for Contents {
    fn read_at(&self, pack: PackId, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.file(pack)?.read_exact_at(buf, offset)
    }
}

/// Those that may be read.
fn xattrs(path: &Path) -> Option<Arc<BTreeMap<Vec<u8>, Vec<u8>>>> {
    // Most files have none, and the small array tells.
    let mut few = [0; 256];
    let mut many;
    let names: &[u8] = match llistxattr(path, &mut few[..]) {
        Ok(length) => &few[..length],
        Err(rustix::io::Errno::RANGE) => {
            many = vec![0; MAX_XATTR];
            let length = llistxattr(path, &mut many[..]).ok()?;
            &many[..length]
        }
        Err(_) => return None,
    };
    let mut xattrs = BTreeMap::new();
    for name in names.split(|&b| b == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; MAX_XATTR];
        if let Ok(length) = lgetxattr(path, name, &mut value[..]) {
            xattrs.insert(name.to_vec(), value[..length].to_vec());
        }
    }
    (!xattrs.is_empty()).then(|| Arc::new(xattrs))
}
