//! A golden image: told who it is by a seed disk, and never the same machine twice.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rootsmith_tests::machine::{answer, boot, build_with_probe, build_with_probe_for, qemu, run_boot};
use rootsmith_tests::{copy_workspace, judge, judges, on_request, run, said, succeed, verdicts};

const TOOLS: [&str; 4] = ["qemu-system-x86_64", "mkfs.vfat", "mcopy", "genisoimage"];

/// Nothing else writes to the console, and cloud-init is through when the questions are put.
const PROFILE: &str = r#"
schema = 1
extends = ["golden-vm.toml"]
[image]
name = "probe"
[kernel]
cmdline = ["systemd.mask=serial-getty@ttyS0.service"]
[[service]]
name = "probe"
exec = ["/usr/local/bin/probe"]
restart = "never"
after = ["multi-user.target"]
"#;

const PROGRAM: &str = r#"#!/bin/sh
exec >/dev/ttyS0 2>&1
echo 1 >/proc/sys/kernel/printk
ask() { name=$1; shift; echo "<<$name"; "$@" 2>&1; echo "$name>>"; }
cloud-init status --wait >/dev/null
ask STATUS sh -c "cloud-init status --format json | tr -d ' ,\"' | grep -E '^(status|datasource|errors):'"
ask HOSTNAME hostname
ask USER sh -c "getent passwd alice | cut -d : -f 1,7"
ask KEY cat /home/alice/.ssh/authorized_keys
ask ROOT su alice -c "sudo --non-interactive id --user"
ask MACHINE_ID cat /etc/machine-id
ask HOST_KEYS sh -c "cat /etc/ssh/ssh_host_*.pub | cut -d ' ' -f 2 | sha256sum"
ask SSHD systemctl is-active ssh
ask CLIENT_ID sh -c "cat /run/systemd/netif/leases/* | grep ^CLIENTID="
ask CARD cat /sys/class/net/e*/address
ask ROOT_SIZE df --output=size --block-size=M /
ask FAILED systemctl list-units --failed --no-legend --plain
echo "=== probe is done"
sync
systemctl poweroff --force
"#;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEv3mLkGkKlMb8rDbEBwWUtfbBJPLGLHJLGs9RuqZsJX alice@example";

/// The two files of a NoCloud seed (cloud-init's documentation, "NoCloud").
fn seed_files(folder: &Path, name: &str) -> [PathBuf; 2] {
    let user = format!(
        "#cloud-config\nusers:\n  - name: alice\n    shell: /bin/bash\n    sudo: ALL=(ALL) NOPASSWD:ALL\n\
         \x20   ssh_authorized_keys:\n      - {KEY}\n"
    );
    let meta = format!("instance-id: {name}\nlocal-hostname: {name}\n");
    [("user-data", user), ("meta-data", meta)].map(|(file, text)| {
        let path = folder.join(file);
        fs::write(&path, text).unwrap();
        path
    })
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of ours is UTF-8")
}

/// A FAT file system, as hypervisors make one.
fn fat_seed(folder: &Path, name: &str) -> PathBuf {
    let seed = folder.join(format!("{name}.img"));
    File::create(&seed).unwrap().set_len(1 << 20).unwrap();
    judge("mkfs.vfat", &["-n", "CIDATA", text(&seed)]);
    let [user, meta] = seed_files(folder, name);
    judge("mcopy", &["-i", text(&seed), text(&user), text(&meta), "::"]);
    seed
}

/// ISO 9660, as others do.
fn iso_seed(folder: &Path, name: &str) -> PathBuf {
    let seed = folder.join(format!("{name}.iso"));
    let [user, meta] = seed_files(folder, name);
    let files = [text(&user), text(&meta)];
    judge(
        "genisoimage",
        &[&["-quiet", "-output", text(&seed), "-volid", "cidata", "-joliet", "-rock"], &files[..]].concat(),
    );
    seed
}

