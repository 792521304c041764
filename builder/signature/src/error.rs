//! What can be wrong with a signed text or a keyring.

use std::fmt;

use rootsmith_types::{Explain, Subject};

use crate::report::SignatureReport;

/// Why a text cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureError {
    /// It is not signed at all.
    NotSigned,
    /// It is signed, but cannot be read.
    Malformed(String),
    /// None of its signatures counts.
    NoGoodSignature(Vec<SignatureReport>),
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignatureError::NotSigned => f.write_str("the index is not signed"),
            SignatureError::Malformed(reason) => write!(f, "the signed index cannot be read: {reason}"),
            SignatureError::NoGoodSignature(reports) => {
                f.write_str("no signature of the index counts")?;
                for (i, report) in reports.iter().enumerate() {
                    write!(f, "{} `{}`: {}", if i == 0 { ":" } else { ";" }, report.issuer, report.verdict)?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for SignatureError {}

impl Explain for SignatureError {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        Some(
            match self {
                SignatureError::NotSigned => {
                    "use a signed repository; `InRelease` must begin with `-----BEGIN PGP SIGNED MESSAGE-----`"
                }
                SignatureError::Malformed(_) => {
                    "try another mirror: this one may answer with something else than the index"
                }
                SignatureError::NoGoodSignature(_) => {
                    "name the repository's own keyring with `signed-by`, try another mirror, and check the clock"
                }
            }
            .to_owned(),
        )
    }
}

/// Why a keyring cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyringError {
    /// It holds no certificate.
    Empty,
    /// It cannot be read.
    Malformed(String),
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyringError::Empty => f.write_str("the keyring holds no OpenPGP certificate"),
            KeyringError::Malformed(reason) => write!(f, "the keyring cannot be read: {reason}"),
        }
    }
}

impl std::error::Error for KeyringError {}

impl Explain for KeyringError {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        Some("export it with `gpg --export KEY` (`--armor` is fine too)".to_owned())
    }
}
