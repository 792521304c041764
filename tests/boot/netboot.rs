//! A machine without a disk: a kernel, and an initramfs that is the whole system.
#![allow(missing_docs)]

use std::fs;
use std::time::Duration;

use rootsmith_tests::machine::qemu;
use rootsmith_tests::{copy_workspace, judge, judges, run, said, succeed};

const NAME: &str = "pxe-appliance-amd64";

#[test]
fn the_pair_for_the_network_is_read_by_others_and_reaches_its_login_prompt() {
    if !judges(&["qemu-system-x86_64", "cpio", "sh", "zstd"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    let build = ["build", "--arch", "amd64", "profiles/pxe-appliance.toml"];
    succeed(folder.path(), &build);
    let file = |outputs: &str, extension: &str| folder.path().join(format!("{outputs}/{NAME}/{NAME}.{extension}"));
    let [kernel, initrd, words] = ["vmlinuz", "initrd.zst", "cmdline"].map(|extension| file("outputs", extension));

    let listed = judge("sh", &["-c", &format!("zstd -dcq {} | cpio -it --quiet", initrd.to_str().unwrap())]);
    for name in ["init", "bin", "etc/fstab", "usr/bin/busybox"] {
        assert!(listed.lines().any(|line| line == name), "{name}: {listed}");
    }
    let output = run(folder.path(), &["preflight", initrd.to_str().unwrap(), "--set", "boot"]);
    assert!(output.status.success(), "{}", said(&output));

    let words = fs::read_to_string(words).unwrap();
    assert_eq!(words, "console=ttyS0\n");
    let machine = ["-m", "512", "-nographic", "-nodefaults", "-serial", "stdio", "-no-reboot", "-net", "none"];
    let parts = ["-kernel", kernel.to_str().unwrap(), "-initrd", initrd.to_str().unwrap(), "-append", words.trim()];
    let console = qemu("qemu-system-x86_64", &[&machine[..], &parts].concat(), " login:", Duration::from_secs(180));
    assert!(console.lines().last().unwrap_or_default().starts_with("appliance-"), "{console}");
    assert!(!console.contains("can't read '/etc/fstab'"), "{console}");

    succeed(folder.path(), &[&build[..], &["--jobs", "1", "--output", "again"]].concat());
    assert!(fs::read(file("again", "initrd.zst")).unwrap() == fs::read(&initrd).unwrap(), "other bytes");
}
