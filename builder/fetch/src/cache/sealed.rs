//! Files of the cache that carry their own checksum: a name that says what it is, the content, the digest of the content.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rootsmith_types::{ContentDigest, ContentHasher};

const DIGEST: usize = 32;

/// A sealed content, ready to be written.
pub(crate) struct Sealed<'a> {
    name: &'a str,
    content: &'a [u8],
    digest: ContentDigest,
}

/// `name` counts versions: content sealed under another name does not open.
pub(crate) fn seal<'a>(name: &'a str, content: &'a [u8]) -> Sealed<'a> {
    Sealed { name, content, digest: ContentDigest::of(content) }
}

impl Sealed<'_> {
    /// What the file consists of.
    pub(crate) fn parts(&self) -> [&[u8]; 3] {
        [self.name.as_bytes(), self.content, self.digest.as_bytes()]
    }
}

/// The content of a file, when name and checksum are right. What is read is hashed while it is still in the processor's cache, and lies
/// where it stays.
pub(crate) fn read(name: &str, path: &Path) -> Option<Vec<u8>> {
    const PIECE: usize = 256 << 10;
    let Found { mut file, offset, size, digest } = find(name, path)?;
    file.seek(SeekFrom::Start(offset)).ok()?;
    let size = usize::try_from(size).ok()?;
    let mut hasher = ContentHasher::new();
    let mut content = Vec::with_capacity(size);
    while content.len() < size {
        let at = content.len();
        let piece = (size - at).min(PIECE);
        if file.by_ref().take(piece as u64).read_to_end(&mut content).ok()? != piece {
            return None;
        }
        hasher.update(&content[at..]);
    }
    (hasher.finish().0 == digest).then_some(content)
}

/// A content that stays in its file.
pub(crate) struct Found {
    pub(crate) file: File,
    /// From the file's start.
    pub(crate) offset: u64,
    pub(crate) size: u64,
    /// What it had when it was sealed: whoever reads the content compares.
    pub(crate) digest: ContentDigest,
}

/// The content of a file whose name is right.
pub(crate) fn find(name: &str, path: &Path) -> Option<Found> {
    let file = File::open(path).ok()?;
    let offset = name.len() as u64;
    let end = file.metadata().ok()?.len().checked_sub(DIGEST as u64)?;
    let size = end.checked_sub(offset)?;
    let mut start = vec![0; name.len()];
    file.read_exact_at(&mut start, 0).ok().filter(|()| start == name.as_bytes())?;
    let mut digest = [0; DIGEST];
    file.read_exact_at(&mut digest, end).ok()?;
    Some(Found { file, offset, size, digest: ContentDigest::new(digest) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_byte_is_noticed() {
        let sealed = seal("index 1\n", b"content").parts().concat();
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = |name, data: Vec<u8>| {
            std::fs::write(file.path(), data).unwrap();
            read(name, file.path())
        };
        assert_eq!(open("index 1\n", sealed.clone()), Some(b"content".to_vec()));
        assert_eq!(open("index 2\n", sealed.clone()), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open("index 1\n", changed), None, "byte {at}");
            assert_eq!(open("index 1\n", sealed[..at].to_vec()), None, "cut at {at}");
        }
    }
}
