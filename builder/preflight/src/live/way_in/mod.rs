//! How the probe gets into a system, without a trace in the image.
//!
//! | way           | by                                                                     | for                                  |
//! |---------------|------------------------------------------------------------------------|--------------------------------------|
//! | `credentials` | *credentials* of systemd (systemd.system-credentials(7)): units in `/run` | systemd 256 and later             |
//! | `initramfs`   | words that systemd's stub appends to the kernel command line           | any init, behind an initramfs with BusyBox |
//!
//! Both are handed to the machine by its firmware's tables, where [`Seed`]s go.

mod initramfs;
mod systemd;

use std::fmt;

use rootsmith_types::{Blame, Explain, Subject};

use super::probe::Probe;
use crate::view::View;
use crate::{BootEntry, EntryKind, Facts, Remembered};

pub(super) use initramfs::without_comments;

/// systemd's first release that takes whole units as credentials.
const UNITS_AS_CREDENTIALS: u32 = 256;
/// Emulation is slow: udev may take minutes to tell of a disk, and what the machine lacks then is not the image's fault. One more
/// word for the kernel command line; only systemd reads it.
const PATIENCE: &str = "systemd.default_device_timeout_sec=600";

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayIn {
    /// By credentials of systemd.
    Credentials,
    /// Through an initramfs that systemd's stub starts, before the init.
    Initramfs,
}

/// Something that the machine is to have in its firmware's tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seed {
    /// A credential of systemd.
    Credential {
        /// Its name.
        name: String,
        /// What is in it.
        content: Vec<u8>,
    },
    /// A string of type 11.
    Text(String),
    /// A string of type 11 that ends in something encoded as base64.
    Encoded {
        /// What is before it.
        before: String,
        /// What is encoded.
        content: Vec<u8>,
    },
}

/// Why this system cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoWayIn {
    reasons: Vec<String>,
}

/// The way into the system of an image.
pub fn way_in(facts: &Facts<'_>) -> Result<WayIn, NoWayIn> {
    let mut reasons = Vec::new();
    for way in WayIn::ALL {
        match way.opens(facts) {
            Ok(()) => return Ok(way),
            Err(none) => reasons.extend(none.reasons),
        }
    }
    Err(NoWayIn { reasons })
}

impl WayIn {
    /// All of them, the preferred one first.
    pub const ALL: [WayIn; 2] = [WayIn::Credentials, WayIn::Initramfs];

    /// As the command line spells it.
    pub const fn name(self) -> &'static str {
        match self {
            WayIn::Credentials => "credentials",
            WayIn::Initramfs => "initramfs",
        }
    }

    /// Whether it leads into the system of this image.
    pub fn opens(self, facts: &Facts<'_>) -> Result<(), NoWayIn> {
        let remembered = Remembered::default();
        let view = View::new(facts, None, &remembered);
        let reason = match self {
            WayIn::Credentials => match view.systemd() {
                Some(Some(release)) if release >= UNITS_AS_CREDENTIALS => return Ok(()),
                Some(Some(release)) => {
                    format!(
                        "systemd {release} takes no units from outside, {UNITS_AS_CREDENTIALS} is the first that does"
                    )
                }
                Some(None) => "nothing in the image tells the release of its systemd".to_owned(),
                None => format!("its init `{}` is not systemd", view.init()),
            },
            WayIn::Initramfs => match view.entry() {
                Some(entry) if entry.kind == EntryKind::Uki && has_busybox(entry) => return Ok(()),
                Some(entry) if entry.kind == EntryKind::Uki => {
                    format!("the initramfs in `{}` has no `/init` and `/bin/busybox`", entry.path)
                }
                _ => "no unified kernel image starts it, whose command line could be added to".to_owned(),
            },
        };
        Err(NoWayIn { reasons: vec![reason] })
    }

    /// What the machine must be given so that its system runs the probe.
    pub fn seeds(self, probe: &Probe) -> Vec<Seed> {
        match self {
            WayIn::Credentials => {
                let mut seeds = systemd::seeds(probe);
                // Without a stub nobody reads it.
                seeds.push(Seed::Text(format!("{}{} {PATIENCE}", initramfs::CMDLINE, initramfs::MARK)));
                seeds
            }
            WayIn::Initramfs => initramfs::seeds(probe),
        }
    }
}

fn has_busybox(entry: &BootEntry) -> bool {
    let has = |wanted: &str| {
        let mut paths = entry.initramfs.iter().flatten();
        paths.any(|path| path.trim_start_matches(['.', '/']) == wanted)
    };
    has("init") && has("bin/busybox")
}

impl fmt::Display for NoWayIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this image's system cannot be asked: {}", self.reasons.join("; "))
    }
}

impl std::error::Error for NoWayIn {}

impl Explain for NoWayIn {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        Some("judge the image alone: `rootsmith preflight IMAGE`; see it start: `rootsmith boot IMAGE`".to_owned())
    }

    fn blame(&self) -> Blame {
        Blame::Inputs
    }
}
