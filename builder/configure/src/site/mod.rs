//! What the profile itself says, in the files of the init in use: names, hosts, modules, accounts, mounts, services; and an
//! image without an identity of its own.
//!
//! What every init reads alike is written here; the rest by the module of the init. What an init cannot do is an error at
//! the line that asks for it ([`refuse`]), never left out.

mod busybox;
mod openrc;
mod quote;
mod systemd;

use std::fmt::Write;

use rootsmith_assemble::Owner;
use rootsmith_profile::{Caches, Disk, InitSystem, Profile};
use rootsmith_types::{Arch, Origin, PackageName, TreePath};

use crate::ConfigureError;
use crate::edit::Edit;

/// Everything but `init.enable` and `init.disable`, which may name what an overlay brings.
pub(crate) fn write(edit: &mut Edit<'_>, profile: &Profile, arch: Arch) {
    let hostname = profile.hostname();
    owned(edit, &hostname.origin, "/etc/hostname", format!("{}\n", hostname.value));
    if let Some(first) = profile.hosts.first() {
        let mut text = String::new();
        for host in &profile.hosts {
            let names: Vec<&str> = host.names.iter().map(|name| name.value.as_str()).collect();
            let _ = writeln!(text, "{}\t{}", host.address.value, names.join(" "));
        }
        owned(edit, &first.address.origin, "/etc/hosts", text);
    }
    dropped_paths(edit, profile);
    if let Some((first, _)) = profile.sysctl.first() {
        let text = profile
            .sysctl
            .iter()
            .fold(String::new(), |text, (key, value)| text + &format!("{} = {}\n", key.value, value.value));
        owned(edit, &first.origin, "/etc/sysctl.d/80-profile.conf", text);
    }
    accounts_of_services(edit, profile);
    let init = profile.init.system.value;
    if let Some(cloud_init) = profile.cloud_init.as_ref().filter(|_| init != InitSystem::Systemd) {
        // Debian's package has no script for its network stage under another init.
        let instead =
            "leave `[cloud-init]` out; `[[user]]`, `[network]` and `[identity]` say what it would have been told";
        refuse(edit, init, &cloud_init.origin, "start cloud-init", instead);
    }
    match init {
        InitSystem::Systemd => systemd::write(edit, profile, arch),
        InitSystem::Openrc => openrc::write(edit, profile, arch),
        InitSystem::Busybox => busybox::write(edit, profile, arch),
    }
}

/// Whether somebody makes the caches that the profile wants on the first boot: an init that calls dpkg, and dpkg with its database.
pub(crate) fn caches(edit: &mut Edit<'_>, profile: &Profile, has_dpkg: bool) {
    let Some(caches) = profile.packages.caches.as_ref().filter(|caches| caches.value == Caches::FirstBoot) else {
        return;
    };
    if profile.init.system.value == InitSystem::Busybox {
        let what = "have dpkg make caches on first boot";
        refuse(edit, InitSystem::Busybox, &caches.origin, what, "say `caches = \"left-out\"`");
    } else if !has_dpkg {
        edit.errors.push(ConfigureError::NoDpkgForCaches { origin: caches.origin.clone() });
    }
}

/// Which packages dpkg is to configure on first boot, and what calls it.
pub(crate) fn first_boot(edit: &mut Edit<'_>, profile: &Profile, packages: &[&PackageName]) {
    edit.owner = Owner::Builder("package-setup");
    let names: String = packages.iter().map(|name| format!("{name}\n")).collect();
    edit.write("/var/lib/rootsmith/package-setup", names, 0o644);
    match profile.init.system.value {
        InitSystem::Systemd => systemd::package_setup(edit),
        InitSystem::Openrc if is_on_data(profile, &TreePath::literal("/var/lib/dpkg")) => {
            // It comes before every other service, and those that mount are services.
            let what = "have dpkg configure packages on first boot before `/var` is mounted";
            let instead =
                "leave `/var/lib/dpkg` on the root: mount the partition further down, at `/var/lib/k0s` for one";
            refuse(edit, InitSystem::Openrc, &profile.init.system.origin, what, instead);
        }
        InitSystem::Openrc => openrc::package_setup(edit),
        InitSystem::Busybox => {
            let names: Vec<&str> = packages.iter().map(|name| name.as_str()).collect();
            let what = format!("have dpkg configure {} on first boot", names.join(", "));
            let instead = "give `scripts` a reason to ignore, or leave the package out";
            refuse(edit, InitSystem::Busybox, &profile.init.system.origin, what, instead);
        }
    }
}

