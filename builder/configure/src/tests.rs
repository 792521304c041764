//! Whole packages, made by hand, through the whole step.

mod catalogs;
mod cloud_init;
mod openrc;
mod report;
mod scripts;
mod update;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rootsmith_assemble::{Assembly, Owner, Package, unpack};
use rootsmith_lock::{Archive, LockedPackage, Role, Why};
use rootsmith_package::{Control, PackedEntry, PackedKind, Unpacked};
use rootsmith_profile::Profile;
use rootsmith_tree::{Blob, Blobs, PackId};
use rootsmith_types::{Arch, ContentDigest, Explain, Sha256Digest, SourceEntry, Sources, Subject, TreePath};

use crate::edit::testing::{target, text};
use crate::models::Models;
use crate::script::{own_digests, split};
use crate::{Class, ConfigureError, Counts, Input, Report, configure, configure_with, enable_services};

const PROFILE: &str = r#"
schema = 1
[image]
name = "node"
arch = ["amd64"]
[distribution]
id = "debian"
suite = "trixie"
[packages]
include = ["base-files"]
[kernel]
package = "linux-image-amd64"
modules = ["overlay", "br_netfilter"]
[hosts]
"127.0.0.1" = ["localhost", "loopback"]
"::1" = ["localhost"]
[[output]]
kind = "tar"
[init]
system = "systemd"
"#;

/// The contents of all files, one after another.
#[derive(Default)]
struct Pack(Vec<u8>);

impl Blobs for Pack {
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let from = (blob.offset + offset) as usize;
        buf.copy_from_slice(&self.0[from..from + buf.len()]);
        Ok(())
    }

    fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

struct One(String);

