//! `[[payload]]`: what comes from outside the distribution.

use std::path::PathBuf;

use rootsmith_types::{Arch, Located, Origin, Sha256Digest, TreePath};

use super::ByArch;

/// One `[[payload]]`.
#[derive(Debug, Clone)]
pub struct Payload {
    /// Its name, for messages and for the lock.
    pub name: Located<String>,
    /// Where it comes from: `source = { path = "…" }`, or `source = { amd64 = { path = "…" }, arm64 = { … } }`.
    pub source: ByArch<Source>,
    /// What it is.
    pub kind: PayloadKind,
    /// The file's place, or the folder that an archive is unpacked in. A `.deb` says itself where its files go: then it is
    /// `/`, and written nowhere.
    pub install: Located<TreePath>,
    /// Whose the files are; root's by default.
    pub owner: Option<Located<Account>>,
    /// The group; by default that of the owner.
    pub group: Option<Located<Account>>,
    /// Permissions of its files: 0755 of a file by default, 0644 of an OCI archive, else those of the archive.
    pub mode: Option<u16>,
    /// The whole table.
    pub origin: Origin,
}

impl Payload {
    /// The source for `arch`; there is one for every architecture in [`Image::arch`](crate::Image::arch).
    pub fn source_for(&self, arch: Arch) -> Option<&Source> {
        self.source.get(arch).map(|source| &source.value)
    }
}

/// Where a payload comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file of the host.
    File {
        /// `path`, resolved against the workspace: the folder that holds the nearest `profiles/` above the file that says it,
        /// else that file's own folder.
        path: Located<PathBuf>,
        /// `sha256`: the digest it must have.
        sha256: Option<Located<Sha256Digest>>,
        /// `from`: where a person gets the file, said when it is not there.
        from: Option<Located<String>>,
    },
    /// A file of the network.
    Url {
        /// `url`: `http:` or `https:`.
        url: Located<String>,
        /// `sha256`: the digest it must have.
        sha256: Located<Sha256Digest>,
    },
}

impl Source {
    /// Where the profile writes `path` or `url`.
    pub fn origin(&self) -> &Origin {
        match self {
            Source::File { path, .. } => &path.origin,
            Source::Url { url, .. } => &url.origin,
        }
    }

    /// The digest it must have, when the profile says one.
    pub fn sha256(&self) -> Option<&Located<Sha256Digest>> {
        match self {
            Source::File { sha256, .. } => sha256.as_ref(),
            Source::Url { sha256, .. } => Some(sha256),
        }
    }

    /// The address, when it is from the network.
    pub fn url(&self) -> Option<&str> {
        match self {
            Source::File { .. } => None,
            Source::Url { url, .. } => Some(&url.value),
        }
    }
}

/// What a payload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayloadKind {
    /// One file, put in its place as it is.
    File,
    /// A tar archive that is unpacked, plain or compressed with gzip, xz or zstd.
    Tar(Unpacking),
    /// A zip archive that is unpacked.
    Zip(Unpacking),
    /// A Debian package, installed like those of the distribution.
    Deb,
    /// An archive of OCI images, put in its place as it is after it was looked through.
    Oci,
}

impl PayloadKind {
    /// As a profile writes it.
    pub fn word(&self) -> &'static str {
        match self {
            PayloadKind::File => "file",
            PayloadKind::Tar(_) => "tar",
            PayloadKind::Zip(_) => "zip",
            PayloadKind::Deb => "deb",
            PayloadKind::Oci => "oci",
        }
    }
}

/// What is taken out of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unpacking {
    /// `members`: files, and folders with all that is below them; everything when nobody chose.
    pub members: Option<Vec<Member>>,
    /// `strip`: how many leading components of a path are left out, as `tar --strip-components` does.
    pub strip: usize,
}

/// One chosen member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its path in the archive, from the archive's top.
    pub path: Located<TreePath>,
    /// `"linux-amd64/helm" = "helm"`: its path below `install`, when it is not that in the archive.
    pub to: Option<TreePath>,
}

/// A user or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// By its name in the image.
    Name(String),
    /// By its number.
    Number(u32),
}
