//! Partitions beside the root, on running machines: mounted, one below the other, grown, swapped to.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs;
use std::process::Command;

use rootsmith_tests::machine::{answer, asking, boot, build_with_probe};
use rootsmith_tests::{judge, judges, on_request, partition};

const TOOLS: [&str; 3] = ["qemu-system-x86_64", "sfdisk", "e2fsck"];

const QUESTIONS: &str = r#"
ask MOUNTS sh -c "awk '\$2 ~ /^\/var(\/lib)?\$/ { print \$2, \$3, substr(\$4, 1, 2) }' /proc/mounts"
ask SWAPS sh -c "sed 1d /proc/swaps | awk '{ print \$2, \$3 }'"
ask SIZE sh -c "df -k /var | awk 'END { print \$2 }'"
ask SEED sh -c "ls /var/lib/random-seed /var/lib/urandom/random-seed /var/lib/systemd/random-seed 2>/dev/null | wc -l"
echo "=== probe is done"
sync
poweroff -f
"#;

/// A partition mounted below another one, and the last one grows.
fn starts(base: &str, table: &str, boot_by: &str, more: &str) {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    // An MBR has room for four.
    let nested = table == "gpt";
    let lib = "{ type = \"data\", mount = \"/var/lib\", label = \"lib\", size = \"minimal\", free = \"64MiB\" },\n";
    let lib = if nested { lib } else { "" };
    let profile = format!(
        "schema = 1\nextends = [\"{base}\"]\n\
         output = {{ replace = [{{ kind = \"disk\", table = \"{table}\", boot = \"{boot_by}\", format = [\"raw\"], partitions = [\n\
         {{ type = \"boot\", size = \"96MiB\" }},\n\
         {{ type = \"root\", filesystem = \"ext4\", size = \"minimal\", free = \"128MiB\" }},\n\
         {{ type = \"swap\", size = \"24MiB\" }},\n\
         {lib}\
         {{ type = \"data\", mount = \"/var\", size = \"96MiB\", grow = true }},\n] }}] }}\n\
         [image]\nname = \"parts\"\narch = {{ replace = [\"amd64\"] }}\n[preflight]\nsets = {{ replace = [\"boot\"] }}\n\
         [[service]]\nname = \"probe\"\nexec = [\"/usr/local/bin/probe\"]\nrestart = \"never\"\n{more}"
    );
    let (folder, image) = build_with_probe("parts", &profile, &asking(20, QUESTIONS));
    fs::File::options().write(true).open(&image).unwrap().set_len(2 << 30).unwrap();
    let mut tables = Vec::new();
    for _ in 0..2 {
        let console = boot(folder.path(), &image, "=== probe is done", &["--write"]);
        assert!(!console.contains("cannot grow") && !console.contains("keeps its size"), "{console}");
        let mounts = ["/var ext4 rw", "/var/lib ext4 rw"];
        assert_eq!(answer(&console, "MOUNTS"), mounts[..if nested { 2 } else { 1 }], "{console}");
        assert_eq!(answer(&console, "SWAPS"), ["partition 24572"], "{console}");
        assert_eq!(answer(&console, "SEED"), ["1"], "{console}");
        let kilobytes: u64 = answer(&console, "SIZE")[0].parse().unwrap();
        assert!(kilobytes > 1 << 20, "{kilobytes} KiB: {console}");
        tables.push(judge("sfdisk", &["--dump", image.to_str().unwrap()]));
    }
    assert_eq!(tables[0], tables[1], "the second boot changes the table");
    let var = folder.path().join("var.img");
    partition(&image, if nested { 5 } else { 4 }, &var);
    // The machine was switched off, so that there is a journal to replay, and a status that says so.
    let _ = Command::new("e2fsck").arg("-p").arg(&var).status();
    judge("e2fsck", &["-f", "-n", var.to_str().unwrap()]);
}

#[test]
fn under_busybox() {
    let tools = "[packages]\ninclude = [\"e2fsprogs\", \"libblkid1\", \"libc6\", \"libcom-err2\", \"libext2fs2t64\", \"libss2\", \
                 \"libuuid1\"]\n";
    starts("busybox-appliance.toml", "gpt", "uki", tools);
}

#[test]
fn under_systemd_on_an_mbr_started_by_a_bios() {
    starts("appliance-squashfs.toml", "mbr", "grub", "");
}

#[test]
fn under_openrc() {
    starts("k0s-worker-openrc.toml", "gpt", "uki", "");
}
