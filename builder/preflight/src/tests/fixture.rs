//! A small image that passes every check, and ways to change it.

use std::io::Write;
use std::path::Path;
use std::sync::LazyLock;

use rootsmith_tree::{Content, Metadata, NoBlobs, Node, Tree};
use rootsmith_types::{Arch, NumBytes, Origin, Subject, TreePath, Uuid};

use super::elf_file::{ElfFile, PLAIN};
use crate::*;

pub(super) const RELEASE: &str = "6.12.107+deb13-cloud-amd64";
pub(super) const ROOT: Uuid = Uuid::new([0x11; 16]);

#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) tree: Tree,
    pub(crate) boot: BootFacts,
}

impl Image {
    pub(crate) fn put(&mut self, at: &str, mode: u16, data: impl AsRef<[u8]>) {
        let at = TreePath::new(at).unwrap();
        self.tree.create_directories(&at.parent().unwrap(), &Metadata::root(0o755, 0)).unwrap();
        self.tree.insert(&at, Node::file(Content::inline(data), Metadata::root(mode, 0))).unwrap();
    }

    pub(super) fn link(&mut self, at: &str, target: &str) {
        let at = TreePath::new(at).unwrap();
        self.tree.create_directories(&at.parent().unwrap(), &Metadata::root(0o755, 0)).unwrap();
        self.tree.insert(&at, Node::symlink(target, 0)).unwrap();
    }

    /// A unit that another one wants.
    pub(super) fn unit(&mut self, name: &str, text: &str, wanted_by: &str) {
        self.put(&format!("/usr/lib/systemd/system/{name}"), 0o644, text);
        self.link(&format!("/etc/systemd/system/{wanted_by}.wants/{name}"), &format!("/usr/lib/systemd/system/{name}"));
    }

    pub(super) fn mask(&mut self, unit: &str) {
        self.link(&format!("/etc/systemd/system/{unit}"), "/dev/null");
    }

    pub(super) fn folder(&mut self, at: &str, mode: u16) {
        let at = TreePath::new(at).unwrap();
        self.tree.create_directories(&at, &Metadata::root(0o755, 0)).unwrap();
        self.tree.get_mut(&at).unwrap().metadata.mode = mode;
    }

    /// Replaces the text of a file.
    pub(super) fn edit(&mut self, at: &str, from: &str, to: &str) {
        let node = self.tree.get(&TreePath::new(at).unwrap()).unwrap();
        let text = String::from_utf8(node.content().unwrap().read(&NoBlobs, 1 << 20).unwrap().to_vec()).unwrap();
        let mode = node.metadata.mode;
        assert!(text.contains(from), "{at}: {from}");
        self.put(at, mode, text.replace(from, to));
    }

    pub(crate) fn remove(&mut self, at: &str) {
        assert!(self.tree.remove(&TreePath::new(at).unwrap()), "{at}");
    }

    pub(super) fn config(&mut self, from: &str, to: &str) {
        let at = TreePath::new(format!("/boot/config-{RELEASE}")).unwrap();
        let text = self.tree.get(&at).unwrap().content().unwrap().read(&NoBlobs, 1 << 20).unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert!(text.contains(from), "{from}");
        let text = text.replace(from, to);
        self.put(&format!("/boot/vmlinuz-{RELEASE}"), 0o644, bzimage(RELEASE, &text));
        self.put(&format!("/boot/config-{RELEASE}"), 0o644, text);
    }

    /// Makes the kernel one of another release, its modules as they were.
    pub(super) fn release(&mut self, release: &str) {
        let at = TreePath::new(format!("/boot/config-{RELEASE}")).unwrap();
        let text = self.tree.get(&at).unwrap().content().unwrap().read(&NoBlobs, 1 << 20).unwrap();
        let version = release.split(['+', '-']).next().unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap().replace("6.12.107", version);
        for name in ["/boot/config-", "/boot/vmlinuz-"] {
            self.remove(&format!("{name}{RELEASE}"));
        }
        let folder = |release| TreePath::new(format!("/usr/lib/modules/{release}")).unwrap();
        self.tree.rename(&folder(RELEASE), &folder(release)).unwrap();
        self.put(&format!("/boot/vmlinuz-{release}"), 0o644, bzimage(release, &text));
        self.put(&format!("/boot/config-{release}"), 0o644, text);
        self.boot.entries[0].release = Some(release.to_owned());
    }

