//! The digest of a content (BLAKE3).

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use crate::digest::hexadecimal;

/// What tells contents of files apart, within a build and in the cache: BLAKE3, which costs a third of SHA-256. Whatever leaves a
/// build is named by its [`Sha256Digest`](crate::Sha256Digest).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContentDigest([u8; 32]);

impl ContentDigest {
    /// A digest that was computed before, as its 32 bytes.
    pub const fn new(bytes: [u8; 32]) -> ContentDigest {
        ContentDigest(bytes)
    }

    /// The digest of `data`.
    pub fn of(data: &[u8]) -> ContentDigest {
        ContentDigest(blake3::hash(data).into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hexadecimal(&self.0, f)
    }
}

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Digests and counts what is written to it. Long pieces are digested several times as fast as short ones.
#[derive(Default)]
pub struct ContentHasher(blake3::Hasher);

impl ContentHasher {
    /// Of nothing yet.
    pub fn new() -> ContentHasher {
        ContentHasher::default()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest, and of how many bytes.
    pub fn finish(&self) -> (ContentDigest, u64) {
        (ContentDigest(self.0.finalize().into()), self.0.count())
    }
}

impl io::Write for ContentHasher {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.update(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the specification's `test_vectors.json`: no bytes, and one byte that is zero.
    #[test]
    fn digests_are_those_of_the_specification() {
        let none = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(ContentDigest::of(b"").to_string(), none);
        let zero = "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213";
        assert_eq!(ContentDigest::of(&[0]).to_string(), zero);
    }

    #[test]
    fn pieces_make_the_digest_of_the_whole() {
        let data: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
        let mut hasher = ContentHasher::new();
        data.chunks(999).for_each(|piece| hasher.update(piece));
        assert_eq!(hasher.finish(), (ContentDigest::of(&data), 100_000));
    }
}
