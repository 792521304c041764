//! OpenPGP signatures (RFC 9580) of distribution indexes, with our own policy.
//!
//! The library does the arithmetic; what counts as a good signature is said here, in [`verify_inline`] and the modules below:
//! the digest is SHA-256 or longer, the key is one of the keyring, was bound to its certificate, may sign, and is neither
//! expired nor revoked.

mod certificate;
mod error;
mod inline;
mod keyring;
mod report;

pub use error::{KeyringError, SignatureError};
pub use inline::{Verified, verify_inline};
pub use keyring::Keyring;
pub use report::{SignatureReport, Verdict};

#[cfg(test)]
mod testing;
