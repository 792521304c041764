//! The certificates whose signatures count.

use pgp::composed::{Deserializable, SignedPublicKey};
use pgp::types::KeyDetails;

use crate::error::KeyringError;

const ARMOR: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// Debian's archive certificates, reduced to what the certificates say about themselves. Fingerprints as in
/// <https://ftp-master.debian.org/keys.html>.
const DEBIAN: [&str; 6] = [
    include_str!("../keys/debian-trixie-automatic.asc"),
    include_str!("../keys/debian-trixie-security-automatic.asc"),
    include_str!("../keys/debian-trixie-stable.asc"),
    include_str!("../keys/debian-bookworm-automatic.asc"),
    include_str!("../keys/debian-bookworm-security-automatic.asc"),
    include_str!("../keys/debian-bookworm-stable.asc"),
];

/// Certificates whose signatures count.
#[derive(Debug, Clone)]
pub struct Keyring {
    pub(crate) certificates: Vec<SignedPublicKey>,
}

impl Keyring {
    /// The public keys of Debian's archive for bookworm and trixie.
    pub fn debian() -> Keyring {
        Keyring::parse(DEBIAN.concat().as_bytes()).expect("the certificates built in are valid: a test reads them")
    }

    /// Reads certificates as `gpg --export` writes them, with or without `--armor`; several after one another.
    pub fn parse(bytes: &[u8]) -> Result<Keyring, KeyringError> {
        let mut certificates = Vec::new();
        match std::str::from_utf8(bytes).ok().filter(|text| text.contains(ARMOR)) {
            Some(text) => {
                // What stands before the first block is a comment.
                for block in text.split(ARMOR).skip(1) {
                    let armored = format!("{ARMOR}{block}");
                    let (found, _) = SignedPublicKey::from_armor_many(armored.as_bytes()).map_err(malformed)?;
                    certificates.extend(found.collect::<Result<Vec<_>, _>>().map_err(malformed)?);
                }
            }
            None => {
                let found = SignedPublicKey::from_bytes_many(bytes).map_err(malformed)?;
                certificates.extend(found.collect::<Result<Vec<_>, _>>().map_err(malformed)?);
            }
        }
        if certificates.is_empty() { Err(KeyringError::Empty) } else { Ok(Keyring { certificates }) }
    }

    /// The certificates' fingerprints, in upper-case hexadecimal digits, in their order.
    pub fn fingerprints(&self) -> Vec<String> {
        self.certificates.iter().map(|certificate| format!("{:X}", certificate.fingerprint())).collect()
    }
}

fn malformed(error: pgp::errors::Error) -> KeyringError {
    KeyringError::Malformed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debians_archive_keys_are_built_in() {
        assert_eq!(
            Keyring::debian().fingerprints(),
            [
                "04B54C3CDCA79751B16BC6B5225629DF75B188BD",
                "5E04A1E3223A19A20706E20F9904613D4CCE68C6",
                "41587F7DB8C774BCCF131416762F67A0B2C39DE4",
                "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8",
                "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0",
                "4D64FEC119C2029067D6E791F8D2585B8783D481",
            ]
        );
    }

    #[test]
    fn what_is_no_keyring_is_refused() {
        assert_eq!(Keyring::parse(b"").unwrap_err(), KeyringError::Empty);
        assert!(Keyring::parse(b"<!DOCTYPE html><html></html>").is_err());
        assert!(Keyring::parse(format!("{ARMOR}\n\nmDME\n").as_bytes()).is_err());
    }
}
