//! ext4, read by `ext4-view`.

pub(crate) mod extents;

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Display;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ext4_view::{Ext4, Ext4Error, Ext4Read, FileType};
use rayon::prelude::*;
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

/// Every entry, with empty files for now, and the list of files; label and UUID. The directories of a level are read on every core,
/// each with a reader of its own, because those cannot be shared.
#[allow(clippy::type_complexity)]
fn walk(source: &Arc<OwnedSlice>) -> Result<(Tree, Vec<Found>, Option<String>, String), ReadBackError> {
    let fs = load(source, Checksums::Checked).map_err(|error| damaged(None, error))?;
    let root = TreePath::root();
    let metadata = fs.symlink_metadata("/").map_err(|error| damaged(Some(&root), error))?;
    let mut tree = Tree::new(convert(&metadata));
    let mut files = Vec::new();
    let mut keeper = Keeper::default();
    let mut level = vec![root];
    let mut count = 0;
    while !level.is_empty() {
        let listed: Vec<Result<Vec<Entry>, ReadBackError>> =
            level.par_iter().map_init(|| Readers::new(source), |readers, directory| list(readers, directory)).collect();
        let mut next = Vec::new();
        for entries in listed {
            for Entry { path, kind, metadata, size } in entries? {
                count += 1;
                if count > MAX_ENTRIES {
                    return Err(ReadBackError::TooManyEntries);
                }
                match kind {
                    NodeKind::Directory => next.push(path.clone()),
                    NodeKind::File(_) => files.push(Found { path: path.clone(), size, keep: keeper.keeps(size) }),
                    _ => {}
                }
                tree.insert(&path, Node { kind, metadata }).map_err(|error| damaged(Some(&path), error))?;
            }
        }
        level = next;
    }
    let label = fs.label().to_str().map(str::to_owned).unwrap_or_default();
    let uuid = rootsmith_types::Uuid::new(*fs.uuid().as_bytes()).to_string();
    Ok((tree, files, (!label.is_empty()).then_some(label), uuid))
}

/// An entry of a directory.
struct Entry {
    path: TreePath,
    kind: NodeKind,
    metadata: Metadata,
    /// Of a file.
    size: u64,
}

/// The entries of a directory, sorted, so that what is kept in memory does not depend on the order on disk.
fn list(readers: &Readers<'_>, directory: &TreePath) -> Result<Vec<Entry>, ReadBackError> {
    let fs = readers.checking().map_err(|error| damaged(None, error))?;
    let at = |error| damaged(Some(directory), error);
    let mut entries = BTreeMap::new();
    for entry in fs.read_dir(directory.as_bytes()).map_err(at)? {
        let entry = entry.map_err(at)?;
        let name = entry.file_name();
        let name: &[u8] = name.as_ref();
        if name == b"." || name == b".." {
            continue;
        }
        if entries.len() == MAX_ENTRIES {
            return Err(ReadBackError::TooManyEntries);
        }
        if entries.insert(name.to_vec(), entry.metadata().map_err(at)?).is_some() {
            return Err(damaged(Some(&directory.join(name)?), "it is there twice"));
        }
    }
    let entry = |(name, metadata): (Vec<u8>, ext4_view::Metadata)| {
        let path = directory.join(&name)?;
        let kind = match metadata.file_type() {
            FileType::Directory => NodeKind::Directory,
            FileType::Regular => NodeKind::File(Content::inline("")),
            FileType::Symlink => {
                let target = readers.trusting().and_then(|fs| fs.read_link(path.as_bytes()));
                let target = target.map_err(|error| damaged(Some(&path), error))?;
                let target: &[u8] = target.as_ref();
                NodeKind::Symlink(target.into())
            }
            FileType::CharacterDevice => NodeKind::CharDevice { major: 0, minor: 0 },
            FileType::BlockDevice => NodeKind::BlockDevice { major: 0, minor: 0 },
            FileType::Fifo => NodeKind::Fifo,
            FileType::Socket => NodeKind::Socket,
        };
        Ok(Entry { path, kind, metadata: convert(&metadata), size: metadata.len() })
    };
    entries.into_iter().map(entry).collect()
}

/// Files that one core takes at a time: so many, or so many bytes.
const BATCH: usize = 128;
const BATCH_BYTES: u64 = 16 << 20;

