//! Kernels of others: several in one image, with their configuration inside, on boards, with modules kept out.

use rootsmith_types::TreePath;

use super::*;

const NOW: &str = "k0s-worker@1.36";

fn evidence(image: &Image, check: &str) -> (Verdict, String) {
    let finding = image.finding(check);
    (finding.verdict, finding.evidence[0].clone())
}

fn pass(evidence: impl Into<String>) -> (Verdict, String) {
    (Verdict::Pass, evidence.into())
}

/// Another kernel beside the one that is there, its name without its release.
fn second_kernel(image: &mut Image, release: &str) {
    image.put("/boot/vmlinuz-lts", 0o644, bzimage(release, ""));
    image.put(&format!("/lib/modules/{release}/modules.dep"), 0o644, "");
}

#[test]
fn of_several_kernels_the_one_that_boots_is_judged() {
    let mut image = good();
    second_kernel(&mut image, "6.18.1-0-lts");
    assert_eq!(image.finding("boot.kernel").verdict, Verdict::Pass);
    assert_eq!(image.finding_of(NOW, "host.os").evidence[0], format!("`/boot/vmlinuz-{RELEASE}` is Linux {RELEASE}"));

    image.boot.entries[0].release = Some("6.18.1-0-lts".to_owned());
    let fine = "`/boot/vmlinuz-lts` and `/lib/modules/6.18.1-0-lts` are of release `6.18.1-0-lts`";
    assert_eq!(evidence(&image, "boot.kernel"), pass(fine));

    // Nothing says which: the newest, with a warning.
    image.put("/boot/vmlinuz-6.1.2", 0o644, bzimage("6.1.2", ""));
    image.put("/usr/lib/modules/6.1.2/modules.dep", 0o644, "");
    image.boot.entries[0].release = None;
    let kernels = format!("6.1.2, {RELEASE}, 6.18.1-0-lts");
    let note = format!("nothing says which of the kernels {kernels} boots: the newest is judged");
    assert_eq!(evidence(&image, "boot.kernel"), (Verdict::Warning, note));
}

#[test]
fn a_kernel_whose_name_does_not_say_its_release_is_found() {
    let mut image = good();
    image.remove(&format!("/boot/vmlinuz-{RELEASE}"));
    image.put("/boot/vmlinuz-virt", 0o644, bzimage(RELEASE, ""));
    assert_eq!(image.finding("boot.kernel").verdict, Verdict::Pass);
    image.remove("/boot/vmlinuz-virt");
    image.put(&format!("/usr/lib/modules/{RELEASE}/vmlinuz"), 0o644, bzimage(RELEASE, ""));
    assert_eq!(image.finding("boot.kernel").verdict, Verdict::Pass);
    // A name that says another release is wrong.
    image.remove(&format!("/usr/lib/modules/{RELEASE}/vmlinuz"));
    image.put("/boot/vmlinuz-6.1.2", 0o644, bzimage(RELEASE, ""));
    assert_eq!(image.finding("boot.kernel").verdict, Verdict::Fail);
}

#[test]
fn without_a_kernel_nothing_is_known_of_what_k0s_says() {
    let mut image = good();
    image.remove(&format!("/boot/vmlinuz-{RELEASE}"));
    for check in ["kconfig.NET", "kernel.release", "host.os"] {
        let finding = image.finding(check);
        assert!(matches!(finding.verdict, Verdict::Fail | Verdict::Warning), "{check}");
        assert_eq!(finding.upstream.unwrap().said, None, "{check}");
    }
    assert_eq!(image.finding("kernel.config").evidence, ["there is no kernel"]);
}

