//! A small image that passes every check, and for each check at least one change that it must notice.

use std::path::Path;

use rootsmith_tree::{Content, Metadata, NoBlobs, Node, Tree};
use rootsmith_types::{Arch, Located, NumBytes, Origin, TreePath, Uuid};

use crate::*;

const RELEASE: &str = "6.12.107+deb13-cloud-amd64";
const ROOT: Uuid = Uuid::new([0x11; 16]);

struct Image {
    tree: Tree,
    boot: BootFacts,
}

impl Image {
    fn put(&mut self, at: &str, mode: u16, data: impl AsRef<[u8]>) {
        let at = TreePath::new(at).unwrap();
        self.tree.create_directories(&at.parent().unwrap(), &Metadata::root(0o755, 0)).unwrap();
        self.tree.insert(&at, Node::file(Content::inline(data), Metadata::root(mode, 0))).unwrap();
    }

    fn link(&mut self, at: &str, target: &str) {
        let at = TreePath::new(at).unwrap();
        self.tree.create_directories(&at.parent().unwrap(), &Metadata::root(0o755, 0)).unwrap();
        self.tree.insert(&at, Node::symlink(target, 0)).unwrap();
    }

    fn remove(&mut self, at: &str) {
        assert!(self.tree.remove(&TreePath::new(at).unwrap()), "{at}");
    }

    fn config(&mut self, from: &str, to: &str) {
        let at = TreePath::new(format!("/boot/config-{RELEASE}")).unwrap();
        let text = self.tree.get(&at).unwrap().content().unwrap().read(&NoBlobs, 1 << 20).unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert!(text.contains(from), "{from}");
        self.put(&format!("/boot/config-{RELEASE}"), 0o644, text.replace(from, to));
    }

    fn cmdline(&mut self, word: &str) {
        let entry = &mut self.boot.entries[0];
        entry.cmdline = entry.cmdline.take().map(|there| format!("{there} {word}"));
    }

    fn report(&self) -> Report {
        let facts = Facts { tree: &self.tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: Some(&self.boot) };
        check(&facts, None, &names(&["boot", "k0s-worker@1.36"])).unwrap()
    }

    fn finding(&self, check: &str) -> Finding {
        self.report().findings.into_iter().find(|finding| finding.check == check).unwrap()
    }
}

fn names(sets: &[&str]) -> Vec<Located<String>> {
    let file: std::sync::Arc<Path> = Path::new("p.toml").into();
    sets.iter().map(|set| Located::new((*set).to_owned(), Origin::new(file.clone(), 3..7))).collect()
}

/// A 64-bit ELF file for `machine`, with an interpreter and libraries it needs when they are given.
fn program(machine: u16, interpreter: &str, needed: &[&str]) -> Vec<u8> {
    const BASE: u64 = 64 + 3 * 56;
    let mut names = vec![0];
    let mut dynamic: Vec<(u64, u64)> = Vec::new();
    for name in needed {
        dynamic.push((1, names.len() as u64));
        names.extend_from_slice(name.as_bytes());
        names.push(0);
    }
    let table = (dynamic.len() as u64 + 3) * 16;
    dynamic.extend([(5, BASE + table), (10, names.len() as u64), (0, 0)]);
    let mut body: Vec<u8> =
        dynamic.iter().flat_map(|(tag, value)| [tag.to_le_bytes(), value.to_le_bytes()].concat()).collect();
    body.extend_from_slice(&names);
    let text = BASE + body.len() as u64;
    body.extend_from_slice(interpreter.as_bytes());
    body.push(0);
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend_from_slice(&3u16.to_le_bytes());
    file.extend_from_slice(&machine.to_le_bytes());
    file.extend_from_slice(&1u32.to_le_bytes());
    file.extend([0u64, 64, 0].iter().flat_map(|n| n.to_le_bytes()));
    file.extend([0u16, 0, 64, 56, 3, 64, 0, 0].iter().flat_map(|n| n.to_le_bytes()));
    // PT_LOAD of all, PT_DYNAMIC, then PT_INTERP, or nothing in its place.
    let interp = if interpreter.is_empty() { 0u32 } else { 3 };
    let length = BASE + body.len() as u64;
    for (kind, at, size) in [(1u32, 0, length), (2, BASE, table), (interp, text, interpreter.len() as u64 + 1)] {
        file.extend_from_slice(&kind.to_le_bytes());
        file.extend_from_slice(&4u32.to_le_bytes());
        file.extend([at, at, at, size, size, 8].iter().flat_map(|n: &u64| n.to_le_bytes()));
    }
    file.extend_from_slice(&body);
    file
}