/// The contents of `files`, read on every core, each with a reader of its own, because they cannot be shared.
///
/// A reader keeps the last 64 blocks it met. To open a file it looks through the directories above, which the content of the
/// file before has driven out of those 64; so a batch of neighbours is opened first, and read then. It also computes the checksum of each
/// of their blocks anew, in more time than all the rest takes. They were right when the walk read them; so a second reader, which takes
/// them for right, opens the files whose extents are in their inodes, as it does links; where any file has blocks of extents, with checksums
/// the walk did not see, those that are long enough are opened by one that does not.
fn digest_all(source: &Arc<OwnedSlice>, files: &[Found], trace: Trace<'_>) -> Result<Vec<Content>, ReadBackError> {
    let longest_in_inode = if extents::are_in_inodes(source)? { u64::MAX } else { longest_in_inode(source)? };
    let batches = batches(files);
    let next = AtomicUsize::new(0);
    let contents: Mutex<Vec<Option<Content>>> = Mutex::new(vec![None; files.len()]);
    // One error is kept: the one that comes first in the tree, whichever was met first.
    let failed: Mutex<Option<(usize, ReadBackError)>> = Mutex::new(None);
    // Tasks that another thread may take, and need not: it may have other things to do.
    (0..rayon::current_num_threads()).into_par_iter().with_max_len(1).for_each(|_| {
        let readers = Readers::new(source);
        while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
            let _span = trace.span("read back", "ext4");
            match read_batch(&readers, longest_in_inode, files, batch.clone()) {
                Ok(read) => {
                    let Ok(mut contents) = contents.lock() else { return };
                    contents[batch.clone()].iter_mut().zip(read).for_each(|(place, content)| *place = Some(content));
                }
                Err((index, error)) => {
                    let Ok(mut failed) = failed.lock() else { return };
                    if failed.as_ref().is_none_or(|(first, _)| index < *first) {
                        *failed = Some((index, error));
                    }
                }
            }
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

/// So many extents an inode has room for (`ext4_extent` in `i_block`).
const IN_INODE: u64 = 4;
/// `s_log_block_size` of the superblock, which counts from 1 KiB on.
const LOG_BLOCK_SIZE: u64 = 1024 + 0x18;

/// The longest file whose extents are in its inode, however its blocks lie.
fn longest_in_inode(source: &OwnedSlice) -> io::Result<u64> {
    let mut log = [0; 4];
    source.read_at(LOG_BLOCK_SIZE, &mut log)?;
    Ok((IN_INODE << 10).checked_shl(u32::from_le_bytes(log)).unwrap_or(0))
}

/// The readers of a thread: one that computes the checksums of what it meets, one that does not.
struct Readers<'a> {
    source: &'a Arc<OwnedSlice>,
    checking: OnceCell<Ext4>,
    trusting: OnceCell<Ext4>,
}

impl<'a> Readers<'a> {
    fn new(source: &'a Arc<OwnedSlice>) -> Readers<'a> {
        Readers { source, checking: OnceCell::new(), trusting: OnceCell::new() }
    }

    fn checking(&self) -> Result<&Ext4, Ext4Error> {
        self.loaded(&self.checking, Checksums::Checked)
    }

    fn trusting(&self) -> Result<&Ext4, Ext4Error> {
        self.loaded(&self.trusting, Checksums::Trusted)
    }

    fn loaded<'b>(&self, reader: &'b OnceCell<Ext4>, checksums: Checksums) -> Result<&'b Ext4, Ext4Error> {
        match reader.get() {
            Some(fs) => Ok(fs),
            None => {
                let fs = load(self.source, checksums)?;
                Ok(reader.get_or_init(|| fs))
            }
        }
    }
}

fn read_batch(
    readers: &Readers<'_>,
    longest_in_inode: u64,
    files: &[Found],
    batch: Range<usize>,
) -> Result<Vec<Content>, (usize, ReadBackError)> {
    let at = |index: usize, error: &dyn Display| (index, damaged(Some(&files[index].path), error));
    let mut open = Vec::with_capacity(batch.len());
    for index in batch {
        let Found { path, size, .. } = &files[index];
        let reader = if *size <= longest_in_inode { readers.trusting() } else { readers.checking() };
        let opened = reader.and_then(|fs| fs.open(path.as_bytes()));
        open.push((index, opened.map_err(|error| at(index, &error))?));
    }
    let mut contents = Vec::with_capacity(open.len());
    for (index, mut file) in open {
        let pack = PackId(u32::try_from(index).map_err(|_| (index, ReadBackError::TooManyEntries))?);
        let Found { size, keep, .. } = files[index];
        contents.push(digest::content(&mut file, size, keep, pack, 0).map_err(|error| at(index, &error))?);
    }
    Ok(contents)
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
                _ => last.insert(Last {
                    id: self.id,
                    fs: load(&self.source, Checksums::Trusted).map_err(io::Error::other)?,
                    file: None,
                }),
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

/// Whether checksums of metadata are computed anew.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checksums {
    Checked,
    /// They were checked before.
    Trusted,
}

struct Source {
    slice: Arc<OwnedSlice>,
    checksums: Checksums,
}

/// `s_feature_ro_compat` of the superblock, its byte with the bit that says there are checksums (`metadata_csum`, 0x400).
const FEATURES: u64 = 1024 + 0x64 + 1;
const METADATA_CSUM: u8 = 0x04;

impl Ext4Read for Source {
    fn read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), Box<dyn Error + Send + Sync + 'static>> {
        self.slice.read_at(offset, buf)?;
        if self.checksums == Checksums::Trusted
            && let Some(features) = FEATURES.checked_sub(offset).and_then(|at| buf.get_mut(usize::try_from(at).ok()?))
        {
            *features &= !METADATA_CSUM;
        }
        Ok(())
    }
}

fn load(source: &Arc<OwnedSlice>, checksums: Checksums) -> Result<Ext4, Ext4Error> {
    Ext4::load(Box::new(Source { slice: Arc::clone(source), checksums }))
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
