//! ext4, read by `ext4-view`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Display;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ext4_view::{Ext4, Ext4Error, Ext4Read, FileType};
use rootsmith_tree::{Content, Metadata, Mtime, Node, NodeKind, PackId, Tree};
use rootsmith_types::{Trace, TreePath};

use crate::contents::Contents;
use crate::digest::{self, Keeper};
use crate::read_back::MAX_ENTRIES;
use crate::slice::OwnedSlice;
use crate::{Kind, ReadBack, ReadBackError, Seen, Slice};

/// A regular file on the way: where it is and what else is known of it.
struct Found {
    path: TreePath,
    size: u64,
    keep: bool,
}

pub(crate) fn read_back(source: Slice<'_>) -> Result<ReadBack<'_>, ReadBackError> {
    let trace = source.trace();
    let source = Arc::new(source.to_owned()?);
    let (mut tree, files, label, uuid) = walk(&source)?;
    let contents = digest_all(&source, &files, trace)?;
    for (found, content) in files.iter().zip(contents) {
        if let Some(node) = tree.get_mut(&found.path) {
            node.kind = NodeKind::File(content);
        }
    }
    let paths = files.into_iter().map(|found| found.path).collect();
    let contents = Contents::Ext4(Files { source, paths, id: NEXT_ID.fetch_add(1, Ordering::Relaxed) });
    Ok(ReadBack { tree, seen: Seen::of(Kind::Ext4), kind: Kind::Ext4, label, uuid: Some(uuid), contents })
}

/// Every entry, with empty files for now, and the list of files; label and UUID.
#[allow(clippy::type_complexity)]
fn walk(source: &Arc<OwnedSlice>) -> Result<(Tree, Vec<Found>, Option<String>, String), ReadBackError> {
    let fs = load(source).map_err(|error| damaged(None, error))?;
    let root = TreePath::root();
    let metadata = fs.symlink_metadata("/").map_err(|error| damaged(Some(&root), error))?;
    let mut tree = Tree::new(convert(&metadata));
    let mut files = Vec::new();
    let mut keeper = Keeper::default();
    let mut directories = vec![root];
    let mut count = 0;
    while let Some(directory) = directories.pop() {
        let at = |error| damaged(Some(&directory), error);
        // Sorted, so that what is kept in memory does not depend on the order on disk.
        let mut entries = BTreeMap::new();
        for entry in fs.read_dir(directory.as_bytes()).map_err(at)? {
            let entry = entry.map_err(at)?;
            let name = entry.file_name();
            let name: &[u8] = name.as_ref();
            if name == b"." || name == b".." {
                continue;
            }
            count += 1;
            if count > MAX_ENTRIES {
                return Err(ReadBackError::TooManyEntries);
            }
            if entries.insert(name.to_vec(), entry.metadata().map_err(at)?).is_some() {
                return Err(damaged(Some(&directory.join(name)?), "it is there twice"));
            }
        }
        for (name, metadata) in entries {
            let path = directory.join(&name)?;
            let kind = match metadata.file_type() {
                FileType::Directory => {
                    directories.push(path.clone());
                    NodeKind::Directory
                }
                FileType::Regular => {
                    let keep = keeper.keeps(metadata.len());
                    files.push(Found { path: path.clone(), size: metadata.len(), keep });
                    NodeKind::File(Content::inline(""))
                }
                FileType::Symlink => {
                    let target = fs.read_link(path.as_bytes()).map_err(|error| damaged(Some(&path), error))?;
                    let target: &[u8] = target.as_ref();
                    NodeKind::Symlink(target.into())
                }
                FileType::CharacterDevice => NodeKind::CharDevice { major: 0, minor: 0 },
                FileType::BlockDevice => NodeKind::BlockDevice { major: 0, minor: 0 },
                FileType::Fifo => NodeKind::Fifo,
                FileType::Socket => NodeKind::Socket,
            };
            let node = Node { kind, metadata: convert(&metadata) };
            tree.insert(&path, node).map_err(|error| damaged(Some(&path), error))?;
        }
    }
    let label = fs.label().to_str().map(str::to_owned).unwrap_or_default();
    let uuid = rootsmith_types::Uuid::new(*fs.uuid().as_bytes()).to_string();
    Ok((tree, files, (!label.is_empty()).then_some(label), uuid))
}

/// Files that one core takes at a time: so many, or so many bytes.
const BATCH: usize = 128;
const BATCH_BYTES: u64 = 16 << 20;

/// The contents of `files`, read on every core, each with a reader of its own, because they cannot be shared.
///
/// A reader keeps the last 64 blocks it met. To open a file it looks through the directories above, which the content of the
/// file before has driven out of those 64; so a batch of neighbours is opened first, and read then.
fn digest_all(source: &Arc<OwnedSlice>, files: &[Found], trace: Trace<'_>) -> Result<Vec<Content>, ReadBackError> {
    let batches = batches(files);
    let next = AtomicUsize::new(0);
    let contents: Mutex<Vec<Option<Content>>> = Mutex::new(vec![None; files.len()]);
    // One error is kept: the one that comes first in the tree, whichever was met first.
    let failed: Mutex<Option<(usize, ReadBackError)>> = Mutex::new(None);
    rayon::broadcast(|_| {
        let mut fs = None;
        let mut done = Vec::new();
        while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
            let _span = trace.span("read back", "ext4");
            if let Err((index, error)) = read_batch(source, &mut fs, files, batch.clone(), &mut done) {
                let Ok(mut failed) = failed.lock() else { return };
                if failed.as_ref().is_none_or(|(first, _)| index < *first) {
                    *failed = Some((index, error));
                }
            }
        }
        let Ok(mut contents) = contents.lock() else { return };
        for (index, content) in done {
            contents[index] = Some(content);
        }
    });
    let failed = failed.into_inner().map_err(|_| io::Error::other("a reader failed"))?;
    if let Some((_, error)) = failed {
        return Err(error);
    }
    let contents = contents.into_inner().map_err(|_| io::Error::other("a reader failed"))?;
    let contents: Option<Vec<Content>> = contents.into_iter().collect();
    contents.ok_or_else(|| io::Error::other("a content was not read").into())
}

