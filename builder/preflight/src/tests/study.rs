//! Systems that people brought up and that failed as nodes, each with exactly the checks that should have said so before,
//! and its cure.

use std::collections::BTreeSet;

use super::elf_file::ElfFile;
use super::inits::{busybox, openrc};
use super::payload::alpine;
use super::*;

const SETS: [&str; 6] = ["boot", "containers", "golden-image", "k0s-worker@1.36", "kubernetes-node", "payload"];

/// The checks that are not met, each once, a `!` behind those that forbid the image.
fn unmet(image: &Image) -> Vec<String> {
    let facts = Facts { tree: &image.tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: Some(&image.boot) };
    let report = check(&facts, None, &names(&SETS)).unwrap();
    let mut failed = BTreeSet::new();
    let mut warned = BTreeSet::new();
    for finding in report.findings {
        match finding.verdict {
            Verdict::Fail => drop(failed.insert(finding.check)),
            Verdict::Warning => drop(warned.insert(finding.check)),
            _ => {}
        }
    }
    warned.retain(|check| !failed.contains(check));
    failed.into_iter().map(|check| check + "!").chain(warned).collect()
}

/// What is not met in the image without the change, so that only the change speaks.
fn caused(image: &Image, base: &Image) -> Vec<String> {
    let before = unmet(base);
    unmet(image).into_iter().filter(|check| !before.contains(check)).collect()
}

fn broken(change: impl Fn(&mut Image)) -> Vec<String> {
    let mut image = good();
    change(&mut image);
    unmet(&image)
}

#[test]
fn the_cured_system_meets_everything() {
    assert_eq!(unmet(&good()), [""; 0]);
}

#[test]
fn a_payload_for_glibc_on_a_root_with_musl() {
    let cured = alpine();
    let mut image = alpine();
    image.put("/usr/local/bin/k0s", 0o755, program(AMD64, LOADER, &["libc.so.6"]));
    assert_eq!(caused(&image, &cured), ["payload.interpreter!"]);
    // The cure: a program that needs no C library.
    image.put("/usr/local/bin/k0s", 0o755, program(AMD64, "", &[]));
    assert_eq!(caused(&image, &cured), [""; 0]);
}

#[test]
fn no_runc_and_no_iptables() {
    assert_eq!(broken(|image| image.remove("/usr/bin/runc")), ["exec.runc!"]);
    assert_eq!(broken(|image| image.remove("/usr/sbin/iptables")), ["exec.iptables!"]);
}

#[test]
fn control_groups_of_version_1() {
    assert_eq!(broken(|image| image.cmdline("systemd.unified_cgroup_hierarchy=0")), ["cgroup.v2!"]);
    for mode in ["hybrid", "legacy"] {
        let mut image = openrc();
        image.put("/etc/rc.conf", 0o644, format!("rc_cgroup_mode=\"{mode}\"\n"));
        assert_eq!(caused(&image, &openrc()), ["cgroup.v2!"], "{mode}");
        // k0s 1.34 and older take them.
        assert_eq!(image.finding_of("k0s-worker@1.34", "cgroup.mounted").verdict, Verdict::Pass);
    }
}

#[test]
fn a_library_whose_versions_do_not_fit() {
    let library = |defined| ElfFile { soname: "libseccomp.so.2", defined, ..LIBMOUNT }.bytes();
    let runc = ElfFile { needed: &["libseccomp.so.2", "libc.so.6"], undefined: &["seccomp_notify_fd"], ..MOUNT };
    let place = "/usr/lib/x86_64-linux-gnu/libseccomp.so.2";
    let with = |defined: &'static [&'static str]| {
        broken(|image| {
            image.put("/usr/bin/runc", 0o755, runc.bytes());
            image.put(place, 0o644, library(defined));
        })
    };
    assert_eq!(with(&["seccomp_init"]), ["exec.runc!", "payload.symbol-versions!"]);
    assert_eq!(with(&["seccomp_init", "seccomp_notify_fd"]), [""; 0]);
}

#[test]
fn busybox_without_what_a_node_needs() {
    let base = busybox();
    let mut image = busybox();
    image.remove("/usr/sbin/init");
    assert!(caused(&image, &base).contains(&"boot.init!".to_owned()), "{:?}", caused(&image, &base));
    let mut image = busybox();
    image.remove("/usr/sbin/modprobe");
    // Nobody is left who could unpack a module.
    assert_eq!(caused(&image, &base), ["exec.modprobe!", "kernel.module-compression!"]);
}

#[test]
fn what_a_tool_that_makes_images_smaller_takes_away() {
    let release = format!("/boot/config-{RELEASE}");
    let without_config = broken(|image| image.remove(&release));
    assert!(without_config.contains(&"kernel.config!".to_owned()));
    assert!(
        without_config
            .iter()
            .all(|check| ["kernel.", "kconfig.", "cgroup.", "host.procfs"].iter().any(|it| check.starts_with(it))
                || check.starts_with("security.")),
        "{without_config:?}"
    );
    let module = format!("/usr/lib/modules/{RELEASE}/kernel/nf_conntrack.ko.xz");
    assert_eq!(broken(|image| image.remove(&module)), ["kconfig.NF_CONNTRACK!", "kernel.modules-load"]);
}

#[test]
fn names_and_resolvers() {
    assert_eq!(broken(|image| image.put("/etc/hosts", 0o644, "10.0.0.1 node\n")), ["host.localhost!"]);
    assert_eq!(
        broken(|image| image.put("/etc/nsswitch.conf", 0o644, "hosts: dns\n")),
        ["host.localhost!", "net.nsswitch!"]
    );
    assert_eq!(broken(|image| image.link("/etc/resolv.conf", "/run/nowhere/resolv.conf")), ["net.resolv-conf!"]);
}

#[test]
fn words_on_the_command_line() {
    assert_eq!(broken(|image| image.cmdline("cgroup_disable=memory")), ["cgroup.memory!"]);
}

#[test]
fn clones_of_one_machine() {
    let id = "0123456789abcdef0123456789abcdef\n";
    // With an id in it, it is no first boot either, and nothing makes host keys.
    assert_eq!(
        broken(|image| image.put("/etc/machine-id", 0o444, id)),
        ["identity.machine-id!", "identity.ssh-host-keys!"]
    );
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
    assert_eq!(broken(|image| image.put("/etc/ssh/ssh_host_ed25519_key", 0o600, key)), ["identity.ssh-host-keys!"]);
}

#[test]
fn a_data_folder_without_programs() {
    let fstab = "LABEL=rootfs / ext4 rw\n/dev/sdb1 /var/lib ext4 noexec\n";
    assert_eq!(broken(|image| image.put("/etc/fstab", 0o644, fstab)), ["mount.data-exec!"]);
}

#[test]
fn another_architecture() {
    assert_eq!(broken(|image| image.put("/usr/local/bin/k0s", 0o755, program(183, "", &[]))), ["payload.machine!"]);
}
