//! Single files that belong to no repository: what a profile names by its address, or has beside it.

use std::fs::{self, File};
use std::io;

use rootsmith_tree::Blob;
use rootsmith_types::Sha256Digest;

use super::Cache;
use super::download::{Reach, Wanted};
use crate::{FetchError, Progress, Transport};

/// A file of the network.
#[derive(Debug, Clone, Copy)]
pub struct RemoteFile<'a> {
    /// What it is called in messages.
    pub name: &'a str,
    /// Its address.
    pub url: &'a str,
    /// In bytes, where somebody knows it.
    pub size: Option<u64>,
    /// Of all of it.
    pub sha256: Sha256Digest,
}

impl Cache {
    /// The file: the one that is there, or a new one from its address.
    pub fn ensure_file(
        &self,
        file: &RemoteFile<'_>,
        via: &dyn Transport,
        offline: bool,
        progress: &dyn Progress,
    ) -> Result<Blob, FetchError> {
        let RemoteFile { name, url, size, sha256 } = *file;
        if let Some(blob) = self.file(&sha256)? {
            return Ok(blob);
        }
        if offline {
            return Err(FetchError::Offline { package: None, file: name.to_owned(), others: Vec::new() });
        }
        let wanted = Wanted { what: name, package: None, urls: vec![url.to_owned()], size, sha256 };
        self.download(&wanted, via, &Reach::default(), progress)?;
        let path = self.folder.blob(&sha256);
        let length = fs::metadata(&path).map_err(FetchError::disk("read", &path))?.len();
        self.open_blob(&sha256, length).map_err(FetchError::disk("open", path))
    }

    /// The file with this digest, when it is there and still has its bytes: one that lost them is dropped.
    pub fn file(&self, sha256: &Sha256Digest) -> Result<Option<Blob>, FetchError> {
        let path = self.folder.blob(sha256);
        let Ok(metadata) = fs::metadata(&path) else { return Ok(None) };
        if !self.known().verified.contains(sha256) {
            let found = self.hash_blob(sha256).map_err(FetchError::disk("read", &path))?;
            if found != *sha256 {
                let _ = fs::remove_file(&path);
                return Ok(None);
            }
            self.known().verified.insert(*sha256);
        }
        self.open_blob(sha256, metadata.len()).map(Some).map_err(FetchError::disk("open", path))
    }

    /// Takes a file away that nobody will ask for again. Who has it open reads on.
    pub fn remove_file(&self, sha256: &Sha256Digest) -> Result<(), FetchError> {
        let path = self.folder.blob(sha256);
        self.known().verified.remove(sha256);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FetchError::disk("remove", path)(error)),
            _ => Ok(()),
        }
    }

    /// What lies under a digest, as contents are read.
    pub(super) fn open_blob(&self, digest: &Sha256Digest, size: u64) -> io::Result<Blob> {
        let path = self.folder.blob(digest);
        let file = File::open(&path)?;
        let pack = self.packs.add(path, file)?;
        Ok(Blob { digest: Some(*digest), size, pack, offset: 0 })
    }
}
