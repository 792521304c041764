//! What can be wrong with a package's archive.

use std::fmt;
use std::io;

use rootsmith_types::{Blame, Explain, InvalidPath, NumBytes, PackageName, Subject, TreePath};

/// An archive that is refused.
#[derive(Debug)]
pub struct ArchiveError {
    /// The package.
    pub package: PackageName,
    /// What is wrong with it.
    pub defect: Defect,
}

/// Why an archive is refused.
#[derive(Debug)]
pub enum Defect {
    /// It does not begin as a Debian package does.
    NotAPackage,
    /// `debian-binary` names a format we do not know.
    FormatVersion(String),
    /// It has a member that is none of a package's.
    UnknownMember(String),
    /// It has no such member where it must be.
    MissingMember(&'static str),
    /// It ends in the middle of this member.
    Truncated(&'static str),
    /// This member's compressed data is damaged, or asks for too much memory.
    Compression {
        /// `control.tar` or `data.tar`.
        member: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// A header is damaged.
    Header {
        /// `ar`, `control.tar` or `data.tar`.
        member: &'static str,
        /// Where it begins.
        offset: u64,
        /// What of it: `checksum`, `size`.
        field: &'static str,
    },
    /// A PAX record is damaged.
    BadPax {
        /// The offset of the PAX header.
        offset: u64,
    },
    /// A PAX record says something that we would have to ignore.
    UnknownPax(String),
    /// A path is none inside the tree.
    Path(InvalidPath),
    /// A path begins with `/`.
    Absolute(String),
    /// A path stands for two different things.
    Duplicate(TreePath),
    /// A path lies below something that the archive says is no folder.
    BelowNoFolder {
        /// The path.
        path: TreePath,
        /// What is no folder.
        above: TreePath,
    },
    /// A hard link to something that is no file of the archive that came before.
    HardLink {
        /// The link.
        path: TreePath,
        /// What it should be the same file as.
        target: TreePath,
    },
    /// A symbolic link's target is empty, too long, or has a NUL byte.
    Symlink(TreePath),
    /// A folder, link or device comes with content.
    Content(TreePath),
    /// A sparse file.
    Sparse,
    /// Something that some archives have and we cannot read: `encryption`, `bzip2`.
    Unsupported(String),
    /// It does not begin, or end, as such an archive does.
    NotAnArchive(&'static str),
    /// A zip archive that contradicts itself.
    BadZip {
        /// The member, as it is named there; empty for the whole.
        path: String,
        /// A phrase.
        reason: &'static str,
    },
    /// A member of a kind we do not know.
    UnknownKind {
        /// The kind's letter.
        kind: u8,
        /// The member.
        path: String,
    },
    /// More bytes than allowed.
    TooLarge {
        /// `control.tar`, `data.tar`, `paths`.
        what: &'static str,
        /// What is allowed.
        limit: NumBytes,
    },
    /// More members than allowed.
    TooManyEntries(usize),
    /// It unpacks to absurdly more than it is.
    Bomb {
        /// `control.tar` or `data.tar`.
        member: &'static str,
        /// How many times larger it may become.
        ratio: u64,
    },
    /// The `control` file is not UTF-8 or no stanza.
    ControlFile,
    /// The `control` file names another package.
    OtherPackage(String),
    /// Reading the archive failed.
    Read(io::Error),
    /// Writing its unpacked form failed.
    Write(io::Error),
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let package = self.package.as_str();
        match &self.defect {
            Defect::Read(error) => write!(f, "the archive of `{package}` cannot be read: {error}"),
            Defect::Write(error) => write!(f, "the unpacked form of `{package}` cannot be written: {error}"),
            defect => write!(f, "the archive of `{package}` {defect}"),
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Defect::NotAPackage => f.write_str("is no Debian package"),
            Defect::FormatVersion(version) => write!(f, "has the unknown format version `{version}`"),
            Defect::UnknownMember(name) => write!(f, "has an unknown member `{name}`"),
            Defect::MissingMember(name) => write!(f, "has no member `{name}` where it must be"),
            Defect::Truncated(member) => write!(f, "is cut short in `{member}`"),
            Defect::Compression { member, reason } => write!(f, "has a damaged `{member}`: {reason}"),
            Defect::Header { member, offset, field } => {
                write!(f, "has a damaged header in `{member}`, at byte {offset}: {field}")
            }
            Defect::BadPax { offset } => write!(f, "has a damaged PAX record at byte {offset}"),
            Defect::UnknownPax(key) => write!(f, "has a PAX record that is not supported: `{key}`"),
            Defect::Path(invalid) => write!(f, "would leave the tree: {invalid}"),
            Defect::Absolute(path) => write!(f, "has an absolute path `{path}`"),
            Defect::Duplicate(path) => write!(f, "has `{path}` twice"),
            Defect::BelowNoFolder { path, above } => write!(f, "has `{path}`, but `{above}` in it is no folder"),
            Defect::HardLink { path, target } => {
                write!(f, "has a hard link `{path}` to `{target}`, which is no file that came before")
            }
            Defect::Symlink(path) => write!(f, "has a symbolic link `{path}` with an impossible target"),
            Defect::Content(path) => write!(f, "has content for `{path}`, which is no file"),
            Defect::Sparse => f.write_str("has a sparse file, which is not supported"),
            Defect::Unsupported(what) => write!(f, "uses {what}, which is not supported"),
            Defect::NotAnArchive(kind) => write!(f, "is no {kind} archive"),
            Defect::BadZip { path, reason } if path.is_empty() => write!(f, "is damaged: {reason}"),
            Defect::BadZip { path, reason } => write!(f, "is damaged at `{path}`: {reason}"),
            Defect::UnknownKind { kind, path } => {
                write!(f, "has a member `{path}` of unknown kind `{}`", kind.escape_ascii())
            }
            Defect::TooLarge { what, limit } => write!(f, "has more than {limit} of {what}"),
            Defect::TooManyEntries(limit) => write!(f, "has more than {limit} members"),
            Defect::Bomb { member, ratio } => {
                write!(f, "has a `{member}` that unpacks to more than {ratio} times its size")
            }
            Defect::ControlFile => f.write_str("has a `control` file that is no stanza"),
            Defect::OtherPackage(name) => write!(f, "holds the package `{name}`"),
            Defect::Read(error) => write!(f, "cannot be read: {error}"),
            Defect::Write(error) => write!(f, "cannot be unpacked: {error}"),
        }
    }
}

impl std::error::Error for ArchiveError {}

impl Explain for ArchiveError {
    fn subject(&self) -> Subject {
        Subject::Package(self.package.clone())
    }

    fn help(&self) -> Option<String> {
        Some(
            match self.defect {
                Defect::Read(_) | Defect::Write(_) => "check the disk and the permissions of the cache folder",
                Defect::Sparse | Defect::UnknownPax(_) => "leave the package out, or report that it needs this to be supported",
                _ => "the archive matches its digest, so its repository holds it like this: leave the package out and report it",
            }
            .to_owned(),
        )
    }

    fn blame(&self) -> Blame {
        match self.defect {
            Defect::Read(_) | Defect::Write(_) => Blame::Host,
            _ => Blame::Inputs,
        }
    }
}