/// A seed of ours: a disk, or a CD when `file` ends in `.iso`.
fn own_seed(folder: &Path, file: &str, name: &str) -> PathBuf {
    fs::write(folder.join("key.pub"), format!("{KEY}\n")).unwrap();
    succeed(folder, &["seed", file, "--hostname", name, "--user", "alice", "--ssh-key", "key.pub"]);
    folder.join(file)
}

/// The machine called `name` was told all that it needed to know.
fn was_told(console: &str, name: &str) {
    let status = answer(console, "STATUS");
    assert!(status.contains(&"status:done") && status.contains(&"datasource:nocloud"), "{status:?}");
    assert!(status.contains(&"errors:[]"), "{status:?}");
    assert_eq!(answer(console, "HOSTNAME"), [name]);
    assert_eq!(answer(console, "USER"), ["alice:/bin/bash"]);
    assert!(answer(console, "KEY").contains(&KEY), "{:?}", answer(console, "KEY"));
    assert_eq!(answer(console, "ROOT"), ["0"]);
    assert_eq!(answer(console, "SSHD"), ["active"]);
    assert_eq!(answer(console, "FAILED"), [""; 0]);
}

/// What every hypervisor wants, in one image: the set `golden-image` has nothing against any of it.
#[test]
fn every_layer_makes_a_golden_image() {
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    let layers = ["debian-systemd", "cloud-init", "qemu-guest", "vmware-guest", "azure-guest"];
    let layers = layers.map(|name| format!("\"base/{name}.toml\"")).join(", ");
    let profile = format!(
        "schema = 1\nextends = [{layers}]\nimage = {{ name = \"layers\", arch = [\"amd64\", \"arm64\"] }}\n\
         preflight = {{ sets = [\"golden-image\"] }}\noutput = [{{ kind = \"tar\" }}]\n"
    );
    fs::write(folder.path().join("profiles/layers.toml"), &profile).unwrap();
    for arch in ["amd64", "arm64"] {
        succeed(folder.path(), &["build", "--arch", arch, "profiles/layers.toml"]);
        let verdicts = verdicts(&folder.path().join(format!("outputs/layers-{arch}")));
        assert!(verdicts.iter().any(|it| it == "pass") && verdicts.iter().all(|it| it != "warning"), "{verdicts:?}");
    }
    let wrong = format!("{profile}cloud-init = {{ datasources = [\"Ec3\"] }}\n");
    fs::write(folder.path().join("profiles/wrong.toml"), wrong).unwrap();
    let output = said(&run(folder.path(), &["build", "profiles/wrong.toml"]));
    for part in ["exit Some(1)", "cloud-init has no datasource `Ec3`", "wrong.toml:6:", "did you mean `Ec2`?"] {
        assert!(output.contains(part), "{output}");
    }
}

