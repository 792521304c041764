//! The good image with other inits, and what each of them needs to be told.

use super::fixture::*;
use crate::*;

const SETS: [&str; 3] = ["golden-image", "k0s-worker@1.36", "node"];

/// Puts BusyBox in the place of systemd.
fn without_systemd() -> Image {
    let mut image = good();
    for path in ["/usr/lib/systemd", "/usr/lib/x86_64-linux-gnu/systemd", "/etc/systemd", "/etc/resolv.conf"] {
        image.remove(path);
    }
    image.put("/usr/bin/busybox", 0o755, program(AMD64, LOADER, &["libc.so.6"]));
    image.link("/usr/sbin/init", "/usr/bin/busybox");
    image.link("/bin", "usr/bin");
    image.put("/etc/resolv.conf", 0o644, "nameserver 192.0.2.53\n");
    image.put("/etc/network/interfaces", 0o644, "auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet dhcp\n");
    image
}

/// OpenRC as Alpine has it: BusyBox as the first program, and an inittab that runs OpenRC.
pub(super) fn openrc() -> Image {
    let mut image = without_systemd();
    image.put(
        "/etc/inittab",
        0o644,
        "# /etc/inittab\n::sysinit:/sbin/openrc sysinit\n::sysinit:/sbin/openrc boot\n::wait:/sbin/openrc default\n\
         tty1::respawn:/sbin/getty 38400 tty1\n",
    );
    let services = [
        ("sysinit", "devfs", ""),
        ("boot", "modules", ""),
        ("boot", "sysctl", ""),
        ("boot", "localmount", ""),
        ("boot", "networking", "depend() {\n\tneed localmount\n\tprovide net\n}\n"),
        ("default", "chronyd", ""),
        ("default", "sshd", "start_pre() {\n\t/usr/bin/ssh-keygen -A\n}\n"),
        ("default", "k0sworker", "depend() {\n\tneed cgroups\n\tneed net\n}\nrc_ulimit=\"-n 1048576 -u unlimited\"\n"),
        ("default", "local", ""),
    ];
    for (runlevel, name, text) in services {
        image.put(&format!("/etc/init.d/{name}"), 0o755, format!("#!/sbin/openrc-run\n{text}"));
        image.link(&format!("/etc/runlevels/{runlevel}/{name}"), &format!("/etc/init.d/{name}"));
    }
    let cgroups = "#!/sbin/openrc-run\ndepend() {\n\tneed sysfs\n}\nmount_cgroups() {\n\tcase \"${rc_cgroup_mode:-unified}\" in\n\
                   \thybrid) cgroups_hybrid ;;\n\tesac\n}\n";
    image.put("/etc/init.d/cgroups", 0o755, cgroups);
    image.put("/etc/init.d/sysfs", 0o755, "#!/sbin/openrc-run\nmount -n -t sysfs -o nodev sysfs /sys\n");
    image.put("/etc/local.d/10-shared.start", 0o755, "#!/bin/sh\nmount --make-rshared /\n");
    image.put("/etc/rc.conf", 0o644, "#rc_cgroup_mode=\"legacy\"\nrc_tty_number=12\n");
    image
}

