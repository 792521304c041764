//! A root that cannot be changed, with memory over it: what is written can be read, and is gone at the next start.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use rootsmith_tests::machine::{answer, asking, boot, build_with_probe, run_boot};
use rootsmith_tests::{copy_workspace, judge, judges, on_request, partition, succeed};

const TOOLS: [&str; 1] = ["qemu-system-x86_64"];

const DISK: &str = r#"kind = "disk", table = "gpt", boot = "uki", partitions = [
  { type = "esp", size = "64MiB" },
  { type = "root", filesystem = "FILESYSTEM", size = "minimal", writable = "volatile" } ]"#;

const QUESTIONS: &str = r#"
ask ROOT sh -c "awk '\$2 == \"/\" { print \$3, substr(\$4, 1, 2) }' /proc/mounts"
ask LEFT sh -c "ls -1 /etc/left /bin/left 2>/dev/null"
ask ID cat /etc/machine-id
echo >/etc/left && mv /etc/services /bin/left
ask WRITTEN sh -c "ls -1 /etc/left /bin/left /etc/services 2>/dev/null"
sync
echo "=== probe is done"
"#;

/// The bytes of the root: the other partition is mounted, and may change.
fn root(image: &Path) -> Vec<u8> {
    let file = File::open(image).unwrap();
    let found = rootsmith_verify::partitions(&file).unwrap();
    let mut bytes = vec![0; usize::try_from(found[1].length).unwrap()];
    file.read_exact_at(&mut bytes, found[1].offset).unwrap();
    bytes
}

#[test]
fn what_is_written_over_a_squashfs_is_gone_at_the_next_start() {
    what_is_written_is_gone_at_the_next_start("squashfs");
}

#[test]
fn what_is_written_over_an_erofs_is_gone_at_the_next_start() {
    what_is_written_is_gone_at_the_next_start("erofs");
}

fn what_is_written_is_gone_at_the_next_start(filesystem: &str) {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let disk = DISK.replace("FILESYSTEM", filesystem);
    let profile = format!(
        "schema = 1\nextends = [\"busybox-appliance.toml\"]\noutput = {{ replace = [{{ {disk} }}] }}\n\
         [image]\nname = \"volatile\"\n[packages]\ninclude = [\"netbase\"]\n[preflight]\nsets = {{ replace = [\"boot\"] }}\n\
         [[service]]\nname = \"probe\"\nexec = [\"/usr/local/bin/probe\"]\nrestart = \"never\"\n"
    );
    let (folder, image) = build_with_probe("volatile", &profile, &asking(5, QUESTIONS));
    let before = root(&image);
    let start = || boot(folder.path(), &image, "=== probe is done", &["--write"]);
    let consoles = [start(), start()];
    for console in &consoles {
        assert_eq!(answer(console, "ROOT"), ["overlay rw"]);
        assert!(answer(console, "LEFT").is_empty(), "{console}");
        assert_eq!(answer(console, "WRITTEN"), ["/bin/left", "/etc/left"], "{console}");
    }
    let [one, other] = consoles.each_ref().map(|console| answer(console, "ID"));
    assert!(one.len() == 1 && one[0].len() == 32 && one != other, "{one:?} {other:?}");
    // The machine was allowed to write to its disk.
    assert!(root(&image) == before, "the root has changed");
}

const STATE: &str = r#"
ask MOUNTS sh -c "awk '\$2 ~ /^\/(|etc|var|home|root|srv|opt|state)\$/ { print \$2, \$3, substr(\$4, 1, 2) }' /proc/mounts | sort"
ask LEFT sh -c "ls -1 /etc/left /srv/left 2>/dev/null"
ask ID cat /etc/machine-id
ask KEYS sh -c "cat /etc/ssh/ssh_host_*.pub | sha256sum"
ask MODES sh -c "stat -c '%n %a %U' /root /var /srv /etc"
ask USR sh -c "touch /usr/left 2>/dev/null || echo kept out"
ask SIZE sh -c "df -k /state | awk 'END { print \$2 }'"
echo >/etc/left && echo >/srv/left
# The second start ends here.
[ ! -e /srv/again ] || { systemctl start factory-reset.target; sleep 60; }
echo >/srv/again
sync
echo "=== probe is done"
"#;

