//! UEFI Secure Boot: programs signed for the firmware, and the variables that enrol the certificate.
//!
//! | what                         | where it is specified                                                                  |
//! |------------------------------|----------------------------------------------------------------------------------------|
//! | signature of a program       | Microsoft, "Windows Authenticode Portable Executable Signature Format"; RFC 5652 (CMS) |
//! | signature list               | UEFI 2.10, 32.4.1: `EFI_SIGNATURE_LIST`                                                |
//! | authenticated variable       | UEFI 2.10, 8.2.6: `EFI_VARIABLE_AUTHENTICATION_2`                                      |
//!
//! Keys are RSA: no firmware has to know anything else. A signature is RSASSA-PKCS1-v1_5 over SHA-256 and names no time, so that the same
//! bytes are signed alike whenever it happens. Who has the private key is a [`Signer`]: a file, or a program that asks a token for it.

mod certificate;
mod error;
mod message;
mod program;
mod signer;
mod variable;

pub use certificate::Certificate;
pub use error::SecureBootError;
pub use program::{sign, verify};
pub use signer::{KeyFile, Signer};
pub use variable::{Variable, authenticated};