/// Whom services run as must be there when they start.
fn accounts_of_services(edit: &mut Edit<'_>, profile: &Profile) {
    for service in &profile.services {
        let user = service.user.iter().map(|user| ("user", user, edit.accounts.uid(&user.value)));
        let group = service.group.iter().map(|group| ("group", group, edit.accounts.gid(&group.value)));
        for (kind, name, id) in user.chain(group).collect::<Vec<_>>() {
            if id.is_none() && name.value != "root" {
                let (name, origin) = (name.value.clone(), name.origin.clone());
                edit.errors.push(ConfigureError::UndeclaredAccount { kind, name, origin });
            }
        }
    }
}

/// Notes that `init` cannot do `what`, which the profile asks for at `origin`; `instead` is the hint.
fn refuse(edit: &mut Edit<'_>, init: InitSystem, origin: &Origin, what: impl Into<String>, instead: impl Into<String>) {
    let (origin, what, instead) = (origin.clone(), what.into(), instead.into());
    edit.errors.push(ConfigureError::InitCannot { init: init.name(), what, origin, instead });
}

/// What `packages.drop` leaves out stays out when packages are installed later (dpkg(1), `--path-exclude`), licences excepted
/// as in the image itself.
fn dropped_paths(edit: &mut Edit<'_>, profile: &Profile) {
    let Some(first) = profile.packages.drop.first().filter(|_| edit.resolves("/usr/bin/dpkg")) else { return };
    let mut text = String::new();
    for path in &profile.packages.drop {
        let _ = writeln!(text, "path-exclude={}/*", path.value);
    }
    text.push_str("path-include=/usr/share/doc/*/copyright\n");
    owned(edit, &first.origin, "/etc/dpkg/dpkg.cfg.d/50-drop", text);
}

/// Enables and disables the services of `[init]`.
pub(crate) fn services(edit: &mut Edit<'_>, profile: &Profile) -> Vec<String> {
    match profile.init.system.value {
        InitSystem::Systemd => systemd::services(edit, profile),
        InitSystem::Openrc => openrc::services(edit, profile),
        InitSystem::Busybox => busybox::services(edit, profile),
    }
}

/// Where the profile asks for a root that grows.
fn grows(profile: &Profile) -> Option<Origin> {
    let root = disks(profile).filter_map(Disk::root).find(|root| root.grow);
    root.map(|root| root.origin.clone())
}

/// The partition beside the root that grows: where it is asked for, and where it is mounted. The initramfs has grown it when the init
/// starts, and what is left is its file system.
fn data_grows(profile: &Profile) -> Option<(Origin, TreePath)> {
    let mut data = disks(profile).flat_map(Disk::data);
    data.find(|(_, partition, _)| partition.grow).map(|(_, partition, mount)| (partition.origin.clone(), mount.clone()))
}

/// Whether `folder` is, or lies, on a partition beside the root.
fn is_on_data(profile: &Profile, folder: &TreePath) -> bool {
    disks(profile).flat_map(Disk::data).any(|(_, _, mount)| folder.starts_with(mount))
}

fn disks(profile: &Profile) -> impl Iterator<Item = &Disk> {
    profile.outputs.iter().filter_map(|output| output.kind.disk())
}

/// A file that the profile asks for at `origin`.
fn owned(edit: &mut Edit<'_>, origin: &Origin, path: &str, text: String) {
    edit.owner = Owner::Profile(origin.clone());
    edit.write(path, text, 0o644);
}