    pub(crate) fn cmdline(&mut self, word: &str) {
        let entry = &mut self.boot.entries[0];
        entry.cmdline = entry.cmdline.take().map(|there| format!("{there} {word}"));
    }

    pub(super) fn report(&self) -> Report {
        let facts = Facts { tree: &self.tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: Some(&self.boot) };
        check(&facts, None, &names(&["boot", "k0s-worker@1.36"])).unwrap()
    }

    /// As these sets judge it.
    pub(crate) fn judged(&self, sets: &[Wanted]) -> Report {
        let facts = Facts { tree: &self.tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: Some(&self.boot) };
        check(&facts, None, sets).unwrap()
    }

    /// As one set judges it.
    pub(super) fn judged_by(&self, set: &Set) -> Report {
        let facts = Facts { tree: &self.tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: Some(&self.boot) };
        check(&facts, None, &names(&[&set.id()])).unwrap()
    }

    /// As one set judges one check.
    pub(super) fn finding_of(&self, set: &str, check: &str) -> Finding {
        let facts = Facts { tree: &self.tree, blobs: &NoBlobs, arch: Arch::Amd64, boot: Some(&self.boot) };
        let findings = crate::check(&facts, None, &names(&[set])).unwrap().findings;
        findings.into_iter().find(|finding| finding.check == check).unwrap()
    }

    pub(super) fn finding(&self, check: &str) -> Finding {
        self.report().findings.into_iter().find(|finding| finding.check == check).unwrap()
    }
}

pub(super) fn names(sets: &[&str]) -> Vec<Wanted> {
    let file: std::sync::Arc<Path> = Path::new("p.toml").into();
    let wanted = |set: &&str| Wanted {
        name: (*set).to_owned(),
        text: None,
        subject: Subject::Profile(Origin::new(file.clone(), 3..7)),
    };
    sets.iter().map(wanted).collect()
}

/// A 64-bit ELF file for `machine`, with an interpreter and libraries it needs when they are given.
pub(super) fn program(machine: u16, interpreter: &str, needed: &[&str]) -> Vec<u8> {
    ElfFile { machine, interpreter, needed, ..PLAIN }.bytes()
}

/// A static busybox with these applets, and some that are nobody's.
pub(super) fn busybox(applets: &[&str]) -> Vec<u8> {
    let mut names: Vec<&str> =
        ["[", "[[", "ash", "echo", "ls", "rm", "wc", "yes"].into_iter().chain(applets.iter().copied()).collect();
    names.sort_unstable();
    let mut file = PLAIN.bytes();
    file.extend(format!("\0BusyBox v1.36.1\0{}\0", names.join("\0")).bytes());
    file
}

pub(super) const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";
pub(super) const AMD64: u16 = 62;

/// A bzImage of a release, with a configuration inside.
pub(super) fn bzimage(release: &str, config: &str) -> Vec<u8> {
    let gzip = |data: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    };
    let mut kernel = b"\x7fELF".to_vec();
    if !config.is_empty() {
        kernel.extend([b"IKCFG_ST".as_slice(), &gzip(config.as_bytes()), b"IKCFG_ED"].concat());
    }
    let payload = gzip(&kernel);
    let mut image = vec![0; 3 * 512 + 16];
    image[0x1f1] = 2;
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&0x20f_u16.to_le_bytes());
    image[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
    image[0x248..0x24c].copy_from_slice(&16_u32.to_le_bytes());
    image[0x24c..0x250].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    image[0x300..0x300 + release.len()].copy_from_slice(release.as_bytes());
    image.extend_from_slice(&payload);
    image
}

