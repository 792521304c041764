//! The rendered files: what they say, that a shell can read them, and what is refused.

use std::io;
use std::path::Path;
use std::process::Command;

use rootsmith_assemble::Assembly;
use rootsmith_profile::Profile;
use rootsmith_types::{Arch, Explain, SourceEntry, Sources, Subject, TreePath};

use super::super::quote::quote;
use super::applets::NEEDED;
use crate::ConfigureError;
use crate::edit::testing::{edit, target, text};
use crate::edit::{Edit, testing};

const PROFILE: &str = r#"
schema = 1
image = { name = "node", arch = ["amd64"] }
distribution = { id = "debian", suite = "trixie" }
packages = { essential = false, dependencies = false, include = ["busybox-static"] }
init = { system = "busybox" }
output = [{ kind = "tar" }]
"#;

struct One(String);

impl Sources for One {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == Path::new("test.toml") { Ok(self.0.clone().into()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn open(&self, _: &Path) -> io::Result<Box<dyn io::Read + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<SourceEntry>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

fn profile(extra: &str) -> Profile {
    rootsmith_profile::load(Path::new("test.toml"), &One(format!("{PROFILE}{extra}"))).unwrap()
}

/// A tree with a BusyBox of these applets.
fn tree(applets: &[&str]) -> Assembly {
    let mut names = applets.to_vec();
    names.extend(["busybox", "dpkg", "ls"]);
    names.sort_unstable();
    let mut data = String::from("\x01\0");
    names.iter().for_each(|name| data.push_str(&format!("{name}\0")));
    data.push_str("BusyBox v1.37\0");
    testing::assembly(&[("/usr/bin/busybox", &data), ("/usr/bin/cat", "a package's own")])
}

fn render(extra: &str) -> (Assembly, Vec<ConfigureError>) {
    let mut assembly = tree(&NEEDED);
    let profile = profile(extra);
    let errors = {
        let mut edit: Edit<'_> = edit(&mut assembly);
        super::write(&mut edit, &profile, Arch::Amd64);
        super::services(&mut edit, &profile);
        edit.errors
    };
    (assembly, errors)
}

/// What is refused, each with the text of the profile it points at.
fn refused(extra: &str) -> Vec<(String, String)> {
    let whole = format!("{PROFILE}{extra}");
    let shown = |error: &ConfigureError| {
        let Subject::Profile(origin) = error.subject() else { panic!("no place: {error}") };
        assert!(error.help().is_some());
        (error.to_string(), whole[origin.span()].to_owned())
    };
    render(extra).1.iter().map(shown).collect()
}

const EVERYTHING: &str = r#"
identity = { hostname = "node-??" }
sysctl = { "vm.overcommit_memory" = 1 }
mount = [{ source = "tmpfs", target = "/data", type = "tmpfs" }]

[kernel]
package = "linux-image-cloud-amd64"
cmdline = ["console=tty0", "console=ttyS0,9600n8"]
modules = ["overlay", "br_netfilter"]

[cgroups]
controllers = ["cpu", "memory", "pids", "blkio", "freezer"]

[[network.interface]]
match = ["en*", "eth*"]
dhcp = true

[[network.interface]]
match = ["lan0"]
address = ["192.0.2.2/24", "2001:db8::2/64"]
gateway = ["192.0.2.1"]
dns = ["192.0.2.53"]

[[service]]
name = "web"
exec = ["/usr/sbin/httpd", "-f", "it's here", "$HOME"]
user = "nobody"
group = "www"
environment = { GREETING = "a 'b' $c" }
working-directory = "/srv/my files"
network = true
restart-delay = "1500ms"
limits = { nofile = 1024, memlock = 65536, core = "unlimited" }
delegate = true
cgroup = { memory = "64MiB", cpu = "150%", pids = 50 }
requires = ["prepare"]

[[service]]
name = "prepare"
exec = ["/bin/mkdir", "-p", "/data/web"]
oneshot = true

[[service]]
name = "later"
exec = ["/bin/sleep", "1d"]
restart = "never"
enable = false
"#;

#[test]
fn everything_declared_is_somewhere() {
    let (assembly, errors) = render(EVERYTHING);
    assert_eq!(errors, []);
    let inittab = text(&assembly, "/etc/inittab");
    assert!(inittab.contains("\ntty1::respawn:/sbin/getty 115200 tty1 linux\n"), "{inittab}");
    assert!(inittab.contains("\nttyS0::respawn:/sbin/getty -L 9600 ttyS0 vt100\n"), "{inittab}");
    assert!(inittab.contains("\n::respawn:/etc/init.d/services/web\n"), "{inittab}");
    // One is run by rcS, the other by nobody.
    assert!(!inittab.contains("prepare") && !inittab.contains("later"), "{inittab}");

    let rcs = text(&assembly, "/etc/init.d/rcS");
    for line in [
        "mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 /sys/fs/cgroup",
        "for controller in cpu memory pids io; do",
        "modprobe -a overlay br_netfilter",
        "\ten* | eth*)",
        "\t\tip addr add 2001:db8::2/64 dev \"$interface\"",
        "if /etc/init.d/services/prepare; then : >/run/services/prepare.done; else echo 'the service prepare failed'; fi",
    ] {
        assert!(rcs.contains(&format!("{line}\n")), "{line}: {rcs}");
    }
    // Who the machine is comes before its name, and that before the network.
    let at = |text: &str| rcs.find(text).unwrap_or_else(|| panic!("no {text}: {rcs}"));
    let order = ["remount,rw", "/etc/machine-id.new", "name%%", "hostname -F", "mount -a", "sysctl", "udhcpc"];
    assert!(order.map(at).is_sorted(), "{rcs}");

    let web = text(&assembly, "/etc/init.d/services/web");
    for line in [
        "until [ -e /run/services/prepare.done ]; do",
        "echo 67108864 >/sys/fs/cgroup/services/web/memory.max",
        "echo \"150000 100000\" >/sys/fs/cgroup/services/web/cpu.max",
        "echo 50 >/sys/fs/cgroup/services/web/pids.max",
        "chown -R nobody:www /sys/fs/cgroup/services/web",
        "ulimit -n 1024",
        "ulimit -l 64",
        "ulimit -c unlimited",
        "export GREETING='a '\\''b'\\'' $c'",
        "cd '/srv/my files' || exit 1",
        "exec start-stop-daemon -S -c nobody:www -p /run/services/web.pid -x /usr/sbin/httpd -- -f 'it'\\''s here' '$HOME'",
    ] {
        assert!(web.contains(&format!("{line}\n")), "{line}: {web}");
    }
    assert_eq!(text(&assembly, "/etc/machine-id"), "");
    assert_eq!(target(&assembly, "/etc/resolv.conf"), "../run/resolv.conf");
}

#[test]
fn shells_can_read_every_script() {
    let legacy = "[cgroups]\nhierarchy = \"hybrid\"\ncontrollers = [\"cpu\", \"cpuset\", \"pids\"]\n\
                  [[service]]\nname = \"one\"\nexec = [\"/bin/one\"]\ncgroup = { cpu = \"50%\", pids = 3 }\n";
    for extra in ["", EVERYTHING, legacy] {
        let (assembly, errors) = render(extra);
        assert_eq!(errors, []);
        let scripts = assembly.tree.walk().filter(|entry| entry.node.metadata.mode == 0o755);
        let scripts: Vec<TreePath> =
            scripts.filter(|entry| entry.node.content().is_some()).map(|entry| entry.path).collect();
        assert!(scripts.len() >= 2);
        for path in scripts {
            let script = text(&assembly, &path.to_string());
            let output = Command::new("sh").args(["-n", "-c", &script]).output().unwrap();
            assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn version_1_has_a_hierarchy_for_each_controller() {
    let extra = "[cgroups]\nhierarchy = \"HIERARCHY\"\ncontrollers = [\"cpu\", \"cpuset\", \"io\"]\n\
                 [[service]]\nname = \"one\"\nexec = [\"/bin/one\"]\ncgroup = { cpu = \"50%\" }\n";
    let (assembly, errors) = render(&extra.replace("HIERARCHY", "legacy"));
    assert_eq!(errors, []);
    let rcs = text(&assembly, "/etc/init.d/rcS");
    for controller in ["cpu", "cpuset", "blkio"] {
        let options = format!("nosuid,nodev,noexec,{controller}");
        let line = format!("mount -t cgroup -o {options} cgroup /sys/fs/cgroup/{controller}\n");
        assert!(rcs.contains(&line), "{line}: {rcs}");
    }
    assert!(!rcs.contains("cgroup2"), "{rcs}");
    let one = text(&assembly, "/etc/init.d/services/one");
    assert!(one.contains("echo 50000 >/sys/fs/cgroup/cpu/services/one/cpu.cfs_quota_us\n"), "{one}");
    assert!(one.contains("echo $$ >/sys/fs/cgroup/blkio/services/one/cgroup.procs\n"), "{one}");

    let rcs = text(&render(&extra.replace("HIERARCHY", "hybrid")).0, "/etc/init.d/rcS");
    assert!(rcs.contains("nsdelegate cgroup2 /sys/fs/cgroup/unified\n"), "{rcs}");
}

#[test]
fn applets_get_links_where_no_program_is() {
    let (assembly, _) = render("");
    assert_eq!(target(&assembly, "/usr/bin/ls"), "busybox");
    assert_eq!(target(&assembly, "/usr/sbin/init"), "../bin/busybox");
    assert_eq!(text(&assembly, "/usr/bin/cat"), "a package's own");
    assert!(assembly.tree.get(&TreePath::literal("/usr/bin/dpkg")).is_none());
}

#[test]
fn a_busybox_that_cannot_boot_is_refused() {
    let profile = profile("");
    let told = |mut assembly: Assembly| {
        let mut edit = edit(&mut assembly);
        super::write(&mut edit, &profile, Arch::Amd64);
        edit.errors.iter().map(ConfigureError::to_string).collect::<Vec<_>>()
    };
    assert_eq!(told(testing::assembly(&[])), ["`busybox` cannot start: there is no `/usr/bin/busybox`"]);
    let fewer: Vec<&str> = NEEDED.into_iter().filter(|name| !["getty", "udhcpc"].contains(name)).collect();
    assert_eq!(told(tree(&fewer)), ["`busybox` cannot start: `/usr/bin/busybox` has no applet `getty`, `udhcpc`"]);
}

#[test]
fn what_busybox_cannot_do_is_refused_where_it_is_asked() {
    let extra = r#"
network = { manager = "networkd" }
[init]
enable = ["ssh"]
[[service]]
name = "one"
exec = ["/bin/one"]
restart = "on-failure"
network = true
limits = { stack = 1000 }
cgroup = { memory = "1MiB" }
requires = ["gone"]
[[service]]
name = "once"
exec = ["/bin/once"]
oneshot = true
after = ["one"]
"#;
    let extra = extra.replace("[init]\n", "[init]\nsystem = \"busybox\"\n");
    let whole = PROFILE.replace("init = { system = \"busybox\" }\n", "");
    let profile = rootsmith_profile::load(Path::new("test.toml"), &One(format!("{whole}{extra}"))).unwrap();
    let mut assembly = tree(&NEEDED);
    let mut edit = edit(&mut assembly);
    super::write(&mut edit, &profile, Arch::Amd64);
    super::services(&mut edit, &profile);
    let told: Vec<String> = edit.errors.iter().map(ConfigureError::to_string).collect();
    assert_eq!(
        told,
        [
            "`busybox` cannot start another manager of the network",
            "`busybox` cannot start a service again only after a failure",
            "`busybox` cannot wait for a network that nothing configures",
            "`busybox` cannot limit this to 1000 bytes: its shell counts in units of 1024",
            "`busybox` cannot limit a service by the cgroup controller `memory`, which `[cgroups]` does not declare",
            "`busybox` cannot start `gone`, which `one` requires",
            "`busybox` cannot run `once` once after `one` was started",
            "`busybox` cannot enable `ssh`: no package brings a service for it",
        ]
    );
}

#[test]
fn services_of_a_circle_are_refused() {
    let one = |name: &str, after: &str| {
        format!("[[service]]\nname = \"{name}\"\nexec = [\"/bin/x\"]\nafter = [\"{after}\"]\n")
    };
    let told = refused(&format!("{}{}", one("aa", "bb"), one("bb", "aa")));
    let what = "`busybox` cannot start services of which each is to come after the others".to_owned();
    assert_eq!(told, [(what, "\"bb\"".to_owned())]);
}

#[test]
fn a_shell_reads_back_what_was_quoted() {
    for text in ["", "plain", "it's", "$HOME `id` \\", "a\nb", "*", "ü"] {
        let output = Command::new("sh").args(["-c", &format!("printf %s {}", quote(text))]).output().unwrap();
        assert_eq!(output.stdout, text.as_bytes());
    }
}
