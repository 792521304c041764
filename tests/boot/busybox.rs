//! Images with BusyBox as their init, running: services, limits, identity, control groups.

use std::fs;
use std::path::{Path, PathBuf};

use rootsmith_tests::machine::{answer, asking, boot, build_with_probe};
use rootsmith_tests::{copy_workspace, judge, judges, on_request, succeed};
use tempfile::TempDir;

use crate::TOOLS;

/// Builds a profile that extends the appliance by `extra`, with a service that runs `script`.
fn build(name: &str, extra: &str, script: &str) -> (TempDir, PathBuf) {
    let profile = format!(
        "schema = 1\nextends = [\"busybox-appliance.toml\"]\n[image]\nname = \"{name}\"\n\
         [[service]]\nname = \"probe\"\nexec = [\"/usr/local/bin/probe\"]\nrestart = \"never\"\n{extra}"
    );
    build_with_probe(name, &profile, &asking(5, script))
}

const SLEEPER: &str = r#"
network = true
[[service]]
name = "sleeper"
exec = ["/bin/sleep", "1234567"]
user = "daemon"
working-directory = "/tmp"
environment = { GREETING = "it's $HOME" }
limits = { nofile = 4321, core = 0 }
cgroup = { memory = "64MiB", cpu = "50%", pids = 20 }
requires = ["prepare"]
[[service]]
name = "prepare"
exec = ["/bin/sh", "-c", "echo done once >/run/prepared"]
oneshot = true
[[service]]
name = "talker"
exec = ["/bin/sh", "-c", "echo something to be logged; exec sleep 1d"]
"#;

#[test]
fn services_run_as_declared_and_again_after_kill() {
    if !judges(&TOOLS) {
        return;
    }
    let script = r#"
group=/sys/fs/cgroup/services/sleeper
pid() {
    until pid=$(head -n 1 $group/cgroup.procs) && [ "$(cat /proc/$pid/comm)" = sleep ]; do sleep 1; done 2>/dev/null
    echo $pid
}
pid=$(pid)
ask STATUS grep -E "^(Uid|Gid):" /proc/$pid/status
ask LIMITS grep -E "Max (open files|core file)" /proc/$pid/limits
ask FOLDER readlink /proc/$pid/cwd
ask GREETING sh -c "tr '\000' '\n' </proc/$pid/environ | grep GREETING"
ask GROUP cat /proc/$pid/cgroup
ask MEMORY cat $group/memory.max
ask CPU cat $group/cpu.max
ask PIDS cat $group/pids.max
kill -9 $pid
again=$(pid)
ask AGAIN sh -c "[ $again != $pid ] && grep Uid /proc/$again/status"
ask PREPARED cat /run/prepared
ask LOGGED sh -c "grep -c 'talker: something to be logged' /var/log/messages"
ask MOUNTS sh -c "awk '{ print \$2, \$3 }' /proc/mounts"
ask CONTROLLERS cat /sys/fs/cgroup/services/cgroup.subtree_control
ask SHARED sh -c "grep -c ' / / .* shared:' /proc/self/mountinfo"
ask ADDRESS sh -c "ip -4 -o addr show dev eth0 | awk '{ print \$4 }'"
ask RESOLV readlink -f /etc/resolv.conf
ask MODULES sh -c "grep -c -E '^(overlay|br_netfilter|virtio_net) ' /proc/modules"
ask FORWARD cat /proc/sys/net/ipv4/ip_forward
echo "=== probe is done"
"#;
    let (folder, image) = build("bbservices", SLEEPER, script);
    let console = boot(folder.path(), &image, "=== probe is done", &[]);
    let said = |name: &str| answer(&console, name).join("\n").replace('\t', " ");
    assert_eq!(said("STATUS"), "Uid: 1 1 1 1\nGid: 1 1 1 1");
    let limits = said("LIMITS").split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(limits, "Max core file size 0 0 bytes Max open files 4321 4321 files");
    assert_eq!(said("FOLDER"), "/tmp");
    assert_eq!(said("GREETING"), "GREETING=it's $HOME");
    assert_eq!(said("GROUP"), "0::/services/sleeper");
    assert_eq!([said("MEMORY"), said("CPU"), said("PIDS")], ["67108864", "50000 100000", "20"]);
    assert_eq!(said("AGAIN"), "Uid: 1 1 1 1", "{console}");
    assert_eq!(said("PREPARED"), "done once");
    assert_eq!(said("LOGGED"), "1");
    for mount in [
        "/ ext4",
        "/boot/efi vfat",
        "/dev devtmpfs",
        "/dev/mqueue mqueue",
        "/dev/pts devpts",
        "/dev/shm tmpfs",
        "/proc proc",
        "/run tmpfs",
        "/sys sysfs",
        "/sys/fs/cgroup cgroup2",
    ] {
        assert_eq!(answer(&console, "MOUNTS").iter().filter(|line| **line == mount).count(), 1, "{mount}: {console}");
    }
    let controllers = said("CONTROLLERS");
    for controller in ["cpu", "cpuset", "io", "memory", "pids", "hugetlb"] {
        assert!(controllers.split(' ').any(|there| there == controller), "{controller}: {controllers}");
    }
    assert_eq!(said("SHARED"), "1");
    // By DHCP; the machine's network leads nowhere, so there is neither a route nor a name server in it.
    assert_eq!([said("ADDRESS"), said("RESOLV")], ["10.0.2.15/24", "/run/resolv.conf"]);
    assert_eq!([said("MODULES"), said("FORWARD")], ["3", "1"]);
}

