//! A machine without a disk: a kernel, and an initramfs that is the whole system.
#![allow(missing_docs)]

use std::fs;
use std::time::Duration;

use rootsmith_tests::machine::qemu;
use rootsmith_tests::{copy_workspace, judge, judges, on_request, run, said, succeed, workspace};

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

/// The script of builder/docs/netboot.md, from the server that QEMU has in itself.
fn script() -> String {
    let page = fs::read_to_string(workspace().join("builder/docs/netboot.md")).unwrap();
    let (_, rest) = page.split_once("## iPXE\n\n```\n").unwrap();
    let (script, _) = rest.split_once("```").unwrap();
    assert!(script.starts_with("#!ipxe\n"), "{script}");
    script.replace("http://SERVER/", "").replace("NAME-amd64", NAME)
}

#[test]
fn ipxe_starts_the_pair_by_a_bios_and_by_uefi() {
    if !on_request() || !judges(&["qemu-system-x86_64"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    succeed(folder.path(), &["build", "--arch", "amd64", "profiles/pxe-appliance.toml"]);
    let served = folder.path().join("outputs").join(NAME);
    fs::write(served.join("script.ipxe"), script()).unwrap();
    // The card brings iPXE along for either firmware.
    let card = format!("user,model=virtio-net-pci,tftp={},bootfile=script.ipxe", served.display());
    let machine = ["-m", "512", "-nographic", "-nodefaults", "-serial", "stdio", "-no-reboot", "-boot", "n"];
    let variables = folder.path().join("variables.fd");
    fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).unwrap();
    let code = "if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd";
    let variables = format!("if=pflash,format=raw,unit=1,file={}", variables.display());
    let uefi = ["-machine", "q35", "-drive", code, "-drive", &variables];
    for firmware in [&[][..], &uefi] {
        let words = [&machine[..], &["-nic", &card], firmware].concat();
        let console = qemu("qemu-system-x86_64", &words, " login:", Duration::from_secs(300));
        assert!(console.contains("script.ipxe : "), "{console}");
        let by_uefi = console.contains("EFI stub: Loaded initrd from command line option");
        assert_eq!(by_uefi, !firmware.is_empty(), "{console}");
    }
}
