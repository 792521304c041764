//! Makes an ext4 image of a folder of this machine: `tree_to_ext4 FOLDER IMAGE [SIZE | minimal+FREE]`, sizes like `512MiB`.
//!
//! For developers: to look at an image with `e2fsck`, `dumpe2fs` and `debugfs`, to boot it, to measure. Owners, times and
//! extended attributes are the folder's, so run it as root for a tree of a distribution.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rootsmith_ext4::{Options, Size, plan};
use rootsmith_ondisk::{Image, Sink};
use rootsmith_tree::{Blob, Blobs, Content, Metadata, Mtime, Node, NodeKind, PackId, Tree};
use rootsmith_types::{NumBytes, Sha256Digest, TreePath, Uuid};
use rustix::fs::{lgetxattr, llistxattr, major, minor};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, image, size @ ..] = arguments.as_slice() else {
        return Err("usage: tree_to_ext4 FOLDER IMAGE [SIZE | minimal+FREE]".into());
    };
    let size = match size.first().map(String::as_str) {
        None => Size::Minimal { free: NumBytes::mib(64) },
        Some(text) => match text.strip_prefix("minimal+") {
            Some(free) => Size::Minimal { free: free.parse()? },
            None => Size::Fixed(text.parse()?),
        },
    };

    let start = Instant::now();
    let mut reader = Reader { tree: Tree::new(Metadata::root(0o755, 0)), files: Vec::new(), seen: HashMap::new() };
    reader.add(Path::new(folder), &TreePath::root())?;
    let Reader { tree, files, .. } = reader;
    println!("read the folder: {} files in {:.2?}", files.len(), start.elapsed());

    let start = Instant::now();
    let files = Files(files);
    let mut options = Options::new(Uuid::new(*b"rootsmith-ext4-0"), Uuid::new(*b"rootsmith-ext4-1"), size);
    options.label = "rootsmith".to_owned();
    let plan = plan(&tree, &files, &options)?;
    println!("planned in {:.2?}: {}, {} available", start.elapsed(), plan.size(), plan.available());
    println!(
        "{} blocks, {} free; {} inodes, {} free",
        plan.block_count(),
        plan.free_blocks(),
        plan.inode_count(),
        plan.free_inodes()
    );

    let start = Instant::now();
    let file = File::create(image)?;
    file.set_len(plan.size().get())?;
    let mut out = FileSink { file, writes: 0, bytes: 0 };
    Image::write(&plan, &mut out)?;
    println!("written in {:.2?}: {} in {} writes", start.elapsed(), NumBytes::new(out.bytes), out.writes);
    Ok(())
}

struct Reader {
    tree: Tree,
    files: Vec<PathBuf>,
    seen: HashMap<(u64, u64), TreePath>,
}

impl Reader {
    fn add(&mut self, from: &Path, path: &TreePath) -> Result<(), Box<dyn Error>> {
        let stat = fs::symlink_metadata(from)?;
        if !stat.is_dir() && stat.nlink() > 1 {
            if let Some(known) = self.seen.get(&(stat.dev(), stat.ino())) {
                self.tree.hard_link(path, known)?;
                return Ok(());
            }
            self.seen.insert((stat.dev(), stat.ino()), path.clone());
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
                // Nobody looks at the digest here.
                let digest = Sha256Digest::new([0; 32]);
                NodeKind::File(Content::Blob(Blob { digest: Some(digest), size: stat.len(), pack, offset: 0 }))
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
                self.add(&from.join(&name), &path.join(name.as_bytes())?)?;
            }
        }
        Ok(())
    }
}

type XattrMap = Arc<BTreeMap<Vec<u8>, Vec<u8>>>;

fn xattrs(path: &Path) -> Result<Option<XattrMap>, Box<dyn Error>> {
    let mut names = vec![0; 64 << 10];
    let len = llistxattr(path, &mut names)?;
    let mut map = BTreeMap::new();
    for name in names[..len].split(|&b| b == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 64 << 10];
        let len = lgetxattr(path, name, &mut value)?;
        map.insert(name.to_vec(), value[..len].to_vec());
    }
    Ok((!map.is_empty()).then(|| Arc::new(map)))
}

struct Files(Vec<PathBuf>);

impl Blobs for Files {
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        File::open(&self.0[blob.pack.0 as usize])?.read_exact_at(buf, blob.offset + offset)
    }

    fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

struct FileSink {
    file: File,
    writes: u64,
    bytes: u64,
}

impl Sink for FileSink {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.writes += 1;
        self.bytes += data.len() as u64;
        self.file.write_all_at(data, offset)
    }
}