/// The second start ends with a factory reset, which the third one does.
#[test]
fn a_machine_stays_who_it_is_until_a_factory_reset() {
    if !on_request() || !judges(&[TOOLS[0], "e2fsck", "sfdisk"]) {
        return;
    }
    let profile = "schema = 1\nextends = [\"appliance-state.toml\"]\n[image]\nname = \"state\"\narch = { replace = [\"amd64\"] }\n\
                   [[service]]\nname = \"probe\"\nexec = [\"/usr/local/bin/probe\"]\nrestart = \"never\"\n\
                   after = [\"ssh.service\"]\n";
    let (folder, image) = build_with_probe("state", profile, &asking(20, STATE));
    let before = root(&image);
    File::options().write(true).open(&image).unwrap().set_len(1 << 30).unwrap();
    let start = |until| boot(folder.path(), &image, until, &["--write"]);
    let consoles = [start("=== probe is done"), start("reboot: Restarting system"), start("=== probe is done")];
    for (at, console) in consoles.iter().enumerate() {
        let mut mounts = vec!["/ squashfs ro"];
        let kept = ["/etc overlay rw", "/home overlay rw", "/opt overlay rw", "/root overlay rw", "/srv overlay rw"];
        mounts.extend(kept);
        mounts.extend(["/state ext4 rw", "/var overlay rw"]);
        assert_eq!(answer(console, "MOUNTS"), mounts, "{console}");
        let left: &[&str] = if at == 1 { &["/etc/left", "/srv/left"] } else { &[] };
        assert_eq!(answer(console, "LEFT"), left, "start {at}: {console}");
        assert_eq!(answer(console, "MODES"), ["/root 700 root", "/var 755 root", "/srv 755 root", "/etc 755 root"]);
        assert_eq!(answer(console, "USR"), ["kept out"]);
        let kilobytes: u64 = answer(console, "SIZE")[0].parse().unwrap();
        assert!(kilobytes > 512 << 10, "{kilobytes} KiB: {console}");
    }
    assert!(consoles[2].contains("initramfs: factory reset"), "{}", consoles[2]);
    for name in ["ID", "KEYS"] {
        let [first, second, third] = consoles.each_ref().map(|console| answer(console, name));
        assert!(first.len() == 1 && first[0].len() >= 32, "{first:?}");
        assert_eq!(first, second, "{name} is another after a restart");
        assert_ne!(second, third, "{name} is the same after a factory reset");
    }
    assert!(root(&image) == before, "the root has changed");
    let state = folder.path().join("state.img");
    partition(&image, 3, &state);
    // The machine was switched off, so that there is a journal to replay, and a status that says so.
    let _ = Command::new("e2fsck").arg("-p").arg(&state).status();
    judge("e2fsck", &["-f", "-n", state.to_str().unwrap()]);
}

#[test]
fn the_delivered_appliance_comes_up() {
    comes_up("appliance-squashfs");
}

#[test]
fn the_delivered_appliance_with_an_erofs_comes_up() {
    comes_up("appliance-erofs");
}

fn comes_up(name: &str) {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    succeed(folder.path(), &["build", &format!("profiles/{name}.toml")]);
    let image = folder.path().join(format!("outputs/{name}-amd64/{name}-amd64.img"));
    let table = run_boot(folder.path(), &[image.to_str().unwrap(), "--check"]);
    assert!(table.contains(" 0 differently\n"), "{table}");
    assert!(fs::metadata(&image).unwrap().len() < 400 << 20);
}

#[test]
fn a_root_whose_hashes_vouch_for_it_comes_up_and_a_changed_byte_of_it_does_not() {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    succeed(folder.path(), &["build", "profiles/appliance-verity.toml"]);
    let image = folder.path().join("outputs/appliance-verity-amd64/appliance-verity-amd64.img");
    let table = run_boot(folder.path(), &[image.to_str().unwrap(), "--check"]);
    assert!(table.contains(" 0 differently\n"), "{table}");

    // When the root was made: nobody but the hashes would miss it.
    let found = rootsmith_verify::partitions(&File::open(&image).unwrap()).unwrap();
    let file = File::options().read(true).write(true).open(&image).unwrap();
    let (place, mut byte) = (found[1].offset + 8, [0]);
    file.read_exact_at(&mut byte, place).unwrap();
    file.write_all_at(&[byte[0] ^ 1], place).unwrap();
    let console = boot(folder.path(), &image, "cannot mount /dev/mapper/root", &[]);
    assert!(console.contains("data block 0 is corrupted"), "{console}");
}
