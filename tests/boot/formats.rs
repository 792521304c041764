//! Disks as virtual machines take them, started by one: on request.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs;

use rootsmith_tests::machine::run_boot;
use rootsmith_tests::{copy_workspace, judge, judges, on_request, succeed};

/// The ending of the file, and QEMU's word for it.
const DRIVES: [(&str, &str); 5] =
    [("qcow2", "qcow2"), ("vmdk", "vmdk"), ("vhdx", "vhdx"), ("vdi", "vdi"), ("vhd", "vpc")];

#[test]
fn each_drive_comes_to_its_login() {
    if !on_request() || !judges(&["qemu-system-x86_64", "qemu-img"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    let profile = fs::read_to_string(folder.path().join("profiles/busybox-appliance.toml")).unwrap();
    let formats = r#"format = ["qcow2-zstd", "vmdk", "vhdx", "vdi", "vhd"]"#;
    let profile = profile.replace("busybox-appliance", "drives").replace(r#"format = ["raw"]"#, formats);
    fs::write(folder.path().join("profiles/drives.toml"), profile).unwrap();
    succeed(folder.path(), &["build", "profiles/drives.toml"]);
    for (ending, driver) in DRIVES {
        let image = folder.path().join(format!("outputs/drives-amd64/drives-amd64.{ending}"));
        // What the machine writes goes elsewhere, and the format is told, not guessed.
        let over = folder.path().join("over.qcow2");
        let words =
            ["create", "-q", "-f", "qcow2", "-F", driver, "-b", image.to_str().unwrap(), over.to_str().unwrap()];
        judge("qemu-img", &words);
        let console = run_boot(folder.path(), &[over.to_str().unwrap(), "--arch", "amd64", "--until", "login:"]);
        assert!(console.contains("login:"), "{ending}: {console}");
    }
}