impl Sources for One {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == Path::new("test.toml") { Ok(self.0.clone().into()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn open(&self, _: &Path) -> io::Result<Box<dyn io::Read + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<SourceEntry>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

fn profile(extra: &str) -> Profile {
    rootsmith_profile::load(Path::new("test.toml"), &One(format!("{PROFILE}{extra}"))).unwrap()
}

fn package(pack: &mut Pack, name: &str, fields: &str, control: &[(&str, &str)], files: &[(&str, &str)]) -> Package {
    let mut entries = BTreeMap::new();
    let entry = |path: &str, kind, mode| {
        let path = path.as_bytes().to_vec();
        PackedEntry { path, kind, mode, uid: 0, gid: 0, mtime: 7, xattrs: Vec::new() }
    };
    entries.insert("/".to_owned(), entry("/", PackedKind::Directory, 0o755));
    for (path, content) in files {
        for (at, _) in path.match_indices('/').skip(1) {
            entries.insert(path[..at].to_owned(), entry(&path[..at], PackedKind::Directory, 0o755));
        }
        let (offset, size) = (pack.0.len() as u64, content.len() as u64);
        pack.0.extend_from_slice(content.as_bytes());
        let kind = PackedKind::File { offset, size, digest: ContentDigest::of(content.as_bytes()) };
        entries.insert((*path).to_owned(), entry(path, kind, 0o644));
    }
    let members = control.iter().map(|(name, text)| ((*name).to_owned(), (0o644, text.as_bytes().to_vec()))).collect();
    let stanza = format!(
        "Package: {name}\nVersion: 1.0-1\nArchitecture: amd64\n{fields}Description: a test\n of it\nHomepage: x\n"
    );
    let locked = LockedPackage {
        name: name.parse().unwrap(),
        role: Role::Root,
        version: "1.0-1".to_owned(),
        architecture: "amd64".to_owned(),
        archive: Archive::Main,
        filename: String::new(),
        size: 0,
        sha256: Sha256Digest::of(name.as_bytes()),
        why: Why::Requested,
    };
    let unpacked = Unpacked { control: Control { stanza, members }, entries: entries.into_values().collect() };
    Package { locked, unpacked: Arc::new(unpacked), pack: PackId(0) }
}

fn run(profile: &Profile, packages: &[Package], pack: &Pack) -> Result<(Assembly, Report), Vec<ConfigureError>> {
    let mut assembly = unpack(profile, packages, &[], Arch::Amd64, 86_400).unwrap();
    let input = Input { profile, packages, arch: Arch::Amd64, date: 86_400 };
    let report = configure(&mut assembly, &input, pack)?;
    Ok((assembly, report))
}

const ENABLE: &str = "\
# Automatically added by dh_installsystemd/13.24
if [ \"$1\" = \"configure\" ]; then
\tif deb-systemd-helper --quiet was-enabled 'd.service'; then
\t\tdeb-systemd-helper enable 'd.service' >/dev/null || true
\tfi
fi
# End automatically added section
";

fn daemon(pack: &mut Pack) -> Package {
    let postinst = format!("#!/bin/sh\nset -e\n{ENABLE}");
    let control = [
        ("postinst", postinst.as_str()),
        ("conffiles", "/etc/d.conf\nremove-on-upgrade /etc/old.conf\n"),
        ("triggers", "interest-noawait /usr/lib/d\ninterest d-trigger\nactivate-noawait ldconfig\n"),
    ];
    let files =
        [("/etc/d.conf", "conf"), ("/usr/lib/systemd/system/d.service", "[Install]\nWantedBy=multi-user.target\n")];
    package(pack, "daemon", "Multi-Arch: same\nEssential: yes\n", &control, &files)
}

#[test]
fn the_database_is_what_dpkg_would_have_written() {
    let mut pack = Pack::default();
    let packages = [daemon(&mut pack), package(&mut pack, "dpkg", "", &[], &[])];
    let (assembly, report) = run(&profile(""), &packages, &pack).unwrap();
    let status = text(&assembly, "/var/lib/dpkg/status");
    let (first, second) = status.split_at(status.find("Package: dpkg").unwrap());
    assert!(second.contains("Status: install ok installed"));
    assert_eq!(
        first,
        "Package: daemon\nEssential: yes\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\n\
         Version: 1.0-1\nConffiles:\n /etc/d.conf e4d92d22466bcc4f32ca5b2bcdae1dff\n /etc/old.conf newconffile remove-on-upgrade\n\
         Description: a test\n of it\nHomepage: x\n\n"
            .replace("e4d92d22466bcc4f32ca5b2bcdae1dff", &crate::database::md5(b"conf"))
    );
    let list = text(&assembly, "/var/lib/dpkg/info/daemon:amd64.list");
    assert!(list.starts_with("/.\n/etc\n/etc/d.conf\n/usr\n"), "{list}");
    assert_eq!(text(&assembly, "/var/lib/dpkg/triggers/File"), "/usr/lib/d daemon:amd64/noawait\n");
    assert_eq!(text(&assembly, "/var/lib/dpkg/triggers/d-trigger"), "daemon:amd64\n");
    let postinst = assembly.tree.get(&TreePath::literal("/var/lib/dpkg/info/daemon:amd64.postinst")).unwrap();
    assert_eq!(postinst.metadata.mode, 0o755);
    let wants = "/etc/systemd/system/multi-user.target.wants/d.service";
    // There is no systemctl.
    assert_eq!(target(&assembly, wants), "/lib/systemd/system/d.service");
    let owner = Owner::Script("daemon".parse().unwrap());
    assert_eq!(assembly.owners.exactly(&TreePath::literal(wants)), Some(&owner));
    let counts = Counts { packages: 2, nothing_to_do: 1, snippets: 1, ..Counts::default() };
    assert_eq!((&report.packages[0].class, report.counts()), (&Class::Snippets, counts));
}

#[test]
fn without_dpkg_there_is_no_database() {
    let mut pack = Pack::default();
    let packages = [daemon(&mut pack)];
    let (assembly, _) = run(&profile(""), &packages, &pack).unwrap();
    assert!(assembly.tree.get(&TreePath::literal("/var/lib/dpkg")).is_none());
    // And without base-passwd there is somebody to log in.
    assert!(text(&assembly, "/etc/passwd").starts_with("root:x:0:0:root:/root:/bin/sh\n"));
    assert!(text(&assembly, "/etc/shadow").starts_with("root:*:1:"));
}

#[test]
fn the_profile_says_what_kind_of_database_there_is() {
    let mut pack = Pack::default();
    let tool = package(&mut pack, "tool", "", &[("md5sums", "0123  usr/bin/tool\n")], &[("/usr/bin/tool", "")]);
    let with_dpkg = [daemon(&mut pack), package(&mut pack, "dpkg", "", &[], &[]), tool];
    let without = [daemon(&mut pack)];
    let found = |packages: &[Package], kind: &str| {
        let text = PROFILE.replace("[packages]\n", &format!("[packages]\ndatabase = \"{kind}\"\n"));
        let profile = rootsmith_profile::load(Path::new("test.toml"), &One(text)).unwrap();
        run(&profile, packages, &pack).unwrap().0
    };
    let has = |assembly: &Assembly, path: &str| assembly.tree.get(&TreePath::new(path).unwrap()).is_some();

    let folder = found(&with_dpkg, "status.d");
    let names: Vec<_> = folder.tree.children(&TreePath::literal("/var/lib/dpkg/status.d")).collect();
    assert_eq!(names, [&b"daemon"[..], b"dpkg", b"tool", b"tool.md5sums"]);
    let control = "Package: tool\nVersion: 1.0-1\nArchitecture: amd64\nDescription: a test\n of it\nHomepage: x\n";
    assert_eq!(text(&folder, "/var/lib/dpkg/status.d/tool"), control);
    assert_eq!(text(&folder, "/var/lib/dpkg/status.d/tool.md5sums"), "0123  usr/bin/tool\n");
    assert!(!has(&folder, "/var/lib/dpkg/status") && !has(&folder, "/var/lib/dpkg/info/format"));

    let none = found(&with_dpkg, "none");
    assert!(!has(&none, "/var/lib/dpkg/status") && !has(&none, "/var/lib/dpkg/status.d"));
    // Whoever looks into the image from outside may bring dpkg along.
    let whole = found(&without, "dpkg");
    assert!(text(&whole, "/var/lib/dpkg/status").starts_with("Package: daemon\n"));
    assert!(has(&whole, "/var/lib/dpkg/info/daemon:amd64.list") && !has(&whole, "/var/lib/dpkg/status.d"));
}

#[test]
fn md5_is_md5() {
    // RFC 1321, appendix A.5.
    assert_eq!(crate::database::md5(b"message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
}

#[test]
fn the_profile_names_the_machine_and_nobody_is_asked() {
    let mut pack = Pack::default();
    let packages =
        [package(&mut pack, "systemd", "", &[], &[("/usr/lib/systemd/system/systemd-firstboot.service", "")])];
    let (assembly, _) = run(&profile(""), &packages, &pack).unwrap();
    assert_eq!(text(&assembly, "/etc/hostname"), "node\n");
    assert_eq!(text(&assembly, "/etc/hosts"), "127.0.0.1\tlocalhost loopback\n::1\tlocalhost\n");
    assert_eq!(text(&assembly, "/etc/machine-id"), "uninitialized\n");
    assert_eq!(text(&assembly, "/etc/modules-load.d/profile.conf"), "overlay\nbr_netfilter\n");
    assert_eq!(target(&assembly, "/etc/systemd/system/systemd-firstboot.service"), "/dev/null");
    assert!(matches!(assembly.owners.of(&TreePath::literal("/etc/hosts")), Some(Owner::Profile(_))));
}

#[test]
fn a_script_that_is_not_modelled_fails_with_its_lines() {
    let mut pack = Pack::default();
    let script = "#!/bin/sh\nset -e\n\nif [ \"$1\" = configure ]; then\n    update-thing --now\nfi\n";
    let packages = [package(&mut pack, "thing", "", &[("postinst", script)], &[]), daemon(&mut pack)];
    let errors = run(&profile(""), &packages, &pack).unwrap_err();
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert_eq!(
        error.to_string(),
        "the `postinst` script of `thing` is not modelled: `update-thing --now` is not known"
    );
    assert_eq!(error.subject(), Subject::Package("thing".parse().unwrap()));
    assert_eq!(error.notes()[0].text, "line 5:     update-thing --now");
    let help = error.help().unwrap();
    assert!(help.contains("leave the package out") && help.contains("thing = { ignore ="), "{help}");
}

#[test]
fn the_profile_answers_for_a_script_and_its_snippets_still_count() {
    let mut pack = Pack::default();
    let script = format!("#!/bin/sh\nupdate-thing --now\n{ENABLE}exit 0\n");
    let files = [("/usr/lib/systemd/system/d.service", "[Install]\nWantedBy=multi-user.target\n")];
    let packages = [package(&mut pack, "thing", "", &[("postinst", &script)], &files)];
    let profile = profile("[scripts]\nthing = { ignore = \"an overlay brings it\" }\n");
    let (assembly, report) = run(&profile, &packages, &pack).unwrap();
    assert_eq!(report.packages[0].class, Class::Answered("an overlay brings it".to_owned()));
    assert_eq!(report.answered().count(), 1);
    target(&assembly, "/etc/systemd/system/multi-user.target.wants/d.service");
}

#[test]
fn the_profile_may_leave_a_script_to_the_first_boot() {
    let mut pack = Pack::default();
    let preinst = "#!/bin/sh\nset -e\nmkdir /var/lib/thing\n";
    let postinst = format!("#!/bin/sh\nupdate-thing --now\n{ENABLE}exit 0\n");
    let files = [("/usr/lib/systemd/system/d.service", "[Install]\nWantedBy=multi-user.target\n")];
    let scripts = [("preinst", preinst), ("postinst", &postinst)];
    let thing = package(&mut pack, "thing", "", &scripts, &files);
    let dpkg = package(&mut pack, "dpkg", "", &[], &[("/usr/bin/dpkg", "")]);
    let profile = profile("[scripts]\nthing = { first-boot = \"it asks the machine\" }\n");
    let (assembly, report) = run(&profile, &[thing.clone(), dpkg], &pack).unwrap();
    let class = |name: &str| &report.packages.iter().find(|package| package.name.as_str() == name).unwrap().class;
    assert_eq!(*class("thing"), Class::FirstBoot("it asks the machine".to_owned()));
    target(&assembly, "/etc/systemd/system/multi-user.target.wants/d.service");
    assert_eq!(text(&assembly, "/var/lib/rootsmith/package-setup"), "thing\n");
    assert!(assembly.tree.get(&TreePath::literal("/var/lib/thing")).is_some(), "what comes before is done here");
    let errors = run(&profile, &[thing], &pack).unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        "nothing configures `thing` on the first boot: the image has no dpkg, or not its database"
    );
    assert!(matches!(errors[0].subject(), Subject::Profile(_)));
}

#[test]
fn a_model_holds_for_the_text_it_was_made_for_only() {
    let own = "#!/bin/sh\nunknown-to-us x86_64-linux-gnu\n";
    let script = format!("{own}{ENABLE}");
    let [digest, as_it_is] = own_digests(&split(&script).own, Arch::Amd64, "");
    assert_eq!(digest, Sha256Digest::of(b"#!/bin/sh\nunknown-to-us @MULTIARCH@\n"));
    // Debian's systemd names the tuple of arm64 on every architecture.
    assert_eq!([as_it_is; 2], own_digests(own, Arch::Arm64, ""));
    let model = format!(
        "[[model]]\npackage = \"thing\"\nscript = \"postinst\"\nsha256 = [\"{digest}\"]\nwhy = \"makes a folder\"\n\
         does = \"mkdir -p /var/lib/@MULTIARCH@\"\nfiles.\"/etc/thing\" = \"text\"\n"
    );
    let models = Models::parse(&[("test", &model)]).unwrap();
    let configure_one = |script: &str| {
        let mut pack = Pack::default();
        let packages = [package(&mut pack, "thing", "", &[("postinst", script)], &[("/usr/x", "")])];
        let profile = profile("");
        let mut assembly = unpack(&profile, &packages, &[], Arch::Amd64, 0).unwrap();
        let input = Input { profile: &profile, packages: &packages, arch: Arch::Amd64, date: 0 };
        configure_with(&models, &mut assembly, &input, &pack).map(|report| (assembly, report))
    };
    let (assembly, report) = configure_one(&script).unwrap();
    assert_eq!(report.packages[0].class, Class::Modelled);
    assert!(assembly.tree.get(&TreePath::literal("/var/lib/x86_64-linux-gnu")).is_some());
    assert_eq!(text(&assembly, "/etc/thing"), "text");
    let errors = configure_one(&script.replace("unknown-to-us", "unknown-to-us --more")).unwrap_err();
    assert!(matches!(errors[..], [ConfigureError::NotModelled { changed: true, .. }]), "{errors:?}");
}

#[test]
fn the_order_of_packages_does_not_matter() {
    let mut pack = Pack::default();
    let group =
        |name: &str| format!("#!/bin/sh\naddgroup --system {name}\nmkdir -p /srv/{name}\nchgrp {name} /srv/{name}\n");
    let (zebra, apple) = (group("zebra"), group("apple"));
    let mut packages = vec![
        package(&mut pack, "zebra", "", &[("postinst", &zebra)], &[("/usr/z", "")]),
        package(&mut pack, "apple", "", &[("postinst", &apple)], &[("/usr/a", "")]),
        daemon(&mut pack),
    ];
    let (first, _) = run(&profile(""), &packages, &pack).unwrap();
    packages.reverse();
    let (second, _) = run(&profile(""), &packages, &pack).unwrap();
    assert_eq!(first.tree.dump(), second.tree.dump());
    let group = |name| first.tree.get(&TreePath::literal(name)).unwrap().metadata.gid;
    assert!(group("/srv/zebra") >= 300 && group("/srv/zebra") != group("/srv/apple"));
}

#[test]
fn an_account_that_nobody_makes_is_named() {
    let mut pack = Pack::default();
    let script = "#!/bin/sh\nmkdir -p /srv/x\nchown nobody-made-me:0 /srv/x\n";
    let packages = [package(&mut pack, "thing", "", &[("postinst", script)], &[("/usr/x", "")])];
    let errors = run(&profile(""), &packages, &pack).unwrap_err();
    assert!(errors[0].to_string().ends_with("chown: there is no account `nobody-made-me:0`"), "{}", errors[0]);
    assert_eq!(errors[0].subject(), Subject::Package("thing".parse().unwrap()));
}

#[test]
fn services_are_enabled_by_name_and_unknown_ones_are_suggested() {
    let mut pack = Pack::default();
    let packages = [daemon(&mut pack)];
    let services = |lines: &str| {
        let profile = profile(lines);
        let mut assembly = unpack(&profile, &packages, &[], Arch::Amd64, 0).unwrap();
        let input = Input { profile: &profile, packages: &packages, arch: Arch::Amd64, date: 0 };
        enable_services(&mut assembly, &input, &pack).map(|done| (assembly, done))
    };
    let (assembly, done) = services("enable = [\"d\"]\n").unwrap();
    assert_eq!(done, ["enable d.service"]);
    let wants = TreePath::literal("/etc/systemd/system/multi-user.target.wants/d.service");
    assert!(matches!(assembly.owners.exactly(&wants), Some(Owner::Profile(_))));
    let (assembly, _) = services("enable = [\"d\"]\ndisable = [\"d.service\"]\n").unwrap();
    assert!(assembly.tree.get(&wants).is_none());
    let errors = services("enable = [\"dd\", \"completely-different\"]\n").unwrap_err();
    let shown: Vec<_> = errors.iter().map(|error| (error.to_string(), error.help().unwrap())).collect();
    assert_eq!(shown[0], ("there is no unit `dd.service`".to_owned(), "did you mean `d.service`?".to_owned()));
    assert!(shown[1].1.starts_with("add the package or the overlay"), "{shown:?}");
}
