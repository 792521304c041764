//! The image runs: firmware, kernel, initramfs, root file system, services, and what a person would try first.
//!
//! One boot answers most questions: a service of the profile asks the running system and prints the answers on the
//! serial console. Nothing of it is in the delivered image.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs;
use std::path::PathBuf;

use rootsmith_tests::machine::{answer, boot, build_with_probe, run_boot};
use rootsmith_tests::{copy_workspace, judge, judges, on_request, run, said, succeed};
use tempfile::TempDir;

mod busybox;
mod secure_boot;
mod slots;

const TOOLS: [&str; 3] = ["qemu-system-x86_64", "e2fsck", "sfdisk"];

/// Builds `profiles/k0s-worker.toml` with a service that runs `script` once the system is up.
fn worker_with_probe(script: &str) -> (TempDir, PathBuf) {
    // A login prompt would come between the answers.
    let profile = "schema = 1\nextends = [\"k0s-worker.toml\"]\n[image]\nname = \"probe\"\n\
                   [kernel]\ncmdline = [\"systemd.mask=serial-getty@ttyS0.service\"]\n\
                   [[service]]\nname = \"probe\"\nexec = [\"/usr/local/bin/probe\"]\nrestart = \"never\"\n\
                   after = [\"multi-user.target\"]\n";
    // Messages of the kernel would come between the answers.
    let head = "#!/bin/sh\nexec >/dev/ttyS0 2>&1\necho 1 >/proc/sys/kernel/printk\n";
    build_with_probe("probe", profile, &format!("{head}{script}\n"))
}

/// Builds a profile and asks image and system: they must agree, on nearly all of the questions, and the probe must leave no trace.
fn image_and_system_agree(profile: &str, arch: &str, more: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    succeed(folder.path(), &["build", "--arch", arch, &format!("profiles/{profile}.toml")]);
    let image = format!("outputs/{profile}-{arch}/{profile}-{arch}.img");
    let before = judge("sha256sum", &[folder.path().join(&image).to_str().unwrap()]);
    let table = run_boot(folder.path(), &[&[&image, "--arch", arch, "--check"], more].concat());
    assert!(table.contains(" 0 differently\n"), "{table}");
    let confirmed = table.lines().last().and_then(|line| line.split_whitespace().nth(2)?.parse::<u32>().ok());
    assert!(confirmed.is_some_and(|confirmed| confirmed > 80), "{table}");
    assert_eq!(judge("sha256sum", &[folder.path().join(image).to_str().unwrap()]), before);
}

#[test]
fn an_image_with_systemd_and_its_system_answer_alike() {
    if judges(&TOOLS) {
        image_and_system_agree("k0s-worker", "amd64", &[]);
    }
}

#[test]
fn an_image_with_openrc_and_its_system_answer_alike() {
    if judges(&TOOLS) {
        image_and_system_agree("k0s-worker-openrc", "amd64", &[]);
    }
}

#[test]
fn an_image_with_busybox_and_its_system_answer_alike() {
    if judges(&TOOLS) {
        image_and_system_agree("busybox-appliance", "amd64", &[]);
    }
}

#[test]
fn images_for_arm_and_their_systems_answer_alike() {
    if on_request() && judges(&["qemu-system-aarch64"]) {
        for profile in ["k0s-worker", "k0s-worker-openrc", "busybox-appliance"] {
            image_and_system_agree(profile, "arm64", &[]);
        }
    }
}

/// The way for other inits, on the one that needs it least: the answers must be the same.
#[test]
fn who_comes_through_the_initramfs_gets_the_same_answers() {
    if on_request() && judges(&TOOLS) {
        image_and_system_agree("k0s-worker", "amd64", &["--way-in", "initramfs"]);
    }
}