/// BusyBox alone, with the scripts that Buildroot has and what they lack for pods.
pub(super) fn busybox() -> Image {
    let mut image = without_systemd();
    image.put(
        "/etc/inittab",
        0o644,
        "::sysinit:/bin/mount -t proc proc /proc\n::sysinit:/bin/mount -o remount,rw /\n::sysinit:/bin/mount -a\n\
         ::sysinit:/etc/init.d/rcS\nttyS0::respawn:/sbin/getty -L ttyS0 115200 vt100\n::ctrlaltdel:/sbin/reboot\n",
    );
    image.put(
        "/etc/fstab",
        0o644,
        format!(
            "PARTUUID={ROOT} / ext4 rw,noatime 0 0\ndevpts /dev/pts devpts\ntmpfs /dev/shm tmpfs\ntmpfs /run tmpfs\n\
             mqueue /dev/mqueue mqueue\nsysfs /sys sysfs\n"
        ),
    );
    image.put(
        "/etc/init.d/rcS",
        0o755,
        "#!/bin/sh\n# Starts all.\nulimit -n 1048576\nfor i in /etc/init.d/S??* ;do\n\t[ ! -f \"$i\" ] && continue\n\t$i start\ndone\n",
    );
    image.put(
        "/etc/init.d/S01mounts",
        0o755,
        "#!/bin/sh\ncase \"$1\" in\nstart)\n\
         \tmountpoint -q /dev || mount -t devtmpfs dev /dev\n\
         \tif ! mountpoint -q /sys/fs/cgroup; then mount -t cgroup2 -o nosuid,nodev cgroup2 /sys/fs/cgroup; fi\n\
         \tmount --make-rshared /\n\t;;\nesac\n",
    );
    image.put(
        "/etc/init.d/S10net",
        0o755,
        "#!/bin/sh\nfor m in overlay; do modprobe overlay; done\nmodprobe -a br_netfilter nf_conntrack ip_tables\n\
         sysctl --system >/dev/null 2>&1\nifup -a\nntpd -p pool.invalid\nssh-keygen -A\n/usr/sbin/sshd\n",
    );
    image
}

/// The checks that are not met, over all sets.
fn unmet(image: &Image) -> Vec<String> {
    let facts = Facts {
        tree: &image.tree,
        blobs: &rootsmith_tree::NoBlobs,
        arch: rootsmith_types::Arch::Amd64,
        boot: Some(&image.boot),
    };
    let report = check(&facts, None, &names(&SETS)).unwrap();
    let bad = report.findings.into_iter().filter(|it| !matches!(it.verdict, Verdict::Pass | Verdict::NotApplicable));
    bad.map(|finding| finding.check).collect()
}

fn evidence(image: &Image, set: &str, id: &str) -> Vec<String> {
    let set = sets().iter().rfind(|it| it.name == set).unwrap();
    image.judged_by(set).findings.into_iter().find(|finding| finding.check == id).unwrap().evidence
}

type Change = fn(&mut Image);

fn assert_each_notices(good: fn() -> Image, changes: &[(&str, Change, &[&str])]) {
    assert_eq!(unmet(&good()), [""; 0]);
    for (what, change, expected) in changes {
        let mut image = good();
        change(&mut image);
        assert_eq!(unmet(&image), *expected, "{what}");
    }
}

