//! What a lock says.

use std::collections::BTreeMap;

use rootsmith_types::{Arch, PackageName, Sha256Digest, UnixTime};

/// The lock of one profile: a section for each architecture that was resolved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    /// By architecture.
    pub targets: BTreeMap<Arch, Target>,
}

/// What one architecture's image is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What was asked for, sorted: a lock whose requests differ from the profile's is stale.
    pub requests: Vec<PackageName>,
    /// What came along with it.
    pub scope: Scope,
    /// The repositories, in order of preference.
    pub repositories: Vec<LockedRepository>,
    /// Packages, sorted by role and name.
    pub packages: Vec<LockedPackage>,
    /// Payloads, sorted by name.
    pub payloads: Vec<LockedPayload>,
}

/// One repository, as it was when the lock was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedRepository {
    /// `trixie`, `trixie-updates`, `trixie-security`.
    pub suite: String,
    /// Which mirror its files are under.
    pub archive: Archive,
    /// `Date` of its InRelease.
    pub date: UnixTime,
    /// Of the InRelease file.
    pub sha256: Sha256Digest,
}

/// Which of a distribution's archives a file is in. The mirror's address is not in the lock: the same lock builds from any
/// mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Archive {
    /// The main archive.
    Main,
    /// The security archive.
    Security,
}

/// What comes along with the packages that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// Everything they depend on, and the packages no system is without, with theirs.
    #[default]
    System,
    /// Everything they depend on.
    Dependencies,
    /// Nothing, but that a kernel's package brings the image it stands for.
    Named,
}

/// What a package is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Installed in the root file system.
    Root,
    /// Only taken apart: busybox for the initramfs, the stub of the UKI, the source of the kernel.
    Boot,
}

/// One package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedPackage {
    /// Its name.
    pub name: PackageName,
    /// What it is wanted for.
    pub role: Role,
    /// Its version, as the index spells it.
    pub version: String,
    /// `amd64`, `all`.
    pub architecture: String,
    /// The archive it is in.
    pub archive: Archive,
    /// Its path below the mirror: `pool/main/m/mawk/mawk_1.3.4…_amd64.deb`.
    pub filename: String,
    /// In bytes.
    pub size: u64,
    /// Of the archive file.
    pub sha256: Sha256Digest,
    /// Why it is there.
    pub why: Why,
}

/// Why a package is in the lock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The profile names it.
    Requested,
    /// The distribution marks it essential.
    Essential,
    /// Another package, the first by name, depends on it.
    NeededBy(PackageName),
    /// The builder itself needs it for booting.
    Builder,
}

/// One payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedPayload {
    /// Its name in the profile.
    pub name: String,
    /// Where it comes from; `None` for a file beside the profile.
    pub url: Option<String>,
    /// In bytes.
    pub size: u64,
    /// Of the file.
    pub sha256: Sha256Digest,
}
