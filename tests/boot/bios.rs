//! One image that a BIOS and UEFI start: built once, judged, damaged, and started by both.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rootsmith_tests::machine::{boot, build_with_probe};
use rootsmith_tests::{copy_workspace, judge, judges, on_request, partition, run, said, succeed};
use tempfile::TempDir;

const NAME: &str = "bios-and-uefi";

/// The core image begins in the first partition, at 1 MiB.
const CORE: u64 = 1 << 20;

/// The shipped profile's image.
fn built() -> &'static (TempDir, PathBuf) {
    static BUILT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        copy_workspace(folder.path());
        succeed(folder.path(), &["build", &format!("profiles/{NAME}.toml")]);
        let image = folder.path().join(format!("outputs/{NAME}-amd64/{NAME}-amd64.img"));
        (folder, image)
    })
}

/// A file of the EFI system partition.
fn on_esp(esp: &Path, path: &str) -> String {
    judge("mtype", &["-i", esp.to_str().unwrap(), &format!("::{path}")])
}

#[test]
fn there_is_one_kernel_for_both_and_the_same_words_for_it() {
    if !judges(&["mdir", "mtype", "sfdisk"]) {
        return;
    }
    let (folder, image) = built();
    let table = judge("sfdisk", &["--dump", image.to_str().unwrap()]);
    let first = table.lines().find(|line| line.contains(".img1")).unwrap();
    assert!(first.contains("start=        2048") && first.contains("21686148-6449-6E6F-744E-656564454649"), "{table}");
    let esp = folder.path().join("esp.img");
    partition(image, 2, &esp);
    let files = judge("mdir", &["-/", "-b", "-i", esp.to_str().unwrap(), "::"]);
    let kernels = files.lines().filter(|file| file.to_lowercase().contains("vmlinuz")).count();
    assert_eq!(kernels, 1, "{files}");
    let words = |text: &str, key: &str| {
        let line = text.lines().map(str::trim).find_map(|line| line.strip_prefix(key)).unwrap().trim().to_owned();
        line.strip_prefix("/vmlinuz ").unwrap_or(&line).to_owned()
    };
    let grub = on_esp(&esp, "/grub/grub.cfg");
    assert_eq!(words(&grub, "linux "), words(&on_esp(&esp, "/loader/entries/linux.conf"), "options "));
    assert!(grub.contains("serial --unit=0 --speed=115200"), "{grub}");
}

#[test]
fn a_bios_that_would_find_nothing_is_a_finding() {
    if !judges(&["mcopy", "mdel"]) {
        return;
    }
    let (folder, image) = built();
    let verdict = |image: &Path| {
        let output = run(folder.path(), &["preflight", image.to_str().unwrap(), "--set", "boot"]);
        (output.status.code(), said(&output))
    };
    let (code, whole) = verdict(image);
    assert_eq!(code, Some(0), "{whole}");
    let damaged = folder.path().join("damaged.img");
    for (at, finding) in [
        (0x5d, "the boot sector is GRUB's, and would not start"),
        (CORE + 505, "the boot sector is GRUB's, and would not start"),
        (CORE + 70_000, "its core image cannot be decompressed"),
    ] {
        fs::copy(image, &damaged).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(&damaged).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
        let (code, said) = verdict(&damaged);
        assert!(code == Some(1) && said.contains(finding), "byte {at}: {said}");
    }
    fs::copy(image, &damaged).unwrap();
    judge("mdel", &["-i", &format!("{}@@2M", damaged.display()), "::/grub/grub.cfg"]);
    let (code, text) = verdict(&damaged);
    assert!(code == Some(1) && text.contains("for which `/grub/grub.cfg` has no entry"), "{text}");
}

#[test]
fn a_bios_starts_it() {
    if judges(&["qemu-system-x86_64"]) {
        let (folder, image) = built();
        let console = boot(folder.path(), image, "login:", &["--firmware", "bios"]);
        assert!(console.contains("BOOT_IMAGE=/vmlinuz root=PARTUUID="), "{console}");
        assert!(!console.contains("efi: EFI v"), "{console}");
    }
}

#[test]
fn uefi_starts_the_same_image() {
    if judges(&["qemu-system-x86_64"]) {
        let (folder, image) = built();
        let console = boot(folder.path(), image, "login:", &[]);
        assert!(console.contains("efi: EFI v") && !console.contains("BOOT_IMAGE="), "{console}");
    }
}

/// In front of the partitions of an MBR, without UEFI.
#[test]
fn a_bios_starts_a_disk_with_an_mbr() {
    if !judges(&["qemu-system-x86_64"]) {
        return;
    }
    let (folder, _) = built();
    let profile = fs::read_to_string(folder.path().join(format!("profiles/{NAME}.toml"))).unwrap();
    let profile = profile.replace("\"gpt\"", "\"mbr\"").replace("[\"systemd-boot\", \"grub\"]", "\"grub\"");
    let profile = profile.replace("  { type = \"bios-boot\" },\n", "").replace("type = \"esp\"", "type = \"boot\"");
    let profile = profile.replace(&format!("name = \"{NAME}\""), "name = \"mbr\"");
    fs::write(folder.path().join("profiles/mbr.toml"), profile).unwrap();
    succeed(folder.path(), &["build", "profiles/mbr.toml"]);
    let image = folder.path().join("outputs/mbr-amd64/mbr-amd64.img");
    let console = boot(folder.path(), &image, "login:", &["--firmware", "bios"]);
    assert!(console.contains("BOOT_IMAGE=/vmlinuz root=PARTUUID="), "{console}");
}

/// systemd-boot counts down before it starts an entry or an image, and the system that came up takes the number away.
#[test]
fn tries_are_counted_until_the_system_is_up() {
    if !(on_request() && judges(&["mdir", "qemu-system-x86_64"])) {
        return;
    }
    let probe = r#"#!/bin/sh
exec >/dev/ttyS0 2>&1
until ls /boot/efi/loader/entries/linux.conf /boot/efi/EFI/Linux/tries.efi 2>/dev/null | grep -q .; do sleep 1; done
sync
echo "=== the boot was good"
"#;
    for (ways, folder, before) in [
        ("\"systemd-boot\"", "::/loader/entries", "linux+3.conf"),
        ("[\"uki\", \"systemd-boot\"]", "::/EFI/Linux", "tries+3.efi"),
    ] {
        let profile = format!(
            r#"
schema = 1
extends = ["base/debian-systemd.toml"]
[image]
name = "tries"
arch = ["amd64"]
[packages]
include = ["systemd-boot"]
[scripts]
systemd-boot = {{ ignore = "the image has its boot loader" }}
[kernel]
package = "linux-image-cloud-amd64"
cmdline = ["console=ttyS0", "systemd.mask=serial-getty@ttyS0.service"]
[[service]]
name = "probe"
exec = ["/usr/local/bin/probe"]
restart = "never"
[[output]]
kind = "disk"
table = "gpt"
boot = {ways}
boot-tries = 3
partitions = [{{ type = "esp", size = "128MiB" }}, {{ type = "root", size = "1GiB" }}]
"#
        );
        let (work, image) = build_with_probe("tries", &profile, probe);
        let names = || {
            let esp = work.path().join("esp.img");
            partition(&image, 1, &esp);
            judge("mdir", &["-b", "-i", esp.to_str().unwrap(), folder])
        };
        assert!(names().contains(before), "{}", names());
        boot(work.path(), &image, "=== the boot was good", &["--write"]);
        assert!(names().contains(&before.replace("+3", "")) && !names().contains('+'), "{}", names());
    }
}
