//! Where contents are read from.

use std::io;

use rootsmith_types::{Sha256Digest, Sha256Writer};

use crate::{Blob, Content};

/// Contents that live outside the tree. The cache implements it; tests use a map.
pub trait Blobs: Sync {
    /// Fills `buf` with the content of `blob` from `offset` (relative to the blob's own start) on. Reading past its end is
    /// an error.
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()>;

    /// Takes a content in (a payload, a generated kernel image) and says where it now is.
    fn insert(&self, data: &mut dyn io::Read) -> io::Result<Blob>;

    /// What was computed from contents before and kept under `key`.
    fn derived(&self, _key: &Sha256Digest) -> Option<Vec<u8>> {
        None
    }

    /// The same, left where it lies; like any blob, it is not compared with its digest here.
    fn derived_blob(&self, _key: &Sha256Digest) -> Option<Blob> {
        None
    }

    /// Keeps it for the next time, where results are kept. Best effort: what cannot be kept is computed again.
    fn keep_derived(&self, _key: &Sha256Digest, _data: &[u8]) {}
}

/// What a result depends on, part by part. `form` names the result and counts the versions of what makes it: one more whenever it would
/// come out otherwise.
pub struct DerivedKey {
    writer: Sha256Writer<io::Sink>,
    contents: Vec<Content>,
}

impl DerivedKey {
    /// Begins a key.
    pub fn new(form: &str) -> DerivedKey {
        DerivedKey { writer: Sha256Writer::new(io::sink()), contents: Vec::new() }.with(form.as_bytes())
    }

    /// Adds a part: where it ends is part of the key.
    #[must_use]
    pub fn with(mut self, part: &[u8]) -> DerivedKey {
        for bytes in [&(part.len() as u64).to_le_bytes()[..], part] {
            io::Write::write_all(&mut self.writer, bytes).expect("a sink takes everything");
        }
        self
    }

    /// Adds a content by its digest. What is made of bytes that no longer have it is not kept.
    pub fn with_content(mut self, content: &Content, blobs: &dyn Blobs) -> io::Result<DerivedKey> {
        let digest = content.digest(blobs)?;
        self.contents.push(content.clone());
        Ok(self.with(digest.as_bytes()))
    }

    /// The result: what is kept, or what `make` makes.
    pub fn derive<E>(self, blobs: &dyn Blobs, make: impl FnOnce() -> Result<Vec<u8>, E>) -> Result<Vec<u8>, E> {
        self.kept_or_made(blobs, |key| blobs.derived(key), make)
    }

    /// The result as the content of a file, which need not be read before it is written.
    pub fn derive_content<E>(self, blobs: &dyn Blobs, make: impl FnOnce() -> Result<Vec<u8>, E>) -> Result<Content, E> {
        self.kept_or_made(blobs, |key| blobs.derived_blob(key).map(Content::Blob), make)
    }

    fn kept_or_made<K: From<Vec<u8>>, E>(
        self,
        blobs: &dyn Blobs,
        kept: impl FnOnce(&Sha256Digest) -> Option<K>,
        make: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<K, E> {
        let key = self.writer.finish().1;
        if let Some(kept) = kept(&key) {
            return Ok(kept);
        }
        let made = make()?;
        if self.contents.iter().all(|content| content.is_whole(blobs)) {
            blobs.keep_derived(&key, &made);
        }
        Ok(made.into())
    }
}

/// No contents at all: for trees whose contents are all inline.
pub struct NoBlobs;

impl Blobs for NoBlobs {
    fn read_at(&self, blob: &Blob, _: u64, _: &mut [u8]) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::NotFound, format!("no blob in container {}", blob.pack.0)))
    }

    fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use rootsmith_types::ContentDigest;

    use super::*;
    use crate::PackId;

    const STORED: &[u8; 5] = b"bytes";

    #[derive(Default)]
    struct Kept(Mutex<BTreeMap<Sha256Digest, Vec<u8>>>);

    impl Blobs for Kept {
        fn read_at(&self, _: &Blob, _: u64, buf: &mut [u8]) -> io::Result<()> {
            buf.copy_from_slice(&STORED[..buf.len()]);
            Ok(())
        }

        fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn derived(&self, key: &Sha256Digest) -> Option<Vec<u8>> {
            self.0.lock().unwrap().get(key).cloned()
        }

        fn keep_derived(&self, key: &Sha256Digest, data: &[u8]) {
            self.0.lock().unwrap().insert(*key, data.to_vec());
        }
    }

    #[test]
    fn what_was_made_of_the_same_parts_is_not_made_again() {
        let kept = Kept::default();
        let derive = |parts: [&[u8]; 2], made: &[u8]| {
            let key = parts.iter().fold(DerivedKey::new("sum 1"), |key, part| key.with(part));
            key.derive(&kept, || Ok::<_, io::Error>(made.to_vec())).unwrap()
        };
        assert_eq!(derive([b"ab", b"c"], b"first"), b"first");
        assert_eq!(derive([b"ab", b"c"], b"other"), b"first");
        assert_eq!(derive([b"a", b"bc"], b"second"), b"second", "parts are told apart by where they end");
        let failed = DerivedKey::new("sum 1").derive(&kept, || Err(io::Error::other("no")));
        assert!(failed.is_err());
        assert_eq!(kept.0.lock().unwrap().len(), 2, "a failure is not kept");
    }

    /// A store that has lost the bytes of a content would else be believed for ever.
    #[test]
    fn what_was_made_of_other_bytes_is_not_kept() {
        let kept = Kept::default();
        let blob = |digest| Content::Blob(Blob { digest: Some(digest), size: 5, pack: PackId(0), offset: 0 });
        let derive = |content: &Content| {
            let key = DerivedKey::new("sum 1").with_content(content, &kept).unwrap();
            key.derive(&kept, || Ok::<_, io::Error>(b"made".to_vec())).unwrap()
        };
        assert_eq!(derive(&blob(ContentDigest::of(b"other"))), b"made");
        assert_eq!(kept.0.lock().unwrap().len(), 0);
        assert_eq!(derive(&blob(ContentDigest::of(STORED))), b"made");
        assert_eq!(kept.0.lock().unwrap().len(), 1);
    }
}
