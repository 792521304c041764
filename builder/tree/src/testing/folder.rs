//! A folder of this machine as a tree, and what differs between two trees: for what extracts images, and for benchmarks.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rootsmith_types::{ContentHasher, TreePath};
use rustix::fs::{lgetxattr, llistxattr, major, minor};
use rustix::io::Errno;

use crate::{Blob, Blobs, Content, Metadata, Mtime, Node, NodeKind, PackId, Tree};

/// A folder. As [`Blobs`] it serves the contents of its tree.
pub struct Folder {
    /// Everything in it: owners, times and attributes are the folder's, so read it as root for a tree of a distribution.
    pub tree: Tree,
    files: Vec<PathBuf>,
}

impl Folder {
    /// Reads it, every content for its digest.
    pub fn read(folder: &Path) -> Result<Folder, Box<dyn Error>> {
        let mut found = Folder { tree: Tree::new(Metadata::root(0o755, 0)), files: Vec::new() };
        found.add(folder, &TreePath::root(), &mut HashMap::new())?;
        Ok(found)
    }

    fn add(&mut self, from: &Path, path: &TreePath, seen: &mut Seen) -> Result<(), Box<dyn Error>> {
        let stat = fs::symlink_metadata(from)?;
        if !stat.is_dir() && stat.nlink() > 1 {
            if let Some(known) = seen.get(&(stat.dev(), stat.ino())) {
                self.tree.hard_link(path, known)?;
                return Ok(());
            }
            seen.insert((stat.dev(), stat.ino()), path.clone());
        }
        let device = (major(stat.rdev()), minor(stat.rdev()));
        let kind = match stat.file_type() {
            kind if kind.is_dir() => NodeKind::Directory,
            kind if kind.is_symlink() => NodeKind::Symlink(fs::read_link(from)?.as_os_str().as_bytes().into()),
            kind if kind.is_char_device() => NodeKind::CharDevice { major: device.0, minor: device.1 },
            kind if kind.is_block_device() => NodeKind::BlockDevice { major: device.0, minor: device.1 },
            kind if kind.is_fifo() => NodeKind::Fifo,
            kind if kind.is_socket() => NodeKind::Socket,
            _ => {
                let pack = PackId(u32::try_from(self.files.len())?);
                self.files.push(from.to_owned());
                let mut hasher = ContentHasher::new();
                let size = io::copy(&mut File::open(from)?, &mut hasher)?;
                NodeKind::File(Content::Blob(Blob { digest: Some(hasher.finish().0), size, pack, offset: 0 }))
            }
        };
        let metadata = Metadata {
            mode: (stat.mode() & 0o7777) as u16,
            uid: stat.uid(),
            gid: stat.gid(),
            mtime: Mtime { seconds: stat.mtime(), nanoseconds: stat.mtime_nsec() as u32 },
            xattrs: xattrs(from)?,
        };
        self.tree.insert(path, Node { kind, metadata })?;
        if stat.is_dir() {
            let mut names: Vec<_> = fs::read_dir(from)?.map(|e| e.map(|e| e.file_name())).collect::<io::Result<_>>()?;
            names.sort();
            for name in names {
                self.add(&from.join(&name), &path.join(name.as_bytes())?, seen)?;
            }
        }
        Ok(())
    }
}

/// First names by device and inode.
type Seen = HashMap<(u64, u64), TreePath>;

type Xattrs = Arc<BTreeMap<Vec<u8>, Vec<u8>>>;

fn xattrs(path: &Path) -> Result<Option<Xattrs>, Box<dyn Error>> {
    let mut names = vec![0; 64 << 10];
    let len = match llistxattr(path, &mut names) {
        // A file system without any.
        Err(Errno::OPNOTSUPP) => 0,
        len => len?,
    };
    let mut map = BTreeMap::new();
    for name in names[..len].split(|&b| b == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 64 << 10];
        let len = lgetxattr(path, name, &mut value)?;
        map.insert(name.to_vec(), value[..len].to_vec());
    }
    Ok((!map.is_empty()).then(|| Arc::new(map)))
}

impl Blobs for Folder {
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        File::open(&self.files[blob.pack.0 as usize])?.read_exact_at(buf, blob.offset + offset)
    }

    fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Everything in which `found` differs from `wanted`: names, types, metadata, contents, links.
pub fn differences(wanted: (&Tree, &dyn Blobs), found: (&Tree, &dyn Blobs)) -> io::Result<Vec<String>> {
    let mut differences = Vec::new();
    let mut first_names = [vec![None; wanted.0.leaf_slots()], vec![None; found.0.leaf_slots()]];
    for entry in wanted.0.walk() {
        let path = &entry.path;
        let Some(node) = found.0.get(path) else {
            differences.push(format!("`{path}` is missing"));
            continue;
        };
        let same = match (&entry.node.kind, &node.kind) {
            (NodeKind::File(one), NodeKind::File(other)) => {
                one.size() == other.size() && one.digest(wanted.1)? == other.digest(found.1)?
            }
            (one, other) => one == other,
        };
        if !same {
            differences.push(format!("`{path}` is another type, content, target or device"));
        }
        if node.metadata != entry.node.metadata {
            differences.push(format!("`{path}` has {:?} instead of {:?}", node.metadata, entry.node.metadata));
        }
        let mut first = |which: usize, leaf: crate::LeafId| {
            first_names[which][leaf.index()].get_or_insert_with(|| path.clone()).clone()
        };
        if let (Some(one), Some(other)) = (entry.leaf, found.0.leaf_id(path)) {
            let (one, other) = (first(0, one), first(1, other));
            if one != other {
                differences.push(format!("`{path}` is one file with `{other}` instead of `{one}`"));
            }
        }
    }
    let additional = found.0.walk().filter(|entry| wanted.0.get(&entry.path).is_none());
    differences.extend(additional.map(|entry| format!("`{}` should not be there", entry.path)));
    Ok(differences)
}
