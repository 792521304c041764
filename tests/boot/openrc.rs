//! A system under OpenRC: what the profile declares is what runs.
#![allow(missing_docs, clippy::print_stderr)]

use std::fs;
use std::path::Path;

use rootsmith_tests::machine::{answer, boot, build_with_probe};
use rootsmith_tests::{copy_workspace, judges, on_request, succeed};

const TOOLS: [&str; 1] = ["qemu-system-x86_64"];

/// Arguments that every reading of a script could spoil, and a package that makes a key for the machine's own name.
const PROFILE: &str = r#"
schema = 1
extends = ["k0s-worker-openrc.toml"]
[image]
name = "probe"
[identity]
hostname = "node-????"
[packages]
include = ["ssl-cert"]
[[user]]
name = "worker"
system = true
[[service]]
name = "limited"
exec = ["/bin/sh", "-c", "while :; do sleep 1000; done", "two  blanks", "$HOME 'and' *"]
user = "worker"
environment = { GREETING = "it's  $me" }
working-directory = "/var/lib"
limits = { nofile = 4096, nproc = 300, core = "unlimited" }
cgroup = { memory = "64MiB", cpu = "50%", pids = 20 }
[[service]]
name = "once"
oneshot = true
user = "worker"
exec = ["/bin/sh", "-c", "{ id -un; pwd; printf '%s\\n' \"$GREETING\" \"$1\"; } >/tmp/once", "sh", "it's  here"]
environment = { GREETING = "a $b" }
working-directory = "/var"
[[service]]
name = "probe"
oneshot = true
exec = ["/usr/local/bin/probe"]
after = ["limited", "once", "containerd", "ssh", "package-setup"]
"#;

const PROBE: &str = r#"#!/bin/sh
exec >/run/answers 2>&1
ask() { name=$1; shift; echo "<<$name"; "$@" 2>&1; echo "$name>>"; }
# A child that supervise-daemon only just started is still supervise-daemon, with the service's command among its own arguments,
# and has no arguments at all while it becomes the service: what counts is what it calls itself.
child() {
	tries=0
	until pid=$(cat /run/openrc/options/limited/child_pid) && [ "$pid" != "$1" ] && [ "$(tr '\0' '\n' <"/proc/$pid/cmdline" | head -n 1)" = /bin/sh ]; do
		[ $((tries += 1)) -le 60 ] || break
		sleep 1
	done 2>/dev/null
	echo "${pid:-0}"
}
first=$(child none)
ask ARGUMENTS sh -c "tr '\\0' '\\n' </proc/$first/cmdline"
ask ENVIRONMENT sh -c "tr '\\0' '\\n' </proc/$first/environ | grep GREETING"
ask FOLDER readlink "/proc/$first/cwd"
ask USER stat -c %U "/proc/$first"
ask LIMITS sh -c "grep -E 'Max (open files|processes|core file size)' /proc/$first/limits | tr -s ' '"
ask GROUP cat "/proc/$first/cgroup"
for file in memory.max pids.max cpu.max; do
	ask "$file" cat "/sys/fs/cgroup/openrc.limited/$file"
done
kill -9 "$first"
again=$(child "$first")
ask RESTARTED sh -c "[ $again -ne $first ] && tr '\\0' '\\n' </proc/$again/cmdline | tail -1"
ask SAME_LIMIT sh -c "grep 'Max open files' /proc/$again/limits | tr -s ' '"
ask ONCE cat /tmp/once
for service in limited once containerd grow-root machine-identity root-shared ssh-host-keys tmpfiles; do
	ask "DESCRIBE_$service" rc-service --nocolor "$service" describe
done
ask STOP rc-service --nocolor limited stop
ask LEFT pgrep -u worker
ask CRASHED rc-status --crashed --nocolor
ask SHARED findmnt -n -o PROPAGATION /
ask HIERARCHY stat -f -c %T /sys/fs/cgroup
ask NET rc-service --nocolor networking status
ask ADDRESS sh -c "ip -4 -o address show scope global | wc -l"
ask MODULES sh -c "grep -c -E '^(overlay|br_netfilter|nf_conntrack) ' /proc/modules"
ask SYSCTL cat /proc/sys/net/bridge/bridge-nf-call-iptables
ask SYSTEMD sh -c "dpkg-query -W -f '\${db:Status-Status} \${Package}\n' | grep -c -E '^installed (lib(pam|nss)-)?systemd(-sysv|-resolved)?\$'"
ask PACKAGES sh -c "dpkg --audit; ls /var/lib/rootsmith /etc/ssl/private; hostname; openssl x509 -noout -subject -in /etc/ssl/certs/ssl-cert-snakeoil.pem"
ask MACHINE_ID cat /etc/machine-id
ask HOSTNAME hostname
ask KEYS sh -c "cat /etc/ssh/ssh_host_*.pub | cut -d ' ' -f 2 | sha256sum"
ask SEED sh -c "stat -c %s /var/lib/urandom/random-seed"
# At once: OpenRC and the syslog daemon write to the console, too.
echo 1 >/proc/sys/kernel/printk
cat /run/answers >/dev/ttyS0
echo "=== probe is done" >/dev/ttyS0
sync
poweroff -f
"#;

