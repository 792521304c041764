//! systemd.

mod cloud_init;
mod network;
mod service;
mod state;
mod update;

use rootsmith_assemble::Owner;
use rootsmith_profile::{InitSystem, NetworkManager, Profile};
use rootsmith_types::{Arch, Located};

use super::{owned, refuse};
use crate::ConfigureError;
use crate::edit::Edit;
use crate::units::{self, Manager};

/// systemd makes an identity on first boot when it finds this (machine-id(5), "Initialization").
const UNINITIALIZED: &str = "uninitialized\n";

/// Runs before anything tells the hostname to anybody.
const HOSTNAME_UNIT: &str = "\
# Made from `identity.hostname` of the image's profile.
[Unit]
Description=Hostname of this machine, on first boot
DefaultDependencies=no
After=systemd-remount-fs.service
Before=sysinit.target network-pre.target
Wants=network-pre.target

[Service]
Type=oneshot
ExecStart=/usr/lib/rootsmith/hostname

[Install]
WantedBy=sysinit.target
";

/// Before sockets and services: what they need may be made here. Nothing is started from within, which would wait for this to end;
/// what was not there to be wanted when the boot was planned is started afterwards.
const PACKAGE_SETUP_UNIT: &str = "\
[Unit]
Description=Setup of packages that only this machine can do, on first boot
Documentation=man:dpkg(1)
DefaultDependencies=no
ConditionPathExists=/var/lib/rootsmith/package-setup
Requires=sysinit.target
After=sysinit.target
Before=sockets.target basic.target

[Service]
Type=oneshot
Environment=DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1
ExecStart=/usr/bin/dpkg --configure --pending
ExecStart=/usr/bin/rm /var/lib/rootsmith/package-setup
ExecStart=/usr/bin/env --unset=SYSTEMD_OFFLINE systemctl daemon-reload
ExecStart=/usr/bin/env --unset=SYSTEMD_OFFLINE systemctl start --no-block default.target
StandardOutput=journal+console
StandardError=journal+console

[Install]
WantedBy=basic.target
";

/// Packages that dpkg is to configure.
pub(super) fn package_setup(edit: &mut Edit<'_>) {
    edit.write("/etc/systemd/system/package-setup.service", PACKAGE_SETUP_UNIT, 0o644);
    units::enable(edit, Manager::System, "package-setup.service");
}

pub(super) fn write(edit: &mut Edit<'_>, profile: &Profile, arch: Arch) {
    owned(edit, &profile.identity.machine_id.origin, "/etc/machine-id", UNINITIALIZED.to_owned());
    let hostname = profile.hostname();
    if hostname.value.contains('?') {
        owned(edit, &hostname.origin, "/etc/systemd/system/hostname.service", HOSTNAME_UNIT.to_owned());
        edit.write("/usr/lib/rootsmith/hostname", include_str!("scripts/hostname"), 0o755);
        units::enable(edit, Manager::System, "hostname.service");
    }
    if let Some(modules) = profile.kernel.as_ref().map(|kernel| &kernel.modules)
        && let Some(first) = modules.first()
    {
        let text = modules.iter().fold(String::new(), |text, module| text + &module.value + "\n");
        owned(edit, &first.origin, "/etc/modules-load.d/profile.conf", text);
    }
    for service in &profile.services {
        let unit = format!("{}.service", service.name.value);
        owned(edit, &service.origin, &format!("/etc/systemd/system/{unit}"), service::unit(service));
        if service.enable.value {
            units::enable(edit, Manager::System, &unit);
        }
    }
    interfaces(edit, profile);
    cloud_init::write(edit, profile);
    state::write(edit, profile);
    update::write(edit, profile, arch);
    quiet_first_boot(edit);
}

/// `init.enable` and `init.disable`.
pub(super) fn services(edit: &mut Edit<'_>, profile: &Profile) -> Vec<String> {
    let mut done = Vec::new();
    for name in &profile.init.enable {
        if let Some(unit) = known(edit, name) {
            edit.owner = Owner::Profile(name.origin.clone());
            units::enable(edit, units::Manager::System, &unit);
            done.push(format!("enable {unit}"));
        }
    }
    for name in &profile.init.disable {
        if let Some(unit) = known(edit, name) {
            edit.owner = Owner::Profile(name.origin.clone());
            units::disable(edit, &unit);
            done.push(format!("disable {unit}"));
        }
    }
    done
}

fn known(edit: &mut Edit<'_>, name: &Located<String>) -> Option<String> {
    let unit = units::with_suffix(&name.value);
    if units::exists(edit, &unit) {
        return Some(unit);
    }
    let distance = |known: &String| strsim::damerau_levenshtein(known, &unit);
    let nearest =
        units::all(edit).into_iter().min_by_key(distance).filter(|known| distance(known) <= 3 + unit.len() / 4);
    edit.errors.push(ConfigureError::UnknownUnit { unit, nearest, origin: name.origin.clone() });
    None
}

fn interfaces(edit: &mut Edit<'_>, profile: &Profile) {
    let network = &profile.network;
    let manager = network.manager.as_ref().filter(|manager| manager.value != NetworkManager::Networkd);
    if let Some(manager) = manager {
        let what = "leave the network to another manager";
        refuse(edit, InitSystem::Systemd, &manager.origin, what, "write `manager = \"networkd\"`, or leave it out");
        return;
    }
    for (number, interface) in network.interfaces.iter().enumerate() {
        // Below 70: before what packages bring for interfaces that nobody named.
        let path = format!("/etc/systemd/network/{}-profile.network", 20 + number);
        owned(edit, &interface.origin, &path, network::network(interface));
        units::enable(edit, Manager::System, "systemd-networkd.service");
    }
}

/// Nothing may wait for a person on the console: everything systemd-firstboot(1) would ask for is answered, and it does not
/// run. With a machine-id to make, the first boot of a headless machine would hang there.
fn quiet_first_boot(edit: &mut Edit<'_>) {
    edit.owner = Owner::Builder("first boot without questions");
    if edit.kind("/etc/locale.conf").is_none() {
        edit.write("/etc/locale.conf", "LANG=C.UTF-8\n", 0o644);
    }
    if edit.kind("/etc/localtime").is_none() {
        edit.symlink("/etc/localtime", "/usr/share/zoneinfo/Etc/UTC");
    }
    if edit.resolves("/usr/lib/systemd/system/systemd-firstboot.service") {
        edit.symlink("/etc/systemd/system/systemd-firstboot.service", "/dev/null");
    }
}
