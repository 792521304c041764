//! What k0s itself says in situations that were watched on machines, beside what we say: where they differ, we are stricter.

use super::*;
use crate::Said::{Error, Pass, Rejected, Warning};

/// A situation: a name, the set, a change of the good image, the check, the word of k0s, ours.
type Row = (&'static str, &'static str, fn(&mut Image), &'static str, Option<Said>, Verdict);

const NOW: &str = "k0s-worker@1.36";

fn hosts(image: &mut Image, text: &str) {
    image.put("/etc/hosts", 0o644, text);
}

fn nsswitch(image: &mut Image, line: &str) {
    image.put("/etc/nsswitch.conf", 0o644, format!("{line}\n"));
}

fn without_config(image: &mut Image) {
    image.remove(&format!("/boot/config-{RELEASE}"));
}

fn without_modules(image: &mut Image) {
    image.remove(&format!("/usr/lib/modules/{RELEASE}"));
}

fn drop_symbol(image: &mut Image, line: &str) {
    image.config(&format!("CONFIG_{line}\n"), "");
}

fn limits(image: &mut Image, limits: &str) {
    image.put("/etc/systemd/system.conf", 0o644, format!("[Manager]\nDefaultLimitNOFILE={limits}\n"));
}

#[rustfmt::skip]
const SEEN: &[Row] = &[
    // No configuration anywhere: five warnings, the rest is passed over, and the status is 0.
    ("no config", NOW, without_config, "kconfig.CGROUPS", Some(Warning), Verdict::Fail),
    ("no config", NOW, without_config, "kconfig.NAMESPACES", Some(Warning), Verdict::Fail),
    ("no config", NOW, without_config, "kconfig.NET", Some(Warning), Verdict::Fail),
    ("no config", NOW, without_config, "kconfig.EXT4_FS", Some(Warning), Verdict::Fail),
    ("no config", NOW, without_config, "kconfig.PROC_FS", Some(Warning), Verdict::Fail),
    ("no config", NOW, without_config, "kconfig.NET_NS", None, Verdict::Fail),
    ("no config", NOW, without_config, "kconfig.IPV6", None, Verdict::Warning),
    ("no config, the running kernel is asked", NOW, without_config, "cgroup.memory", None, Verdict::Fail),
    ("a folder where the file should be", NOW, |image| { without_config(image); image.put(&format!("/boot/config-{RELEASE}/x"), 0o644, ""); }, "kconfig.NET", Some(Error), Verdict::Fail),
    ("a stale config is believed", NOW, |image| image.config("6.12.107", "5.4.1"), "kconfig.NET", Some(Pass), Verdict::Pass),

    // `m` is enough.
    ("module dropped", NOW, |image| image.remove(&format!("/usr/lib/modules/{RELEASE}/kernel/nf_conntrack.ko.xz")), "kconfig.NF_CONNTRACK", Some(Pass), Verdict::Fail),
    ("no modules at all", NOW, without_modules, "kconfig.NF_CONNTRACK", Some(Pass), Verdict::Fail),
    ("no modules at all", NOW, without_modules, "host.os", Some(Pass), Verdict::Fail),
    ("module blacklisted", NOW, |image| image.cmdline("module_blacklist=x_tables"), "kconfig.NETFILTER_XTABLES", Some(Pass), Verdict::Fail),
    ("the last `=y` counts, whatever follows", NOW, |image| image.config("CONFIG_UTS_NS=y\n", "CONFIG_UTS_NS=y\n# CONFIG_UTS_NS is not set\n"), "kconfig.UTS_NS", Some(Pass), Verdict::Fail),

    // Symbols.
    ("alternatives are never taken", NOW, |image| drop_symbol(image, "NETFILTER_XT_TARGET_REDIRECT=m"), "kconfig.NETFILTER_XT_TARGET_REDIRECT", Some(Rejected), Verdict::Fail),
    ("kubeadm takes them", "kubernetes-node", |image| drop_symbol(image, "NETFILTER_XT_TARGET_REDIRECT=m"), "kernel.redirect", None, Verdict::Pass),
    ("ext4 is demanded on btrfs too", NOW, |image| { image.boot.root.filesystem = "btrfs".to_owned(); drop_symbol(image, "EXT4_FS=y") }, "kconfig.EXT4_FS", Some(Rejected), Verdict::Fail),
    ("conntrack is demanded though no list says so", NOW, |image| drop_symbol(image, "NF_CONNTRACK=m"), "kconfig.NF_CONNTRACK", Some(Rejected), Verdict::Fail),
    ("optional", NOW, |image| drop_symbol(image, "CFS_BANDWIDTH=y"), "kconfig.CFS_BANDWIDTH", Some(Warning), Verdict::Warning),
    ("debug", NOW, |image| drop_symbol(image, "IP_VS=m"), "kconfig.IP_VS", Some(Warning), Verdict::Warning),
    ("extinct", NOW, |_| (), "kconfig.NF_CONNTRACK_IPV4", Some(Warning), Verdict::NotApplicable),
    ("extinct", NOW, |_| (), "kconfig.NF_CONNTRACK_IPV6", Some(Warning), Verdict::NotApplicable),
    ("extinct", NOW, |_| (), "kconfig.NF_NAT_IPV4", Some(Warning), Verdict::NotApplicable),
    ("extinct", NOW, |_| (), "kconfig.NF_NAT_IPV6", Some(Warning), Verdict::NotApplicable),
    ("not yet extinct", NOW, |image| image.release("4.18.0"), "kconfig.NF_NAT_IPV4", Some(Warning), Verdict::Warning),
    ("not yet extinct, and there", NOW, |image| { image.config("CONFIG_NET=y\n", "CONFIG_NET=y\nCONFIG_NF_NAT_IPV4=y\n"); image.release("5.0.1"); }, "kconfig.NF_NAT_IPV4", Some(Pass), Verdict::Pass),

    // The release: a digit somewhere is enough.
    ("2.6.32 has a 6", NOW, |image| image.release("2.6.32"), "kernel.release", Some(Pass), Verdict::Warning),
    ("3.2.0 has none", NOW, |image| image.release("3.2.0"), "kernel.release", Some(Warning), Verdict::Warning),
    ("3.10.0", NOW, |image| image.release("3.10.0"), "kernel.release", Some(Pass), Verdict::Pass),

    // Programs: only warned of, and any file will do.
    ("no mount", NOW, |image| image.remove("/usr/bin/mount"), "exec.mount", Some(Warning), Verdict::Fail),
    ("no umount", NOW, |image| image.remove("/usr/bin/umount"), "exec.umount", Some(Warning), Verdict::Fail),
    ("no modprobe", NOW, |image| image.remove("/usr/sbin/modprobe"), "exec.modprobe", Some(Warning), Verdict::Fail),
    ("mount for arm64", NOW, |image| image.put("/usr/bin/mount", 0o755, program(183, LOADER, &[])), "exec.mount", Some(Pass), Verdict::Fail),
    ("mount without its library", NOW, |image| image.remove("/usr/lib/x86_64-linux-gnu/libmount.so.1"), "exec.mount", Some(Pass), Verdict::Fail),

    // localhost.
    ("no nsswitch.conf", NOW, |image| image.remove("/etc/nsswitch.conf"), "host.localhost", Some(Pass), Verdict::Pass),
    ("empty nsswitch.conf", NOW, |image| nsswitch(image, ""), "host.localhost", Some(Pass), Verdict::Pass),
    ("Arch", NOW, |image| nsswitch(image, "hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns"), "host.localhost", Some(Pass), Verdict::Pass),
    ("Fedora", NOW, |image| nsswitch(image, "hosts: files myhostname resolve [!UNAVAIL=return] dns"), "host.localhost", Some(Pass), Verdict::Pass),
    ("nss-myhostname does not help", NOW, |image| { nsswitch(image, "hosts: myhostname files dns"); hosts(image, ""); }, "host.localhost", Some(Error), Verdict::Fail),
    ("empty hosts", NOW, |image| hosts(image, ""), "host.localhost", Some(Error), Verdict::Fail),
    ("no hosts", NOW, |image| image.remove("/etc/hosts"), "host.localhost", Some(Error), Verdict::Fail),
    ("dns only", NOW, |image| nsswitch(image, "hosts: dns"), "host.localhost", Some(Error), Verdict::Fail),
    ("only IPv6", NOW, |image| hosts(image, "::1 localhost\n"), "host.localhost", Some(Pass), Verdict::Fail),
    ("only IPv4", NOW, |image| hosts(image, "127.0.0.1 localhost\n"), "host.localhost", Some(Pass), Verdict::Warning),
    ("a later alias, in capitals", NOW, |image| hosts(image, "127.0.0.1 node LOCALHOST\n::1 node localhost\n"), "host.localhost", Some(Pass), Verdict::Pass),
    ("the value is not judged", NOW, |image| hosts(image, "10.1.2.3 localhost\n"), "host.localhost", Some(Pass), Verdict::Fail),
    ("only localhost.localdomain", NOW, |image| hosts(image, "127.0.0.1 localhost.localdomain\n"), "host.localhost", Some(Error), Verdict::Fail),
    ("commented", NOW, |image| hosts(image, "# 127.0.0.1 localhost\n"), "host.localhost", Some(Error), Verdict::Fail),
    ("a bad address", NOW, |image| hosts(image, "127.0.0.256 localhost\n"), "host.localhost", Some(Error), Verdict::Fail),

    // Control groups.
    ("version 1", NOW, |image| image.cmdline("systemd.unified_cgroup_hierarchy=0"), "cgroup.v2", Some(Rejected), Verdict::Fail),
    ("version 1", "k0s-worker@1.35", |image| image.cmdline("systemd.unified_cgroup_hierarchy=0"), "cgroup.v2", Some(Rejected), Verdict::Fail),
    ("version 1", "k0s-worker@1.34", |image| image.cmdline("systemd.unified_cgroup_hierarchy=0"), "cgroup.mounted", Some(Pass), Verdict::Pass),
    ("version 1, memory", "k0s-worker@1.34", |image| { image.cmdline("systemd.unified_cgroup_hierarchy=0"); image.config("CONFIG_MEMCG=y\n", "CONFIG_MEMCG=y\nCONFIG_MEMCG_V1=y\n"); }, "cgroup.memory", Some(Pass), Verdict::Pass),
    ("version 1, memory of a kernel without it", "k0s-worker@1.34", |image| image.cmdline("systemd.unified_cgroup_hierarchy=0"), "cgroup.memory", Some(Rejected), Verdict::Fail),
    ("memory disabled", NOW, |image| image.cmdline("cgroup_disable=memory"), "cgroup.memory", Some(Rejected), Verdict::Fail),
    ("enabled again on Debian", NOW, |image| image.cmdline("cgroup_disable=memory cgroup_enable=memory"), "cgroup.memory", Some(Rejected), Verdict::Fail),
    ("cgroup_no_v1", NOW, |image| image.cmdline("cgroup_no_v1=all"), "cgroup.v2", Some(Pass), Verdict::Pass),
    ("cgroup_no_v1", NOW, |image| image.cmdline("cgroup_no_v1=all"), "cgroup.memory", Some(Pass), Verdict::Pass),
    ("no program can be attached", NOW, |image| drop_symbol(image, "CGROUP_BPF=y"), "cgroup.devices", Some(Rejected), Verdict::Fail),
    ("no program can be loaded", NOW, |image| drop_symbol(image, "BPF_SYSCALL=y"), "cgroup.devices", Some(Error), Verdict::Fail),
    ("an old kernel", NOW, |image| image.release("5.1.0"), "cgroup.freezer", Some(Rejected), Verdict::Fail),
    ("hugetlb of Raspberry Pi OS", NOW, |image| drop_symbol(image, "CGROUP_HUGETLB=y"), "cgroup.hugetlb", Some(Warning), Verdict::Warning),
    ("cpuacct follows cpu", NOW, |image| drop_symbol(image, "CGROUP_SCHED=y"), "cgroup.cpuacct", Some(Rejected), Verdict::Fail),

    // Open files: Go raises the soft limit to the hard one less one.
    ("hard limit one short", NOW, |image| limits(image, "1024:65536"), "host.open-files", Some(Warning), Verdict::Warning),
    ("hard limit just enough", NOW, |image| limits(image, "1024:65537"), "host.open-files", Some(Pass), Verdict::Pass),
    ("soft limit just enough", NOW, |image| limits(image, "65536:65536"), "host.open-files", Some(Pass), Verdict::Pass),
    ("the kernel's own", NOW, |image| image.cmdline("init=/usr/bin/mount"), "host.open-files", Some(Warning), Verdict::Warning),

    // The rest.
    ("AppArmor off", NOW, |image| image.cmdline("apparmor=0"), "host.apparmor", Some(Pass), Verdict::Pass),
    ("a snippet of version 2", NOW, |image| image.put("/etc/k0s/containerd.d/a.toml", 0o644, "version = 2\n"), "host.containerd-snippets", Some(Rejected), Verdict::Fail),
    ("a snippet that cannot be read", NOW, |image| image.link("/etc/k0s/containerd.d/a.toml", "gone"), "host.containerd-snippets", Some(Error), Verdict::Fail),
    ("no snippets", NOW, |image| image.remove("/etc/k0s/containerd.d/mirror.toml"), "host.containerd-snippets", Some(Pass), Verdict::Pass),
    ("a file system nobody knows", NOW, |image| image.boot.root.filesystem = "reiserfs".to_owned(), "host.datadir", Some(Warning), Verdict::Warning),
    ("1799 MiB", NOW, |image| image.boot.root.available = NumBytes::mib(1299), "host.disk-free", Some(Warning), Verdict::Warning),
    ("14 %", NOW, |image| image.boot.root.available = NumBytes::mib(614), "host.disk-relative", Some(Warning), Verdict::Warning),
    ("15 %", NOW, |image| image.boot.root.available = NumBytes::mib(615), "host.disk-relative", Some(Pass), Verdict::Pass),
    ("a controller needs less", "k0s-controller@1.36", |image| image.boot.root.available = NumBytes::mib(500), "host.disk-free", Some(Pass), Verdict::Pass),
    ("memory is the machine's", NOW, |_| (), "host.memory", None, Verdict::NotApplicable),
    ("a controller without a network", "k0s-controller@1.36", |image| drop_symbol(image, "INET=y"), "kconfig.INET", Some(Rejected), Verdict::Fail),
    ("a symbol that was demanded once", "k0s-worker@1.29", |image| drop_symbol(image, "CGROUP_FREEZER=y"), "kconfig.CGROUP_FREEZER", Some(Rejected), Verdict::Fail),
    ("no id: the name of the host is taken", "k0s-worker@1.29", |image| image.cmdline("init=/usr/bin/mount"), "host.machine-id", Some(Pass), Verdict::Warning),
];

#[test]
fn what_k0s_says_and_what_we_say() {
    let mut wrong = Vec::new();
    for (name, set, change, check, k0s, ours) in SEEN {
        let mut image = good();
        change(&mut image);
        let finding = image.finding_of(set, check);
        let said = finding.upstream.as_ref().and_then(|upstream| upstream.said);
        if said != *k0s || finding.verdict != *ours {
            wrong.push(format!("{name}: {check}: k0s {said:?}, we {:?}: {:?}", finding.verdict, finding.evidence));
        }
        // Where k0s makes less of it than we do, we say so.
        let last = finding.evidence.last().map(String::as_str);
        let milder = match (k0s, ours) {
            (Some(Pass), Verdict::Fail) => Some("k0s would not notice"),
            (Some(Warning), Verdict::Fail) => Some("k0s only warns"),
            _ => None,
        };
        if milder.is_some() && last != milder {
            wrong.push(format!("{name}: {check} does not say that {}", milder.unwrap_or_default()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The lines of `k0s sysinfo` 1.36, by how they begin, but for the symbols.
const PROBES: [&str; 24] = [
    "Total memory",
    "File system of",
    "Disk space available",
    "Relative disk space",
    "Name resolution: localhost",
    "Containerd config snippets",
    "Operating system",
    "Linux kernel release",
    "Max. file descriptors",
    "AppArmor",
    "Executable in PATH: modprobe",
    "Executable in PATH: mount",
    "Executable in PATH: umount",
    "/proc file system",
    "Control Groups",
    "cgroup controller \"cpu\"",
    "cgroup controller \"cpuacct\"",
    "cgroup controller \"cpuset\"",
    "cgroup controller \"memory\"",
    "cgroup controller \"devices\"",
    "cgroup controller \"freezer\"",
    "cgroup controller \"pids\"",
    "cgroup controller \"hugetlb\"",
    "cgroup controller \"blkio\"",
];

fn probes(set: &str) -> Vec<&'static str> {
    let set = sets().iter().find(|there| there.id() == set).unwrap();
    let mut probes: Vec<&str> = set.checks.iter().filter_map(|check| check.probe.as_deref()).collect();
    probes.sort_unstable();
    probes
}

#[test]
fn each_probe_of_k0s_has_one_check() {
    let worker = probes(NOW);
    let symbols: Vec<&&str> = worker.iter().filter(|probe| probe.starts_with("CONFIG_")).collect();
    let mut others: Vec<&str> = worker.iter().filter(|probe| !probe.starts_with("CONFIG_")).copied().collect();
    let mut expected = PROBES;
    expected.sort_unstable();
    others.dedup();
    assert_eq!(others, expected);
    assert_eq!((worker.len(), symbols.len()), (83, 59));
    assert_eq!(
        probes("k0s-controller@1.36"),
        [
            "AppArmor",
            "CONFIG_INET",
            "CONFIG_NET",
            "Disk space available",
            "File system of",
            "Linux kernel release",
            "Max. file descriptors",
            "Name resolution: localhost",
            "Operating system",
            "Total memory",
        ]
    );
}

#[test]
fn levels_of_the_symbols_are_those_of_k0s() {
    let count = |set: &str, severity| {
        let set = sets().iter().find(|there| there.id() == set).unwrap();
        let symbols =
            set.checks.iter().filter(|check| check.probe.as_deref().is_some_and(|it| it.starts_with("CONFIG_")));
        symbols.filter(|check| check.severity == severity).count()
    };
    assert_eq!((count(NOW, Severity::Fail), count(NOW, Severity::Warning)), (17, 3 + 39));
    assert_eq!((count("k0s-worker@1.29", Severity::Fail), count("k0s-worker@1.29", Severity::Warning)), (23, 4 + 39));
    assert_eq!(count("k0s-worker@1.30", Severity::Fail), 17);
}

#[test]
fn releases_have_the_checks_they_had() {
    let has = |set: &str, id: &str| {
        let set = sets().iter().find(|there| there.id() == set).unwrap();
        set.checks.iter().any(|check| check.id == id)
    };
    let first = |id: &str| (28..=36).find(|release| has(&format!("k0s-worker@1.{release}"), id));
    let last = |id: &str| (28..=36).rev().find(|release| has(&format!("k0s-worker@1.{release}"), id));
    let span = |id| (first(id), last(id));
    assert_eq!(span("kconfig.MEMCG"), (Some(28), Some(29)));
    assert_eq!(span("host.machine-id"), (Some(28), Some(29)));
    assert_eq!(span("host.datadir"), (Some(31), Some(36)));
    assert_eq!(span("host.disk-relative"), (Some(31), Some(36)));
    assert_eq!(span("cgroup.mounted"), (Some(28), Some(34)));
    assert_eq!(span("cgroup.v2"), (Some(35), Some(36)));
    assert_eq!(span("host.containerd-snippets"), (Some(36), Some(36)));
    assert_eq!(span("cgroup.memory"), (Some(28), Some(36)));
}

#[test]
fn the_nearest_folder_of_the_data_is_shown() {
    let mut image = good();
    let known = ["/var/lib", "/var", "/"]
        .into_iter()
        .find(|path| image.tree.get(&rootsmith_types::TreePath::new(*path).unwrap()).is_some());
    let evidence = image.finding("host.datadir").evidence;
    assert_eq!(evidence, [format!("`/` is ext4; `{}` is on it", known.unwrap())]);
    image.put("/var/lib/k0s/bin/x", 0o644, "");
    assert_eq!(image.finding("host.datadir").evidence, ["`/` is ext4; `/var/lib/k0s` is on it"]);
}

#[test]
fn apparmor_is_told_and_never_demanded() {
    let told = |change: fn(&mut Image)| {
        let mut image = good();
        change(&mut image);
        let finding = image.finding("host.apparmor");
        assert_eq!(finding.verdict, Verdict::Pass);
        finding.evidence[0].split([',', ':']).next().unwrap().to_owned()
    };
    assert_eq!(told(|image| image.config("CONFIG_SECURITY_APPARMOR=y\n", "")), "unavailable");
    assert_eq!(told(|image| image.cmdline("apparmor=0")), "unavailable");
    assert_eq!(told(|image| image.cmdline("lsm=landlock,yama")), "unavailable");
    assert_eq!(told(|image| image.cmdline("lsm=landlock,apparmor")), "active");
    assert_eq!(told(|image| image.cmdline("security=apparmor")), "active");
}

#[test]
fn grades_follow_the_word_of_k0s_where_it_has_one() {
    let grade = |change: fn(&mut Image)| {
        let mut image = good();
        change(&mut image);
        let grades = image.report().grades;
        assert_eq!((grades[0].set.as_str(), grades[1].set.as_str()), ("boot", NOW));
        grades[1].grade
    };
    assert_eq!(grade(|_| ()), Grading::Clean);
    // k0s warns of it, and so do we.
    assert_eq!(grade(|image| drop_symbol(image, "IP_VS=m")), Grading::Admitted);
    // We do not make such an image; k0s starts on it.
    assert_eq!(grade(|image| image.remove("/usr/bin/mount")), Grading::Admitted);
    assert_eq!(grade(|image| drop_symbol(image, "EXT4_FS=y")), Grading::Rejected);
    assert_eq!(grade(|image| nsswitch(image, "hosts: dns")), Grading::Rejected);
    // Our own checks: a failure and a warning.
    assert_eq!(grade(without_config), Grading::Rejected);
    let rt = |image: &mut Image| image.config("CONFIG_NET=y\n", "CONFIG_NET=y\nCONFIG_RT_GROUP_SCHED=y\n");
    assert_eq!(grade(rt), Grading::Admitted);
    // A check that fails an image can be met just so.
    let nameless = |image: &mut Image| image.config("# Linux/x86 6.12.107 Kernel Configuration\n", "");
    assert_eq!(grade(nameless), Grading::Admitted);
    for set in sets() {
        assert_eq!(good().judged_by(set).grades, [Grade { set: set.id(), grade: Grading::Clean }]);
    }
    let json = good().report().to_json();
    assert!(json.ends_with("\"set\": \"k0s-worker@1.36\",\n      \"grade\": \"clean\"\n    }\n  ]\n}\n"), "{json}");
}
