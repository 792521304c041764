//! Files of the cache that carry their own checksum: a name that says what it is, the content, the SHA-256 of both.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use rootsmith_types::{Sha256Digest, Sha256Writer};

const DIGEST: usize = 32;

/// A sealed content, ready to be written.
pub(crate) struct Sealed<'a> {
    name: &'a str,
    content: &'a [u8],
    digest: Sha256Digest,
}

/// `name` counts versions: content sealed under another name does not open.
pub(crate) fn seal<'a>(name: &'a str, content: &'a [u8]) -> Sealed<'a> {
    let mut writer = Sha256Writer::new(io::sink());
    for part in [name.as_bytes(), content] {
        writer.write_all(part).expect("a sink takes everything");
    }
    Sealed { name, content, digest: writer.finish().1 }
}

impl Sealed<'_> {
    /// What the file consists of.
    pub(crate) fn parts(&self) -> [&[u8]; 3] {
        [self.name.as_bytes(), self.content, self.digest.as_bytes()]
    }
}

/// The content of a file, when name and checksum are right.
pub(crate) fn read(name: &str, path: &Path) -> Option<Vec<u8>> {
    open(name, fs::read(path).ok()?)
}

fn open(name: &str, mut data: Vec<u8>) -> Option<Vec<u8>> {
    let (sealed, digest) = data.split_at_checked(data.len().checked_sub(DIGEST)?)?;
    if !sealed.starts_with(name.as_bytes()) || Sha256Digest::of(sealed).as_bytes() != digest {
        return None;
    }
    data.truncate(data.len() - DIGEST);
    data.drain(..name.len());
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_byte_is_noticed() {
        let sealed = seal("index 1\n", b"content").parts().concat();
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