#[test]
fn openrc_is_told_what_it_needs() {
    assert_each_notices(
        openrc,
        &[
            (
                "nothing needs the control groups, nor what they need",
                |image| image.edit("/etc/init.d/k0sworker", "need cgroups", "use cgroups"),
                &["cgroup.v2", "mount.sysfs"],
            ),
            (
                "a hybrid hierarchy",
                |image| image.put("/etc/rc.conf", 0o644, "rc_cgroup_mode=\"hybrid\"\n"),
                &["cgroup.v2"],
            ),
            (
                "a snippet has the last word",
                |image| image.put("/etc/rc.conf.d/a.conf", 0o644, "rc_cgroup_mode=legacy\n"),
                &["cgroup.v2"],
            ),
            ("an older release", |image| image.edit("/etc/init.d/cgroups", ":-unified", ":-hybrid"), &["cgroup.v2"]),
            (
                "version 1 by fstab",
                |image| image.put("/etc/fstab", 0o644, "cgroup /sys/fs/cgroup/cpu cgroup cpu\n"),
                &["cgroup.v2"],
            ),
            (
                "too few files",
                |image| image.edit("/etc/init.d/k0sworker", "-n 1048576", "-n 65535"),
                &["host.open-files"],
            ),
            (
                "nobody says how many files",
                |image| {
                    image.edit("/etc/init.d/k0sworker", "rc_ulimit", "x");
                    // Only logins look there.
                    image.put("/etc/security/limits.conf", 0o644, "* - nofile 1048576\n");
                },
                &["host.open-files"],
            ),
            ("no devices", |image| image.remove("/etc/runlevels/sysinit/devfs"), &["mount.devices"]),
            ("a private root", |image| image.remove("/etc/local.d/10-shared.start"), &["mount.propagation"]),
            ("scripts not run", |image| image.remove("/etc/runlevels/default/local"), &["mount.propagation"]),
            (
                "the loopback is no network",
                |image| {
                    image.remove("/etc/runlevels/boot/networking");
                    image.remove("/etc/init.d/networking");
                    image.put("/etc/init.d/net.lo", 0o755, "depend() {\n\tprovide net\n}\n");
                    image.link("/etc/runlevels/boot/net.lo", "/etc/init.d/net.lo");
                },
                &["net.provider"],
            ),
            (
                "no interface",
                |image| image.edit("/etc/network/interfaces", "iface eth0", "#iface eth0"),
                &["net.provider"],
            ),
            ("no network", |image| image.edit("/etc/init.d/networking", "provide net", "use dns"), &["net.provider"]),
            (
                "settings not made",
                |image| image.remove("/etc/runlevels/boot/sysctl"),
                &["limits.inotify", "net.forwarding"],
            ),
            ("modules not loaded", |image| image.remove("/etc/runlevels/boot/modules"), &["kernel.modules-load"]),
            ("no clock", |image| image.remove("/etc/init.d/chronyd"), &["time.sync"]),
            ("no host keys", |image| image.edit("/etc/init.d/sshd", "ssh-keygen", "true"), &["identity.ssh-host-keys"]),
        ],
    );
    // OpenRC's own service for the root makes it shared when the line says so, and only then.
    let mut image = openrc();
    image.remove("/etc/local.d/10-shared.start");
    image.put("/etc/init.d/root", 0o755, "#!/sbin/openrc-run\nstart() {\n\tmount --make-rshared /\n}\n");
    image.link("/etc/runlevels/boot/root", "/etc/init.d/root");
    assert_eq!(unmet(&image), ["mount.propagation"]);
    image.put("/etc/fstab", 0o644, format!("PARTUUID={ROOT} / ext4 rw,rshared\n"));
    assert_eq!(unmet(&image), [""; 0]);
    assert_eq!(
        evidence(&openrc(), "k0s-worker", "cgroup.v2"),
        [
            "`rc_cgroup_mode` is not set, and `/etc/init.d/cgroups` takes `unified`",
            "the service `cgroups`: `need cgroups` in `/etc/init.d/k0sworker`",
        ]
    );
    assert_eq!(
        evidence(&openrc(), "k0s-worker", "host.open-files"),
        ["`rc_ulimit=\"-n 1048576 -u unlimited\"` in `/etc/init.d/k0sworker`: soft 1048576, hard 1048576",]
    );
}

#[test]
fn version_1_is_version_1_whoever_mounts_it() {
    let judged = |image: &Image, version: &str| {
        let set = sets().iter().find(|set| set.id() == version).unwrap();
        let findings = image.judged_by(set).findings;
        findings.into_iter().find(|finding| finding.check == "cgroup.v2" || finding.check == "cgroup.mounted").unwrap()
    };
    let old = sets().iter().rfind(|set| {
        set.name == "k0s-worker" && set.checks.iter().any(|check| matches!(check.rule, Rule::AnyCgroup {}))
    });
    let old = old.unwrap().id();
    let mut image = openrc();
    image.put("/etc/rc.conf", 0o644, "rc_cgroup_mode=\"hybrid\"\n");
    assert_eq!(judged(&image, &old).verdict, Verdict::Pass, "{old}");
    assert_eq!(judged(&image, "k0s-worker@1.36").verdict, Verdict::Fail);
    // Without any, neither is met.
    image.edit("/etc/init.d/k0sworker", "need cgroups", "use cgroups");
    assert_eq!(judged(&image, &old).verdict, Verdict::Fail);
}

