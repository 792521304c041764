//! The identity plan: what differs from machine to machine, what makes it, and when. For the manifest.
//!
//! Only what the finished tree really has is listed: a key generator that is not installed makes no keys. That each of them
//! is enabled is for the `golden-image` set to check.

use rootsmith_profile::{InitSystem, OutputKind, Profile};
use rootsmith_tree::Tree;
use rootsmith_types::TreePath;

/// One thing of a machine's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// `machine-id`, `hostname`, `ssh-host-keys`, `random-seed`, `packages`, `instance`, `root-size`, `disk-identifiers`.
    pub what: &'static str,
    /// `first boot`, or `build` for what all copies of the image share.
    pub made: &'static str,
    /// The program or service that makes it.
    pub by: &'static str,
    /// What it comes before and after.
    pub order: &'static str,
    /// Where it is kept.
    pub kept: &'static str,
}

/// The plan, in the order in which a first boot goes through it.
pub fn identity_plan(tree: &Tree, profile: &Profile) -> Vec<Identity> {
    let there = |path: &str| TreePath::new(path).is_ok_and(|path| tree.lookup(&path).is_some());
    let first = |what, by, order, kept| Identity { what, made: "first boot", by, order, kept };
    let pattern = profile.hostname().value.contains('?');
    let packages = |by| {
        let order = "before sockets and services";
        there("/var/lib/rootsmith/package-setup").then(|| first("packages", by, order, "/var/lib/dpkg/status"))
    };
    let mut plan = Vec::new();
    match profile.init.system.value {
        InitSystem::Systemd => {
            plan.push(first("machine-id", "systemd", "before every service", "/etc/machine-id"));
            if grows(profile) {
                let by = "systemd-repart.service, then systemd-growfs-root.service";
                plan.push(first("root-size", by, "before the network", "the partition table and the root file system"));
            }
            if pattern {
                let order = "after the machine-id, before the network";
                plan.push(first("hostname", "hostname.service", order, "/etc/hostname"));
            }
            if there("/usr/lib/systemd/system/systemd-random-seed.service") {
                let by = "systemd-random-seed.service";
                plan.push(first("random-seed", by, "before sysinit.target", "/var/lib/systemd/random-seed"));
            }
            if profile.cloud_init.is_some() {
                let by = "cloud-init, where it finds a datasource";
                let order = "before ssh.service: hostname, users, their keys, and host keys anew";
                plan.push(first("instance", by, order, "/var/lib/cloud"));
            }
            plan.extend(packages("package-setup.service"));
            if there("/usr/lib/systemd/system/sshd-keygen.service") {
                let by = "sshd-keygen.service";
                plan.push(first("ssh-host-keys", by, "before ssh.service", "/etc/ssh/ssh_host_*_key"));
            }
        }
        InitSystem::Openrc => {
            if grows(profile) {
                let order = "before the network";
                plan.push(first("root-size", "grow-root", order, "the partition table and the root file system"));
            }
            let order = "in runlevel sysinit, before the network";
            plan.push(first("machine-id", "machine-identity", order, "/etc/machine-id"));
            if pattern {
                let order = "after the machine-id, before the network";
                plan.push(first("hostname", "machine-identity", order, "/etc/hostname"));
            }
            if there("/etc/init.d/urandom") {
                let order = "in runlevel sysinit, after the machine-id";
                plan.push(first("random-seed", "urandom", order, "/var/lib/urandom/random-seed"));
            }
            plan.extend(packages("package-setup"));
            if there("/etc/init.d/ssh-host-keys") {
                plan.push(first("ssh-host-keys", "ssh-host-keys", "before ssh", "/etc/ssh/ssh_host_*_key"));
            }
        }
        InitSystem::Busybox => {
            let by = "/etc/init.d/rcS";
            plan.push(first("random-seed", by, "before the machine-id", "/var/lib/random-seed"));
            plan.push(first("machine-id", by, "before the network", "/etc/machine-id"));
            if pattern {
                plan.push(first("hostname", by, "after the machine-id, before the network", "/etc/hostname"));
            }
            if there("/usr/bin/dropbearkey") {
                let kept = "/etc/dropbear/dropbear_*_host_key";
                plan.push(first("ssh-host-keys", by, "before every service", kept));
            }
            if there("/usr/bin/ssh-keygen") {
                plan.push(first("ssh-host-keys", by, "before every service", "/etc/ssh/ssh_host_*_key"));
            }
        }
    }
    if disks(profile).next().is_some() {
        plan.push(Identity {
            what: "disk-identifiers",
            made: "build",
            by: "the digest of the lock",
            order: "the same on every copy of the image: its command line and fstab name them",
            kept: "the partition table and the file systems",
        });
    }
    plan
}

fn disks(profile: &Profile) -> impl Iterator<Item = &rootsmith_profile::Disk> {
    profile.outputs.iter().filter_map(|output| match &output.kind {
        OutputKind::Disk(disk) => Some(disk),
        _ => None,
    })
}

fn grows(profile: &Profile) -> bool {
    disks(profile).filter_map(rootsmith_profile::Disk::root).any(|root| root.grow)
}
