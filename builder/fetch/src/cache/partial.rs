//! The beginning of a download: on disk, so that a killed process loses nothing, and locked while somebody works on it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use rootsmith_types::Sha256Digest;
use rustix::fs::FlockOperation;
use sha2::{Digest, Sha256};

use super::Folder;
use super::folder::{is_still, lock_file, rename};
use crate::FetchError;

/// A locked file in `partial/`, with the digest of what is in it so far.
pub(crate) struct Partial {
    path: PathBuf,
    file: File,
    state: Sha256,
    len: u64,
}

impl Partial {
    /// Waits until nobody else works on the file, and goes on from there; `None` when it is complete by then, as `done`
    /// tells.
    pub(crate) fn lock(
        folder: &Folder,
        digest: &Sha256Digest,
        done: impl Fn() -> bool,
    ) -> Result<Option<Partial>, FetchError> {
        let path = folder.partial(digest);
        loop {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            let file = file.map_err(FetchError::disk("open", &path))?;
            lock_file(&file, FlockOperation::LockExclusive);
            if done() {
                // Made again after somebody else had moved it to its final place.
                if is_still(&file, &path) {
                    let _ = std::fs::remove_file(&path);
                }
                return Ok(None);
            }
            // Else it was moved away, found wrong and dropped.
            if is_still(&file, &path) {
                let mut partial = Partial { path, file, state: Sha256::new(), len: 0 };
                partial.take_up().map_err(FetchError::disk("read", partial.path.clone()))?;
                return Ok(Some(partial));
            }
        }
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Of the bytes so far.
    pub(crate) fn digest(&self) -> Sha256Digest {
        Sha256Digest::new(self.state.clone().finalize().into())
    }

    /// Adds to the end.
    pub(crate) fn push(&mut self, data: &[u8]) -> Result<(), FetchError> {
        if let Err(error) = self.file.write_all(data) {
            // Part of it may be there: what is in the file and what was hashed must stay the same.
            let _ = self.file.set_len(self.len);
            let _ = self.file.seek(SeekFrom::Start(self.len));
            return Err(FetchError::disk("write", &self.path)(error));
        }
        self.state.update(data);
        self.len = self.len.saturating_add(data.len() as u64);
        Ok(())
    }

    /// Forgets everything.
    pub(crate) fn restart(&mut self) -> Result<(), FetchError> {
        let empty = self.file.set_len(0).and_then(|()| self.file.rewind());
        empty.map_err(FetchError::disk("write", &self.path))?;
        (self.state, self.len) = (Sha256::new(), 0);
        Ok(())
    }

    /// Moves it to its final place; the caller has compared the digest.
    pub(crate) fn keep_as(self, path: &std::path::Path) -> Result<(), FetchError> {
        rename(&self.path, path)
    }

    /// Removes it.
    pub(crate) fn discard(self) {
        // A file that stays is taken up, and found wrong, the next time.
        let _ = std::fs::remove_file(&self.path);
    }

    /// Hashes what an earlier process left, and stands at its end.
    fn take_up(&mut self) -> io::Result<()> {
        let mut buf = vec![0; 128 << 10];
        let mut file = (&self.file).take(self.file.metadata()?.len());
        loop {
            match file.read(&mut buf) {
                Ok(0) => return Ok(()),
                Ok(n) => {
                    self.state.update(&buf[..n]);
                    self.len += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
    }
}
