//! The tree that the real program makes, beside the one that mmdebstrap and dpkg make of the same packages.
//!
//! Ours never ran a maintainer script; theirs ran them all. What differs is listed in `tests/golden/mmdebstrap-differences.toml`, each
//! line with its reason, and nothing else may.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs::{self, File};
use std::io::Read;

use rootsmith_tests::oracle_tree::{Accepted, compare, of_folder, of_tree};
use rootsmith_tests::{cache, copy_workspace, host_mirrors, judge, judges, succeed, workspace};
use rootsmith_verify::{Kind, Slice, read_back};

/// Without what a profile adds of its own: overlay, drops, services.
const PROFILE: &str = r#"
schema = 1
extends = ["base/debian-systemd.toml"]
[image]
name = "oracle"
arch = ["amd64"]
[packages]
include = ["openssh-server", "chrony", "iptables", "nftables", "containerd", "runc"]
[kernel]
package = "linux-image-cloud-amd64"
[init]
enable = { replace = [] }
[[output]]
kind = "tar"
"#;

#[test]
fn the_tree_is_what_dpkg_makes_of_the_same_packages() {
    if !judges(&["mmdebstrap", "dpkg", "zstd"]) || judge("id", &["-u"]).trim() != "0" {
        eprintln!("skipped: mmdebstrap makes device nodes and changes owners, which takes root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    fs::write(folder.path().join("profiles/oracle.toml"), PROFILE).unwrap();
    succeed(folder.path(), &["lock", "profiles/oracle.toml"]);
    succeed(folder.path(), &["build", "--locked", "profiles/oracle.toml"]);

    // Reading back starts a compressed archive again for each content, so it is decompressed first.
    let packed = folder.path().join("outputs/oracle-amd64/oracle-amd64.rootfs.tar.zst");
    let tar = folder.path().join("root.tar");
    judge("zstd", &["-q", "-d", packed.to_str().unwrap(), "-o", tar.to_str().unwrap()]);
    let file = File::open(&tar).unwrap();
    let length = file.metadata().unwrap().len();
    let ours = read_back(Kind::Tar, Slice::new(&file, 0, length)).unwrap();
    let ours = of_tree(&ours.tree, &ours).unwrap();

    let lock: toml::Table = fs::read_to_string(folder.path().join("profiles/oracle.lock")).unwrap().parse().unwrap();
    let packages = lock["amd64"]["package"].as_array().unwrap();
    let names: Vec<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let root = folder.path().join("root");
    let include = format!("--include={}", names.join(","));
    let mirrors = host_mirrors();
    let suites = [(&mirrors.main, "trixie"), (&mirrors.main, "trixie-updates"), (&mirrors.security, "trixie-security")];
    let sources: Vec<String> = suites.iter().map(|(url, suite)| format!("deb {url} {suite} main")).collect();
    let mut arguments = vec!["--mode=root", "--variant=essential", &include];
    arguments.extend(["--aptopt=APT::Install-Recommends \"false\"", "trixie", root.to_str().unwrap()]);
    arguments.extend(sources.iter().map(String::as_str));
    // The day of the last password change is ours: that of the newest repository.
    let repositories = lock["amd64"]["repository"].as_array().unwrap();
    let date = repositories.iter().map(|repository| repository["date"].to_string()).max().unwrap();
    let epoch = format!("SOURCE_DATE_EPOCH={}", judge("date", &["--utc", "--date", &date, "+%s"]).trim());
    let mut run = vec![epoch.as_str(), "mmdebstrap"];
    run.extend(arguments);
    judge("env", &run);
    assert_same_versions(&root, packages);

    let differences = compare(&ours, &of_folder(&root).unwrap());
    let golden = fs::read_to_string(workspace().join("tests/golden/mmdebstrap-differences.toml")).unwrap();
    let accepted = Accepted::parse(&golden).unwrap();
    let (left, unused) = accepted.judge(&differences);
    let left: Vec<String> = left.iter().map(ToString::to_string).collect();
    assert!(left.is_empty(), "{} differences without a reason:\n{}", left.len(), left.join("\n"));
    assert_eq!(unused, [""; 0], "rules that accept nothing");
    assert!(ours.len() > 5000 && cache().exists(), "too few entries to mean anything: {}", ours.len());
}

/// A mirror that moved on between the two would show as differences of content; say so plainly.
fn assert_same_versions(root: &std::path::Path, packages: &[toml::Value]) {
    let mut status = String::new();
    File::open(root.join("var/lib/dpkg/status")).unwrap().read_to_string(&mut status).unwrap();
    for package in packages.iter().filter(|package| package["role"].as_str() == Some("root")) {
        let name = package["name"].as_str().unwrap();
        let stanza = status.split("\n\n").find(|stanza| stanza.starts_with(&format!("Package: {name}\n")));
        let version = stanza.and_then(|stanza| stanza.lines().find_map(|line| line.strip_prefix("Version: ")));
        assert_eq!(version, package["version"].as_str(), "{name}: the mirror moved on, run the test again");
    }
}
