//! What can be wrong with the files themselves.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rootsmith_types::{Arch, Blame, Explain, Note, Origin, PackageName, Subject, TreePath};

/// Why packages, overlays and payloads do not make one tree.
#[derive(Debug)]
pub enum AssembleError {
    /// Two packages bring one path, and neither says that it replaces the other.
    TwoOwners {
        /// The path.
        path: TreePath,
        /// The package that came first.
        first: PackageName,
        /// The other one.
        second: PackageName,
    },
    /// An entry of a package cannot be put where it says.
    BadEntry {
        /// The package.
        package: PackageName,
        /// The entry.
        path: String,
        /// A phrase.
        reason: String,
    },
    /// A file of an overlay cannot be put where it says.
    BadOverlay {
        /// `source` of the overlay.
        origin: Origin,
        /// Below the overlay's folder.
        path: PathBuf,
        /// A phrase.
        reason: String,
    },
    /// A file that the profile names cannot be read.
    Unreadable {
        /// Where it is named.
        origin: Origin,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A payload is a program for another machine.
    PayloadArchitecture {
        /// The payload.
        name: String,
        /// Its `path`.
        origin: Origin,
        /// The architecture that is built.
        wanted: Arch,
        /// What the file is for.
        found: String,
    },
    /// A payload should belong to somebody whom the image does not know.
    UnknownAccount {
        /// The payload.
        name: String,
        /// Its `owner` or `group`.
        origin: Origin,
        /// `user` or `group`.
        kind: &'static str,
        /// Who it is.
        account: String,
    },
    /// An archive has not what the profile chose of it.
    NoMember {
        /// The payload.
        name: String,
        /// Where the member is chosen.
        origin: Origin,
        /// Its path in the archive.
        member: String,
        /// What is in the archive, a few of its paths.
        there: Vec<String>,
    },
    /// A member of an archive cannot be put where it says.
    BadMember {
        /// The payload.
        name: String,
        /// Where the archive is named.
        origin: Origin,
        /// Its path in the archive.
        member: String,
        /// A phrase.
        reason: String,
    },
    /// A payload cannot be put where the profile says.
    PayloadPlace {
        /// The payload.
        name: String,
        /// Its `install`.
        origin: Origin,
        /// A phrase.
        reason: String,
    },
    /// The store did not take or give bytes.
    Store(io::Error),
}

impl fmt::Display for AssembleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AssembleError::TwoOwners { path, first, second } => {
                write!(f, "two packages install `{path}`: `{first}` and `{second}`")
            }
            AssembleError::BadEntry { package, path, reason } => {
                write!(f, "package `{package}` brings `{path}`, which cannot be unpacked: {reason}")
            }
            AssembleError::BadOverlay { path, reason, .. } => {
                write!(f, "`{}` of the overlay cannot be put into the image: {reason}", path.display())
            }
            AssembleError::Unreadable { path, source, .. } => {
                write!(f, "`{}` cannot be read: {source}", path.display())
            }
            AssembleError::PayloadArchitecture { name, wanted, found, .. } => {
                write!(f, "payload `{name}` is a program for {found}, the image is for {wanted}")
            }
            AssembleError::UnknownAccount { name, kind, account, .. } => {
                write!(f, "payload `{name}` belongs to the {kind} `{account}`, which the image does not have")
            }
            AssembleError::NoMember { name, member, .. } => write!(f, "payload `{name}` has no member `{member}`"),
            AssembleError::BadMember { name, member, reason, .. } => {
                write!(f, "`{member}` of payload `{name}` cannot be unpacked: {reason}")
            }
            AssembleError::PayloadPlace { name, reason, .. } => {
                write!(f, "payload `{name}` cannot be installed: {reason}")
            }
            AssembleError::Store(source) => write!(f, "the cache failed: {source}"),
        }
    }
}

impl std::error::Error for AssembleError {}

impl Explain for AssembleError {
    fn subject(&self) -> Subject {
        match self {
            AssembleError::TwoOwners { second, .. } => Subject::Package(second.clone()),
            AssembleError::BadEntry { package, .. } => Subject::Package(package.clone()),
            AssembleError::BadOverlay { origin, .. }
            | AssembleError::Unreadable { origin, .. }
            | AssembleError::PayloadArchitecture { origin, .. }
            | AssembleError::UnknownAccount { origin, .. }
            | AssembleError::NoMember { origin, .. }
            | AssembleError::BadMember { origin, .. }
            | AssembleError::PayloadPlace { origin, .. } => Subject::Profile(origin.clone()),
            AssembleError::Store(_) => Subject::Host,
        }
    }

    fn label(&self) -> Option<String> {
        let label = match self {
            AssembleError::BadOverlay { .. } => "this overlay".to_owned(),
            AssembleError::Unreadable { .. } => "named here".to_owned(),
            AssembleError::PayloadArchitecture { .. } => "this file".to_owned(),
            AssembleError::NoMember { .. } => "chosen here".to_owned(),
            AssembleError::BadMember { .. } => "this archive".to_owned(),
            AssembleError::UnknownAccount { kind, .. } => format!("no such {kind}"),
            AssembleError::PayloadPlace { .. } => "should go here".to_owned(),
            // The place of a package says itself what it has to do with it.
            AssembleError::TwoOwners { .. } | AssembleError::BadEntry { .. } | AssembleError::Store(_) => return None,
        };
        Some(label)
    }

    fn notes(&self) -> Vec<Note> {
        match self {
            AssembleError::TwoOwners { first, .. } => {
                let text = format!("`{first}` is brought in");
                vec![Note { text, subject: Subject::Package(first.clone()) }]
            }
            _ => Vec::new(),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            AssembleError::TwoOwners { path, first, second } => Some(format!(
                "leave one of them out, or name the winner in [packages]: `prefer = {{ \"{path}\" = \"{second}\" }}` \
                 (or \"{first}\")"
            )),
            AssembleError::BadEntry { .. } => {
                Some("the archive is damaged or hostile: report it to the distribution".to_owned())
            }
            AssembleError::NoMember { there, .. } if there.is_empty() => Some("the archive is empty".to_owned()),
            AssembleError::NoMember { there, .. } => {
                let there: Vec<String> = there.iter().map(|path| format!("`{path}`")).collect();
                Some(format!("write it as the archive has it; it has {}", there.join(", ")))
            }
            AssembleError::BadMember { .. } => {
                Some("choose what you need of the archive: `members = [\"…\"]`".to_owned())
            }
            AssembleError::UnknownAccount { .. } => {
                Some("declare it, add the package that brings it, or write its number".to_owned())
            }
            AssembleError::PayloadArchitecture { wanted, .. } => Some(format!(
                "take the build of it for {wanted}, or build the image for another architecture: `image.arch`, `--arch`"
            )),
            _ => None,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            AssembleError::Store(_) => Blame::Host,
            _ => Blame::Inputs,
        }
    }
}
