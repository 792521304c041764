//! An apt that reads the repositories of Debian 13 from the host's mirror, whatever the host itself is.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rootsmith_fetch::Mirrors;
use rootsmith_package::{Index, Release};
use rootsmith_types::Sha256Digest;

use crate::{cache, host_mirrors, workspace};

const REPOSITORIES: [&str; 3] = ["trixie", "trixie-updates", "trixie-security"];

/// An apt of its own: no configuration, state or installed package of the host.
pub struct Apt {
    folder: PathBuf,
    /// Held while it lives: tests that run beside each other share the folder.
    _lock: File,
}

impl Apt {
    /// Brings the indexes of Debian 13 up to date.
    pub fn updated() -> Apt {
        let folder = cache().join("apt");
        fs::create_dir_all(&folder).unwrap();
        let lock = File::create(folder.join("in-use")).unwrap();
        lock.lock().unwrap();
        let apt = Apt { folder, _lock: lock };
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

    /// A path in its folder.
    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    /// Runs `apt-get` and demands success.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command().args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "apt-get {}: {errors}", arguments.join(" "));
        String::from_utf8(output.stdout).unwrap()
    }

    fn command(&self) -> Command {
        let mut apt = Command::new("apt-get");
        apt.env("APT_CONFIG", self.path("apt.conf")).env("LC_ALL", "C");
        apt
    }

    /// What apt would install, as `name version`.
    pub fn install<'a>(&self, names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
        let arguments = ["--simulate", "--no-install-recommends", "install"];
        let told = self.run(&arguments.into_iter().chain(names).collect::<Vec<_>>());
        // Inst mawk (1.3.4 Debian:13.1/stable [amd64])
        let installed = told.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_once(" ("));
        installed.map(|(name, rest)| format!("{name} {}", rest.split(' ').next().unwrap_or(""))).collect()
    }

    /// The archive of a package, in `folder`. One that is there already is not downloaded again.
    pub fn download(&self, package: &str, folder: &Path) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        let uris = self.run(&["download", "--print-uris", package]);
        // 'http://…/linux-source-6.12_6.12.1-1_all.deb' linux-source-6.12_6.12.1-1_all.deb 153476148 SHA256:…
        let fields: Vec<&str> = uris.split_whitespace().collect();
        let [_, name, size, ..] = fields[..] else { panic!("apt-get download --print-uris {package}: {uris}") };
        let archive = folder.join(name);
        if fs::metadata(&archive).map(|known| known.len().to_string()).ok().as_deref() != Some(size) {
            let mut apt = self.command();
            let status = apt.current_dir(folder).args(["download", package]).status().unwrap();
            assert!(status.success(), "apt-get download {package}");
        }
        archive
    }

    /// The index of the files apt has brought, each checked against its repository's `Release`.
    pub fn index(&self) -> Index {
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
