//! The resolver against `apt-get --simulate install --no-install-recommends` into an empty system: the same packages in the
//! same versions, for sets as different as a k0s worker and a desktop.
//!
//! Both read the same files: the repositories' indexes as `apt-get update` brings them from the host's mirror, signed by the
//! keys built into us. What apt downloads lies in `target/test-cache/apt`.
#![allow(clippy::disallowed_methods, clippy::print_stderr)]

use std::collections::BTreeSet;

use rootsmith_lock::Scope;
use rootsmith_resolve::{Request, resolve};
use rootsmith_tests::apt::Apt;
use rootsmith_tests::judges;
use rootsmith_types::Arch;

/// What is asked for beside the essential packages. Each set brought something to light, or might: providers of equal rank,
/// alternatives that something else satisfies later, conflicts on the way.
const SETS: &[(&str, &str)] = &[
    ("essential", ""),
    (
        "k0s-worker",
        "systemd systemd-sysv udev dbus kmod linux-image-cloud-amd64 iproute2 login passwd libpam-systemd openssh-server \
         chrony iptables nftables containerd runc ca-certificates e2fsprogs systemd-repart systemd-resolved",
    ),
    ("nginx", "nginx"),
    ("postgresql", "postgresql"),
    ("exim4", "exim4"),
    ("default-mta", "default-mta"),
    ("python3", "python3"),
    ("gnome-core", "gnome-core"),
    ("xfce", "task-xfce-desktop"),
    ("lamp", "apache2 php mariadb-server"),
    ("openrc", "openrc sysvinit-core elogind"),
    ("dnsmasq", "dnsmasq"),
    ("prometheus", "prometheus prometheus-node-exporter"),
    ("qemu", "qemu-system libvirt-daemon-system"),
    ("mail", "postfix dovecot-imapd spamassassin"),
    ("routing", "haproxy keepalived bird2 frr wireguard strongswan"),
    ("node", "nodejs npm"),
    ("raspberry", "systemd-sysv ifupdown isc-dhcp-client wpasupplicant openssh-server"),
];

#[test]
fn the_same_packages_as_apt() {
    if !judges(&["apt-get"]) {
        return;
    }
    let apt = Apt::updated();
    let index = apt.index();
    let essential: Vec<&str> =
        index.records().filter(|record| record.is_essential()).map(|record| record.name()).collect();
    let mut differences = Vec::new();
    for (set, names) in SETS {
        let requests: Vec<Request> =
            names.split_whitespace().map(|name| Request { name: name.parse().unwrap(), origin: None }).collect();
        let resolution = resolve(&requests, &index, Arch::Amd64, Scope::System);
        let resolution = resolution.unwrap_or_else(|conflicts| panic!("{set}: {}", conflicts[0]));
        let ours: BTreeSet<String> =
            resolution.packages.iter().map(|p| format!("{} {}", p.record.name(), p.record.version())).collect();
        let theirs = apt.install(essential.iter().copied().chain(names.split_whitespace()));
        assert!(theirs.len() >= essential.len(), "{set}: apt installs {theirs:?}");
        let only =
            |one: &BTreeSet<String>, other: &BTreeSet<String>| one.difference(other).cloned().collect::<Vec<_>>();
        if ours != theirs {
            differences.push(format!(
                "{set}: only ours {:?}, only apt's {:?}",
                only(&ours, &theirs),
                only(&theirs, &ours)
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