const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";
const AMD64: u16 = 62;

fn good() -> Image {
    let root = PartitionFacts {
        role: PartitionRole::Root,
        partuuid: ROOT,
        partlabel: "root".to_owned(),
        filesystem: Some("ext4".to_owned()),
        uuid: Some("22222222-2222-2222-2222-222222222222".to_owned()),
        label: Some("rootfs".to_owned()),
    };
    let esp = PartitionFacts {
        role: PartitionRole::Esp,
        partuuid: Uuid::new([0x33; 16]),
        partlabel: "esp".to_owned(),
        filesystem: Some("vfat".to_owned()),
        uuid: Some("1234-ABCD".to_owned()),
        label: None,
    };
    let entry = BootEntry {
        path: "/EFI/BOOT/BOOTX64.EFI".to_owned(),
        machine: Some(Arch::Amd64),
        release: Some(RELEASE.to_owned()),
        cmdline: Some(format!("console=ttyS0 root=PARTUUID={ROOT} rw")),
        linux: true,
        initramfs: Some(vec!["init".to_owned(), "modules/virtio_blk.ko".to_owned()]),
    };
    let boot = BootFacts {
        entries: vec![entry],
        partitions: vec![esp, root],
        root: RootFacts {
            filesystem: "ext4".to_owned(),
            size: NumBytes::mib(4096),
            available: NumBytes::mib(2048),
            grows: false,
        },
    };
    let mut image = Image { tree: Tree::new(Metadata::root(0o755, 0)), boot };

    let mut kernel = vec![0; 0x400];
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    kernel[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
    kernel[0x300..0x300 + RELEASE.len()].copy_from_slice(RELEASE.as_bytes());
    image.put(&format!("/boot/vmlinuz-{RELEASE}"), 0o644, kernel);
    let mut config = "#\n# Linux/x86 6.12.107 Kernel Configuration\n#\n".to_owned();
    let mut index = String::new();
    for check in sets().iter().flat_map(|set| &set.checks) {
        match &check.rule {
            Rule::Kconfig { symbol, module: Some(module) } if module != "ext4" => {
                config += &format!("CONFIG_{symbol}=m\n");
                index += &format!("kernel/{module}.ko.xz: kernel/base.ko.xz\n");
                image.put(&format!("/usr/lib/modules/{RELEASE}/kernel/{module}.ko.xz"), 0o644, "");
            }
            Rule::Kconfig { symbol, .. } => config += &format!("CONFIG_{symbol}=y\n"),
            Rule::Controller { symbols, .. } => {
                symbols.iter().for_each(|symbol| config += &format!("CONFIG_{symbol}=y\n"))
            }
            _ => {}
        }
    }
    image.put(&format!("/usr/lib/modules/{RELEASE}/kernel/base.ko.xz"), 0o644, "");
    image.put(&format!("/usr/lib/modules/{RELEASE}/modules.dep"), 0o644, index);
    image.put(&format!("/usr/lib/modules/{RELEASE}/modules.builtin"), 0o644, "kernel/fs/ext4/ext4.ko\n");
    image.put(&format!("/boot/config-{RELEASE}"), 0o644, config);

    image.link("/lib64", "usr/lib64");
    image.link("/sbin", "usr/sbin");
    image.put("/usr/lib64/ld-linux-x86-64.so.2", 0o755, program(AMD64, "", &[]));
    image.put("/usr/lib/x86_64-linux-gnu/libc.so.6", 0o755, program(AMD64, "", &[]));
    image.put("/usr/lib/x86_64-linux-gnu/libmount.so.1", 0o644, program(AMD64, "", &["libc.so.6"]));
    for path in ["/usr/lib/systemd/systemd", "/usr/bin/kmod", "/usr/bin/mount", "/usr/bin/umount"] {
        image.put(path, 0o755, program(AMD64, LOADER, &["libmount.so.1", "libc.so.6"]));
    }
    image.put("/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-257.so", 0o644, "");
    image.link("/usr/sbin/init", "../lib/systemd/systemd");
    image.link("/usr/sbin/modprobe", "../bin/kmod");
    for folder in ["/proc", "/boot/efi"] {
        image.tree.create_directories(&TreePath::new(folder).unwrap(), &Metadata::root(0o755, 0)).unwrap();
    }
    image.put("/etc/hosts", 0o644, "127.0.0.1 localhost\n::1 localhost ip6-localhost\n");
    image.put("/etc/nsswitch.conf", 0o644, "passwd: files\nhosts: files dns\n");
    image.put(
        "/etc/fstab",
        0o644,
        format!("# ours\nPARTUUID={ROOT} / ext4 rw,noatime 0 0\nUUID=1234-abcd /boot/efi vfat defaults\n"),
    );
    image.put("/etc/k0s/containerd.d/mirror.toml", 0o644, "version = 3\n[plugins.\"io.containerd.cri.v1.images\"]\n");
    image
}

#[test]
fn the_good_image_passes_everything() {
    for finding in good().report().findings {
        match finding.verdict {
            Verdict::NotApplicable => assert_eq!(finding.check, "host.memory"),
            verdict => assert_eq!(verdict, Verdict::Pass, "{}: {:?}", finding.check, finding.evidence),
        }
    }
}

/// Changes that make a check fail: at least one for each mechanism, for whatever check uses it.
fn breaks(check: &Check) -> Vec<fn(&mut Image, &Check)> {
    match &check.rule {
        Rule::Init {} => vec![
            |image, _| image.remove("/usr/sbin/init"),
            |image, _| image.remove("/usr/lib/systemd/systemd"),
            |image, _| image.remove("/usr/lib64/ld-linux-x86-64.so.2"),
            |image, _| image.put("/usr/lib/systemd/systemd", 0o644, program(AMD64, LOADER, &[])),
            |image, _| image.put("/usr/lib/systemd/systemd", 0o755, program(183, "/lib/ld-linux-aarch64.so.1", &[])),
            |image, _| image.put("/usr/lib/systemd/systemd", 0o755, "#!/bin/sh\n"),
            |image, _| image.put("/usr/lib/systemd/systemd", 0o755, "text"),
            |image, _| image.cmdline("init=/no/such"),
        ],
        Rule::Kernel {} | Rule::Linux {} => {
            vec![|image, _| image.remove(&format!("/boot/vmlinuz-{RELEASE}")), |image, _| {
                image.remove(&format!("/usr/lib/modules/{RELEASE}"))
            }]
        }
        Rule::BootEntry {} => vec![
            |image, _| image.boot.entries.clear(),
            |image, _| image.boot.entries[0].path = "/EFI/BOOT/BOOTAA64.EFI".to_owned(),
            |image, _| image.boot.entries[0].machine = Some(Arch::Arm64),
            |image, _| image.boot.entries[0].machine = None,
            |image, _| image.boot.entries[0].linux = false,
            |image, _| image.boot.entries[0].release = Some("6.1".to_owned()),
            |image, _| image.boot.partitions[0].role = PartitionRole::Other,
        ],
        Rule::RootDevice {} => vec![
            |image, _| image.boot.entries[0].cmdline = Some("rw".to_owned()),
            |image, _| image.boot.partitions[1].partuuid = Uuid::new([0x44; 16]),
            |image, _| image.cmdline("root=PARTLABEL=esp"),
            |image, _| image.cmdline("root=LABEL=other"),
        ],
        Rule::RootDriver { .. } => vec![
            |image, _| image.boot.entries[0].initramfs = Some(vec!["modules/virtio_net.ko".to_owned()]),
            |image, _| image.boot.entries[0].initramfs = None,
            |image, _| image.boot.root.filesystem = "btrfs".to_owned(),
            |image, _| image.put(&format!("/usr/lib/modules/{RELEASE}/modules.builtin"), 0o644, ""),
        ],
        Rule::Fstab {} => vec![
            |image, _| image.put("/etc/fstab", 0o644, "/dev/sda1 /\n"),
            |image, _| image.put("/etc/fstab", 0o644, "LABEL=other / ext4\n"),
            |image, _| image.put("/etc/fstab", 0o644, "LABEL=rootfs / xfs\n"),
            |image, _| image.put("/etc/fstab", 0o644, "UUID=1234-ABCD / vfat\n"),
            |image, _| image.put("/etc/fstab", 0o644, "tmpfs /no/such tmpfs\n"),
            |image, _| image.put("/etc/fstab", 0o644, "tmpfs proc tmpfs\n"),
            |image, _| image.put("/etc/fstab", 0o644, "a /proc tmpfs\nb /proc tmpfs\n"),
        ],
        Rule::RootWritable {} => {
            vec![|image, _| image.put("/etc/fstab", 0o644, "LABEL=rootfs / ext4 ro,noatime\n"), |image, _| {
                image.remove("/etc/fstab");
                image.boot.entries[0].cmdline = Some("quiet".to_owned());
            }]
        }
        Rule::Kconfig { module: None, .. } => vec![not_set, unknown, |image, check| {
            // Some text ends the name, so that `NET` is not found in `NET_NS`.
            image.config(&format!("CONFIG_{}=y", symbol(check)), &format!("CONFIG_{}=m", symbol(check)));
        }],
        Rule::Kconfig { module: Some(module), .. } if module == "ext4" => vec![not_set, unknown],
        Rule::Kconfig { module: Some(_), .. } => vec![
            not_set,
            unknown,
            |image, check| image.remove(&format!("/usr/lib/modules/{RELEASE}/kernel/{}.ko.xz", module(check))),
            |image, _| image.remove(&format!("/usr/lib/modules/{RELEASE}/kernel/base.ko.xz")),
            |image, _| image.put(&format!("/usr/lib/modules/{RELEASE}/modules.dep"), 0o644, ""),
        ],
        Rule::KernelConfig {} => vec![
            |image, _| image.remove(&format!("/boot/config-{RELEASE}")),
            |image, _| image.config("6.12.107", "6.1.2"),
            |image, _| image.config("6.12.107", "6.12.10"),
            |image, _| image.put(&format!("/boot/config-{RELEASE}"), 0o644, ""),
            |image, _| {
                image.remove(&format!("/boot/config-{RELEASE}"));
                image.put(&format!("/boot/config-{RELEASE}/x"), 0o644, "");
            },
        ],
        Rule::KernelRelease { .. } => vec![|image, _| image.remove(&format!("/boot/vmlinuz-{RELEASE}"))],
        // Decided by nobody before the machine runs.
        Rule::AtRunTime { .. } => vec![],
        Rule::Localhost {} => vec![
            |image, _| image.remove("/etc/hosts"),
            |image, _| image.put("/etc/hosts", 0o644, ""),
            |image, _| image.put("/etc/hosts", 0o644, "127.0.0.1 localhost.localdomain\n#127.0.0.1 localhost\n"),
            |image, _| image.put("/etc/hosts", 0o644, "127.0.0.999 localhost\n"),
            |image, _| image.put("/etc/hosts", 0o644, "::1 localhost\n"),
            |image, _| image.put("/etc/hosts", 0o644, "10.1.2.3 localhost\n"),
            |image, _| image.put("/etc/nsswitch.conf", 0o644, "hosts: dns\n"),
            |image, _| image.put("/etc/nsswitch.conf", 0o644, "hosts: myhostname [!UNAVAIL=return files] dns\n"),
        ],
        Rule::ContainerdSnippets { .. } => vec![
            |image, _| image.put("/etc/k0s/containerd.d/a.toml", 0o644, "version = 2\n"),
            |image, _| image.put("/etc/k0s/containerd.d/a.toml", 0o644, "version = \"3\"\n"),
            |image, _| image.put("/etc/k0s/containerd.d/a.toml", 0o644, "version = \n"),
            |image, _| image.put("/etc/k0s/containerd.d/a.toml", 0o644, "[plugins.\"io.containerd.grpc.v1.cri\"]\n"),
            |image, _| image.put("/etc/k0s/containerd.d/a.toml/b", 0o644, ""),
        ],
        Rule::Procfs {} => {
            vec![|image, _| image.remove("/proc"), |image, _| image.cmdline("init=/usr/bin/mount"), |image, _| {
                image.config("CONFIG_PROC_FS=y", "# CONFIG_PROC_FS is not set")
            }]
        }
        Rule::OpenFiles { .. } => vec![
            |image, _| {
                image.put("/etc/systemd/system.conf.d/a.conf", 0o644, "[Manager]\nDefaultLimitNOFILE=1024:65536\n")
            },
            |image, _| image.put("/etc/systemd/system.conf", 0o644, "DefaultLimitNOFILE=4096\n"),
            |image, _| image.cmdline("init=/usr/bin/mount"),
        ],
        Rule::DataFolder { .. } => vec![|image, _| image.boot.root.filesystem = "reiserfs".to_owned(), |image, _| {
            image.put("/etc/fstab", 0o644, "/dev/sdb1 /var/lib jffs2\n")
        }],
        Rule::DiskFree { .. } => vec![|image, _| image.boot.root.available = NumBytes::mib(1299), |image, _| {
            image.boot.root.size = NumBytes::mib(20_000)
        }],
        Rule::Executable { .. } => vec![
            |image, check| image.remove(&executable(check)),
            |image, check| image.put(&executable(check), 0o644, program(AMD64, LOADER, &[])),
            |image, check| image.put(&executable(check), 0o755, program(40, LOADER, &[])),
            |image, check| image.put(&executable(check), 0o755, program(AMD64, "/lib/ld-musl-x86_64.so.1", &[])),
            |image, check| image.put(&executable(check), 0o755, program(AMD64, LOADER, &["libnone.so.1"])),
            |image, _| image.remove("/usr/lib/x86_64-linux-gnu/libc.so.6"),
        ],
        Rule::Cgroup2 {} => vec![
            |image, _| image.cmdline("systemd.unified_cgroup_hierarchy=0"),
            |image, _| image.cmdline("systemd.legacy_systemd_cgroup_controller"),
            |image, _| image.put("/etc/fstab", 0o644, "cgroup /sys/fs/cgroup/memory cgroup memory\n"),
            |image, _| {
                image.remove("/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-257.so");
                image.put("/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-241.so", 0o644, "");
            },
        ],
        Rule::Controller { .. } => vec![
            |image, check| {
                let Rule::Controller { symbols, .. } = &check.rule else { unreachable!() };
                image.config(&format!("CONFIG_{}=y", symbols[0]), &format!("# CONFIG_{} is not set", symbols[0]));
            },
            |image, check| {
                let Rule::Controller { controller, .. } = &check.rule else { unreachable!() };
                match controller {
                    Some(name) => image.cmdline(&format!("cgroup_disable=rdma,{name}")),
                    None => image.remove(&format!("/boot/config-{RELEASE}")),
                }
            },
        ],
    }
}

fn symbol(check: &Check) -> &str {
    let Rule::Kconfig { symbol, .. } = &check.rule else { unreachable!() };
    symbol
}

fn module(check: &Check) -> &str {
    let Rule::Kconfig { module: Some(module), .. } = &check.rule else { unreachable!() };
    module
}

fn executable(check: &Check) -> String {
    let Rule::Executable { name } = &check.rule else { unreachable!() };
    if name == "modprobe" { "/usr/bin/kmod".to_owned() } else { format!("/usr/bin/{name}") }
}

fn replace_symbol(image: &mut Image, check: &Check, with: &str) {
    let value =
        if matches!(&check.rule, Rule::Kconfig { module: Some(module), .. } if module != "ext4") { "m" } else { "y" };
    image.config(&format!("CONFIG_{}={value}\n", symbol(check)), with);
}

fn not_set(image: &mut Image, check: &Check) {
    replace_symbol(image, check, &format!("# CONFIG_{} is not set\n", symbol(check)));
}

fn unknown(image: &mut Image, check: &Check) {
    replace_symbol(image, check, "");
}

#[test]
fn every_check_notices_what_it_is_for() {
    for set in sets() {
        for check in &set.checks {
            let breaks = breaks(check);
            assert!(!breaks.is_empty() || matches!(check.rule, Rule::AtRunTime { .. }), "{} is never broken", check.id);
            for (at, change) in breaks.into_iter().enumerate() {
                let mut image = good();
                change(&mut image, check);
                let finding = image.finding(&check.id);
                let expected = match check.severity {
                    Severity::Fail => Verdict::Fail,
                    Severity::Warning => Verdict::Warning,
                };
                assert_eq!(finding.verdict, expected, "{}, change {at}: {:?}", check.id, finding.evidence);
                assert!(finding.cure.is_some() && !finding.evidence.is_empty(), "{}", check.id);
            }
        }
    }
}

#[test]
fn an_old_kernel_lacks_what_came_later() {
    let release = "3.2.0";
    let mut image = good();
    image.remove(&format!("/boot/vmlinuz-{RELEASE}"));
    let mut kernel = vec![0; 0x400];
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    kernel[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
    kernel[0x300..0x300 + release.len()].copy_from_slice(release.as_bytes());
    image.put(&format!("/boot/vmlinuz-{release}"), 0o644, kernel);
    image.put(&format!("/usr/lib/modules/{release}/modules.dep"), 0o644, "");
    image.put(
        &format!("/boot/config-{release}"),
        0o644,
        "CONFIG_CGROUPS=y\nCONFIG_CGROUP_BPF=y\nCONFIG_BPF_SYSCALL=y\n",
    );
    assert_eq!(image.finding("kernel.release").verdict, Verdict::Warning);
    assert_eq!(image.finding("cgroup.freezer").evidence, ["the kernel is 3.2.0, it takes 5.2"]);
    assert_eq!(image.finding("cgroup.devices").evidence, ["the kernel is 3.2.0, it takes 4.15"]);
    // It does not say which kernel it is of: believed, with a warning.
    assert_eq!(image.finding("kernel.config").verdict, Verdict::Warning);
}

#[test]
fn what_k0s_takes_but_is_not_good_is_a_warning() {
    let mut image = good();
    image.put("/etc/hosts", 0o644, "127.0.0.1 localhost\n");
    assert_eq!(image.finding("host.localhost").verdict, Verdict::Warning);
    image.cmdline("ipv6.disable=1");
    assert_eq!(image.finding("host.localhost").verdict, Verdict::Pass);
    image.cmdline("root=/dev/vda2");
    assert_eq!(image.finding("boot.root").verdict, Verdict::Warning);
    image.put("/etc/fstab", 0o644, "LABEL=rootfs / ext4 defaults 0 1\n");
    assert_eq!(image.finding("boot.fstab").evidence, ["`LABEL=rootfs` is to be checked, but there is no `fsck.ext4`"]);
    assert_eq!(image.finding("boot.fstab").verdict, Verdict::Warning);
}

#[test]
fn a_root_that_grows_has_room() {
    let mut image = good();
    image.boot.root.available = NumBytes::mib(10);
    image.boot.root.grows = true;
    assert_eq!(image.finding("host.disk-free").verdict, Verdict::Pass);
}

#[test]
fn all_findings_come_at_once_and_explain_themselves() {
    let mut image = good();
    image.config("CONFIG_MEMCG=y", "# CONFIG_MEMCG is not set");
    image.cmdline("cgroup_disable=memory");
    image.remove("/usr/bin/mount");
    let failures = image.report().failures();
    let shown: Vec<String> = failures.0.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "preflight check `cgroup.memory` fails: the kernel command line has `cgroup_disable=memory`",
            "preflight check `exec.mount` fails: no executable file `mount` in the PATH of a service",
        ]
    );
    let notes: Vec<String> = failures.0[0].notes().into_iter().map(|note| note.text).collect();
    assert_eq!(notes[0], "`k0s-worker@1.36` demands that the cgroup controller `memory` can be used");
    assert_eq!(notes[1], format!("`CONFIG_MEMCG=y` is not in `/boot/config-{RELEASE}`"));
    assert_eq!(failures.0[1].help().as_deref(), Some("add the package `mount`"));
    assert!(matches!(failures.0[1].subject(), rootsmith_types::Subject::Profile(origin) if origin.span() == (3..7)));
}

