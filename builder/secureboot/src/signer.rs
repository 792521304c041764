//! Who has the private key.

use der::pem;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;

use crate::SecureBootError;

/// Something that signs as RSASSA-PKCS1-v1_5 with SHA-256 does (RFC 8017, 8.2).
pub trait Signer {
    /// The signature of `message`.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SecureBootError>;
}

/// A private key in memory.
#[derive(Debug)]
pub struct KeyFile(KeyPair);

impl KeyFile {
    /// Reads a key in PEM or DER, as PKCS #8 or PKCS #1 have it.
    pub fn read(bytes: &[u8]) -> Result<KeyFile, SecureBootError> {
        let bad = |reason: String| SecureBootError::Key(reason);
        let der = if bytes.starts_with(b"-----") {
            let (label, der) = pem::decode_vec(bytes).map_err(|error| bad(format!("no PEM: {error}")))?;
            match label {
                "PRIVATE KEY" | "RSA PRIVATE KEY" => der,
                "ENCRYPTED PRIVATE KEY" => return Err(bad("it is encrypted".to_owned())),
                _ => return Err(bad(format!("the file has a `{label}`"))),
            }
        } else {
            bytes.to_vec()
        };
        let key = KeyPair::from_pkcs8(&der).or_else(|_| KeyPair::from_der(&der));
        key.map(KeyFile).map_err(|reason| bad(format!("no RSA key of 2048 to 4096 bits ({reason})")))
    }
}

impl Signer for KeyFile {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SecureBootError> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        // The random numbers hide the key from who measures times; the signature does not depend on them.
        let signed = self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
        signed.map_err(|_| SecureBootError::Signer("the key does not sign".to_owned()))?;
        Ok(signature)
    }
}
