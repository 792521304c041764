//! The content-addressed cache.

mod archive;
mod derived;
mod download;
mod ensure;
mod file;
pub(crate) mod folder;
mod packs;
mod partial;
pub(crate) mod sealed;
mod unpack;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rootsmith_package::Unpacked;
use rootsmith_tree::{Blob, Blobs, Content, PackId};
use rootsmith_types::{ContentDigest, ContentHasher, Sha256Digest, Sha256Writer};

use crate::FetchError;
use folder::Folder;
use packs::Packs;

pub(crate) use download::{Reach, Wanted};
pub use ensure::Download;
pub(crate) use ensure::escaped;
use file::Digests;
pub use file::RemoteFile;
pub use folder::Scratch;

/// Files by their SHA-256, in a folder that several builds may use at once; each of them may be killed at any moment.
pub struct Cache {
    pub(crate) folder: Folder,
    packs: Packs,
    pub(crate) retry: Retry,
    known: Mutex<Known>,
}

/// What was found out in this run, so that nothing is read or hashed twice.
#[derive(Default)]
pub(crate) struct Known {
    /// Files whose bytes were seen to be right, and by what their contents are told apart.
    files: BTreeMap<Sha256Digest, ContentDigest>,
    unpacked: BTreeMap<Sha256Digest, (Arc<Unpacked>, PackId)>,
}

/// How stubborn downloads are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in a row that bring nothing new, before a file is given up.
    pub attempts: u32,
    /// Pause after the first of them; it doubles each time, up to sixteenfold.
    pub pause: Duration,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { attempts: 5, pause: Duration::from_millis(400) }
    }
}

impl Cache {
    /// Opens the cache in `dir`, which is made if need be.
    pub fn open(dir: &Path) -> Result<Cache, FetchError> {
        let folder = Folder::open(dir)?;
        Ok(Cache { folder, packs: Packs::default(), retry: Retry::default(), known: Mutex::default() })
    }

    /// The same cache, with other manners.
    pub fn with_retry(self, retry: Retry) -> Cache {
        Cache { retry, ..self }
    }

    /// A folder to work in, gone when it is dropped; one that a killed process left is cleared away by who opens the cache next.
    pub fn scratch(&self) -> Result<Scratch, FetchError> {
        self.folder.scratch()
    }

    /// Reads one content and compares it with its digest. If the cache has lost its bytes, the file they were in is removed,
    /// so that the next build makes it anew, and its path returned.
    pub fn drop_if_damaged(&self, blob: &Blob) -> io::Result<Option<PathBuf>> {
        let found = Content::Blob(*blob).hash(self)?;
        let Some(path) = (Some(found) != blob.digest).then(|| self.packs.path(blob.pack)).flatten() else {
            return Ok(None);
        };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(Some(path)),
        }
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        // What is in it is whole after every statement, so a panic elsewhere does not spoil it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a content in under its own SHA-256.
    fn store(&self, data: &mut dyn Read) -> Result<Digests, FetchError> {
        let temporary = self.folder.temporary()?;
        let mut writer = Sha256Writer::new(temporary.file());
        let mut hasher = ContentHasher::new();
        let mut buf = vec![0; 256 << 10];
        loop {
            let n = match data.read(&mut buf) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(FetchError::disk("read what is to be kept in", temporary.path())(error)),
            };
            hasher.update(&buf[..n]);
            writer.write_all(&buf[..n]).map_err(FetchError::disk("write", temporary.path()))?;
        }
        let (_, sha256, size) = writer.finish();
        temporary.keep_as(&self.folder.blob(&sha256))?;
        Ok(Digests { sha256, content: hasher.finish().0, size })
    }
}

impl Blobs for Cache {
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let past_end = || io::Error::new(io::ErrorKind::UnexpectedEof, "read past the end of a blob");
        let end = offset.checked_add(buf.len() as u64).ok_or_else(past_end)?;
        if end > blob.size {
            return Err(past_end());
        }
        let start = blob.offset.checked_add(offset).ok_or_else(past_end)?;
        self.packs.read_at(blob.pack, start, buf)
    }

    fn insert(&self, data: &mut dyn Read) -> io::Result<Blob> {
        let stored = self.store(data).map_err(|error| match error {
            FetchError::Disk { error, .. } => error,
            error => io::Error::other(error),
        })?;
        self.open_blob(&stored.sha256, stored.content, stored.size)
    }

    fn derived(&self, key: &Sha256Digest) -> Option<Vec<u8>> {
        Cache::derived(self, key)
    }

    fn derived_blob(&self, key: &Sha256Digest) -> Option<Blob> {
        Cache::derived_blob(self, key)
    }

    fn keep_derived(&self, key: &Sha256Digest, data: &[u8]) {
        let _ = Cache::keep_derived(self, key, data);
    }
}
