//! An X.509 certificate, as firmware is given it.

use cms::cert::IssuerAndSerialNumber;
use der::{Decode, Encode, oid::ObjectIdentifier, pem};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use crate::SecureBootError;

/// RFC 8017, appendix A.1: `rsaEncryption`.
pub(crate) const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A certificate with an RSA key.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// DER, byte for byte as it was given.
    der: Vec<u8>,
    pub(crate) parsed: x509_cert::Certificate,
}

impl Certificate {
    /// Reads a certificate in DER or PEM.
    pub fn read(bytes: &[u8]) -> Result<Certificate, SecureBootError> {
        let bad = |reason: String| SecureBootError::Certificate(reason);
        let der = if bytes.starts_with(b"-----") {
            let (label, der) = pem::decode_vec(bytes).map_err(|error| bad(format!("no PEM: {error}")))?;
            if label != "CERTIFICATE" {
                return Err(bad(format!("the file has a `{label}`")));
            }
            der
        } else {
            bytes.to_vec()
        };
        let parsed = x509_cert::Certificate::from_der(&der).map_err(|error| bad(format!("no DER: {error}")))?;
        // A signature carries the certificate as it is written anew.
        if parsed.to_der().ok().as_ref() != Some(&der) {
            return Err(bad("its DER is not the only one for what it says".to_owned()));
        }
        let key = &parsed.tbs_certificate.subject_public_key_info;
        if key.algorithm.oid != RSA_ENCRYPTION {
            return Err(bad("its key is not RSA, which is all that firmware has to know".to_owned()));
        }
        Ok(Certificate { der, parsed })
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether `signature` was made over `message` by this certificate's key.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SecureBootError> {
        let key = self.parsed.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes();
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
        key.verify(message, signature).map_err(|_| SecureBootError::OtherKey)
    }

    /// How a signature names its certificate.
    pub(crate) fn identifier(&self) -> IssuerAndSerialNumber {
        let inner = &self.parsed.tbs_certificate;
        IssuerAndSerialNumber { issuer: inner.issuer.clone(), serial_number: inner.serial_number.clone() }
    }
}
