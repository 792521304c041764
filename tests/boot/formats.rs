//! Disks as virtual machines take them, started by one: on request.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs;

use rootsmith_tests::machine::run_boot;
use rootsmith_tests::{copy_workspace, judge, judges, on_request, succeed};

/// Formats that one disk may have at a time (no two have one ending); the ending of each, and QEMU's word for it.
const DRIVES: [&[(&str, &str, &str)]; 3] = [
    &[
        ("qcow2-zstd", "qcow2", "qcow2"),
        ("vmdk", "vmdk", "vmdk"),
        ("vhdx", "vhdx", "vhdx"),
        ("vdi", "vdi", "vdi"),
        ("vhd", "vhd", "vpc"),
    ],
    &[("qcow2", "qcow2", "qcow2"), ("vmdk-sparse", "vmdk", "vmdk"), ("vhd-fixed", "vhd", "vpc")],
    &[("qcow2-zlib", "qcow2", "qcow2")],
];

#[test]
fn each_drive_comes_to_its_login() {
    if !on_request() || !judges(&["qemu-system-x86_64", "qemu-img"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    let profile = fs::read_to_string(folder.path().join("profiles/busybox-appliance.toml")).unwrap();
    for drives in DRIVES {
        let formats: Vec<&str> = drives.iter().map(|(format, ..)| *format).collect();
        let profile = profile.replace("busybox-appliance", "drives");
        let profile = profile.replace(r#"format = ["raw"]"#, &format!("format = {formats:?}"));
        fs::write(folder.path().join("profiles/drives.toml"), profile).unwrap();
        succeed(folder.path(), &["build", "profiles/drives.toml"]);
        for (format, ending, driver) in drives {
            let image = folder.path().join(format!("outputs/drives-amd64/drives-amd64.{ending}"));
            // What the machine writes goes elsewhere, and the format is told, not guessed.
            let over = folder.path().join("over.qcow2");
            let words =
                ["create", "-q", "-f", "qcow2", "-F", driver, "-b", image.to_str().unwrap(), over.to_str().unwrap()];
            judge("qemu-img", &words);
            let console = run_boot(folder.path(), &[over.to_str().unwrap(), "--arch", "amd64", "--until", "login:"]);
            assert!(console.contains("login:"), "{format}: {console}");
        }
    }
}
