//! BusyBox: its init and its programs, and nothing else.
//!
//! | path                     | holds                                                                       |
//! |--------------------------|-----------------------------------------------------------------------------|
//! | `/usr/{bin,sbin}/*`      | a link to `busybox` for each of its applets that no package has a program for |
//! | `/etc/inittab`           | what init starts: the boot, logs, logins, services                          |
//! | `/etc/init.d/rcS`        | the boot: mounts, devices, identity, settings, control groups, the network  |
//! | `/etc/init.d/rcK`        | the end                                                                     |
//! | `/etc/init.d/services/*` | how each `[[service]]` starts                                               |
//! | `/etc/udhcpc/default.script`, `/etc/mdev.conf` | what happens with a lease, and with a device          |
//!
//! Everything is written to be read, and changed, by a person.

mod applets;
mod cgroups;
mod inittab;
mod network;
mod rcs;
mod service;

#[cfg(test)]
mod tests;

use rootsmith_assemble::Owner;
use rootsmith_profile::{InitSystem, Profile, Service};

use rootsmith_types::Arch;

use super::{owned, refuse};
use crate::edit::Edit;

const RCK: &str = include_str!("scripts/rcK");
const MDEV: &str = include_str!("scripts/mdev.conf");

const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost\n";
/// Files first, and names of hosts from name servers.
const NSSWITCH: &str = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n";

pub(super) fn write(edit: &mut Edit<'_>, profile: &Profile, arch: Arch) {
    if !applets::link(edit, profile) {
        return;
    }
    // Empty: made on the first boot.
    owned(edit, &profile.identity.machine_id.origin, "/etc/machine-id", String::new());
    base(edit);
    network::write(edit, profile);
    let services = service::write(edit, profile);
    let (once, daemons): (Vec<&Service>, Vec<&Service>) =
        services.into_iter().partition(|service| service.oneshot.value);
    let rcs = rcs::text(edit, profile, &once);
    edit.owner = Owner::Profile(profile.init.system.origin.clone());
    edit.write("/etc/inittab", inittab::text(profile, arch, &daemons), 0o644);
    edit.write("/etc/init.d/rcS", rcs, 0o755);
    edit.write("/etc/init.d/rcK", RCK, 0o755);
    edit.write("/etc/mdev.conf", MDEV, 0o644);
}

/// What other programs read, where no package brings it.
fn base(edit: &mut Edit<'_>) {
    edit.owner = Owner::Builder("base files");
    for (path, text) in [("/etc/hosts", HOSTS), ("/etc/nsswitch.conf", NSSWITCH)] {
        if edit.kind(path).is_none() {
            edit.write(path, text, 0o644);
        }
    }
}

/// `init.enable` and `init.disable`: there is nothing that packages bring for this init.
pub(super) fn services(edit: &mut Edit<'_>, profile: &Profile) -> Vec<String> {
    let init = &profile.init;
    for (verb, name) in
        init.enable.iter().map(|name| ("enable", name)).chain(init.disable.iter().map(|name| ("disable", name)))
    {
        let what = format!("{verb} `{}`: no package brings a service for it", name.value);
        refuse(edit, InitSystem::Busybox, &name.origin, what, "declare what is to run as a `[[service]]`");
    }
    Vec::new()
}