/// A kernel module that says what it is for, compressed with xz.
pub(super) fn module_file(machine: u16, vermagic: &str) -> Vec<u8> {
    let info = format!("license=GPL\0vermagic={vermagic} SMP preempt mod_unload \0");
    let names = b"\0.modinfo\0.shstrtab\0";
    let at = 64 + info.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([1u16, machine].iter().flat_map(|n| n.to_le_bytes()));
    file.extend(1u32.to_le_bytes());
    file.extend([0, 0, (at + names.len() as u64).next_multiple_of(8)].iter().flat_map(|n: &u64| n.to_le_bytes()));
    file.extend([0u16, 0, 64, 0, 0, 64, 3, 2].iter().flat_map(|n| n.to_le_bytes()));
    file.extend_from_slice(info.as_bytes());
    file.extend_from_slice(names);
    file.resize(file.len().next_multiple_of(8), 0);
    // Nothing, then SHT_PROGBITS, then SHT_STRTAB: name, type, flags, address, offset, size, link and info, alignment, entries.
    file.extend([0; 64]);
    for (name, kind, offset, size) in [(1u32, 1u32, 64, info.len()), (10, 3, at, names.len())] {
        file.extend([name, kind].iter().flat_map(|n| n.to_le_bytes()));
        file.extend([0, 0, offset, size as u64, 0, 1, 0].iter().flat_map(|n| n.to_le_bytes()));
    }
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(&file).unwrap();
    encoder.finish().unwrap()
}

/// The image, made once.
pub(super) const LIBC: ElfFile<'static> = ElfFile {
    soname: "libc.so.6",
    provides: &["libc.so.6", "GLIBC_2.2.5", "GLIBC_2.36"],
    defined: &["malloc"],
    ..PLAIN
};
pub(super) const LIBMOUNT: ElfFile<'static> = ElfFile {
    needed: &["libc.so.6"],
    requires: &[("libc.so.6", "GLIBC_2.2.5")],
    defined: &["mnt_new_context"],
    undefined: &["malloc"],
    ..PLAIN
};
pub(super) const MOUNT: ElfFile<'static> = ElfFile {
    interpreter: LOADER,
    needed: &["libmount.so.1", "libc.so.6"],
    requires: &[("libc.so.6", "GLIBC_2.36")],
    undefined: &["malloc", "mnt_new_context"],
    ..PLAIN
};

pub(crate) fn good() -> Image {
    static GOOD: LazyLock<Image> = LazyLock::new(make);
    GOOD.clone()
}

