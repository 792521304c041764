//! `[secure-boot]`.

use std::path::PathBuf;

use rootsmith_types::{Located, Origin};

/// What signs the programs that UEFI starts.
#[derive(Debug, Clone)]
pub struct SecureBoot {
    /// `certificate`: where the X.509 certificate is.
    pub certificate: Located<PathBuf>,
    /// `key` or `signer`.
    pub signer: BootSigner,
    /// `enroll`.
    pub enroll: Located<Enroll>,
    /// The table.
    pub origin: Origin,
}

/// Who has the private key.
#[derive(Debug, Clone)]
pub enum BootSigner {
    /// `key`: a file.
    Key(Located<PathBuf>),
    /// `signer`: a program and its arguments, not empty. It is given the bytes to sign and prints the signature.
    Program(Vec<Located<String>>),
}

/// Whether the certificate can be enrolled from the disk, and when systemd-boot does so (`secure-boot-enroll` of loader.conf(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enroll {
    /// The disk has nothing to enroll.
    Off,
    /// When it is chosen in the menu.
    Manual,
    /// By itself in a virtual machine, else when it is chosen.
    IfSafe,
    /// By itself on any machine.
    Force,
}

impl Enroll {
    /// As the profile and loader.conf(5) spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Enroll::Off => "off",
            Enroll::Manual => "manual",
            Enroll::IfSafe => "if-safe",
            Enroll::Force => "force",
        }
    }
}
