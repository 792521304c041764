//! OpenRC as Debian has it: sysvinit is the first program, and its inittab runs OpenRC's runlevels `sysinit` and `default`.
//!
//! `rc.conf` and the packages' own scripts stay as they are, so that dpkg finds nothing changed; what is different is in
//! `rc.conf.d` and `conf.d`.

mod console;
mod first_boot;
mod network;
mod service;

use std::collections::BTreeSet;
use std::fmt::Write;

use rootsmith_assemble::Owner;
use rootsmith_profile::{Hierarchy, InitSystem, Profile};
use rootsmith_types::{Arch, Located, TreePath};

use super::{owned, refuse};
use crate::ConfigureError;
use crate::edit::Edit;
use crate::init_scripts::{self, openrc_runlevels};

/// What daemons may raise their limit of open files to: systemd's default. What they start with stays the kernel's.
const OPEN_FILES: &str = "-Hn 524288";

/// Every controller of version 1, by its name in `/proc/cgroups` and by the one that profiles have for it.
const CONTROLLERS: [(&str, &str); 16] = [
    ("blkio", "io"),
    ("cpu", "cpu"),
    ("cpuacct", "cpuacct"),
    ("cpuset", "cpuset"),
    ("devices", "devices"),
    ("freezer", "freezer"),
    ("hugetlb", "hugetlb"),
    ("memory", "memory"),
    ("misc", "misc"),
    ("net_cls", "net_cls"),
    ("net_prio", "net_prio"),
    ("perf_event", "perf_event"),
    ("pids", "pids"),
    ("rdma", "rdma"),
    ("dmem", "dmem"),
    ("debug", "debug"),
];

/// Packages that dpkg is to configure on first boot.
pub(super) fn package_setup(edit: &mut Edit<'_>) {
    first_boot::package_setup(edit);
}

/// Everything but `init.enable` and `init.disable`.
pub(super) fn write(edit: &mut Edit<'_>, profile: &Profile, arch: Arch) {
    let system = &profile.init.system;
    if !edit.resolves("/usr/sbin/openrc") || !edit.resolves("/usr/share/sysvinit/inittab") {
        let instead = "add `openrc` and `sysvinit-core` to `packages.include`";
        return refuse(edit, InitSystem::Openrc, &system.origin, "start a system that does not have it", instead);
    }
    settings(edit, profile);
    console::write(edit, profile, arch);
    network::write(edit, profile);
    first_boot::write(edit, profile);
    for service in &profile.services {
        let script = service::script(edit, profile, service);
        edit.owner = Owner::Profile(service.origin.clone());
        edit.write(&format!("/etc/init.d/{}", service.name.value), script, 0o755);
        if service.enable.value {
            init_scripts::add(edit, &service.name.value, "default");
        }
    }
}

/// `rc.conf`, and what services of the packages depend on beyond what they say.
fn settings(edit: &mut Edit<'_>, profile: &Profile) {
    let hierarchy = &profile.cgroups.hierarchy;
    let mode = hierarchy.value.name();
    let mut text = format!("# Control groups, as `[cgroups]` has them.\nrc_cgroup_mode=\"{mode}\"\n");
    if hierarchy.value != Hierarchy::Unified {
        // What is named here is left out of version 1.
        let wanted = |name: &str| profile.cgroups.controllers.iter().any(|controller| controller.value == name);
        let others = CONTROLLERS.iter().filter(|(v1, name)| !wanted(name) && !wanted(v1)).map(|(v1, _)| *v1);
        let _ = writeln!(text, "rc_cgroup_controllers=\"{}\"", others.collect::<Vec<_>>().join(" "));
    }
    let _ = write!(text, "\n# Every service may raise its limit of open files to this.\nrc_ulimit=\"{OPEN_FILES}\"\n");
    owned(edit, &hierarchy.origin, "/etc/rc.conf.d/profile.conf", text);

    // Debian's `kmod` reads what systemd reads.
    let modules = profile.kernel.iter().flat_map(|kernel| &kernel.modules);
    let text = modules.fold(String::new(), |text, module| text + &module.value + "\n");
    if let Some(first) = profile.kernel.as_ref().and_then(|kernel| kernel.modules.first()) {
        owned(edit, &first.origin, "/etc/modules-load.d/profile.conf", text);
    }

    edit.owner = Owner::Profile(profile.init.system.origin.clone());
    let needs = [
        // Settings below `net.bridge` are there when the module is.
        ("procps", "# Settings of modules are there when these are loaded.\nrc_after=\"kmod\"\n"),
        ("networking", "# Services that `need net` wait for the interfaces.\nrc_provide=\"net\"\n"),
    ];
    for (name, text) in needs {
        if edit.resolves(&format!("/etc/init.d/{name}")) && edit.kind(&format!("/etc/conf.d/{name}")).is_none() {
            edit.write(&format!("/etc/conf.d/{name}"), text, 0o644);
        }
    }
}