#[test]
fn a_seed_of_ours_is_a_disk_that_others_read() {
    if !judges(&["fsck.fat", "mcopy", "blkid"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("key.pub"), format!("{KEY}\n")).unwrap();
    let told = ["--hostname", "one", "--user", "alice", "--ssh-key", "key.pub"];
    succeed(folder.path(), &[&["seed", "seed.img"], &told[..]].concat());
    let seed = folder.path().join("seed.img");
    judge("fsck.fat", &["-n", text(&seed)]);
    assert_eq!(judge("blkid", &["--output", "value", "--match-tag", "LABEL", "--probe", text(&seed)]), "CIDATA\n");
    let read = |name: &str| judge("mcopy", &["-i", text(&seed), &format!("::{name}"), "-"]);
    assert!(read("user-data").contains(&format!("- \"{KEY}\"\n")), "{}", read("user-data"));
    assert!(read("meta-data").ends_with("\nlocal-hostname: \"one\"\n"), "{}", read("meta-data"));
}

#[test]
fn a_seed_disk_says_who_a_machine_is_and_two_machines_are_two() {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let (folder, image) = build_with_probe("probe", PROFILE, PROGRAM);
    let size = fs::metadata(&image).unwrap().len();
    let start = |name: &str, seed: Option<&Path>, more: u64| {
        let copy = folder.path().join(format!("{name}-disk.img"));
        fs::copy(&image, &copy).unwrap();
        File::options().write(true).open(&copy).unwrap().set_len(size + more).unwrap();
        let drive = seed.map_or(Vec::new(), |seed| vec!["--drive", text(seed)]);
        boot(folder.path(), &copy, "=== probe is done", &[&["--write"], &drive[..]].concat())
    };
    let one = start("one", Some(&fat_seed(folder.path(), "one")), 0);
    let two = start("two", Some(&iso_seed(folder.path(), "two")), 1 << 30);
    for (console, name) in [(&one, "one"), (&two, "two")] {
        was_told(console, name);
    }
    // Their cards have one address, so that what a server knows them by is all their own.
    assert_eq!(answer(&one, "CARD"), answer(&two, "CARD"));
    for what in ["MACHINE_ID", "HOST_KEYS", "CLIENT_ID"] {
        assert_eq!(answer(&one, what).len(), 1, "{what}");
        assert_ne!(answer(&one, what), answer(&two, what), "{what} is the same on two machines");
    }
    let root = |console| -> u64 { answer(console, "ROOT_SIZE")[1].trim_end_matches('M').parse().unwrap() };
    assert!(root(&two) > root(&one) + 900, "the root of a larger disk has {} MiB, not {}", root(&two), root(&one));

    // Without a seed it comes up as it is.
    let alone = start("alone", None, 0);
    assert_eq!(answer(&alone, "HOSTNAME"), ["probe"]);
    assert_eq!(answer(&alone, "FAILED"), [""; 0]);
}

/// Hypervisors give a seed as a CD, whose sectors have 2048 bytes: no kernel mounts a FAT of ours from one.
#[test]
fn a_seed_of_ours_is_read_from_a_cd_and_from_a_disk() {
    if !on_request() || !judges(&["qemu-system-x86_64"]) {
        return;
    }
    let (folder, image) = build_with_probe("probe", PROFILE, PROGRAM);
    let seed = own_seed(folder.path(), "seed.iso", "one");
    let console = boot(folder.path(), &image, "=== probe is done", &["--drive", text(&seed)]);
    was_told(&console, "one");

    let disk = format!("file={},format=raw,if=virtio,snapshot=on", image.display());
    let machine = ["-machine", "q35", "-cpu", "max,-svm,-la57", "-m", "1536", "-smp", "2"];
    let devices = ["-nic", "user,model=virtio-net-pci,restrict=on", "-device", "virtio-rng-pci", "-drive", &disk];
    let screen = ["-nographic", "-nodefaults", "-serial", "stdio", "-no-reboot", "-cdrom", text(&seed)];
    let words = [&machine[..], &devices, &screen].concat();
    was_told(&qemu("qemu-system-x86_64", &words, "=== probe is done", Duration::from_secs(600)), "one");
}

/// The same image and seed for ARM, where UEFI alone starts it.
#[test]
fn a_machine_on_arm_is_told_who_it_is() {
    if !on_request() || !judges(&["qemu-system-aarch64"]) {
        return;
    }
    let [profile, program] = [PROFILE, PROGRAM].map(|it| it.replace("ttyS0", "ttyAMA0"));
    let profile = profile.replace("golden-vm.toml", "golden-vm-arm64.toml");
    let (folder, image) = build_with_probe_for("arm64", "probe", &profile, &program);
    let seed = own_seed(folder.path(), "seed.img", "one");
    let console = boot(folder.path(), &image, "=== probe is done", &["--arch", "arm64", "--drive", text(&seed)]);
    was_told(&console, "one");
}

/// What cloud-init makes of a machine, the checks expect: keys, an id, users without passwords.
#[test]
fn an_image_with_cloud_init_and_its_system_answer_alike() {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    succeed(folder.path(), &["build", "profiles/golden-vm.toml"]);
    let image = "outputs/golden-vm-amd64/golden-vm-amd64.img";
    let seed = fat_seed(folder.path(), "one");
    let sets = ["--check", "--set", "boot", "--set", "golden-image"];
    let table = run_boot(folder.path(), &[&[image, "--drive", text(&seed)], &sets[..]].concat());
    assert!(table.contains(" 0 differently\n"), "{table}");
}
