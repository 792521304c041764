//! Why something is not in the cache.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rootsmith_package::{ArchiveError, Defect, IndexError};
use rootsmith_signature::SignatureError;
use rootsmith_types::{Blame, Explain, Note, NumBytes, PackageName, Sha256Digest, Subject, UnixTime};

use crate::TransportError;

/// Why something is not in the cache.
#[derive(Debug)]
pub enum FetchError {
    /// The cache folder cannot be used.
    Disk {
        /// What was tried: `write`, `open`.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// No answer from a mirror, for one file or many.
    Unreachable {
        /// The mirror, or the file's address when it is one file.
        url: String,
        /// What happened last.
        why: String,
        /// The files that did not come: package names, or names of indexes.
        files: Vec<String>,
    },
    /// The mirror does not have the file.
    NotFound {
        /// The package it belongs to.
        package: Option<PackageName>,
        /// Its address.
        url: String,
    },
    /// The mirror refuses to hand the file out.
    Refused {
        /// The package it belongs to.
        package: Option<PackageName>,
        /// Its address.
        url: String,
        /// The answer.
        error: TransportError,
    },
    /// The file is there and has other bytes.
    Digest {
        /// The package it belongs to.
        package: Option<PackageName>,
        /// Its address.
        url: String,
        /// What the lock or the release says.
        wanted: Sha256Digest,
        /// What came.
        found: Sha256Digest,
    },
    /// The file is there and has another length.
    Size {
        /// The package it belongs to.
        package: Option<PackageName>,
        /// Its address.
        url: String,
        /// What the lock or the release says, in bytes.
        wanted: u64,
        /// What the mirror announced; `None` when it sent more than was wanted without saying so.
        found: Option<u64>,
    },
    /// Not in the cache, and the network is not to be used.
    Offline {
        /// The package it belongs to.
        package: Option<PackageName>,
        /// What is missing: `chrony 4.6.1-3`, `trixie InRelease`.
        file: String,
        /// What is missing besides, sorted.
        others: Vec<String>,
    },
    /// A file in the cache had lost its bytes. It has been dropped.
    Damaged {
        /// The package it belongs to.
        package: Option<PackageName>,
        /// What it was: `chrony 4.6.1-3`, `trixie main Packages`.
        file: String,
        /// Where it lay.
        path: PathBuf,
    },
    /// The archive has the bytes the lock names, and is no package we can read.
    Archive(ArchiveError),
    /// A payload has the bytes that are wanted, and is not what it should be.
    Payload {
        /// The payload.
        name: String,
        /// What is wrong with it.
        defect: Defect,
    },
    /// `InRelease` is not signed by a key that may sign it.
    Signature {
        /// `trixie`.
        suite: String,
        /// Its address.
        url: String,
        /// What is wrong with it.
        error: SignatureError,
    },
    /// `InRelease` is signed, or an index is as the release says, and cannot be read.
    Index {
        /// `trixie`.
        suite: String,
        /// Its address.
        url: String,
        /// What is wrong with it.
        error: IndexError,
    },
    /// `InRelease` is another suite's.
    OtherSuite {
        /// The one asked for.
        suite: String,
        /// The ones it says it is.
        found: Vec<String>,
        /// Its address.
        url: String,
    },
    /// `InRelease` is no longer valid.
    Expired {
        /// `trixie-security`.
        suite: String,
        /// Its address.
        url: String,
        /// `Valid-Until`.
        until: UnixTime,
        /// The clock.
        now: UnixTime,
    },
    /// `InRelease` was signed in the future: the clock here is wrong, or the one there.
    NotYetValid {
        /// `trixie`.
        suite: String,
        /// Its address.
        url: String,
        /// `Date`.
        date: UnixTime,
        /// The clock.
        now: UnixTime,
    },
    /// `InRelease` is older than one that was accepted before.
    Rollback {
        /// `trixie`.
        suite: String,
        /// Its address.
        url: String,
        /// `Date`.
        date: UnixTime,
        /// `Date` of the one accepted before.
        accepted: UnixTime,
        /// Where the accepted one lies.
        path: PathBuf,
    },
    /// The suite has no such component for this architecture.
    NoComponent {
        /// `trixie`.
        suite: String,
        /// `main`.
        component: String,
        /// `amd64`.
        arch: String,
    },
}

impl FetchError {
    pub(crate) fn disk(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> FetchError {
        let path = path.into();
        move |error| FetchError::Disk { doing, path, error }
    }

    pub(crate) fn of_transport(
        package: Option<&PackageName>,
        what: &str,
        url: &str,
        error: TransportError,
    ) -> FetchError {
        let (package, url) = (package.cloned(), url.to_owned());
        match error {
            TransportError::NotFound => FetchError::NotFound { package, url },
            TransportError::Unreachable(why) => FetchError::Unreachable { url, why, files: vec![what.to_owned()] },
            error => FetchError::Refused { package, url, error },
        }
    }

    fn package(&self) -> Option<&PackageName> {
        match self {
            FetchError::NotFound { package, .. }
            | FetchError::Refused { package, .. }
            | FetchError::Digest { package, .. }
            | FetchError::Size { package, .. }
            | FetchError::Offline { package, .. }
            | FetchError::Damaged { package, .. } => package.as_ref(),
            FetchError::Archive(error) => Some(&error.package),
            _ => None,
        }
    }

    fn is_disk_full(&self) -> bool {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        matches!(self, FetchError::Disk { error, .. } if full.contains(&error.kind()))
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::Disk { path, .. } if self.is_disk_full() => {
                write!(f, "the disk is full, while writing `{}`", path.display())
            }
            FetchError::Disk { doing, path, error } => write!(f, "cannot {doing} `{}`: {error}", path.display()),
            FetchError::Unreachable { url, why, files } => match files.len() {
                0 | 1 => write!(f, "`{url}` cannot be reached: {why}"),
                n => write!(f, "`{url}` cannot be reached, {n} files did not come: {why}"),
            },
            FetchError::NotFound { url, .. } => write!(f, "`{url}` does not exist"),
            FetchError::Refused { url, error, .. } => write!(f, "`{url}` cannot be had: {error}"),
            FetchError::Digest { url, wanted, found, .. } => {
                write!(f, "`{url}` has sha256 `{found}`, while `{wanted}` is wanted")
            }
            FetchError::Size { url, wanted, found: Some(found), .. } => {
                write!(f, "`{url}` has {found} bytes, while {wanted} are wanted")
            }
            FetchError::Size { url, wanted, found: None, .. } => {
                write!(f, "`{url}` goes on after the {wanted} bytes that are wanted")
            }
            FetchError::Offline { file, others, .. } if others.is_empty() => {
                write!(f, "`{file}` is not in the cache, and the network is not to be used")
            }
            FetchError::Offline { file, others, .. } => {
                let n = others.len();
                write!(f, "`{file}` and {n} more are not in the cache, and the network is not to be used")
            }
            FetchError::Damaged { file, .. } => write!(f, "`{file}` was damaged in the cache"),
            FetchError::Archive(error) => write!(f, "{error}"),
            FetchError::Payload { name, defect } => write!(f, "payload `{name}` {defect}"),
            FetchError::Signature { suite, error, .. } => write!(f, "`InRelease` of `{suite}` is not trusted: {error}"),
            FetchError::Index { url, error, .. } => write!(f, "`{url}` cannot be read: {error}"),
            FetchError::OtherSuite { suite, found, .. } => {
                let found: Vec<String> = found.iter().map(|name| format!("`{name}`")).collect();
                write!(f, "`InRelease` of `{suite}` says it belongs to {}", found.join(" or "))
            }
            FetchError::Expired { suite, until, now, .. } => {
                write!(f, "`InRelease` of `{suite}` expired {} ago", Span(now.saturating_sub(*until)))
            }
            FetchError::NotYetValid { suite, date, now, .. } => {
                write!(f, "`InRelease` of `{suite}` is dated {} in the future", Span(date.saturating_sub(*now)))
            }
            FetchError::Rollback { suite, date, accepted, .. } => {
                let older = Span(accepted.saturating_sub(*date));
                write!(f, "`InRelease` of `{suite}` is {older} older than the one accepted before")
            }
            FetchError::NoComponent { suite, component, arch } => {
                write!(f, "`{suite}` has no component `{component}` for `{arch}`")
            }
        }
    }
}

impl std::error::Error for FetchError {}

impl Explain for FetchError {
    fn subject(&self) -> Subject {
        self.package().map_or(Subject::Host, |package| Subject::Package(package.clone()))
    }