#[test]
fn busybox_is_told_what_it_needs() {
    assert_each_notices(
        busybox,
        &[
            (
                "no proc",
                |image| image.edit("/etc/inittab", "/bin/mount -t proc proc /proc", "/bin/true"),
                &["host.procfs"],
            ),
            ("no control groups", |image| image.edit("/etc/init.d/S01mounts", "cgroup2", "x"), &["cgroup.v2"]),
            ("version 1", |image| image.edit("/etc/init.d/S01mounts", "-t cgroup2", "-t cgroup"), &["cgroup.v2"]),
            ("too few files", |image| image.edit("/etc/init.d/rcS", "1048576", "4096"), &["host.open-files"]),
            (
                "fstab is not read",
                |image| image.edit("/etc/inittab", "/bin/mount -a", "/bin/true"),
                &["mount.devices", "mount.run", "mount.sysfs"],
            ),
            (
                "a private root",
                |image| image.edit("/etc/init.d/S01mounts", "rshared", "rprivate"),
                &["mount.propagation"],
            ),
            (
                "one name for all that ask for an address",
                |image| image.edit("/etc/init.d/S10net", "ifup -a", "ifup -a\nudhcpc -i eth0 -x 0x3d:006e6f6465"),
                &["identity.dhcp-client"],
            ),
            (
                "scripts are not run",
                |image| image.remove("/etc/init.d/S10net"),
                &["kernel.modules-load", "limits.inotify", "net.forwarding", "net.provider", "time.sync"],
            ),
            (
                "the default inittab runs rcS alone",
                |image| image.remove("/etc/inittab"),
                &["host.procfs", "mount.devices", "mount.run", "mount.sysfs"],
            ),
            (
                "noexec by a script",
                |image| {
                    image.edit("/etc/init.d/S01mounts", "start)\n", "start)\nmount -o noexec /dev/sdb1 /var/lib/k0s\n")
                },
                &["mount.data-exec"],
            ),
        ],
    );
    assert_eq!(
        evidence(&busybox(), "k0s-worker", "cgroup.v2"),
        ["`mount -t cgroup2 -o nosuid,nodev cgroup2 /sys/fs/cgroup` in `/etc/init.d/S01mounts`",]
    );
}

#[test]
fn an_init_that_nobody_knows_is_trusted_with_nothing() {
    let mut image = busybox();
    image.remove("/etc/inittab");
    image.put("/usr/bin/runit-init", 0o755, program(AMD64, LOADER, &["libc.so.6"]));
    image.link("/usr/sbin/init", "../bin/runit-init");
    let found = unmet(&image);
    for id in ["cgroup.v2", "host.procfs", "host.open-files", "mount.run", "mount.propagation", "net.provider"] {
        assert!(found.iter().any(|there| there == id), "{id}: {found:?}");
    }
    assert_eq!(
        evidence(&image, "k0s-worker", "cgroup.v2"),
        ["the init is runit, and nothing is known of what it does"]
    );
}

#[test]
fn init_on_the_command_line_is_the_one_that_counts() {
    let mut image = good();
    image.put("/usr/bin/busybox", 0o755, program(AMD64, LOADER, &["libc.so.6"]));
    image.put("/etc/init.d/rcS", 0o755, "#!/bin/sh\nmount -t proc none /proc\n");
    image.cmdline("init=/usr/bin/busybox");
    assert_eq!(evidence(&image, "k0s-worker", "host.procfs"), ["`mount -t proc none /proc` in `/etc/init.d/rcS`"]);
    // A script in its place is read, too.
    image.put("/start", 0o755, "#!/bin/sh\nbusybox mount -t proc none /proc\n");
    image.cmdline("init=/start");
    assert_eq!(evidence(&image, "k0s-worker", "host.procfs"), ["`mount -t proc none /proc` in `/start`"]);
}