fn make() -> Image {
    let root = PartitionFacts {
        role: PartitionRole::Root,
        partuuid: ROOT.to_string(),
        partlabel: "root".to_owned(),
        filesystem: Some("ext4".to_owned()),
        uuid: Some("22222222-2222-2222-2222-222222222222".to_owned()),
        label: Some("rootfs".to_owned()),
        room: None,
    };
    let esp = PartitionFacts {
        role: PartitionRole::Esp,
        partuuid: Uuid::new([0x33; 16]).to_string(),
        partlabel: "esp".to_owned(),
        filesystem: Some("vfat".to_owned()),
        uuid: Some("1234-ABCD".to_owned()),
        label: None,
        room: None,
    };
    let entry = BootEntry {
        kind: EntryKind::Uki,
        missing: Vec::new(),
        path: "/EFI/BOOT/BOOTX64.EFI".to_owned(),
        machine: Some(Arch::Amd64),
        release: Some(RELEASE.to_owned()),
        cmdline: Some(format!("console=ttyS0 root=PARTUUID={ROOT} rw")),
        linux: true,
        initramfs: Some(vec!["init".to_owned(), "modules/virtio_blk.ko".to_owned()]),
        ..BootEntry::default()
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
        bios: crate::BiosStart::Nothing,
        device_trees: Vec::new(),
        table: TableKind::Gpt,
        start: DiskStart::default(),
        firmware: Vec::new(),
    };
    let mut image = Image { tree: Tree::new(Metadata::root(0o755, 0)), boot };

    let mut config = "#\n# Linux/x86 6.12.107 Kernel Configuration\n#\nCONFIG_IKCONFIG=y\n".to_owned();
    let mut index = String::new();
    let file = module_file(AMD64, RELEASE);
    for check in sets().iter().flat_map(|set| &set.checks) {
        match &check.rule {
            Rule::Kconfig { symbol, module: Some(module) } if module != "ext4" => {
                config += &format!("CONFIG_{symbol}=m\n");
                index += &format!("kernel/{module}.ko.xz: kernel/base.ko.xz\n");
                image.put(&format!("/usr/lib/modules/{RELEASE}/kernel/{module}.ko.xz"), 0o644, &file);
            }
            Rule::Kconfig { symbol, .. } => config += &format!("CONFIG_{symbol}=y\n"),
            Rule::Controller { symbols, .. } => {
                symbols.iter().for_each(|symbol| config += &format!("CONFIG_{symbol}=y\n"))
            }
            Rule::AnyController { symbols, legacy_symbols, .. } => {
                let all = symbols.iter().chain(legacy_symbols);
                all.for_each(|symbol| config += &format!("CONFIG_{symbol}=y\n"))
            }
            Rule::AnyKconfig { symbols } => {
                for (symbol, module) in symbols {
                    let value = if module.is_empty() { "y" } else { "m" };
                    config += &format!("CONFIG_{symbol}={value}\n");
                    if !module.is_empty() {
                        index += &format!("kernel/{module}.ko.xz: kernel/base.ko.xz\n");
                        image.put(&format!("/usr/lib/modules/{RELEASE}/kernel/{module}.ko.xz"), 0o644, &file);
                    }
                }
            }
            Rule::IptablesBackend {} => {
                for module in ["nf_tables", "nft_compat", "nft_nat", "nft_masq"] {
                    config += &format!("CONFIG_{}=m\n", module.to_uppercase());
                    index += &format!("kernel/{module}.ko.xz: kernel/base.ko.xz\n");
                    image.put(&format!("/usr/lib/modules/{RELEASE}/kernel/{module}.ko.xz"), 0o644, &file);
                }
                let legacy =
                    ["IPTABLES=ip_tables", "FILTER=iptable_filter", "NAT=iptable_nat", "MANGLE=iptable_mangle"];
                for (symbol, module) in legacy.iter().filter_map(|line| line.split_once('=')) {
                    config += &format!("CONFIG_IP_NF_{symbol}=m\n");
                    index += &format!("kernel/{module}.ko.xz: kernel/base.ko.xz\n");
                    image.put(&format!("/usr/lib/modules/{RELEASE}/kernel/{module}.ko.xz"), 0o644, &file);
                }
            }
            _ => {}
        }
    }
    image.put(&format!("/usr/lib/modules/{RELEASE}/kernel/base.ko.xz"), 0o644, &file);
    for module in ["overlay", "br_netfilter"] {
        if !index.contains(&format!("/{module}.ko.xz:")) {
            index += &format!("kernel/{module}.ko.xz: kernel/base.ko.xz\n");
            image.put(&format!("/usr/lib/modules/{RELEASE}/kernel/{module}.ko.xz"), 0o644, &file);
        }
    }
    config += "CONFIG_SECURITY_APPARMOR=y\nCONFIG_SECURITY_SELINUX=y\nCONFIG_LSM=\"landlock,yama,apparmor,bpf\"\n";
    image.put(&format!("/usr/lib/modules/{RELEASE}/modules.dep"), 0o644, index);
    image.put(&format!("/usr/lib/modules/{RELEASE}/modules.builtin"), 0o644, "kernel/fs/ext4/ext4.ko\n");
    image.put(&format!("/boot/vmlinuz-{RELEASE}"), 0o644, bzimage(RELEASE, &config));
    image.put(&format!("/boot/config-{RELEASE}"), 0o644, config);

    image.link("/lib64", "usr/lib64");
    image.link("/sbin", "usr/sbin");
    image.put("/usr/lib64/ld-linux-x86-64.so.2", 0o755, program(AMD64, "", &[]));
    image.put("/usr/lib/x86_64-linux-gnu/libc.so.6", 0o755, LIBC.bytes());
    image.put("/usr/lib/x86_64-linux-gnu/libmount.so.1", 0o644, LIBMOUNT.bytes());
    for path in ["/usr/lib/systemd/systemd", "/usr/bin/kmod", "/usr/bin/mount", "/usr/bin/umount"] {
        image.put(path, 0o755, MOUNT.bytes());
    }
    let tools = ["ip", "nsenter", "ethtool", "socat", "tc", "touch", "ebtables", "conntrack", "runc"]
        .map(|it| format!("/usr/bin/{it}"));
    let admin = ["useradd", "userdel", "xtables-nft-multi"].map(|it| format!("/usr/sbin/{it}"));
    for path in tools.iter().chain(&admin) {
        image.put(path, 0o755, program(AMD64, LOADER, &["libc.so.6"]));
    }
    image.link("/usr/sbin/iptables", "/etc/alternatives/iptables");
    image.link("/etc/alternatives/iptables", "/usr/sbin/iptables-nft");
    image.link("/usr/sbin/iptables-nft", "xtables-nft-multi");
    image.put("/usr/bin/kmod", 0o755, program(AMD64, LOADER, &["liblzma.so.5", "libc.so.6"]));
    image.put("/usr/lib/x86_64-linux-gnu/liblzma.so.5", 0o644, program(AMD64, "", &["libc.so.6"]));
    image.put("/usr/bin/dash", 0o755, program(AMD64, LOADER, &["libc.so.6"]));
    image.link("/bin", "usr/bin");
    image.link("/usr/bin/sh", "dash");
    image.put("/usr/bin/which", 0o755, "#!/bin/sh\nset -ef\n");
    image.put("/usr/bin/su", 0o4755, program(AMD64, LOADER, &["libc.so.6"]));
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
    node(&mut image);
    image.put("/etc/k0s/containerd.d/mirror.toml", 0o644, "version = 3\n[plugins.\"io.containerd.cri.v1.images\"]\n");
    image
}