    fn help(&self) -> Option<String> {
        let text = match self {
            FetchError::Disk { .. } if self.is_disk_full() => {
                "make room, or put the cache elsewhere: `--cache DIR` or `ROOTSMITH_CACHE`; what is in it stays good".into()
            }
            FetchError::Disk { .. } => "the cache must be a folder you may write: `--cache DIR` or `ROOTSMITH_CACHE`".into(),
            FetchError::Unreachable { files, .. } => {
                let hint = "check the network and the proxy variables, or name another mirror: `distribution.mirror` or `--mirror URL`";
                let names = files.iter().take(3).map(|file| format!("`{file}`")).collect::<Vec<_>>().join(", ");
                match files.len() {
                    0 | 1 => hint.into(),
                    2 | 3 => format!("{hint}; {names} are missing"),
                    n => format!("{hint}; {names} and {} more are missing", n - 3),
                }
            }
            FetchError::NotFound { package: Some(_), .. } => {
                "if the mirror has moved on to another version, run `rootsmith lock`; else name another mirror: \
                 `distribution.mirror` or `--mirror URL`"
                    .into()
            }
            FetchError::NotFound { .. } => "check the suite's name and the mirror: `distribution.mirror` or `--mirror URL`".into(),
            FetchError::Refused { .. } => "try later, or another mirror: `distribution.mirror` or `--mirror URL`".into(),
            FetchError::Digest { .. } | FetchError::Size { .. } => {
                "the mirror or a proxy hands out another file than the lock or the index names: try another mirror \
                 (`distribution.mirror` or `--mirror URL`), or lock again if the file was rightly replaced (`rootsmith lock`)"
                    .into()
            }
            FetchError::Offline { .. } => "run once without `--offline`".into(),
            FetchError::Damaged { path, .. } => {
                format!("`{}` has been dropped: run again and it is fetched anew", path.display())
            }
            FetchError::Archive(error) => return error.help(),
            FetchError::Payload { defect: Defect::Read(_) | Defect::Write(_), .. } => {
                "check the disk and the permissions of the cache folder".into()
            }
            FetchError::Payload { defect: Defect::NotAnArchive(_) | Defect::NotAPackage, .. } => {
                "write in `kind` what it is: `file`, `tar`, `zip`, `deb` or `oci`".into()
            }
            FetchError::Payload { defect: Defect::Unsupported(_) | Defect::Sparse | Defect::UnknownPax(_), .. } => {
                "unpack it, and pack it again as a plain tar archive".into()
            }
            FetchError::Payload { .. } => {
                "it is damaged or hostile: get it again, and compare its digest with what its makers publish".into()
            }
            FetchError::Signature { error, .. } => return error.help(),
            FetchError::Index { .. } => "try another mirror: `distribution.mirror` or `--mirror URL`".into(),
            FetchError::OtherSuite { found, .. } => match found.first() {
                Some(name) => format!("write `suite = \"{name}\"`, or name another mirror"),
                None => "name another mirror: `distribution.mirror` or `--mirror URL`".into(),
            },
            FetchError::Expired { .. } => {
                "the mirror is no longer updated, or the clock here is wrong: try another mirror, `distribution.mirror` or `--mirror URL`"
                    .into()
            }
            FetchError::NotYetValid { .. } => "set the clock".into(),
            FetchError::Rollback { path, .. } => {
                format!(
                    "the mirror lags behind or hides updates: try later, or another one; to accept it, remove `{}`",
                    path.display()
                )
            }
            FetchError::NoComponent { .. } => "check `distribution.components` and `image.arch`".into(),
        };
        Some(text)
    }

