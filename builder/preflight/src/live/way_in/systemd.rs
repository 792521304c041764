//! Credentials: two units, and a drop-in that makes `multi-user.target` want the first.

use super::Seed;
use crate::live::probe::Probe;

pub(super) fn seeds(probe: &Probe) -> Vec<Seed> {
    let seed = |name: &str, content: &str| Seed::Credential { name: name.to_owned(), content: content.into() };
    vec![
        seed("rootsmith.probe", &probe.script),
        seed(
            "systemd.extra-unit.rootsmith-probe.service",
            &service("ImportCredential=rootsmith.probe\n", "%d/rootsmith.probe"),
        ),
        seed("systemd.extra-unit.rootsmith-closed.service", CLOSED),
        seed("systemd.unit-dropin.multi-user.target", "[Unit]\nWants=rootsmith-probe.service\n"),
    ]
}

/// An ordinary service, so that it gets what services get. `exec` is done when it has started: a `oneshot` would keep the system
/// from ever having come up while it asks.
pub(super) fn service(more: &str, script: &str) -> String {
    format!(
        "[Unit]\nDescription=Questions to the running system\nAfter=multi-user.target\n\n\
         [Service]\nType=exec\n{more}StandardOutput=null\nStandardError=null\nExecStart=/bin/sh {script}\n"
    )
}

/// A service that may open no device but the usual ones. If it cannot open those either (7), being refused (9) proves nothing.
pub(super) const CLOSED: &str = "\
[Unit]
Description=A service without devices

[Service]
Type=oneshot
DevicePolicy=closed
StandardOutput=null
StandardError=null
ExecStart=/bin/sh -c '(exec 3</dev/null) || exit 7; (exec 3</dev/kmsg) || exit 9'
";
