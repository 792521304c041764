//! What was computed from packages and would come out the same again.

use rootsmith_tree::Blob;
use rootsmith_types::Sha256Digest;

use super::{Cache, sealed};
use crate::FetchError;

/// What the file begins with. What is inside is the caller's; its key says which version of that it is.
const NAME: &str = "rootsmith derived 2\n";

impl Cache {
    /// What was kept under `key`: a digest of everything that the result depends on, the code that makes it included.
    pub fn derived(&self, key: &Sha256Digest) -> Option<Vec<u8>> {
        sealed::read(NAME, &self.folder.derived(key))
    }

    /// The same, left where it is. Whether the bytes still have the digest is for those to say who read them.
    pub(crate) fn derived_blob(&self, key: &Sha256Digest) -> Option<Blob> {
        let path = self.folder.derived(key);
        let found = sealed::find(NAME, &path)?;
        let pack = self.packs.add(path, found.file).ok()?;
        Some(Blob { digest: Some(found.digest), size: found.size, pack, offset: found.offset })
    }

    /// Keeps a result under `key`.
    pub fn keep_derived(&self, key: &Sha256Digest, data: &[u8]) -> Result<(), FetchError> {
        self.folder.put(&self.folder.derived(key), &sealed::seal(NAME, data).parts())
    }
}

#[cfg(test)]
mod tests {
    use rootsmith_tree::Content;
    use rootsmith_types::ContentDigest;

    use super::*;

    #[test]
    fn results_are_found_again_unless_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let key = Sha256Digest::of(b"modules of 6.12");
        assert_eq!(cache.derived(&key), None);
        cache.keep_derived(&key, b"index").unwrap();
        assert_eq!(cache.derived(&key).as_deref(), Some(&b"index"[..]));
        let blob = cache.derived_blob(&key).unwrap();
        assert_eq!(blob.digest, Some(ContentDigest::of(b"index")));
        assert_eq!(&Content::Blob(blob).read(&cache, 5).unwrap()[..], b"index");
        std::fs::write(folder.path().join("derived").join(key.to_string()), b"rootsmith derived 2\nindex").unwrap();
        assert_eq!(cache.derived(&key), None);
        std::fs::write(folder.path().join("derived").join(key.to_string()), b"rootsmith derived 1\nindex").unwrap();
        assert_eq!(cache.derived_blob(&key), None);
    }

    /// As any content of the cache: who finds that it is not what it was has it made anew.
    #[test]
    fn a_result_left_where_it_is_is_removed_when_its_bytes_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let key = Sha256Digest::of(b"hwdb of 257");
        cache.keep_derived(&key, b"database").unwrap();
        let path = folder.path().join("derived").join(key.to_string());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[NAME.len()] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let blob = cache.derived_blob(&key).unwrap();
        assert_eq!(cache.drop_if_damaged(&blob).unwrap(), Some(path));
        assert_eq!(cache.derived_blob(&key), None);
    }
}