    fn blame(&self) -> Blame {
        match self {
            FetchError::Disk { .. }
            | FetchError::Unreachable { .. }
            | FetchError::Refused { .. }
            | FetchError::Offline { .. }
            | FetchError::Damaged { .. }
            | FetchError::NotYetValid { .. } => Blame::Host,
            FetchError::Archive(error) => error.blame(),
            FetchError::Payload { defect: Defect::Read(_) | Defect::Write(_), .. } => Blame::Host,
            _ => Blame::Inputs,
        }
    }

    fn notes(&self) -> Vec<Note> {
        match self {
            FetchError::Archive(error) => error.notes(),
            FetchError::Signature { url, .. }
            | FetchError::OtherSuite { url, .. }
            | FetchError::Expired { url, .. }
            | FetchError::NotYetValid { url, .. }
            | FetchError::Rollback { url, .. } => {
                vec![Note { text: format!("it came from `{url}`"), subject: Subject::Host }]
            }
            _ => Vec::new(),
        }
    }
}

/// A length of time a person can judge.
struct Span(i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, unit) = match self.0 {
            seconds @ ..120 => (seconds, "second"),
            seconds @ ..7_200 => (seconds / 60, "minute"),
            seconds @ ..172_800 => (seconds / 3_600, "hour"),
            seconds => (seconds / 86_400, "day"),
        };
        write!(f, "{n} {unit}{}", if n == 1 { "" } else { "s" })
    }
}

/// What a download amounted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fetched {
    /// Files that came over the network.
    pub files: usize,
    /// Their sizes, together.
    pub size: NumBytes,
}
