//! What can be wrong with keys, certificates and what they sign.

use std::fmt;

/// Why something cannot be signed, or is not signed as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecureBootError {
    /// No certificate can be read: what is wrong.
    Certificate(String),
    /// No private key can be read: what is wrong.
    Key(String),
    /// The signer gave no signature: what it said.
    Signer(String),
    /// A signature that the certificate's key did not make.
    OtherKey,
    /// No program for UEFI: what is wrong with it.
    Program(String),
    /// A program without a signature.
    Unsigned,
    /// A program that was changed after it was signed.
    Changed,
}

impl fmt::Display for SecureBootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecureBootError::Certificate(reason) => write!(f, "cannot use the certificate: {reason}"),
            SecureBootError::Key(reason) => write!(f, "cannot use the private key: {reason}"),
            SecureBootError::Signer(reason) => write!(f, "nothing was signed: {reason}"),
            SecureBootError::OtherKey => f.write_str("the signature was not made by the certificate's key"),
            SecureBootError::Program(reason) => write!(f, "no program for UEFI: {reason}"),
            SecureBootError::Unsigned => f.write_str("the program is not signed"),
            SecureBootError::Changed => f.write_str("the program was changed after it was signed"),
        }
    }
}

impl std::error::Error for SecureBootError {}