#[test]
fn sysvinit_starts_its_services() {
    let mut image = without_systemd();
    image.put("/usr/sbin/init", 0o755, program(AMD64, LOADER, &["libc.so.6"]));
    image.put("/etc/inittab", 0o644, "id:2:initdefault:\nsi::sysinit:/etc/init.d/rcS\nl2:2:wait:/etc/init.d/rc 2\n");
    for (folder, link, name) in [("rcS.d", "S02mountkernfs.sh", "mountkernfs.sh"), ("rc2.d", "S01chrony", "chrony")] {
        image.put(&format!("/etc/init.d/{name}"), 0o755, "#!/bin/sh\n");
        image.link(&format!("/etc/{folder}/{link}"), &format!("../init.d/{name}"));
    }
    assert_eq!(
        evidence(&image, "k0s-worker", "host.procfs"),
        ["the service `mountkernfs.sh`: `/etc/rcS.d/S02mountkernfs.sh`",]
    );
    assert_eq!(evidence(&image, "node", "time.sync"), ["`chrony`: `/etc/rc2.d/S01chrony`"]);
    assert_eq!(evidence(&image, "k0s-worker", "cgroup.v2"), ["nothing mounts `/sys/fs/cgroup` under sysvinit"]);
}

#[test]
fn systemd_takes_the_hierarchy_from_its_release_and_the_command_line() {
    let with = |release: u32, words: &str| {
        let mut image = good();
        image.remove("/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-257.so");
        image.put(&format!("/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-{release}.so"), 0o644, "");
        image.cmdline(words);
        evidence(&image, "k0s-worker", "cgroup.v2")
    };
    assert_eq!(with(241, "quiet"), ["systemd 241 mounts version 1 beside version 2"]);
    assert_eq!(with(241, "cgroup_no_v1=all"), ["the kernel command line has `cgroup_no_v1=all`"]);
    let word = "systemd.unified_cgroup_hierarchy=1";
    assert_eq!(with(241, word), [format!("the kernel command line has `{word}`")]);
    assert_eq!(with(258, "systemd.unified_cgroup_hierarchy=0"), ["systemd 258 knows version 2 alone"]);
    let mut image = good();
    image.put("/usr/lib/os-release", 0o644, "ID=ubuntu\n");
    assert_eq!(evidence(&image, "k0s-worker", "cgroup.v2"), ["systemd 257 mounts version 2 alone"]);
}

#[test]
fn every_place_of_a_list_is_looked_at() {
    for set in sets() {
        for check in &set.checks {
            let Rule::NoFiles { paths, lines } = &check.rule else { continue };
            let looked_for = |path: &str, line: Option<&str>| {
                let mut image = good();
                super::breaks::leave(&mut image, path, line);
                let finding = image.judged_by(set).findings.into_iter().find(|it| it.check == check.id).unwrap();
                assert_ne!(finding.verdict, Verdict::Pass, "{}: {path} {line:?}", check.id);
            };
            for path in paths {
                looked_for(path, lines.first().map(String::as_str));
            }
            for line in lines {
                looked_for(&paths[0], Some(line));
            }
        }
    }
    // Empty files, links, and what only looks like it are nothing.
    let mut image = good();
    image.put("/var/log/journal/x", 0o644, "");
    image.link("/root/.bash_history", "/dev/null");
    image.put("/etc/iscsi/initiatorname.iscsi", 0o600, "# InitiatorName=x\nGenerateName=yes\n");
    assert_eq!(unmet(&image), [""; 0]);
}

#[test]
fn a_report_tells_no_password() {
    let mut image = good();
    image.put("/etc/cloud/cloud.cfg.d/90_x.cfg", 0o644, "#cloud-config\npassword: open sesame\n");
    let said = evidence(&image, "golden-image", "identity.cloud-passwords");
    assert_eq!(said, ["`/etc/cloud/cloud.cfg.d/90_x.cfg` has a line `password:*`"]);
}

