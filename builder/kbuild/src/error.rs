//! Why there is no kernel.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rootsmith_fetch::FetchError;
use rootsmith_types::{Arch, Blame, Explain, MissingTool, Note, Origin, PackageName, Subject};

/// Why there is no kernel.
#[derive(Debug)]
pub enum KbuildError {
    /// The host lacks something.
    Missing {
        /// The kernel's architecture.
        arch: Arch,
        /// At least one.
        missing: Vec<MissingTool>,
    },
    /// The package is not a kernel's source.
    NotASource {
        /// The package.
        package: PackageName,
        /// What it lacks or has.
        reason: String,
    },
    /// A patch does not fit.
    Patch {
        /// Where the profile names it.
        origin: Origin,
        /// The file.
        name: String,
        /// What `patch` said.
        last: Vec<String>,
    },
    /// The kernel's Makefile gave up.
    Make {
        /// What was to be made.
        target: String,
        /// Its last lines.
        last: Vec<String>,
    },
    /// A program does not start.
    Start {
        /// Its name.
        program: String,
        /// What the system said.
        error: io::Error,
    },
    /// A file of the work cannot be read or written.
    Disk {
        /// `unpack the source into`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The cache cannot be used.
    Cache(FetchError),
    /// The whole source makes another configuration than the part of it that configuring needs: our fault.
    Unstable {
        /// The first line that differs.
        line: String,
    },
}

impl KbuildError {
    pub(crate) fn disk(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KbuildError {
        let path = path.to_owned();
        move |error| KbuildError::Disk { doing, path, error }
    }
}

impl From<FetchError> for KbuildError {
    fn from(error: FetchError) -> KbuildError {
        KbuildError::Cache(error)
    }
}

impl fmt::Display for KbuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KbuildError::Missing { arch, missing } => {
                write!(f, "a kernel for {arch} from source needs {}", MissingTool::list(missing))
            }
            KbuildError::NotASource { package, reason } => {
                write!(f, "package `{package}` is not the source of a kernel: {reason}")
            }
            KbuildError::Patch { name, .. } => write!(f, "the patch `{name}` does not fit the kernel's source"),
            KbuildError::Make { target, .. } => write!(f, "the kernel's Makefile could not make `{target}`"),
            KbuildError::Start { program, error } => write!(f, "cannot run `{program}`: {error}"),
            KbuildError::Disk { doing, path, error } => write!(f, "cannot {doing} `{}`: {error}", path.display()),
            KbuildError::Cache(error) => error.fmt(f),
            KbuildError::Unstable { line } => {
                write!(f, "internal error: the whole source makes another kernel configuration, from `{line}` on")
            }
        }
    }
}

impl std::error::Error for KbuildError {}

impl Explain for KbuildError {
    fn subject(&self) -> Subject {
        match self {
            KbuildError::NotASource { package, .. } => Subject::Package(package.clone()),
            KbuildError::Patch { origin, .. } => Subject::Profile(origin.clone()),
            KbuildError::Cache(error) => error.subject(),
            _ => Subject::Host,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            KbuildError::Missing { missing, .. } => Some(MissingTool::help(missing)),
            KbuildError::NotASource { .. } => Some("Debian calls them `linux-source-6.12`".to_owned()),
            KbuildError::Patch { .. } => Some("make it anew against the source of this version, with `diff -u`".to_owned()),
            KbuildError::Make { .. } => Some(
                "the lines above name the file that does not compile: leave out what brings it in, or take another compiler"
                    .to_owned(),
            ),
            KbuildError::Cache(error) => error.help(),
            KbuildError::Unstable { .. } => Some("please report this, with the profile and its lock".to_owned()),
            KbuildError::Start { .. } | KbuildError::Disk { .. } => None,
        }
    }

    fn notes(&self) -> Vec<Note> {
        match self {
            KbuildError::Patch { last, .. } | KbuildError::Make { last, .. } if !last.is_empty() => {
                vec![Note { text: format!("its last lines were:\n{}", last.join("\n")), subject: Subject::Host }]
            }
            KbuildError::Cache(error) => error.notes(),
            _ => Vec::new(),
        }
    }

    fn blame(&self) -> Blame {
        match self {
            KbuildError::Missing { .. } | KbuildError::Start { .. } | KbuildError::Disk { .. } => Blame::Host,
            KbuildError::NotASource { .. } | KbuildError::Patch { .. } | KbuildError::Make { .. } => Blame::Inputs,
            KbuildError::Cache(error) => error.blame(),
            KbuildError::Unstable { .. } => Blame::Ours,
        }
    }
}
