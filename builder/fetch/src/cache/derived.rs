//! What was computed from packages and would come out the same again.

use rootsmith_types::Sha256Digest;

use super::{Cache, sealed};
use crate::FetchError;

/// What the file begins with. What is inside is the caller's; its key says which version of that it is.
const NAME: &str = "rootsmith derived 1\n";

impl Cache {
    /// What was kept under `key`: a digest of everything that the result depends on, the code that makes it included.
    pub fn derived(&self, key: &Sha256Digest) -> Option<Vec<u8>> {
        sealed::read(NAME, &self.folder.derived(key))
    }

    /// Keeps a result under `key`.
    pub fn keep_derived(&self, key: &Sha256Digest, data: &[u8]) -> Result<(), FetchError> {
        self.folder.put(&self.folder.derived(key), &sealed::seal(NAME, data).parts())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_found_again_unless_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let key = Sha256Digest::of(b"modules of 6.12");
        assert_eq!(cache.derived(&key), None);
        cache.keep_derived(&key, b"index").unwrap();
        assert_eq!(cache.derived(&key).as_deref(), Some(&b"index"[..]));
        std::fs::write(folder.path().join("derived").join(key.to_string()), b"rootsmith derived 1\nindex").unwrap();
        assert_eq!(cache.derived(&key), None);
    }
}
