//! Single files that belong to no repository: what a profile names by its address, or has beside it.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::Path;

use rootsmith_tree::Blob;
use rootsmith_types::{ContentDigest, ContentHasher, Sha256Digest, Sha256Writer};

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
        self.file(&sha256)?.ok_or_else(|| FetchError::disk("read", path)(io::ErrorKind::NotFound.into()))
    }

    /// The file with this digest, when it is there and still has its bytes: one that lost them is dropped.
    pub fn file(&self, sha256: &Sha256Digest) -> Result<Option<Blob>, FetchError> {
        let path = self.folder.blob(sha256);
        let Ok(metadata) = fs::metadata(&path) else { return Ok(None) };
        let known = self.known().files.get(sha256).copied();
        let digest = match known {
            Some(digest) => digest,
            None => {
                let found = digests(&path).map_err(FetchError::disk("read", &path))?;
                if found.sha256 != *sha256 {
                    let _ = fs::remove_file(&path);
                    return Ok(None);
                }
                self.known().files.insert(*sha256, found.content);
                found.content
            }
        };
        self.open_blob(sha256, digest, metadata.len()).map(Some).map_err(FetchError::disk("open", path))
    }

    /// A file that `make` fills, which is told where it lies: it becomes a content under its own digest where it is, without being copied.
    pub fn make_file<E: From<FetchError>>(&self, make: impl FnOnce(&File, &Path) -> Result<(), E>) -> Result<Blob, E> {
        let temporary = self.folder.temporary()?;
        make(temporary.file(), temporary.path())?;
        let made = digests(temporary.path()).map_err(FetchError::disk("read", temporary.path()))?;
        let path = self.folder.blob(&made.sha256);
        temporary.keep_as(&path)?;
        self.known().files.insert(made.sha256, made.content);
        Ok(self.open_blob(&made.sha256, made.content, made.size).map_err(FetchError::disk("open", path))?)
    }

    /// Takes a file away that nobody will ask for again. Who has it open reads on.
    pub fn remove_file(&self, sha256: &Sha256Digest) -> Result<(), FetchError> {
        let path = self.folder.blob(sha256);
        self.known().files.remove(sha256);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FetchError::disk("remove", path)(error)),
            _ => Ok(()),
        }
    }

    /// What a content lies under that is a file of its own.
    pub fn sha256_of(&self, blob: &Blob) -> Option<Sha256Digest> {
        self.packs.path(blob.pack)?.file_name()?.to_str()?.parse().ok()
    }

    /// What lies under a SHA-256, as contents are read.
    pub(super) fn open_blob(&self, sha256: &Sha256Digest, digest: ContentDigest, size: u64) -> io::Result<Blob> {
        let path = self.folder.blob(sha256);
        let file = File::open(&path)?;
        let pack = self.packs.add(path, file)?;
        Ok(Blob { digest: Some(digest), size, pack, offset: 0 })
    }
}

/// What a file is called by, and its content told apart by.
pub(super) struct Digests {
    pub(super) sha256: Sha256Digest,
    pub(super) content: ContentDigest,
    pub(super) size: u64,
}

/// Both digests of the bytes that are in fact there.
pub(super) fn digests(path: &Path) -> io::Result<Digests> {
    let mut writer = Sha256Writer::new(ContentHasher::new());
    io::copy(&mut BufReader::with_capacity(256 << 10, File::open(path)?), &mut writer)?;
    let (content, sha256, size) = writer.finish();
    Ok(Digests { sha256, content: content.finish().0, size })
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
        assert_eq!(made.digest, Some(ContentDigest::of(b"a root")));
        assert_eq!(cache.sha256_of(&made), Some(Sha256Digest::of(b"a root")));
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
