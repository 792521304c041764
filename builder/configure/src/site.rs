//! What the profile itself says: names, hosts, modules, services; and an image without an identity of its own.

use std::fmt::Write;

use rootsmith_assemble::Owner;
use rootsmith_profile::Profile;
use rootsmith_types::{Located, Origin};

use crate::edit::Edit;
use crate::{ConfigureError, units};

/// systemd makes an identity on first boot when it finds this (machine-id(5), "Initialization").
const UNINITIALIZED: &str = "uninitialized\n";

/// The files of `[hosts]`, `[identity]` and `[kernel] modules`.
pub(crate) fn write(edit: &mut Edit<'_>, profile: &Profile) {
    let identity = &profile.identity;
    let hostname = identity.hostname.as_ref().unwrap_or(&profile.image.name);
    owned(edit, &hostname.origin, "/etc/hostname", format!("{}\n", hostname.value));
    owned(edit, &identity.machine_id.origin, "/etc/machine-id", UNINITIALIZED.to_owned());
    if let Some(first) = profile.hosts.first() {
        let mut text = String::new();
        for host in &profile.hosts {
            let names: Vec<&str> = host.names.iter().map(|name| name.value.as_str()).collect();
            let _ = writeln!(text, "{}\t{}", host.address.value, names.join(" "));
        }
        owned(edit, &first.address.origin, "/etc/hosts", text);
    }
    if let Some(modules) = profile.kernel.as_ref().map(|kernel| &kernel.modules)
        && let Some(first) = modules.first()
    {
        let text = modules.iter().fold(String::new(), |text, module| text + &module.value + "\n");
        owned(edit, &first.origin, "/etc/modules-load.d/profile.conf", text);
    }
    dropped_paths(edit, profile);
    quiet_first_boot(edit);
}

/// What `packages.drop` leaves out stays out when packages are installed later (dpkg(1), `--path-exclude`), licences excepted
/// as in the image itself.
fn dropped_paths(edit: &mut Edit<'_>, profile: &Profile) {
    let Some(first) = profile.packages.drop.first() else { return };
    let mut text = String::new();
    for path in &profile.packages.drop {
        let _ = writeln!(text, "path-exclude={}/*", path.value);
    }
    text.push_str("path-include=/usr/share/doc/*/copyright\n");
    owned(edit, &first.origin, "/etc/dpkg/dpkg.cfg.d/50-drop", text);
}

/// Enables and disables the services of `[init]`.
pub(crate) fn services(edit: &mut Edit<'_>, profile: &Profile) -> Vec<String> {
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

fn owned(edit: &mut Edit<'_>, origin: &Origin, path: &str, text: String) {
    edit.owner = Owner::Profile(origin.clone());
    edit.write(path, text, 0o644);
}
