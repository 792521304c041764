//! Single files that belong to no repository: what a profile names by its address, or has beside it.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rootsmith_tree::Blob;
use rootsmith_types::{Sha256Digest, Sha256Writer};

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

    /// A file that `make` fills, which is told where it lies: it becomes a content under its own digest where it is, without being copied.
    pub fn make_file<E: From<FetchError>>(&self, make: impl FnOnce(&File, &Path) -> Result<(), E>) -> Result<Blob, E> {
        let temporary = self.folder.temporary()?;
        make(temporary.file(), temporary.path())?;
        let (digest, size) = hash_file(temporary.path()).map_err(FetchError::disk("read", temporary.path()))?;
        let path = self.folder.blob(&digest);
        temporary.keep_as(&path)?;
        self.known().verified.insert(digest);
        Ok(self.open_blob(&digest, size).map_err(FetchError::disk("open", path))?)
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

/// The digest of the bytes that are in fact there, and how many they are.
pub(super) fn hash_file(path: &Path) -> io::Result<(Sha256Digest, u64)> {
    let mut writer = Sha256Writer::new(io::sink());
    io::copy(&mut File::open(path)?, &mut writer)?;
    let (_, digest, size) = writer.finish();
    Ok((digest, size))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rootsmith_tree::Content;

    use super::*;

    #[test]
    fn what_is_made_in_the_cache_lies_under_its_digest_and_half_of_it_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let failed = |error| FetchError::disk("write", "made")(error);
        let made = cache.make_file(|mut file, _| file.write_all(b"a root").map_err(failed)).unwrap();
        assert_eq!(made.digest, Some(Sha256Digest::of(b"a root")));
        assert_eq!(&*Content::Blob(made).read(&cache, 100).unwrap(), b"a root");
        assert!(cache.file(&Sha256Digest::of(b"a root")).unwrap().is_some());
        let half = cache.make_file(|mut file, path| {
            file.write_all(b"a ro").map_err(failed)?;
            Err(FetchError::disk("write", path)(io::ErrorKind::StorageFull.into()))
        });
        assert!(half.is_err());
        assert_eq!(fs::read_dir(folder.path().join("temporary")).unwrap().count(), 0);

        cache.remove_file(&Sha256Digest::of(b"a root")).unwrap();
        assert!(cache.file(&Sha256Digest::of(b"a root")).unwrap().is_none());
        assert_eq!(&*Content::Blob(made).read(&cache, 100).unwrap(), b"a root");
    }
}