#[test]
fn the_report_is_the_same_bytes_each_time() {
    let text = good().report().to_json();
    assert_eq!(text, good().report().to_json());
    assert!(text.starts_with("{\n  \"findings\": [\n    {\n      \"check\": \"boot.driver\",\n      \"set\": \"boot\",\n      \"verdict\": \"pass\","));
}

#[test]
fn sets_that_do_not_exist_are_all_named() {
    let image = good();
    let facts = Facts { tree: &image.tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: None };
    let problems = check(&facts, None, &names(&["bot", "k0s-worker@1.2", "boot"])).unwrap_err();
    assert_eq!(problems.to_string(), "there is no preflight set `bot`; there is no preflight set `k0s-worker@1.2`");
}

#[test]
fn a_tree_without_a_disk_is_not_judged_for_booting() {
    let image = good();
    let facts = Facts { tree: &image.tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: None };
    let report = check(&facts, None, &names(&["boot"])).unwrap();
    let undecided = report.findings.iter().filter(|finding| finding.verdict == Verdict::NotApplicable);
    assert_eq!(
        undecided.map(|finding| finding.check.as_str()).collect::<Vec<_>>(),
        ["boot.driver", "boot.entry", "boot.root"]
    );
    assert!(report.failures().0.is_empty());
}

