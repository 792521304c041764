//! Why a boot did not come to where it should.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rootsmith_types::{Arch, Blame, Explain, MissingTool, Note, Subject};

/// Why an image was not booted, or did not say what was expected.
#[derive(Debug)]
pub enum BootError {
    /// No machine is known for this architecture.
    Unsupported {
        /// The image's.
        arch: Arch,
    },
    /// Its machines have no BIOS.
    NoBios {
        /// The image's.
        arch: Arch,
    },
    /// The host lacks something.
    Missing {
        /// The image's.
        arch: Arch,
        /// At least one.
        missing: Vec<MissingTool>,
    },
    /// The image cannot be read.
    Image {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The folder for temporary files cannot be used.
    Scratch {
        /// The folder or the file in it.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// QEMU does not start.
    Start {
        /// The program.
        qemu: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// QEMU ended before the text appeared: the machine switched itself off, or QEMU refused its arguments.
    Ended {
        /// The text.
        until: String,
        /// How it ended.
        status: String,
        /// Whether that is a failure of QEMU itself.
        failed: bool,
        /// What QEMU said.
        said: String,
        /// The last lines of the console.
        last: Vec<String>,
    },
    /// The machine's kernel gave up.
    Panicked {
        /// Its words.
        panic: String,
        /// The last lines of the console.
        last: Vec<String>,
    },
    /// The text did not appear in time.
    TimedOut {
        /// The text.
        until: String,
        /// The time it had.
        limit: Duration,
        /// Whether KVM ran the machine.
        kvm: bool,
        /// The last lines of the console.
        last: Vec<String>,
    },
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BootError::Unsupported { arch } => write!(f, "images for {arch} cannot be booted here"),
            BootError::NoBios { arch } => write!(f, "no machine for {arch} has a BIOS"),
            BootError::Missing { arch, missing } => {
                write!(f, "booting an image for {arch} needs {}", MissingTool::list(missing))
            }
            BootError::Image { path, error } => write!(f, "cannot read the image `{}`: {error}", path.display()),
            BootError::Scratch { path, error } => write!(f, "cannot write to `{}`: {error}", path.display()),
            BootError::Start { qemu, error } => write!(f, "cannot run `{}`: {error}", qemu.display()),
            BootError::Ended { until, status, failed: true, .. } => {
                write!(f, "QEMU failed ({status}) before `{until}` appeared")
            }
            BootError::Ended { until, .. } => write!(f, "the machine switched itself off before `{until}` appeared"),
            BootError::Panicked { panic, .. } => write!(f, "the machine's kernel gave up: `{panic}`"),
            BootError::TimedOut { until, limit, .. } => {
                write!(f, "`{until}` did not appear on the console within {} s", limit.as_secs())
            }
        }
    }
}

impl std::error::Error for BootError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BootError::Image { error, .. } | BootError::Scratch { error, .. } | BootError::Start { error, .. } => {
                Some(error)
            }
            _ => None,
        }
    }
}

impl Explain for BootError {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        match self {
            BootError::Unsupported { .. } => {
                Some("boot it on the board itself; amd64 and arm64 can be booted here".to_owned())
            }
            BootError::NoBios { .. } => Some("start it as UEFI does: `--firmware uefi`".to_owned()),
            BootError::Missing { missing, .. } => Some(MissingTool::help(missing)),
            BootError::Scratch { .. } => Some("choose another folder with `TMPDIR`".to_owned()),
            BootError::TimedOut { kvm: false, .. } => {
                Some("KVM does not work here, and emulation is slow: a longer `--timeout` may be enough".to_owned())
            }
            BootError::TimedOut { last, .. } if last.is_empty() => {
                Some("the console stayed silent: the kernel may need `console=ttyS0` (arm64: `ttyAMA0`)".to_owned())
            }
            _ => None,
        }
    }

    fn notes(&self) -> Vec<Note> {
        let note = |text: String| Note { text, subject: Subject::Host };
        let mut notes = Vec::new();
        if let BootError::Ended { said, .. } = self
            && !said.is_empty()
        {
            notes.push(note(format!("QEMU said: {said}")));
        }
        if let BootError::Ended { last, .. } | BootError::Panicked { last, .. } | BootError::TimedOut { last, .. } =
            self
        {
            notes.push(match last.is_empty() {
                true => note("the console stayed silent".to_owned()),
                false => note(format!("the console's last lines were:\n{}", last.join("\n"))),
            });
        }
        notes
    }

    fn blame(&self) -> Blame {
        match self {
            BootError::Unsupported { .. }
            | BootError::NoBios { .. }
            | BootError::Panicked { .. }
            | BootError::TimedOut { .. } => Blame::Inputs,
            BootError::Ended { failed, .. } => {
                if *failed {
                    Blame::Host
                } else {
                    Blame::Inputs
                }
            }
            // Named on the command line.
            BootError::Image { .. } => Blame::Inputs,
            BootError::Missing { .. } | BootError::Scratch { .. } | BootError::Start { .. } => Blame::Host,
        }
    }
}