const GROWING: &str = r#"
schema = 1
extends = ["busybox-appliance.toml"]
output = { replace = [{ kind = "disk", table = "gpt", boot = "uki", format = ["raw"], partitions = [
  { type = "esp", size = "64MiB" },
  { type = "root", filesystem = "ext4", size = "minimal", free = "64MiB", grow = true },
] }] }
[image]
name = "bbgrow"
[packages]
include = ["e2fsprogs", "libblkid1", "libc6", "libcom-err2", "libext2fs2t64", "libss2", "libuuid1"]
[preflight]
sets = { replace = ["boot"] }
[[service]]
name = "probe"
exec = ["/usr/local/bin/probe"]
restart = "never"
"#;

#[test]
fn the_root_on_a_gpt_grows_to_four_times_its_size_and_only_once() {
    if !on_request() || !judges(&[&TOOLS[..], &["sgdisk", "sfdisk", "e2fsck"]].concat()) {
        return;
    }
    let script = "ask SIZE sh -c \"df -k / | awk 'END { print \\$2 }'\"\necho '=== probe is done'\nsync\npoweroff";
    let (folder, image) = build_with_probe("bbgrow", GROWING, &asking(5, script));
    let old = fs::metadata(&image).unwrap().len();
    fs::File::options().write(true).open(&image).unwrap().set_len(old * 4).unwrap();
    let path = image.to_str().unwrap();
    let grow = || {
        let console = boot(folder.path(), &image, "reboot: Power down", &["--write"]);
        assert!(!console.contains("cannot grow") && !console.contains("keeps its size"), "{console}");
        let kilobytes: u64 = answer(&console, "SIZE")[0].parse().unwrap();
        assert!(kilobytes << 10 > old * 3, "{kilobytes} KiB of a disk that was {old}");
        fs::read(&image).unwrap()[..34 << 9].to_vec()
    };
    let table = grow();
    let verdict = judge("sgdisk", &["--verify", path]);
    assert!(verdict.contains("No problems found"), "{verdict}");
    // This one looks at the protective MBR, too.
    let verdict = judge("sfdisk", &["--verify", path]);
    assert!(verdict.contains("No errors detected"), "{verdict}");
    let root = folder.path().join("root.img");
    rootsmith_tests::partition(&image, 2, &root);
    judge("e2fsck", &["-f", "-n", root.to_str().unwrap()]);
    assert_eq!(grow(), table, "the second boot changes the table");
}

/// Who a machine says it is.
#[derive(Debug, PartialEq)]
struct Who {
    machine_id: String,
    hostname: String,
    keys: String,
}

fn who(folder: &Path, image: &Path) -> Who {
    let console = boot(folder, image, "reboot: Power down", &["--write"]);
    let said = |name: &str| answer(&console, name).join("\n");
    assert_eq!(said("SEED"), "600 512", "{console}");
    Who { machine_id: said("MACHINE_ID"), hostname: said("HOSTNAME"), keys: said("KEYS") }
}

