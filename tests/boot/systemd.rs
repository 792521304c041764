//! A system under systemd: what the profile declares is what runs.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs;

use rootsmith_tests::machine::{answer, boot, build_with_probe};
use rootsmith_tests::{judges, on_request};

const TOOLS: [&str; 1] = ["qemu-system-x86_64"];

/// What every probe begins with. Messages of the kernel would come between the answers.
const HEAD: &str = r#"#!/bin/sh
exec >/dev/ttyS0 2>&1
echo 1 >/proc/sys/kernel/printk
ask() { name=$1; shift; echo "<<$name"; "$@" 2>&1; echo "$name>>"; }
"#;

/// Nothing else writes to the console.
const QUIET: &str = "[kernel]\ncmdline = [\"systemd.mask=serial-getty@ttyS0.service\"]\n";

/// Arguments that every reading of a line could spoil.
const SERVICES: &str = r#"
schema = 1
extends = ["k0s-worker.toml"]
[image]
name = "probe"
[identity]
hostname = "node-????"
[[user]]
name = "worker"
system = true
[[mount]]
source = "tmpfs"
target = "/srv/scratch"
type = "tmpfs"
options = ["nosuid", "size=64m"]
[sysctl]
"vm.swappiness" = 7
[[service]]
name = "limited"
exec = ["/bin/sh", "-c", "while :; do sleep 1000; done", "two  blanks", "$HOME 'and' \"%n\" \\ *"]
user = "worker"
environment = { GREETING = "it's  $me 100%" }
working-directory = "/var/lib"
limits = { nofile = 4096, nproc = 300, core = "unlimited" }
cgroup = { memory = "64MiB", cpu = "50%", pids = 20 }
[[service]]
name = "probe"
exec = ["/usr/local/bin/probe"]
restart = "never"
network = true
after = ["multi-user.target", "limited", "ssh"]
"#;