/// It is started by a generator, where that finds a datasource.
#[test]
fn cloud_init_may_bring_the_network_up() {
    let mut image = good();
    image.remove("/etc/systemd/network/20-wired.network");
    image.put("/usr/lib/systemd/system-generators/cloud-init-generator", 0o755, "#!/bin/sh\n");
    let said = |image: &Image| evidence(image, "node", "net.provider").concat();
    assert!(said(&image).ends_with("on machines where it finds a datasource"), "{}", said(&image));
    for text in ["network: { config: disabled }\n", "network:\n  config: disabled\n"] {
        let mut image = image.clone();
        image.put("/etc/cloud/cloud.cfg.d/90_x.cfg", 0o644, text);
        assert!(said(&image).contains("no `/etc/systemd/network/*.network`"), "{}", said(&image));
    }
}

#[test]
fn one_of_the_large_security_modules_is_active() {
    let selinux = |words: &str| {
        let mut image = good();
        image.put("/etc/selinux/config", 0o644, "SELINUX=permissive\nSELINUXTYPE=targeted\n");
        image.cmdline(words);
        evidence(&image, "node", "security.selinux-policy")
    };
    let none = |by: &str| vec![format!("the kernel does not use SELinux: {by}")];
    assert_eq!(selinux("lsm=yama,apparmor,selinux"), none("`lsm=yama,apparmor,selinux`"));
    assert_eq!(selinux("lsm=selinux selinux=0"), none("`lsm=selinux`"));
    assert_eq!(selinux("security=apparmor"), none("`security=apparmor`"));
    let missing =
        "`/etc/selinux/config` has `SELINUX=permissive`, but there is no `/etc/selinux/targeted/policy/policy.*`";
    assert_eq!(selinux("lsm=apparmor,selinux apparmor=0")[0], missing);
    assert_eq!(selinux("security=selinux").len(), 3);
}

#[test]
fn what_is_made_at_boot_need_not_be_there() {
    let resolv = |change: Change| {
        let mut image = openrc();
        image.remove("/etc/resolv.conf");
        change(&mut image);
        let set = sets().iter().find(|set| set.name == "node").unwrap();
        let findings = image.judged_by(set).findings;
        findings.into_iter().find(|finding| finding.check == "net.resolv-conf").unwrap().verdict
    };
    assert_eq!(resolv(|_| {}), Verdict::Pass);
    assert_eq!(resolv(|image| image.link("/etc/resolv.conf", "/tmp/resolv.conf")), Verdict::Pass);
    assert_eq!(resolv(|image| image.edit("/etc/network/interfaces", "dhcp", "static")), Verdict::Fail);
    assert_eq!(resolv(|image| image.link("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")), Verdict::Fail);
    // A service that nobody starts makes nothing.
    assert_eq!(resolv(|image| image.remove("/etc/runlevels/boot/networking")), Verdict::Fail);
}

#[test]
fn what_can_only_be_guessed_is_a_warning() {
    let mut image = good();
    image.remove("/etc/hostname");
    image.put("/etc/resolv.conf", 0o644, "nameserver 127.0.0.1\nnameserver 192.0.2.53\n");
    let set = sets().iter().find(|set| set.name == "node").unwrap();
    let findings = image.judged_by(set).findings;
    let verdict = |id: &str| findings.iter().find(|finding| finding.check == id).unwrap().verdict.clone();
    assert_eq!(verdict("net.hostname"), Verdict::Warning);
    assert_eq!(verdict("net.resolv-conf"), Verdict::Warning);
    // A pattern is a name where something makes one of it.
    image.put("/etc/hostname", 0o644, "node-????\n");
    image.put("/usr/lib/rootsmith/hostname", 0o755, "digits=$(printf 'hostname %s' \"$id\" | sha256sum)\n");
    let findings = image.judged_by(set).findings;
    assert_eq!(findings.iter().find(|finding| finding.check == "net.hostname").unwrap().verdict, Verdict::Pass);
    // No machine-id, and a root on which none can be made.
    let mut image = good();
    image.remove("/etc/machine-id");
    assert_eq!(unmet(&image), [""; 0]);
    image.put("/etc/fstab", 0o644, "LABEL=rootfs / ext4 ro\n");
    assert_eq!(evidence(&image, "golden-image", "identity.machine-id").len(), 1);
    assert!(unmet(&image).iter().any(|id| id == "identity.machine-id"));
}
