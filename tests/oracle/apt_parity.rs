//! The resolver against `apt-get --simulate install --no-install-recommends` into an empty system: the same packages in the
//! same versions, for sets as different as a k0s worker and a desktop.
//!
//! Both read the same files: the repositories' indexes as `apt-get update` brings them from the host's mirror, signed by the
//! keys built into us. What apt downloads lies in `target/test-cache/apt`.
#![allow(clippy::disallowed_methods, clippy::print_stderr)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rootsmith_fetch::Mirrors;
use rootsmith_lock::Scope;
use rootsmith_package::{Index, Release};
use rootsmith_resolve::{Request, resolve};
use rootsmith_tests::{cache, host_mirrors, judges, workspace};
use rootsmith_types::{Arch, Sha256Digest};

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

const REPOSITORIES: [&str; 3] = ["trixie", "trixie-updates", "trixie-security"];

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

/// An apt of its own: no configuration, state or installed package of the host.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn updated() -> Apt {
        let apt = Apt { folder: cache().join("apt") };
        for folder in ["etc/apt.conf.d", "etc/preferences.d", "lists/partial", "archives/partial"] {
            fs::create_dir_all(apt.folder.join(folder)).unwrap();
        }
        let mirrors = host_mirrors();
        let Mirrors { main, security } = &mirrors;
        let keys: String = ["trixie-automatic", "trixie-security-automatic", "trixie-stable", "bookworm-automatic"]
            .iter()
            .map(|key| {
                fs::read_to_string(workspace().join(format!("builder/signature/keys/debian-{key}.asc"))).unwrap()
            })
            .collect();
        apt.write("keys.asc", &keys);
        let entry = |uri: &str, suite: &str| format!("deb [signed-by={}] {uri} {suite} main\n", apt.path("keys.asc"));
        let [stable, updates, security_suite] = REPOSITORIES;
        apt.write(
            "sources.list",
            &[entry(main, stable), entry(main, updates), entry(security, security_suite)].concat(),
        );
        apt.write("status", "");
        apt.write(
            "apt.conf",
            &format!(
                "Dir::Etc \"{}\";\nDir::Etc::sourcelist \"{}\";\nDir::State \"{}\";\nDir::State::lists \"{}\";\n\
                 Dir::State::status \"{}\";\nDir::Cache \"{}\";\nAPT::Architecture \"amd64\";\n\
                 APT::Architectures {{ \"amd64\"; }};\nAcquire::Languages \"none\";\nAPT::Sandbox::User \"\";\n",
                apt.path("etc"),
                apt.path("sources.list"),
                apt.path(""),
                apt.path("lists"),
                apt.path("status"),
                apt.path("."),
            ),
        );
        apt.run(&["update", "--error-on=any"]);
        apt
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut apt = Command::new("apt-get");
        apt.env("APT_CONFIG", self.path("apt.conf")).env("LC_ALL", "C").args(arguments);
        let output = apt.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "apt-get {}: {errors}", arguments.join(" "));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What apt would install, as `name version`.
    fn install<'a>(&self, names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
        let arguments = ["--simulate", "--no-install-recommends", "install"];
        let told = self.run(&arguments.into_iter().chain(names).collect::<Vec<_>>());
        // Inst mawk (1.3.4 Debian:13.1/stable [amd64])
        let installed = told.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_once(" ("));
        installed.map(|(name, rest)| format!("{name} {}", rest.split(' ').next().unwrap_or(""))).collect()
    }

    /// The index of the files apt has brought, each checked against its repository's `Release`.
    fn index(&self) -> Index {
        let lists = fs::read_dir(self.folder.join("lists")).unwrap();
        let files: Vec<PathBuf> = lists.map(|file| file.unwrap().path()).collect();
        let read = |end: &str| {
            let file = files.iter().find(|file| file.to_string_lossy().ends_with(end));
            fs::read(file.unwrap_or_else(|| panic!("apt has no file …{end}"))).unwrap()
        };
        let mut index = Index::builder();
        for (number, suite) in REPOSITORIES.into_iter().enumerate() {
            let release = String::from_utf8(read(&format!("_dists_{suite}_InRelease"))).unwrap();
            let body = release.split("\n\n").nth(1).and_then(|text| text.split("\n-----BEGIN").next()).unwrap();
            let (size, digest) = Release::parse(body).unwrap().files["main/binary-amd64/Packages"];
            let packages = read(&format!("_dists_{suite}_main_binary-amd64_Packages"));
            assert_eq!((packages.len() as u64, Sha256Digest::of(&packages)), (size, digest), "{suite}");
            index.add(number, packages).unwrap();
        }
        index.finish().unwrap()
    }
}