#[test]
fn what_the_kernel_shows_of_itself_wins_over_the_file() {
    let inside = "# Linux/x86 6.12.107 Kernel Configuration\nCONFIG_IKCONFIG=y\nCONFIG_IKCONFIG_PROC=y\nCONFIG_NET=y\n";
    let mut image = good();
    let kernel = format!("/boot/vmlinuz-{RELEASE}");
    image.put(&kernel, 0o644, bzimage(RELEASE, inside));
    assert_eq!(evidence(&image, "kconfig.NET"), pass("`CONFIG_NET=y` in `/proc/config.gz`"));
    assert_eq!(evidence(&image, "kernel.config"), pass("`/proc/config.gz`"));
    let finding = image.finding("kconfig.INET");
    assert_eq!(finding.evidence, ["`/proc/config.gz` does not know `CONFIG_INET`"]);
    assert_eq!(finding.upstream.unwrap().said, Some(Said::Rejected));
    let finding = image.finding("kernel.config-embedded");
    assert_eq!(finding.verdict, Verdict::Fail);
    assert_eq!(
        finding.evidence[0],
        format!("`/boot/config-{RELEASE}` is not the configuration this kernel was built with")
    );
    assert_eq!(finding.evidence.len(), 7, "five symbols, and how many more: {:?}", finding.evidence);

    // A file that denies it is not believed.
    image.put(&format!("/boot/config-{RELEASE}"), 0o644, "# Linux/x86 6.12.107 Kernel Configuration\nCONFIG_NET=y\n");
    assert_eq!(image.finding("kernel.config-embedded").verdict, Verdict::Fail);
    image.put(&kernel, 0o644, bzimage(RELEASE, ""));
    assert_eq!(image.finding("kernel.config-embedded").verdict, Verdict::NotApplicable);

    // Without a file it is the only one.
    image.put(&kernel, 0o644, bzimage(RELEASE, inside));
    image.remove(&format!("/boot/config-{RELEASE}"));
    assert_eq!(evidence(&image, "kconfig.NET"), pass("`CONFIG_NET=y` in `/proc/config.gz`"));
    assert_eq!(evidence(&image, "kernel.config-embedded"), pass(format!("`{kernel}`; no file says otherwise")));

    // Not shown, k0s finds nothing.
    image.put(&kernel, 0o644, bzimage(RELEASE, "CONFIG_IKCONFIG=y\nCONFIG_NET=y\n"));
    assert_eq!(image.finding("kconfig.NET").upstream.unwrap().said, Some(Said::Warning));
}

#[test]
fn a_kernel_that_cannot_be_unpacked_is_a_warning() {
    let mut image = good();
    let mut kernel = bzimage(RELEASE, "");
    kernel[3 * 512 + 16..3 * 512 + 19].copy_from_slice(b"BZh");
    image.put(&format!("/boot/vmlinuz-{RELEASE}"), 0o644, kernel);
    let finding = image.finding("kernel.config-embedded");
    assert_eq!(finding.verdict, Verdict::Warning);
    assert!(finding.evidence[0].ends_with("packed with bzip2, which we do not read"), "{:?}", finding.evidence);
}

#[test]
fn the_module_configs_shows_what_is_in_it_once_it_is_loaded() {
    let mut image = good();
    // A module carries it as a kernel does.
    let inside = "CONFIG_IKCONFIG=m\nCONFIG_IKCONFIG_PROC=y\nCONFIG_NET=y\n";
    let packed = bzimage(RELEASE, inside);
    let payload = &packed[3 * 512 + 16..];
    image.config("CONFIG_IKCONFIG=y\n", "CONFIG_IKCONFIG=m\n");
    let dep = format!("/usr/lib/modules/{RELEASE}/modules.dep");
    let at = TreePath::new(&dep).unwrap();
    let index = image.tree.get(&at).unwrap().content().unwrap().read(&NoBlobs, 1 << 20).unwrap();
    image.put(&dep, 0o644, [index.as_ref(), b"kernel/kernel/configs.ko.gz:\n"].concat());
    image.put(&format!("/usr/lib/modules/{RELEASE}/kernel/kernel/configs.ko.gz"), 0o644, payload);
    let file = format!("`CONFIG_NET=y` in `/boot/config-{RELEASE}`");
    assert_eq!(evidence(&image, "kconfig.NET"), pass(file));
    assert_eq!(image.finding("kernel.config-embedded").verdict, Verdict::Fail);
    image.put("/etc/modules-load.d/own.conf", 0o644, "# ours\nconfigs\n");
    assert_eq!(evidence(&image, "kconfig.NET"), pass("`CONFIG_NET=y` in `/proc/config.gz`"));
}

