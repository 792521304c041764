//! UUIDs derived from a digest: never drawn.

use std::fmt;
use std::str::FromStr;

use crate::Sha256Digest;

/// A UUID in the byte order of its text (RFC 9562).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// The UUID with these bytes.
    pub const fn new(bytes: [u8; 16]) -> Uuid {
        Uuid(bytes)
    }

    /// A version 8 UUID (RFC 9562, 5.8) for `purpose`, a pure function of both arguments.
    pub fn derive(seed: &Sha256Digest, purpose: &str) -> Uuid {
        let mut input = seed.as_bytes().to_vec();
        input.extend_from_slice(purpose.as_bytes());
        let digest = Sha256Digest::of(&input);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_bytes()[..16]);
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Uuid(bytes)
    }

    /// The 16 bytes, in the order of the text.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = ();

    fn from_str(text: &str) -> Result<Uuid, ()> {
        let digits: Vec<u8> = text.bytes().filter(|&b| b != b'-').collect();
        if digits.len() != 32 || text.len() != 36 {
            return Err(());
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(());
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        let uuid = Uuid(bytes);
        if uuid.to_string().eq_ignore_ascii_case(text) { Ok(uuid) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_uuids_depend_on_seed_and_purpose() {
        let seed = Sha256Digest::of(b"lock");
        let root = Uuid::derive(&seed, "root");
        assert_eq!(root, Uuid::derive(&seed, "root"));
        assert_ne!(root, Uuid::derive(&seed, "esp"));
        assert_ne!(root, Uuid::derive(&Sha256Digest::of(b"other"), "root"));
        let text = root.to_string();
        assert_eq!((text.len(), &text[14..15]), (36, "8"));
        assert_eq!(text.parse(), Ok(root));
        assert_eq!("0".repeat(36).parse::<Uuid>(), Err(()));
    }
}