mod with_profile {
    use std::collections::BTreeMap;
    use std::io;
    use std::path::PathBuf;

    use rootsmith_profile::{Profile, load};
    use rootsmith_types::{Explain, SourceEntry, Sources, Subject};

    use super::*;

    struct Files(BTreeMap<PathBuf, Vec<u8>>);

    impl Sources for Files {
        fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
            self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
        }

        fn open(&self, path: &Path) -> io::Result<Box<dyn io::Read + '_>> {
            Ok(Box::new(io::Cursor::new(self.read(path)?)))
        }

        fn list(&self, _: &Path) -> io::Result<Vec<SourceEntry>> {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    const TEXT: &str = r#"
schema = 1
image = { name = "least", arch = ["amd64"] }
distribution = { id = "debian", suite = "trixie" }
init = { system = "systemd" }
output = [{ kind = "tar" }]
[kernel]
package = "linux-image-cloud-amd64"
cmdline = ["quiet", "cgroup_disable=memory"]
[hosts]
"10.0.0.1" = ["node"]
[preflight]
sets = ["boot", "k0s-worker@1.36"]
"#;

    fn judge(image: &Image, accept: &str) -> (Profile, Result<Report, rootsmith_types::Problems>) {
        let text = format!("{TEXT}{accept}");
        let files = Files(BTreeMap::from([(PathBuf::from("p.toml"), text.into_bytes())]));
        let profile = load(Path::new("p.toml"), &files).unwrap();
        // Without a disk the command line is the profile's.
        let facts = Facts { tree: &image.tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: None };
        let report = check(&facts, Some(&profile), &profile.preflight.sets);
        (profile, report)
    }

    fn written(profile: &Profile, error: &dyn Explain) -> String {
        let Subject::Profile(origin) = error.subject() else { panic!("{error}") };
        let (_, text) = profile.files.iter().find(|(name, _)| *name == origin.file).unwrap();
        text[origin.span()].to_owned()
    }

    #[test]
    fn failures_point_at_the_line_that_decides_them() {
        let mut image = good();
        image.put("/etc/hosts", 0o644, "10.0.0.1 node\n");
        image.config("CONFIG_NF_CONNTRACK=m", "# CONFIG_NF_CONNTRACK is not set");
        image.remove("/usr/bin/umount");
        let (profile, report) = judge(&image, "");
        let failures = report.unwrap().failures();
        let shown: Vec<String> =
            failures.0.iter().map(|error| format!("{} -> {error}", written(&profile, &**error))).collect();
        let package = "\"linux-image-cloud-amd64\"";
        assert_eq!(
            shown,
            [
                "\"cgroup_disable=memory\" -> preflight check `cgroup.memory` fails: the kernel command line has \
                 `cgroup_disable=memory`"
                    .to_owned(),
                "\"k0s-worker@1.36\" -> preflight check `exec.umount` fails: no executable file `umount` in the PATH of a \
                 service"
                    .to_owned(),
                "\"10.0.0.1\" -> preflight check `host.localhost` fails: `/etc/hosts` has no address for `localhost`".to_owned(),
                format!(
                    "{package} -> preflight check `kconfig.NF_CONNTRACK` fails: `CONFIG_NF_CONNTRACK` is not set in \
                     `/boot/config-{RELEASE}`"
                ),
            ]
        );
    }

    #[test]
    fn what_the_profile_accepts_is_no_failure() {
        let accept = "accept = [{ check = 'cgroup.memory', reason = 'no limits here' }, { check = 'boot.init', reason = 'x' }]\n";
        let (_, report) = judge(&good(), accept);
        let report = report.unwrap();
        assert!(report.failures().0.is_empty());
        let verdict = |id| report.findings.iter().find(|finding| finding.check == id).map(|finding| &finding.verdict);
        assert_eq!(verdict("cgroup.memory"), Some(&Verdict::Accepted("no limits here".to_owned())));
        assert_eq!(verdict("boot.init"), Some(&Verdict::Pass));
        assert!(report.to_json().contains("\"verdict\": {\n        \"accepted\": \"no limits here\"\n      }"));
    }

    #[test]
    fn an_accepted_check_that_does_not_exist_is_an_error() {
        let (profile, report) = judge(&good(), "accept = [{ check = 'cgroup.hugetbl', reason = 'x' }]\n");
        let problems = report.unwrap_err();
        assert_eq!(problems.to_string(), "there is no preflight check `cgroup.hugetbl`");
        assert_eq!(problems.0[0].help().as_deref(), Some("did you mean `cgroup.hugetlb`?"));
        assert_eq!(written(&profile, &*problems.0[0]), "'cgroup.hugetbl'");
    }
}