#[test]
fn the_system_runs_as_it_should() {
    if !judges(&TOOLS) {
        return;
    }
    let script = r#"
ask() { name=$1; shift; echo "<<$name"; "$@" 2>&1; echo "$name>>"; }
ask STATE systemctl is-system-running --wait
ask FAILED systemctl list-units --failed --no-legend --plain
ask AUDIT dpkg --audit
ask VERIFY dpkg --verify
ask HOSTS getent hosts localhost
ask MODPROBE modprobe --all br_netfilter overlay
ask LOADED sh -c 'grep -c -E "^(br_netfilter|overlay|nf_conntrack) " /proc/modules'
ask ROOT findmnt -n -o SOURCE,FSTYPE,OPTIONS /
ask MACHINE_ID sh -c 'grep -c -E "^[0-9a-f]{32}$" /etc/machine-id'
ask HOST_KEYS sh -c 'ls /etc/ssh | grep -c "^ssh_host_.*_key$"'
ask CGROUP stat -f -c %T /sys/fs/cgroup
ask CONTROLLERS cat /sys/fs/cgroup/cgroup.controllers
ask USERS pwck -r -q
ask PASSWORD passwd -S root
echo "=== probe is done"
"#;
    let (folder, image) = worker_with_probe(script);
    let before = judge("sha256sum", &[image.to_str().unwrap()]);
    let console = boot(folder.path(), &image, "=== probe is done", &[]);
    assert_eq!(answer(&console, "STATE"), ["running"], "failed: {:?}\n{console}", answer(&console, "FAILED"));
    assert_eq!(answer(&console, "AUDIT"), [""; 0]);
    // What the profile drops is missing, and says so in dpkg's own configuration.
    let dropped = ["/usr/share/doc", "/usr/share/man", "/usr/share/locale"];
    let explained = |line: &&str| {
        let path = line.split_whitespace().last().unwrap_or_default();
        line.starts_with("missing")
            && dropped
                .iter()
                .any(|top| path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    };
    let unexplained: Vec<&str> = answer(&console, "VERIFY").into_iter().filter(|line| !explained(line)).collect();
    assert_eq!(unexplained, [""; 0], "dpkg --verify");
    let hosts = answer(&console, "HOSTS");
    assert!(hosts[0].starts_with("::1") || hosts[0].starts_with("127.0.0.1"), "{hosts:?}");
    assert_eq!(answer(&console, "MODPROBE"), [""; 0]);
    assert_eq!(answer(&console, "LOADED"), ["3"]);
    assert!(answer(&console, "ROOT")[0].contains("ext4 rw"), "{:?}", answer(&console, "ROOT"));
    assert_eq!(answer(&console, "MACHINE_ID"), ["1"]);
    assert_eq!(answer(&console, "HOST_KEYS"), ["3"]);
    assert_eq!(answer(&console, "CGROUP"), ["cgroup2fs"]);
    for controller in ["cpu", "cpuset", "io", "memory", "pids", "hugetlb"] {
        assert!(answer(&console, "CONTROLLERS")[0].split(' ').any(|word| word == controller), "no {controller}");
    }
    assert_eq!(answer(&console, "USERS"), [""; 0]);
    assert!(answer(&console, "PASSWORD")[0].starts_with("root L"), "root can log in with a password");
    assert_eq!(judge("sha256sum", &[image.to_str().unwrap()]), before, "a boot without --write changes the image");
}

#[test]
fn the_root_grows_online_to_four_times_its_size() {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let script = r#"
systemctl is-system-running --wait >/dev/null
echo "<<SIZE"; df --output=size -B1 / | tail -1; echo "SIZE>>"
dd if=/dev/urandom of=/root/after bs=1M count=64 status=none && sync && sha256sum /root/after
echo "<<UNITS"; systemctl list-units --failed --no-legend --plain; echo "UNITS>>"
mount -o remount,ro / 2>/dev/null || true
sync
echo "=== probe is done"
systemctl poweroff --force
sleep 5
"#;
    let (folder, image) = worker_with_probe(script);
    let before = fs::metadata(&image).unwrap().len();
    let file = fs::File::options().write(true).open(&image).unwrap();
    file.set_len(before * 4).unwrap();
    drop(file);
    // The machine powers itself off, so that the file system is unmounted when it is looked at.
    let console = boot(folder.path(), &image, "reboot: Power down", &["--write"]);
    let size: u64 = answer(&console, "SIZE")[0].parse().unwrap();
    assert!(size > before * 3, "the root file system has {size} bytes of a disk of {}", before * 4);
    assert_eq!(answer(&console, "UNITS"), [""; 0]);

    judge("sfdisk", &["--verify", image.to_str().unwrap()]);
    let root = folder.path().join("root.img");
    rootsmith_tests::partition(&image, 2, &root);
    // The journal was replayed by nobody yet if the machine stopped hard; a clean unmount leaves nothing to replay.
    judge("e2fsck", &["-f", "-n", root.to_str().unwrap()]);
}

#[test]
fn the_delivered_image_reaches_its_login_prompt() {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    succeed(folder.path(), &["build", "profiles/k0s-worker.toml"]);
    let image = folder.path().join("outputs/k0s-worker-amd64/k0s-worker-amd64.img");
    let console = boot(folder.path(), &image, "login:", &[]);
    assert!(console.contains("k0s-worker login:"), "{console}");
}

#[test]
fn a_text_that_never_comes_is_a_clear_failure() {
    if !judges(&TOOLS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("empty.img");
    fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
    let output = run(folder.path(), &["boot", "empty.img", "--timeout", "20"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("`login:`"), "{}", said(&output));
}
