//! `[cgroups]`: what `rcS` mounts, and where services have theirs.

use std::fmt::Write;

use rootsmith_profile::{Hierarchy, Profile};

const ROOT: &str = "/sys/fs/cgroup";

/// The lines of `rcS`.
pub(super) fn mounts(profile: &Profile) -> String {
    match profile.cgroups.hierarchy.value {
        Hierarchy::Unified => unified(profile),
        Hierarchy::Hybrid => {
            version_1(profile)
                + "mkdir /sys/fs/cgroup/unified\n\
            mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 /sys/fs/cgroup/unified\n"
        }
        Hierarchy::Legacy => version_1(profile),
    }
}

fn unified(profile: &Profile) -> String {
    let mut text = format!(
        "\n# Control groups, version 2. Services have theirs below `services`, which hands the controllers on to them.\n\
         mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 {ROOT}\n\
         mkdir {ROOT}/services\n"
    );
    let controllers = controllers_2(profile);
    if !controllers.is_empty() {
        let _ = write!(
            text,
            "for controller in {}; do\n\techo \"+$controller\" >{ROOT}/cgroup.subtree_control\n\
             \techo \"+$controller\" >{ROOT}/services/cgroup.subtree_control\ndone\n",
            controllers.join(" ")
        );
    }
    text
}

/// What is a controller in version 2, by its name there: `devices` and `freezer` are part of every group.
fn controllers_2(profile: &Profile) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for controller in &profile.cgroups.controllers {
        let name = match controller.value.as_str() {
            "devices" | "freezer" => continue,
            "cpuacct" => "cpu",
            "blkio" => "io",
            name => name,
        };
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// The declared controllers by their names in version 1, each once.
fn controllers_1(profile: &Profile) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for controller in &profile.cgroups.controllers {
        let name = if controller.value == "io" { "blkio" } else { &controller.value };
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

fn version_1(profile: &Profile) -> String {
    let mut text = format!(
        "\n# Control groups, version 1: a hierarchy for each controller.\n\
         mount -t tmpfs -o nosuid,nodev,noexec,mode=0755 tmpfs {ROOT}\n"
    );
    for controller in controllers_1(profile) {
        let _ = write!(
            text,
            "mkdir {ROOT}/{controller}\n\
             mount -t cgroup -o nosuid,nodev,noexec,{controller} cgroup {ROOT}/{controller}\n"
        );
        if controller == "cpuset" {
            // A new group has the processors and memory of the one above it, instead of none.
            let _ = writeln!(text, "echo 1 >{ROOT}/cpuset/cgroup.clone_children");
        }
    }
    text
}

/// The groups of a service: one, or in version 1 one in each hierarchy.
pub(super) fn of_service(profile: &Profile, name: &str) -> Vec<String> {
    match profile.cgroups.hierarchy.value {
        Hierarchy::Unified => vec![format!("{ROOT}/services/{name}")],
        Hierarchy::Hybrid | Hierarchy::Legacy => {
            let mut folders: Vec<String> =
                controllers_1(profile).into_iter().map(|controller| folder_of(profile, controller, name)).collect();
            if profile.cgroups.hierarchy.value == Hierarchy::Hybrid {
                folders.insert(0, format!("{ROOT}/unified/services/{name}"));
            }
            folders
        }
    }
}

/// The group of a service in version 1's hierarchy of a controller.
pub(super) fn folder_of(profile: &Profile, controller: &str, name: &str) -> String {
    debug_assert_ne!(profile.cgroups.hierarchy.value, Hierarchy::Unified);
    format!("{ROOT}/{controller}/services/{name}")
}