#[test]
fn services_run_as_declared_and_start_again() {
    if !judges(&TOOLS) {
        return;
    }
    let (folder, image) = build_with_probe("probe", PROFILE, PROBE);
    let console = boot(folder.path(), &image, "=== probe is done", &[]);
    let one = |name: &str| answer(&console, name).join("\n");
    let arguments = ["/bin/sh", "-c", "while :; do sleep 1000; done", "two  blanks", "$HOME 'and' *"];
    assert_eq!(answer(&console, "ARGUMENTS"), arguments);
    assert_eq!(one("ENVIRONMENT"), "GREETING=it's  $me");
    assert_eq!((one("FOLDER"), one("USER")), ("/var/lib".to_owned(), "worker".to_owned()));
    let limits = one("LIMITS");
    for limit in ["Max open files 4096 4096", "Max processes 300 300", "Max core file size unlimited unlimited"] {
        assert!(limits.contains(limit), "{limits}");
    }
    assert_eq!(one("GROUP"), "0::/openrc.limited");
    let group = ["memory.max", "pids.max", "cpu.max"].map(one);
    assert_eq!(group, [(64 << 20).to_string(), "20".to_owned(), "50000 100000".to_owned()]);
    assert_eq!(one("RESTARTED"), "$HOME 'and' *", "killed, it starts again with the same arguments");
    assert!(one("SAME_LIMIT").contains("4096 4096"));
    assert_eq!(answer(&console, "ONCE"), ["worker", "/var", "a $b", "it's  here"]);
    for service in ["limited", "once", "containerd", "grow-root", "machine-identity", "root-shared"] {
        let described = one(&format!("DESCRIBE_{service}"));
        assert!(described.contains('*') && !described.contains("rror"), "{service}: {described}");
    }
    assert_eq!(answer(&console, "LEFT"), [""; 0], "stopped, nothing of it is left");
    assert!(!one("CRASHED").contains("crashed"), "{}", one("CRASHED"));
    assert_eq!((one("SHARED"), one("HIERARCHY")), ("shared".to_owned(), "cgroup2fs".to_owned()));
    assert_eq!((one("ADDRESS"), one("MODULES"), one("SYSCTL")), ("1".into(), "3".into(), "1".into()));
    assert_eq!(one("SYSTEMD"), "0");
    let packages = answer(&console, "PACKAGES");
    let [folder, key, left, hostname, subject] = packages.as_slice() else { panic!("{packages:?}") };
    assert_eq!([*folder, *key, *left], ["/etc/ssl/private:", "ssl-cert-snakeoil.key", "/var/lib/rootsmith:"]);
    assert!(subject.ends_with(hostname), "{packages:?}");
}

#[test]
fn every_copy_becomes_a_machine_of_its_own_and_stays_it() {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let (folder, image) = build_with_probe("probe", PROFILE, PROBE);
    let other = folder.path().join("other.img");
    fs::copy(&image, &other).unwrap();
    let who = |image: &Path| {
        let console = boot(folder.path(), image, "reboot: Power down", &["--write"]);
        ["MACHINE_ID", "KEYS", "HOSTNAME"].map(|name| answer(&console, name).join("\n"))
    };
    let (first, second, again) = (who(&image), who(&other), who(&image));
    assert_eq!(first, again, "a machine is another one after a boot");
    for (a, b) in first.iter().zip(&second) {
        assert_ne!(a, b);
    }
    assert!(first[0].len() == 32 && first[0].bytes().all(|b| b.is_ascii_hexdigit()), "{first:?}");
    assert!(first[2].len() == 9 && first[2].starts_with("node-"), "{first:?}");
}

#[test]
fn the_delivered_image_reaches_its_login_prompt() {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    succeed(folder.path(), &["build", "profiles/k0s-worker-openrc.toml"]);
    let image = folder.path().join("outputs/k0s-worker-openrc-amd64/k0s-worker-openrc-amd64.img");
    let console = boot(folder.path(), &image, "login:", &[]);
    assert!(console.contains("k0s-worker-openrc login:"), "{console}");
}

#[test]
fn version_1_is_mounted_where_it_is_declared() {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let controllers = ["cpu", "pids", "devices", "freezer"];
    for hierarchy in ["legacy", "hybrid"] {
        let profile = format!(
            "schema = 1\nextends = [\"k0s-worker-openrc.toml\"]\n[image]\nname = \"probe\"\n\
             [cgroups]\nhierarchy = \"{hierarchy}\"\ncontrollers = {{ replace = {controllers:?} }}\n\
             [preflight]\nsets = {{ replace = [\"boot\"] }}\naccept = {{ replace = [] }}\n\
             [[service]]\nname = \"probe\"\noneshot = true\nexec = [\"/usr/local/bin/probe\"]\nafter = [\"ssh\"]\n"
        );
        let program = "#!/bin/sh\nexec >/run/answers\necho '<<MOUNTS'\n\
                       awk '$2 ~ \"/sys/fs/cgroup/?\" { print $2, $3 }' /proc/mounts\necho 'MOUNTS>>'\n\
                       { echo; cat /run/answers; echo '=== probe is done'; } >/dev/ttyS0\n";
        let (folder, image) = build_with_probe("probe", &profile, program);
        let console = boot(folder.path(), &image, "=== probe is done", &[]);
        let found = answer(&console, "MOUNTS");
        // OpenRC keeps its services in a hierarchy without a controller.
        let mut wanted = vec!["/sys/fs/cgroup tmpfs".to_owned(), "/sys/fs/cgroup/openrc cgroup".to_owned()];
        wanted.extend(controllers.map(|name| format!("/sys/fs/cgroup/{name} cgroup")));
        if hierarchy == "hybrid" {
            wanted.push("/sys/fs/cgroup/unified cgroup2".to_owned());
        }
        let mut sorted: Vec<&str> = found.clone();
        sorted.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(sorted, wanted, "{hierarchy}");
    }
}