#[test]
fn every_copy_is_its_own_machine_and_stays_it() {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let script = r#"
ask MACHINE_ID cat /etc/machine-id
ask HOSTNAME hostname
ask KEYS sh -c "sha256sum /etc/dropbear/*_host_key"
ask SEED stat -c "%a %s" /var/lib/random-seed
sleep 2
poweroff
"#;
    let dropbear = "[packages]\ninclude = [\"dropbear-bin\", \"libc6\", \"libcrypt1\", \"libgmp10\", \"libtomcrypt1\", \"libtommath1\", \"zlib1g\"]\n";
    let (folder, first) = build("bbcopies", dropbear, script);
    let second = folder.path().join("second.img");
    fs::copy(&first, &second).unwrap();
    let one = who(folder.path(), &first);
    let other = who(folder.path(), &second);
    assert!(one.machine_id.len() == 32 && one.machine_id.bytes().all(|b| b.is_ascii_hexdigit()), "{one:?}");
    // As `appliance-????` wants it.
    let digits = one.hostname.strip_prefix("appliance-").unwrap_or_else(|| panic!("{one:?}"));
    assert!(digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{one:?}");
    assert_eq!(one.keys.lines().count(), 3, "{one:?}");
    assert_ne!(one.machine_id, other.machine_id);
    assert_ne!(one.hostname, other.hostname);
    let of_one: Vec<&str> = one.keys.lines().collect();
    assert!(other.keys.lines().all(|key| !of_one.contains(&key)), "{one:?} {other:?}");

    assert_eq!(who(folder.path(), &first), one);
}

/// Builds the appliance with version 1 of control groups. It is no k0s worker then.
fn build_with_hierarchy(hierarchy: &str) -> (TempDir, PathBuf) {
    let script = "ask MOUNTS grep /sys/fs/cgroup /proc/mounts\n\
                  ask GROUP cat /proc/self/cgroup\n\
                  ask PIDS cat /sys/fs/cgroup/pids/services/probe/pids.max\n\
                  ask QUOTA cat /sys/fs/cgroup/cpu/services/probe/cpu.cfs_quota_us\n\
                  echo '=== probe is done'";
    let extra = format!(
        "cgroup = {{ pids = 33, cpu = \"25%\" }}\n\
         [cgroups]\nhierarchy = \"{hierarchy}\"\ncontrollers = {{ replace = [\"cpu\", \"pids\", \"devices\", \"freezer\"] }}\n\
         [preflight]\nsets = {{ replace = [\"boot\", \"payload\", \"golden-image\"] }}\n"
    );
    build("bbversion1", &extra, script)
}

fn version_1_is_mounted(hierarchy: &str) {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let (folder, image) = build_with_hierarchy(hierarchy);
    let console = boot(folder.path(), &image, "=== probe is done", &[]);
    let mut found: Vec<String> = Vec::new();
    for line in answer(&console, "MOUNTS") {
        let fields: Vec<&str> = line.split(' ').collect();
        let controller = fields[3].split(',').next_back().unwrap();
        found.push(match fields[2] {
            "cgroup" => format!("{} cgroup {controller}", fields[1]),
            kind => format!("{} {kind}", fields[1]),
        });
    }
    let mut wanted = vec!["/sys/fs/cgroup tmpfs".to_owned()];
    wanted.extend(["cpu", "pids", "devices", "freezer"].map(|name| format!("/sys/fs/cgroup/{name} cgroup {name}")));
    if hierarchy == "hybrid" {
        wanted.push("/sys/fs/cgroup/unified cgroup2".to_owned());
    }
    assert_eq!(found, wanted, "{console}");
    for controller in ["cpu", "pids", "devices", "freezer"] {
        let line = format!(":{controller}:/services/probe");
        assert!(answer(&console, "GROUP").iter().any(|found| found.ends_with(&line)), "{line}: {console}");
    }
    assert_eq!(answer(&console, "PIDS"), ["33"]);
    assert_eq!(answer(&console, "QUOTA"), ["25000"]);
}

#[test]
fn legacy_mounts_exactly_what_is_declared() {
    version_1_is_mounted("legacy");
}

#[test]
fn hybrid_mounts_exactly_what_is_declared() {
    version_1_is_mounted("hybrid");
}

#[test]
fn the_delivered_appliance_reaches_its_login_prompt() {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    succeed(folder.path(), &["build", "profiles/busybox-appliance.toml"]);
    let image = folder.path().join("outputs/busybox-appliance-amd64/busybox-appliance-amd64.img");
    let console = boot(folder.path(), &image, " login:", &[]);
    let prompt = console.lines().last().unwrap_or_default();
    assert!(prompt.starts_with("appliance-"), "{prompt}");
}