/// `init.enable`, `init.disable`, and whether all is there that services of the profile need. An overlay may have brought it.
pub(super) fn services(edit: &mut Edit<'_>, profile: &Profile) -> Vec<String> {
    let mut done = Vec::new();
    for name in &profile.init.enable {
        let Some(script) = known(edit, name) else { continue };
        edit.owner = Owner::Profile(name.origin.clone());
        let text = edit.read(&format!("/etc/init.d/{script}")).unwrap_or_default();
        let mut runlevels = openrc_runlevels(&init_scripts::runlevels(&text, "Default-Start:"), &[]);
        if runlevels.is_empty() {
            runlevels.insert("default");
        }
        for runlevel in runlevels {
            init_scripts::add(edit, &script, runlevel);
            done.push(format!("enable {script} in {runlevel}"));
        }
    }
    for name in &profile.init.disable {
        let Some(script) = known(edit, name) else { continue };
        let links: Vec<TreePath> = edit
            .assembly
            .tree
            .walk_from(&TreePath::literal("/etc/runlevels"))
            .filter(|entry| entry.path.name() == Some(script.as_bytes()))
            .map(|entry| entry.path)
            .collect();
        links.iter().for_each(|link| _ = edit.assembly.tree.remove(link));
        done.push(format!("disable {script}"));
    }
    let provided = provided(edit);
    for service in &profile.services {
        for name in &service.requires {
            let wanted = name.value.strip_suffix(".service").unwrap_or(&name.value);
            if !provided.contains(wanted) {
                unknown(edit, &provided, wanted, name);
            }
        }
        if service.network.value && !provided.contains("net") {
            let instead = "describe the network in `[[network.interface]]`, with `ifupdown` among the packages";
            let what = "wait for a network that nothing configures";
            refuse(edit, InitSystem::Openrc, &service.network.origin, what, instead);
        }
    }
    done
}

fn known(edit: &mut Edit<'_>, name: &Located<String>) -> Option<String> {
    let script = name.value.strip_suffix(".service").unwrap_or(&name.value).to_owned();
    if edit.resolves(&format!("/etc/init.d/{script}")) {
        return Some(script);
    }
    let scripts = edit.assembly.tree.children(&TreePath::literal("/etc/init.d"));
    let scripts = scripts.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    unknown(edit, &scripts, &script, name);
    None
}

fn unknown(edit: &mut Edit<'_>, known: &BTreeSet<String>, wanted: &str, name: &Located<String>) {
    let distance = |known: &&String| strsim::damerau_levenshtein(known, wanted);
    let nearest = known.iter().min_by_key(distance).filter(|known| distance(known) <= 2 + wanted.len() / 4);
    let (nearest, origin) = (nearest.cloned(), name.origin.clone());
    edit.errors.push(ConfigureError::UnknownUnit { unit: wanted.to_owned(), nearest, origin });
}

/// What services can need: the names of scripts, and what these provide.
fn provided(edit: &mut Edit<'_>) -> BTreeSet<String> {
    let scripts = edit.assembly.tree.children(&TreePath::literal("/etc/init.d"));
    let scripts: Vec<String> = scripts.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let mut provided = BTreeSet::new();
    for script in scripts {
        let text = edit.read(&format!("/etc/init.d/{script}")).unwrap_or_default();
        let conf = edit.read(&format!("/etc/conf.d/{script}")).unwrap_or_default();
        let lists = text.lines().chain(conf.lines()).filter_map(|line| {
            let line = line.trim_start_matches(['#', ' ', '\t']);
            let rest = ["Provides:", "provide ", "rc_provide="].iter().find_map(|key| line.strip_prefix(key));
            rest.map(|rest| rest.trim_matches(['"', '\'']).to_owned())
        });
        provided.extend(lists.collect::<Vec<_>>().iter().flat_map(|list| list.split_whitespace()).map(str::to_owned));
        provided.insert(script);
    }
    provided
}