#[test]
fn a_device_tree_disables_memory_and_only_its_own_kernel_undoes_it() {
    let board = |release: &str, words: &str, kind| {
        let mut image = good();
        image.release(release);
        image.boot.entries[0].kind = kind;
        image.boot.entries[0].cmdline = Some(words.to_owned());
        image.boot.device_trees.push(DeviceTree {
            path: "/bcm2711-rpi-4-b.dtb".to_owned(),
            bootargs: Some("coherent_pool=1M cgroup_disable=memory".to_owned()),
        });
        image.finding_of(NOW, "cgroup.memory")
    };
    let pi = EntryKind::RaspberryPi;
    let off = "the device tree `/bcm2711-rpi-4-b.dtb` has `cgroup_disable=memory` in its `bootargs`".to_owned();
    let finding = board("6.12.25+rpt-rpi-v8", "rw", pi);
    assert_eq!((finding.verdict, &finding.evidence), (Verdict::Fail, &vec![off.clone()]));
    assert_eq!(board("6.12.25+rpt-rpi-v8", "rw cgroup_enable=memory", pi).verdict, Verdict::Pass);
    // The order matters.
    let undone = board("6.12.25+rpt-rpi-v8", "cgroup_enable=memory cgroup_disable=memory", pi);
    assert_eq!(undone.evidence, ["the kernel command line has `cgroup_disable=memory`"]);
    // Upstream's kernel knows no such word.
    let debian = board("6.12.107+deb13-arm64", "rw cgroup_enable=memory", pi);
    let useless = "`cgroup_enable=memory` means nothing to this kernel: only a Raspberry Pi's own knows it";
    assert_eq!((debian.verdict, debian.evidence), (Verdict::Fail, vec![off, useless.to_owned()]));
    // Other boot loaders put their command line in the place of the tree's.
    assert_eq!(board("6.12.107+deb13-arm64", "rw", EntryKind::Extlinux).verdict, Verdict::Pass);
    assert_eq!(board("6.12.107+deb13-arm64", "", EntryKind::Extlinux).verdict, Verdict::Fail);
}

#[test]
fn a_boot_loader_is_not_what_boots() {
    let mut image = good();
    image.boot.entries[0].kind = EntryKind::Loader;
    image.boot.entries[0].linux = false;
    image.boot.entries[0].cmdline = None;
    image.boot.entries.push(BootEntry {
        kind: EntryKind::Grub,
        path: "/boot/grub/grub.cfg".to_owned(),
        cmdline: Some("rw cgroup_disable=pids".to_owned()),
        linux: true,
        ..BootEntry::default()
    });
    assert_eq!(image.finding("cgroup.pids").evidence, ["the kernel command line has `cgroup_disable=pids`"]);
}

#[test]
fn modules_that_are_blacklisted_are_doubtful() {
    let mut image = good();
    image.put("/usr/lib/modprobe.d/net.conf", 0o644, "blacklist ip-vs\n");
    let finding = image.finding("kconfig.IP_VS");
    assert_eq!(finding.verdict, Verdict::Warning);
    let line = "`/usr/lib/modprobe.d/net.conf` has `blacklist ip-vs`: it is not loaded by its aliases";
    assert_eq!(finding.evidence[0], line);
    // A file of the same name in /etc hides it.
    image.put("/etc/modprobe.d/net.conf", 0o644, "install ip_vs /sbin/modprobe --ignore-install ip_vs\n");
    assert_eq!(image.finding("kconfig.IP_VS").verdict, Verdict::Pass);
    image.cmdline("modprobe.blacklist=x,ip_vs");
    assert_eq!(image.finding("kconfig.IP_VS").verdict, Verdict::Warning);
}

