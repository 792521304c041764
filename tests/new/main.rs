//! `rootsmith new` in an empty folder, and what its user does next.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs;

use rootsmith_tests::machine::run_boot;
use rootsmith_tests::{judges, on_request, said, succeed};

#[test]
fn every_template_is_a_profile_that_passes_its_checks() {
    let empty = tempfile::tempdir().unwrap();
    let listed = succeed(empty.path(), &["new", "--list"]).stdout;
    let listed = String::from_utf8(listed).unwrap();
    let templates: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(templates, ["k0s-worker", "appliance", "raspberry-pi", "golden-vm"]);
    for template in templates {
        let folder = tempfile::tempdir().unwrap();
        let made = succeed(folder.path(), &["new", "mine", "--template", template]);
        assert!(String::from_utf8_lossy(&made.stdout).starts_with("mine.toml\n"), "{}", said(&made));
        succeed(folder.path(), &["preflight", "mine.toml"]);
    }
}

/// The commands that `new` says come next, as it says them.
#[test]
fn what_comes_next_is_a_machine_that_is_told_its_name() {
    if !on_request() || !judges(&["qemu-system-x86_64"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = succeed(folder.path(), &["new", "web"]);
    let next = String::from_utf8(made.stderr).unwrap();
    let key = folder.path().join("key.pub");
    fs::write(&key, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEv3mLkGkKlMb8rDbEBwWUtfbBJPLGLHJLGs9RuqZsJX a\n").unwrap();
    let next = next.replace("~/.ssh/id_ed25519.pub", "key.pub").replace("--hostname web", "--hostname web-1");
    let commands: Vec<Vec<&str>> = next
        .lines()
        .filter_map(|line| line.trim().strip_prefix("rootsmith "))
        .map(|line| line.split_whitespace().collect())
        .collect();
    let [build, seed, boot] = commands.as_slice() else { panic!("{next}") };
    succeed(folder.path(), build);
    succeed(folder.path(), seed);
    assert_eq!(boot[0], "boot");
    run_boot(folder.path(), &[&boot[1..], &["--until", "web-1 login:"]].concat());
}
