//! What can be wrong with a signed text or a keyring.

use std::fmt;

use rootsmith_types::{Explain, Subject};

use crate::report::{SignatureReport, Verdict};

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
            SignatureError::NotSigned => f.write_str("it is not signed"),
            SignatureError::Malformed(reason) => write!(f, "what is signed cannot be read: {reason}"),
            SignatureError::NoGoodSignature(reports) => match reports.as_slice() {
                [] => f.write_str("it has no signature that counts"),
                [only] => write!(f, "its signature by `{}` does not count ({})", only.issuer, only.verdict),
                several => {
                    let each: Vec<String> =
                        several.iter().map(|report| format!("`{}`: {}", report.issuer, report.verdict)).collect();
                    write!(f, "none of its signatures counts ({})", each.join("; "))
                }
            },
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
                    "try another mirror: something else may have answered in its place; a repository without signatures is \
                     not used"
                }
                SignatureError::Malformed(_) => "try another mirror: something else may have answered in its place",
                SignatureError::NoGoodSignature(reports) => {
                    let has = |verdict| reports.iter().any(|report| report.verdict == verdict);
                    if has(Verdict::Mismatch) {
                        "try another mirror: it was changed after it was signed, at the mirror or on its way"
                    } else if has(Verdict::UnknownKey) {
                        "if you trust this repository, name its keys: `signed-by` in `[distribution]`"
                    } else {
                        "check the clock, and whether the repository has newer keys: `signed-by` in `[distribution]`"
                    }
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
