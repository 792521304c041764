//! The cache's folder. Everything in it appears under its final name complete, or not at all.
//!
//! | path                        | holds                                                                   |
//! |-----------------------------|-------------------------------------------------------------------------|
//! | `blobs/sha256/ab/HEX`       | a file whose SHA-256 is `HEX`: archives, payloads                       |
//! | `unpacked/HEX.tar`          | the decompressed `data.tar` of archive `HEX`                            |
//! | `unpacked/HEX.index`        | what is where in it, sealed; written last                               |
//! | `unpacked/HEX.KIND.contents` | the contents of tar or zip archive `HEX`, one after another             |
//! | `unpacked/HEX.KIND.index`   | what is where in them, sealed; written last                             |
//! | `indexes/HEX`               | the decompressed form of index file `HEX`, sealed                       |
//! | `releases/ARCHIVE/SUITE/ID` | the last accepted `InRelease` of a mirror                               |
//! | `partial/HEX`               | the beginning of a download, locked by whoever goes on with it          |
//! | `temporary/`                | files being made, and folders to make them in                           |
//! | `lock`                      | locked shared by everybody who uses the cache                           |

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rootsmith_lock::Archive;
use rootsmith_types::Sha256Digest;
use rustix::fs::{FlockOperation, flock};

use crate::FetchError;

/// The folder, in use until this is dropped.
pub(crate) struct Folder {
    root: PathBuf,
    counter: AtomicU64,
    /// Holds the shared lock.
    _in_use: File,
}

impl Folder {
    /// Opens or makes it. Whoever comes when nobody else is there clears away what killed processes left.
    pub(crate) fn open(root: &Path) -> Result<Folder, FetchError> {
        for part in ["blobs/sha256", "unpacked", "derived", "indexes", "releases", "partial", "temporary"] {
            let path = root.join(part);
            fs::create_dir_all(&path).map_err(FetchError::disk("make the folder", path))?;
        }
        let path = root.join("lock");
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let lock = lock.map_err(FetchError::disk("open", &path))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            clear(&root.join("temporary"));
        }
        lock_file(&lock, FlockOperation::LockShared);
        Ok(Folder { root: root.to_owned(), counter: AtomicU64::new(0), _in_use: lock })
    }

    pub(crate) fn blob(&self, digest: &Sha256Digest) -> PathBuf {
        let hex = digest.to_string();
        self.root.join("blobs/sha256").join(&hex[..2]).join(hex)
    }

    pub(crate) fn partial(&self, digest: &Sha256Digest) -> PathBuf {
        self.root.join("partial").join(digest.to_string())
    }

    pub(crate) fn unpacked_tar(&self, digest: &Sha256Digest) -> PathBuf {
        self.root.join("unpacked").join(format!("{digest}.tar"))
    }

    pub(crate) fn unpacked_index(&self, digest: &Sha256Digest) -> PathBuf {
        self.root.join("unpacked").join(format!("{digest}.index"))
    }

    pub(crate) fn archive_contents(&self, digest: &Sha256Digest, kind: &str) -> PathBuf {
        self.root.join("unpacked").join(format!("{digest}.{kind}.contents"))
    }

    pub(crate) fn archive_index(&self, digest: &Sha256Digest, kind: &str) -> PathBuf {
        self.root.join("unpacked").join(format!("{digest}.{kind}.index"))
    }

    pub(crate) fn index(&self, digest: &Sha256Digest) -> PathBuf {
        self.root.join("indexes").join(digest.to_string())
    }

    pub(crate) fn derived(&self, key: &Sha256Digest) -> PathBuf {
        self.root.join("derived").join(key.to_string())
    }

    /// The folder of what was accepted for one suite.
    pub(crate) fn releases(&self, archive: Archive, suite: &str) -> PathBuf {
        // A suite is a name from a profile: `../trixie` must not lead anywhere.
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        self.root.join("releases").join(archive.to_string()).join(suite.chars().map(plain).collect::<String>())
    }

    /// A new file that no reader sees before it is kept.
    pub(crate) fn temporary(&self) -> Result<Temporary, FetchError> {
        loop {
            // Two processes may have one number, in containers that share the cache: whoever finds the name taken goes on.
            let number = self.counter.fetch_add(1, Ordering::Relaxed);
            let path = self.root.join("temporary").join(format!("{}-{number}", std::process::id()));
            match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Temporary { file, path, kept: false }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
                Err(error) => return Err(FetchError::disk("make", path)(error)),
            }
        }
    }

    /// A new folder to work in.
    pub(crate) fn scratch(&self) -> Result<Scratch, FetchError> {
        loop {
            let number = self.counter.fetch_add(1, Ordering::Relaxed);
            let path = self.root.join("temporary").join(format!("{}-{number}", std::process::id()));
            // Programs that run in it have another idea of what a relative path means.
            let path = std::path::absolute(&path).map_err(FetchError::disk("find", path))?;
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Scratch { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
                Err(error) => return Err(FetchError::disk("make the folder", path)(error)),
            }
        }
    }

    /// Puts a file that consists of `parts` at `path`, in one step.
    pub(crate) fn put(&self, path: &Path, parts: &[&[u8]]) -> Result<(), FetchError> {
        let temporary = self.temporary()?;
        let mut file = temporary.file();
        for part in parts {
            io::Write::write_all(&mut file, part).map_err(FetchError::disk("write", path))?;
        }
        temporary.keep_as(path)
    }
}

/// A file being made; gone when it is dropped before it is kept.
pub(crate) struct Temporary {
    file: File,
    path: PathBuf,
    kept: bool,
}

impl Temporary {
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its final name, over whatever is there.
    pub(crate) fn keep_as(mut self, path: &Path) -> Result<(), FetchError> {
        rename(&self.path, path)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // Cleared by the next one who opens the cache alone, if not now.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A folder to work in, on the file system of the cache; gone with all that is in it when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Where it is: an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // As for a file.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Renames, making the folder `to` is in.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), FetchError> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(FetchError::disk("make the folder", parent))?;
    }
    fs::rename(from, to).map_err(FetchError::disk("write", to))
}

/// Waits for a lock on `file`; it ends when the file is closed. Where a file system has no locks, two processes may do the
/// same work and find out when they rename: wasteful, never wrong.
pub(crate) fn lock_file(file: &File, operation: FlockOperation) {
    while flock(file, operation) == Err(rustix::io::Errno::INTR) {}
}

/// Whether `path` still names `file`, after waiting for its lock.
pub(crate) fn is_still(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(file), Ok(path)) => (file.dev(), file.ino()) == (path.dev(), path.ino()),
        _ => false,
    }
}

/// What cannot be removed now will be the next time.
fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_to_work_in_is_gone_afterwards_even_when_its_builder_was_killed() {
        let root = tempfile::tempdir().unwrap();
        let left = {
            let folder = Folder::open(root.path()).unwrap();
            let scratch = folder.scratch().unwrap();
            fs::create_dir(scratch.path().join("linux")).unwrap();
            fs::write(scratch.path().join("linux/Makefile"), "all:").unwrap();
            let path = scratch.path().to_owned();
            std::mem::forget(scratch);
            path
        };
        assert!(left.is_absolute() && left.join("linux/Makefile").exists());
        let folder = Folder::open(root.path()).unwrap();
        assert!(!left.exists());
        let scratch = folder.scratch().unwrap();
        let path = scratch.path().to_owned();
        fs::write(path.join("x"), "x").unwrap();
        drop(scratch);
        assert!(!path.exists());
    }
}