/// Ranges of neighbours, the largest first, so that no core is left alone with much at the end.
fn batches(files: &[Found]) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let mut start = 0;
    let mut bytes = 0u64;
    for (index, found) in files.iter().enumerate() {
        bytes = bytes.saturating_add(found.size);
        if bytes >= BATCH_BYTES || index + 1 - start == BATCH || index + 1 == files.len() {
            batches.push((bytes, start..index + 1));
            (start, bytes) = (index + 1, 0);
        }
    }
    batches.sort_by_key(|(bytes, range)| (std::cmp::Reverse(*bytes), range.start));
    batches.into_iter().map(|(_, range)| range).collect()
}

fn read_batch(
    source: &Arc<OwnedSlice>,
    fs: &mut Option<Ext4>,
    files: &[Found],
    batch: Range<usize>,
    done: &mut Vec<(usize, Content)>,
) -> Result<(), (usize, ReadBackError)> {
    let first = batch.start;
    let at = |index: usize, error: &dyn Display| (index, damaged(Some(&files[index].path), error));
    let fs = match fs {
        Some(fs) => fs,
        None => fs.insert(load(source).map_err(|error| at(first, &error))?),
    };
    let mut open = Vec::with_capacity(batch.len());
    for index in batch {
        let file = fs.open(files[index].path.as_bytes()).map_err(|error| at(index, &error))?;
        open.push((index, file));
    }
    for (index, mut file) in open {
        let pack = PackId(u32::try_from(index).map_err(|_| (index, ReadBackError::TooManyEntries))?);
        let Found { size, keep, .. } = files[index];
        let content = digest::content(&mut file, size, keep, pack, 0).map_err(|error| at(index, &error))?;
        done.push((index, content));
    }
    Ok(())
}

/// The files of a read-back, opened again by their path.
pub(crate) struct Files {
    source: Arc<OwnedSlice>,
    paths: Vec<TreePath>,
    id: u64,
}

/// Tells read-backs apart in a thread's memory of the last file.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// The reader a thread used last, and the file: readers cannot leave their thread, and going on in a file is cheap where
/// beginning again is not.
struct Last {
    id: u64,
    fs: Ext4,
    file: Option<(PackId, ext4_view::File)>,
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

impl Files {
    pub(crate) fn read_at(&self, pack: PackId, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        LAST.with_borrow_mut(|last| {
            let last = match last {
                Some(there) if there.id == self.id => there,
                _ => last.insert(Last { id: self.id, fs: load(&self.source).map_err(io::Error::other)?, file: None }),
            };
            if last.file.as_ref().is_none_or(|(there, _)| *there != pack) {
                let path = self.paths.get(pack.0 as usize).ok_or(io::ErrorKind::NotFound)?;
                last.file = Some((pack, last.fs.open(path.as_bytes()).map_err(io::Error::other)?));
            }
            let Some((_, file)) = &mut last.file else { return Err(io::ErrorKind::NotFound.into()) };
            if file.position() != offset {
                file.seek_to(offset).map_err(io::Error::other)?;
            }
            file.read_exact(buf)
        })
    }
}

struct Source(Arc<OwnedSlice>);

impl Ext4Read for Source {
    fn read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), Box<dyn Error + Send + Sync + 'static>> {
        Ok(self.0.read_at(offset, buf)?)
    }
}

fn load(source: &Arc<OwnedSlice>) -> Result<Ext4, Ext4Error> {
    Ext4::load(Box::new(Source(Arc::clone(source))))
}

fn convert(metadata: &ext4_view::Metadata) -> Metadata {
    let time = metadata.modified();
    Metadata {
        mode: metadata.mode(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        mtime: Mtime { seconds: time.seconds(), nanoseconds: time.nanoseconds() },
        xattrs: None,
    }
}

fn damaged(path: Option<&TreePath>, reason: impl Display) -> ReadBackError {
    ReadBackError::Unreadable { kind: Kind::Ext4.name(), path: path.cloned(), reason: reason.to_string() }
}
