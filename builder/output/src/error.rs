//! Why an output could not be written.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rootsmith_types::{Arch, Blame, Explain, NumBytes, Origin, Subject};

/// Why an output could not be written. Refusals of a format come as that format's own error.
#[derive(Debug)]
pub enum OutputError {
    /// The disk that `outputs/` is on has no room.
    DiskFull {
        /// The file being written.
        path: PathBuf,
        /// How large it will be, holes included; zero when that is not known.
        size: NumBytes,
    },
    /// Another failure of the host.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done: `create`, `write`, `rename`.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Another build writes to the same folder.
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// A file system does not fit the partition the profile gives it.
    PartitionTooSmall {
        /// Its name: `root`, `esp`.
        what: String,
        /// Where its size is written.
        origin: Origin,
        /// The size it has.
        size: NumBytes,
        /// The size it needs.
        needed: NumBytes,
    },
    /// What the profile puts outside the partitions cannot lie where it is to lie.
    Blob {
        /// The `[[blob]]`.
        origin: Origin,
        /// Why not.
        error: Box<rootsmith_disk::PlanError>,
    },
    /// The disk cannot be said in one of its formats.
    Format {
        /// The word in `format`.
        origin: Origin,
        /// Why not.
        error: Box<rootsmith_virtual::CreateError>,
    },
    /// Nobody runs what a format describes on the image's architecture.
    NoMachine {
        /// The word in `format`.
        origin: Origin,
        /// As the profile spells it.
        word: &'static str,
        /// What the image is for.
        arch: Arch,
    },
}

impl OutputError {
    /// The error for a failed write to `path`, telling a full disk from the rest.
    pub fn write(path: PathBuf, source: io::Error) -> OutputError {
        OutputError::io(path, "write", NumBytes::new(0))(source)
    }

    /// The error for a failed operation on `path`, telling a full disk from the rest.
    pub(crate) fn io(path: impl Into<PathBuf>, doing: &'static str, size: NumBytes) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OutputError::DiskFull { path, size },
            _ => OutputError::Io { path, doing, source },
        }
    }
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutputError::DiskFull { path, size } if size.get() > 0 => {
                write!(f, "the disk is full: `{}` ({size}) could not be written", path.display())
            }
            OutputError::DiskFull { path, .. } => {
                write!(f, "the disk is full: `{}` could not be written", path.display())
            }
            OutputError::Io { path, doing, source } => write!(f, "cannot {doing} `{}`: {source}", path.display()),
            OutputError::Busy { path } => write!(f, "another build is writing to `{}`", path.display()),
            OutputError::PartitionTooSmall { what, size, needed, .. } => {
                write!(f, "the {what} partition is {size}, its content needs {needed}")
            }
            OutputError::Blob { error, .. } => error.fmt(f),
            OutputError::Format { error, .. } => error.fmt(f),
            OutputError::NoMachine { word, arch, .. } => {
                write!(f, "the format `{word}` describes a machine with its disk, and has none for `{arch}`")
            }
        }
    }
}

impl std::error::Error for OutputError {}

impl Explain for OutputError {
    fn subject(&self) -> Subject {
        match self {
            OutputError::PartitionTooSmall { origin, .. }
            | OutputError::Blob { origin, .. }
            | OutputError::Format { origin, .. }
            | OutputError::NoMachine { origin, .. } => Subject::Profile(origin.clone()),
            _ => Subject::Host,
        }
    }

    fn label(&self) -> Option<String> {
        matches!(self, OutputError::PartitionTooSmall { .. }).then(|| "too small".to_owned())
    }

    fn help(&self) -> Option<String> {
        match self {
            OutputError::DiskFull { .. } => Some(
                "free some room or choose another folder with `--output`; nothing that was there before is lost"
                    .to_owned(),
            ),
            OutputError::Busy { .. } => Some("wait for it to end, or choose another folder with `--output`".to_owned()),
            OutputError::PartitionTooSmall { needed, .. } => {
                let mib = needed.get().div_ceil(1 << 20);
                Some(format!("give it at least `size = \"{mib}MiB\"`, or `size = \"minimal\"`"))
            }
            OutputError::Blob { error, .. } => error.help(),
            OutputError::Format { error, .. } => error.help(),
            OutputError::NoMachine { word, .. } => Some(format!("leave `{word}` out, or use `qcow2`")),
            OutputError::Io { .. } => None,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            OutputError::PartitionTooSmall { .. } | OutputError::Blob { .. } | OutputError::NoMachine { .. } => {
                Blame::Inputs
            }
            OutputError::Format { error, .. } => error.blame(),
            _ => Blame::Host,
        }
    }
}
