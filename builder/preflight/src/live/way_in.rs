//! How the probe gets into a system, without a trace in the image.
//!
//! systemd 256 and later take *credentials* from whoever runs the machine (systemd.system-credentials(7)): QEMU hands them over
//! as SMBIOS strings and through its firmware configuration device. Two of them are units and one a drop-in that makes
//! `multi-user.target` want the first; they are files below `/run` while the machine runs, and nowhere afterwards.
//!
//! Another init would need another way: where a unified kernel image starts the system through systemd's stub, the SMBIOS string
//! `io.systemd.stub.kernel-cmdline-extra` can append `init=/bin/sh -- -c "…"`, a script that leaves the probe in the background and
//! becomes the real init. [`WayIn`] is where it would stand.

use std::fmt;

use rootsmith_types::{Blame, Explain, Subject};

use super::probe::Probe;
use crate::Facts;
use crate::view::View;

/// systemd's first release that takes whole units as credentials.
const UNITS_AS_CREDENTIALS: u32 = 256;

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WayIn {
    /// By credentials of systemd.
    SystemdCredentials,
}

/// A credential to hand over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub content: Vec<u8>,
}

/// Why this system cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoWayIn {
    reason: String,
}

/// The way into the system of an image.
pub fn way_in(facts: &Facts<'_>) -> Result<WayIn, NoWayIn> {
    let view = View::new(facts, None);
    match view.systemd() {
        Some(Some(release)) if release >= UNITS_AS_CREDENTIALS => Ok(WayIn::SystemdCredentials),
        Some(Some(release)) => Err(NoWayIn {
            reason: format!(
                "systemd {release} takes no units from outside, {UNITS_AS_CREDENTIALS} is the first that does"
            ),
        }),
        Some(None) => Err(NoWayIn { reason: "nothing in the image tells the release of its systemd".to_owned() }),
        None => Err(NoWayIn { reason: format!("its init `{}` is not systemd", view.init()) }),
    }
}

impl WayIn {
    /// What the machine must be given so that its system runs the probe.
    pub fn seeds(self, probe: &Probe) -> Vec<Seed> {
        let WayIn::SystemdCredentials = self;
        let seed = |name: &str, content: &str| Seed { name: name.to_owned(), content: content.as_bytes().to_vec() };
        vec![
            seed("rootsmith.probe", &probe.script),
            seed("systemd.extra-unit.rootsmith-probe.service", SERVICE),
            seed("systemd.extra-unit.rootsmith-closed.service", CLOSED),
            seed("systemd.unit-dropin.multi-user.target", "[Unit]\nWants=rootsmith-probe.service\n"),
        ]
    }
}

/// An ordinary service, so that it gets what services get. `exec` is done when it has started: a `oneshot` would keep the system
/// from ever having come up while it asks.
const SERVICE: &str = "\
[Unit]
Description=Questions to the running system
After=multi-user.target

[Service]
Type=exec
ImportCredential=rootsmith.probe
StandardOutput=null
StandardError=null
ExecStart=/bin/sh %d/rootsmith.probe
";

/// A service that may open no device but the usual ones. If it cannot open those either (7), being refused (9) proves nothing.
const CLOSED: &str = "\
[Unit]
Description=A service without devices

[Service]
Type=oneshot
DevicePolicy=closed
StandardOutput=null
StandardError=null
ExecStart=/bin/sh -c '(exec 3</dev/null) || exit 7; (exec 3</dev/kmsg) || exit 9'
";

impl fmt::Display for NoWayIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this image's system cannot be asked: {}", self.reason)
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