/// What a node wants of the system, and what a golden image must not have.
fn node(image: &mut Image) {
    for unit in ["systemd-sysctl.service", "systemd-modules-load.service"] {
        image.unit(unit, "[Service]\nExecStart=/usr/lib/systemd/x\n", "sysinit.target");
    }
    image.unit("dev-mqueue.mount", "[Mount]\nWhat=mqueue\nWhere=/dev/mqueue\nType=mqueue\n", "sysinit.target");
    for unit in ["systemd-networkd.service", "systemd-resolved.service", "chrony.service", "ssh.service"] {
        image.unit(unit, "[Service]\nExecStart=/usr/sbin/x\n", "multi-user.target");
    }
    let keys = "[Unit]\nConditionFirstBoot=yes\n[Service]\nExecStart=ssh-keygen -A\n";
    image.unit("sshd-keygen.service", keys, "ssh.service");
    image.put("/etc/systemd/network/20-wired.network", 0o644, "[Match]\nName=en*\n[Network]\nDHCP=yes\n");
    image.link("/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf");
    image.put("/etc/hostname", 0o644, "node-1\n");
    image.put("/etc/machine-id", 0o444, "uninitialized\n");
    image.link("/var/lib/dbus/machine-id", "/etc/machine-id");
    image.put("/etc/ssl/certs/ca-certificates.crt", 0o644, "-----BEGIN CERTIFICATE-----\nMII=\n");
    let mut settings = "# ours\n".to_owned();
    let mut modules = String::new();
    for check in sets().iter().flat_map(|set| &set.checks) {
        match &check.rule {
            Rule::Sysctl { keys, least, most, .. } => {
                let value = least.or(*most).unwrap();
                keys.iter().for_each(|key| settings += &format!("{key} = {value}\n"));
            }
            Rule::ModulesLoaded { modules: names } => names.iter().for_each(|name| modules += &format!("{name}\n")),
            _ => {}
        }
    }
    image.put("/etc/sysctl.d/90-node.conf", 0o644, settings);
    image.put("/etc/modules-load.d/node.conf", 0o644, modules);
    for path in ["/usr/sbin/useradd", "/usr/sbin/apparmor_parser"] {
        image.put(path, 0o755, program(AMD64, LOADER, &["libc.so.6"]));
    }
    image.put("/etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\n");
    image.put("/etc/group", 0o644, "root:x:0:\nshadow:x:42:\n");
    image.put("/etc/shadow", 0o640, "root:*:20000:0:99999:7:::\n");
    image.put("/etc/login.defs", 0o644, "# UMASK 000\nUMASK\t\t022\n");
    image.put("/etc/ssh/sshd_config", 0o600, "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin no\n");
    for folder in ["/tmp", "/var/tmp"] {
        image.folder(folder, 0o1777);
    }
}