#[test]
fn a_service_is_what_was_declared_and_a_machine_is_itself() {
    if !judges(&TOOLS) {
        return;
    }
    let program = r#"
# A service that is only just started is systemd's executor still, and has no arguments at all while it becomes what was declared.
main() {
	tries=0
	until pid=$(systemctl show --property=MainPID --value limited) && [ "$pid" != "$1" ] && tr '\0' '\n' <"/proc/$pid/cmdline" | grep -q '^while'; do
		[ $((tries += 1)) -le 60 ] || break
		sleep 1
	done 2>/dev/null
	echo "$pid"
}
systemctl start ssh
first=$(main none)
ask ARGUMENTS sh -c "tr '\\0' '\\n' </proc/$first/cmdline"
ask ENVIRONMENT sh -c "tr '\\0' '\\n' </proc/$first/environ | grep GREETING"
ask FOLDER readlink "/proc/$first/cwd"
ask USER stat -c %U "/proc/$first"
ask LIMITS sh -c "grep -E 'Max (open files|processes|core file size)' /proc/$first/limits | tr -s ' '"
for file in memory.max pids.max cpu.max; do
	ask "$file" cat "/sys/fs/cgroup/system.slice/limited.service/$file"
done
kill -9 "$first"
again=$(main "$first")
ask RESTARTED sh -c "[ $again -ne $first ] && tr '\\0' '\\n' </proc/$again/cmdline | head -1"
ask FAILED systemctl list-units --failed --no-legend --plain
ask SCRATCH findmnt -n -o FSTYPE,OPTIONS /srv/scratch
ask SWAPPINESS cat /proc/sys/vm/swappiness
ask MACHINE_ID cat /etc/machine-id
ask HOSTNAME hostname
ask KEYS sh -c "cat /etc/ssh/ssh_host_*.pub | cut -d ' ' -f 2 | sha256sum"
ask SEED stat -c %s /var/lib/systemd/random-seed
echo "=== probe is done"
sync
systemctl poweroff --force
"#;
    let (folder, image) = build_with_probe("probe", &format!("{SERVICES}{QUIET}"), &format!("{HEAD}{program}"));
    let copy = folder.path().join("copy.img");
    fs::copy(&image, &copy).unwrap();

    let first = boot(folder.path(), &image, "reboot: Power down", &["--write"]);
    let words = ["/bin/sh", "-c", "while :; do sleep 1000; done", "two  blanks", "$HOME 'and' \"%n\" \\ *"];
    assert_eq!(answer(&first, "ARGUMENTS"), words);
    assert_eq!(answer(&first, "ENVIRONMENT"), ["GREETING=it's  $me 100%"]);
    assert_eq!(answer(&first, "FOLDER"), ["/var/lib"]);
    assert_eq!(answer(&first, "USER"), ["worker"]);
    let limits = [
        "Max core file size unlimited unlimited bytes",
        "Max processes 300 300 processes",
        "Max open files 4096 4096 files",
    ];
    assert_eq!(answer(&first, "LIMITS"), limits);
    assert_eq!(answer(&first, "memory.max"), ["67108864"]);
    assert_eq!(answer(&first, "pids.max"), ["20"]);
    assert_eq!(answer(&first, "cpu.max"), ["50000 100000"]);
    assert_eq!(answer(&first, "RESTARTED"), ["/bin/sh"]);
    assert_eq!(answer(&first, "FAILED"), [""; 0]);
    assert!(answer(&first, "SCRATCH")[0].starts_with("tmpfs rw,nosuid"), "{:?}", answer(&first, "SCRATCH"));
    assert_eq!(answer(&first, "SWAPPINESS"), ["7"]);

    let name = answer(&first, "HOSTNAME")[0];
    let digits = name.strip_prefix("node-").unwrap_or_default();
    assert!(digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
    if !on_request() {
        return;
    }

    // Once more: the same machine. A copy: another one.
    let again = boot(folder.path(), &image, "reboot: Power down", &[]);
    let other = boot(folder.path(), &copy, "reboot: Power down", &[]);
    for what in ["MACHINE_ID", "HOSTNAME", "KEYS"] {
        assert_eq!(answer(&first, what), answer(&again, what), "{what} is not kept");
        assert_ne!(answer(&first, what), answer(&other, what), "{what} is the same on two machines");
    }
}

#[test]
fn version_1_is_mounted_where_it_is_declared() {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    for hierarchy in ["legacy", "hybrid"] {
        let profile = format!(
            "schema = 1\nextends = [\"k0s-worker.toml\"]\n[image]\nname = \"probe\"\n[cgroups]\nhierarchy = \"{hierarchy}\"\n\
             controllers = {{ replace = [\"cpu\", \"pids\", \"devices\", \"freezer\"] }}\n\
             [preflight]\nsets = {{ replace = [\"boot\"] }}\naccept = {{ replace = [] }}\n\
             [[service]]\nname = \"probe\"\nexec = [\"/usr/local/bin/probe\"]\nrestart = \"never\"\n\
             after = [\"multi-user.target\"]\n{QUIET}"
        );
        let program = "ask MOUNTS sh -c \"grep cgroup /proc/mounts | cut -d ' ' -f 2,3\"\necho '=== probe is done'\n";
        let (folder, image) = build_with_probe("probe", &profile, &format!("{HEAD}{program}"));
        let console = boot(folder.path(), &image, "=== probe is done", &[]);
        let mounts = answer(&console, "MOUNTS");
        for controller in ["cpu", "pids", "devices", "freezer"] {
            // Some share a hierarchy: `cpu,cpuacct`.
            let there = mounts.iter().any(|mount| {
                let place = mount.strip_prefix("/sys/fs/cgroup/").and_then(|rest| rest.strip_suffix(" cgroup"));
                place.is_some_and(|place| place.split(',').any(|name| name == controller))
            });
            assert!(there, "{hierarchy}: no {controller}: {mounts:?}");
        }
        let version_2 = mounts.contains(&"/sys/fs/cgroup/unified cgroup2");
        assert_eq!(version_2, hierarchy == "hybrid", "{hierarchy}: {mounts:?}");
    }
}