#[test]
fn modules_are_read_by_whoever_can() {
    let mut image = good();
    image.remove("/usr/lib/x86_64-linux-gnu/liblzma.so.5");
    let wants = "`/usr/bin/kmod` wants `liblzma.so.5` for it, which is not there";
    assert!(image.finding("kernel.module-compression").evidence[0].ends_with(wants));
    image.config("CONFIG_NET=y\n", "CONFIG_NET=y\nCONFIG_MODULE_DECOMPRESS=y\nCONFIG_MODULE_COMPRESS_XZ=y\n");
    assert_eq!(evidence(&image, "kernel.module-compression"), pass("the kernel reads `.xz` itself"));

    let mut image = good();
    image.put("/usr/bin/busybox", 0o755, program(AMD64, "", &[]));
    image.link("/usr/sbin/modprobe", "../bin/busybox");
    assert_eq!(image.finding("kernel.module-compression").verdict, Verdict::Warning);
    image.put("/usr/bin/busybox", 0o755, busybox(&["modprobe", "gunzip"]));
    assert_eq!(image.finding("kernel.module-compression").verdict, Verdict::Warning);
    image.put("/usr/bin/busybox", 0o755, busybox(&["modprobe", "unxz"]));
    let reads = "`/usr/bin/busybox` has `unxz`, and reads `.xz`";
    assert_eq!(evidence(&image, "kernel.module-compression"), pass(reads));

    // kmod of newer distributions opens its libraries only when it needs them: they stand in its own library.
    let mut image = good();
    image.put("/usr/bin/kmod", 0o755, program(AMD64, LOADER, &["libkmod.so.2", "libc.so.6"]));
    assert_eq!(image.finding("kernel.module-compression").verdict, Verdict::Fail);
    image.put("/usr/lib/x86_64-linux-gnu/libkmod.so.2", 0o644, b"..[{\"soname\":[\"liblzma.so.5\"]}]..");
    let reads = "`/usr/lib/x86_64-linux-gnu/liblzma.so.5` reads `.xz`";
    assert_eq!(evidence(&image, "kernel.module-compression"), pass(reads));
}

#[test]
fn iptables_is_of_a_backend_the_kernel_has() {
    let mut image = good();
    image.config("CONFIG_IP_NF_IPTABLES=m\n", "");
    let program = "`iptables` is `/usr/sbin/xtables-nft-multi`";
    assert_eq!(evidence(&image, "kernel.iptables"), pass(format!("the kernel has nft; {program}")));
    image.remove("/usr/sbin/iptables");
    assert_eq!(evidence(&image, "kernel.iptables"), pass("the kernel has nft; k0s brings its own program"));
    image.put("/usr/sbin/iptables", 0o755, "#!/bin/sh\n");
    assert_eq!(image.finding("kernel.iptables").verdict, Verdict::Warning);
}

#[test]
fn ipv6_can_be_switched_off() {
    let mut image = good();
    image.cmdline("ipv6.disable=1");
    let finding = image.finding("kconfig.IPV6");
    assert_eq!(finding.verdict, Verdict::Warning);
    assert_eq!(finding.evidence, ["the kernel command line has `ipv6.disable=1`", "k0s would not notice"]);
}

#[test]
fn users_that_are_there_need_not_be_made() {
    let mut image = good();
    image.remove("/usr/sbin/useradd");
    assert_eq!(image.finding_of("k0s-controller@1.36", "exec.useradd").verdict, Verdict::Warning);
    let users = ["etcd", "kube-apiserver", "kube-scheduler", "konnectivity-server"];
    let passwd: String = users.iter().map(|user| format!("{user}:x:900:900::/:/bin/false\n")).collect();
    image.put("/etc/passwd", 0o644, passwd);
    assert_eq!(image.finding_of("k0s-controller@1.36", "exec.useradd").verdict, Verdict::Pass);
    image.put("/etc/passwd", 0o644, "");
    image.put("/usr/sbin/adduser", 0o755, program(AMD64, LOADER, &[]));
    assert_eq!(image.finding_of("k0s-controller@1.36", "exec.useradd").verdict, Verdict::Pass);
}

#[test]
fn real_time_groups_can_be_switched_off() {
    let mut image = good();
    image.config("CONFIG_NET=y\n", "CONFIG_NET=y\nCONFIG_RT_GROUP_SCHED=y\n");
    assert_eq!(image.finding("kernel.rt-group-sched").verdict, Verdict::Warning);
    image.cmdline("rt_group_sched=0");
    assert_eq!(image.finding("kernel.rt-group-sched").verdict, Verdict::Pass);
}

#[test]
fn a_release_may_stand_for_its_whole_series() {
    let judged = |header: &str| {
        let mut image = good();
        image.config("6.12.107", header);
        image.release("6.1.0-47-cloud-amd64");
        image.finding("kernel.config").verdict
    };
    assert_eq!(judged("6.1.170"), Verdict::Pass);
    assert_eq!(judged("6.1.0"), Verdict::Pass);
    assert_eq!(judged("6.12.170"), Verdict::Fail);
    assert_eq!(judged("6.10.1"), Verdict::Fail);
}
