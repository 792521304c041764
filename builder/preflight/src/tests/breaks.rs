//! For each mechanism, changes of the good image that its checks must notice.

use rootsmith_types::{Arch, NumBytes, TreePath, Uuid};

use super::elf_file::{ElfFile, PLAIN};
use super::fixture::*;
use crate::*;

/// Changes that make a check fail: at least one for each mechanism, for whatever check uses it.
pub(super) fn breaks(check: &Check) -> Vec<fn(&mut Image, &Check)> {
    match &check.rule {
        rule @ (Rule::DeviceTree {}
        | Rule::ConfigTxt {}
        | Rule::SerialConsole {}
        | Rule::Bootargs {}
        | Rule::BoardDrivers {}
        | Rule::BootRom {}) => super::board::breaks(rule),
        Rule::Init {} => vec![
            |image, _| image.remove("/usr/sbin/init"),
            |image, _| image.remove("/usr/lib/systemd/systemd"),
            |image, _| image.remove("/usr/lib64/ld-linux-x86-64.so.2"),
            |image, _| image.put("/usr/lib/systemd/systemd", 0o644, program(AMD64, LOADER, &[])),
            |image, _| image.put("/usr/lib/systemd/systemd", 0o755, program(183, "/lib/ld-linux-aarch64.so.1", &[])),
            |image, _| image.put("/usr/lib/systemd/systemd", 0o755, "#!/bin/zsh\n"),
            |image, _| image.put("/usr/lib/systemd/systemd", 0o755, "text"),
            |image, _| image.cmdline("init=/no/such"),
        ],
        Rule::Linux {} => {
            vec![|image, _| image.remove(&format!("/boot/vmlinuz-{RELEASE}")), |image, _| {
                let mut kernel = vec![0; 64];
                kernel[56..60].copy_from_slice(b"ARM\x64");
                kernel.extend_from_slice(format!("Linux version {RELEASE} (x)").as_bytes());
                image.put(&format!("/boot/vmlinuz-{RELEASE}"), 0o644, kernel);
            }]
        }
        Rule::Kernel {} => {
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
            |image, _| image.boot.entries[0].kind = EntryKind::Loader,
            |image, _| {
                by_loader(image);
                image.boot.entries[0].machine = Some(Arch::Arm64);
            },
            |image, _| {
                by_loader(image);
                image.boot.entries[1].missing.push("/initrd".to_owned());
            },
            |image, _| {
                by_loader(image);
                image.boot.entries[1].linux = false;
            },
            // A BIOS needs code in the first sector.
            |image, _| {
                by_loader(image);
                image.boot.entries.remove(0);
            },
        ],
        Rule::RootDevice {} => vec![
            |image, _| image.boot.entries[0].cmdline = Some("rw".to_owned()),
            |image, _| image.boot.partitions[1].partuuid = Uuid::new([0x44; 16]).to_string(),
            |image, _| image.cmdline("root=PARTLABEL=esp"),
            |image, _| image.cmdline("root=LABEL=other"),
            |image, _| image.cmdline("roothash=0"),
            |image, _| image.cmdline(&format!("roothash={}", "44".repeat(32))),
        ],
        Rule::RootDriver { .. } => vec![
            |image, _| image.boot.entries[0].initramfs = Some(vec!["modules/virtio_net.ko".to_owned()]),
            |image, _| image.boot.entries[0].initramfs = None,
            |image, _| image.boot.root.filesystem = "btrfs".to_owned(),
            |image, _| image.cmdline("systemd.volatile=overlay"),
            |image, _| image.cmdline("roothash=0"),
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
            vec![
                |image, _| image.put("/etc/fstab", 0o644, "LABEL=rootfs / ext4 ro,noatime\n"),
                |image, _| {
                    image.remove("/etc/fstab");
                    image.boot.entries[0].cmdline = Some("quiet".to_owned());
                },
                |image, _| image.boot.root.filesystem = "squashfs".to_owned(),
            ]
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
            |image, check| {
                let file = format!("/usr/lib/modules/{RELEASE}/kernel/{}.ko.xz", module(check));
                image.put(&file, 0o644, module_file(AMD64, "6.12.106+deb13-cloud-amd64"));
            },
            |image, check| {
                let file = format!("/usr/lib/modules/{RELEASE}/kernel/{}.ko.xz", module(check));
                image.put(&file, 0o644, module_file(183, RELEASE));
            },
            |image, check| image.cmdline(&format!("module_blacklist=x,{}", module(check))),
            |image, check| {
                let line = format!("install {} /bin/false\n", module(check).replace('_', "-"));
                image.put("/etc/modprobe.d/off.conf", 0o644, line);
            },
        ],
        Rule::ExtinctKconfig { .. } => vec![|image, _| image.release("4.18.0")],
        Rule::AnyKconfig { .. } => vec![|image, check| {
            let Rule::AnyKconfig { symbols } = &check.rule else { unreachable!() };
            for (symbol, module) in symbols {
                let value = if module.is_empty() { "y" } else { "m" };
                image.config(&format!("CONFIG_{symbol}={value}\n"), "");
            }
        }],
        Rule::EmbeddedConfig {} => {
            vec![|image, _| image.put(&format!("/boot/vmlinuz-{RELEASE}"), 0o644, bzimage(RELEASE, "")), |image, _| {
                image.put(&format!("/boot/vmlinuz-{RELEASE}"), 0o644, bzimage(RELEASE, "CONFIG_NET=y\nCONFIG_SMP=y\n"))
            }]
        }
        Rule::ModuleCompression {} => vec![
            |image, _| image.remove("/usr/lib/x86_64-linux-gnu/liblzma.so.5"),
            |image, _| image.put("/usr/bin/kmod", 0o755, program(AMD64, LOADER, &["libc.so.6", "libzstd.so.1"])),
            |image, _| image.remove("/usr/sbin/modprobe"),
        ],
        Rule::IptablesBackend {} => vec![
            |image, _| {
                image.config("CONFIG_NF_TABLES=m\n", "");
                image.config("CONFIG_IP_NF_IPTABLES=m\n", "# CONFIG_IP_NF_IPTABLES is not set\n");
            },
            // The alternative is of the backend that the kernel lacks.
            |image, _| image.config("CONFIG_NFT_COMPAT=m\n", ""),
            |image, _| image.remove(&format!("/usr/lib/modules/{RELEASE}/kernel/nft_masq.ko.xz")),
            |image, _| {
                image.config("CONFIG_IP_NF_NAT=m\n", "");
                image.link("/etc/alternatives/iptables", "/usr/sbin/iptables-legacy");
                image.link("/usr/sbin/iptables-legacy", "xtables-legacy-multi");
                image.put("/usr/sbin/xtables-legacy-multi", 0o755, program(AMD64, LOADER, &[]));
            },
            |image, _| image.remove(&format!("/boot/config-{RELEASE}")),
        ],
        Rule::RealTimeGroups {} => {
            vec![|image, _| image.config("CONFIG_NET=y\n", "CONFIG_NET=y\nCONFIG_RT_GROUP_SCHED=y\n")]
        }
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
        // There to tell, not to demand; `seen.rs` looks at what it tells.
        Rule::AppArmor {} => vec![],
        Rule::MachineIdSource {} => vec![|image, _| image.cmdline("init=/usr/bin/mount")],
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
        Rule::DiskFree { percent: 0, .. } => vec![|image, check| {
            let Rule::DiskFree { mebibytes, .. } = &check.rule else { unreachable!() };
            image.boot.root.available = NumBytes::mib(mebibytes - 1);
        }],
        Rule::DiskFree { .. } => vec![|image, _| image.boot.root.available = NumBytes::mib(499), |image, _| {
            image.boot.root.size = NumBytes::mib(20_000)
        }],
        Rule::Mounted { .. } => vec![|image, _| image.cmdline("init=/usr/bin/mount"), |image, check| {
            let Rule::Mounted { points } = &check.rule else { unreachable!() };
            image.put("/etc/fstab", 0o644, format!("none {} ext4\n", points[0]));
        }],
        Rule::MountOptions { .. } => vec![
            |image, _| image.put("/etc/fstab", 0o644, "/dev/sdb1 /var/lib ext4 noexec\n"),
            |image, _| image.put("/etc/fstab", 0o644, "LABEL=rootfs / ext4 rw,nodev\n"),
            |image, _| image.cmdline("rootflags=nosuid"),
            |image, _| {
                let text = "[Mount]\nWhat=/dev/sdb1\nWhere=/var/lib/k0s/\nOptions=rw,nosuid\n";
                image.unit("var-lib-k0s.mount", text, "local-fs.target");
            },
        ],
        Rule::Writable { persistent: false, .. } => vec![
            |image, _| image.boot.root.filesystem = "squashfs".to_owned(),
            |image, _| image.put("/etc/fstab", 0o644, "LABEL=rootfs / ext4 ro\n"),
            |image, _| image.put("/etc/fstab", 0o644, "LABEL=rootfs / ext4\n/dev/sdb1 /var erofs\n"),
            |image, _| {
                image.remove("/etc/fstab");
                image.cmdline("ro");
            },
        ],
        Rule::Writable { persistent: true, .. } => vec![
            |image, _| image.put("/etc/fstab", 0o644, "tmpfs /var/lib tmpfs\n"),
            |image, _| image.cmdline("systemd.volatile=overlay"),
            |image, _| image.cmdline("overlayroot=tmpfs"),
        ],
        Rule::PluginFolder { .. } => vec![|image, _| image.boot.root.filesystem = "squashfs".to_owned()],
        Rule::SharedRoot {} => vec![|image, _| image.cmdline("init=/usr/bin/mount")],
        Rule::NoSwap {} => vec![|image, _| image.put("/etc/fstab", 0o644, "/dev/sdb1 none swap sw\n"), |image, _| {
            image.unit("swapfile.swap", "[Swap]\nWhat=/swapfile\n", "swap.target");
        }],
        Rule::ResolvConf {} => vec![
            |image, _| image.remove("/etc/resolv.conf"),
            |image, _| image.link("/etc/resolv.conf", "/no/such"),
            |image, _| image.link("/etc/resolv.conf", "../run/NetworkManager/resolv.conf"),
            |image, _| image.mask("systemd-resolved.service"),
            |image, _| image.put("/etc/resolv.conf", 0o644, "# nothing\n"),
            |image, _| image.put("/etc/resolv.conf", 0o644, "nameserver 127.0.0.1\nnameserver ::1\n"),
            |image, _| {
                image.put("/etc/resolv.conf", 0o644, "nameserver 127.0.0.53\n");
                image.mask("systemd-resolved.service");
            },
        ],
        Rule::HostSources { .. } => {
            vec![|image, _| image.put("/etc/nsswitch.conf", 0o644, "hosts: files myhostname\n"), |image, _| {
                image.put("/etc/nsswitch.conf", 0o644, "hosts: dns\n")
            }]
        }
        Rule::Hostname {} => vec![
            |image, _| image.put("/etc/hostname", 0o644, "localhost\n"),
            |image, _| image.put("/etc/hostname", 0o644, "node_1\n"),
            |image, _| image.put("/etc/hostname", 0o644, "node-????\n"),
            |image, _| image.put("/etc/hostname", 0o644, "# x\n-node\n"),
            |image, _| image.put("/etc/hostname", 0o644, "n".repeat(64)),
        ],
        Rule::NetProvider {} => vec![
            |image, _| image.mask("systemd-networkd.service"),
            |image, _| image.remove("/etc/systemd/network/20-wired.network"),
            |image, _| image.remove("/usr/lib/systemd/system/systemd-networkd.service"),
        ],
        Rule::Sysctl { .. } => vec![|image, check| {
            let Rule::Sysctl { keys, least, most, .. } = &check.rule else { unreachable!() };
            let value = least.map(|it| it - 1).or(most.map(|it| it + 1)).unwrap();
            image.put("/etc/sysctl.d/99-x.conf", 0o644, format!("-{} = {value}\n", keys[0].replace('.', "/")));
        }],
        Rule::ModulesLoaded { .. } => vec![
            |image, _| image.remove("/etc/modules-load.d/node.conf"),
            |image, _| image.mask("systemd-modules-load.service"),
            |image, _| image.remove(&format!("/usr/lib/modules/{RELEASE}/kernel/overlay.ko.xz")),
        ],
        Rule::TimeSync {} => vec![|image, _| image.mask("chrony.service"), |image, _| {
            image.remove("/etc/systemd/system/multi-user.target.wants/chrony.service");
        }],
        Rule::CaBundle {} => vec![|image, _| image.remove("/etc/ssl/certs/ca-certificates.crt"), |image, _| {
            image.put("/etc/ssl/certs/ca-certificates.crt", 0o644, "");
        }],
        Rule::ApparmorParser {} => vec![|image, _| image.remove("/usr/sbin/apparmor_parser")],
        Rule::SelinuxPolicy {} => vec![|image, _| {
            image.cmdline("lsm=selinux");
            image.put("/etc/selinux/config", 0o644, "SELINUX=enforcing\nSELINUXTYPE=targeted\n");
        }],
        Rule::Executable { .. } => vec![
            |image, check| image.remove(&executable(check)),
            |image, check| image.put(&executable(check), 0o644, program(AMD64, LOADER, &[])),
            |image, check| image.put(&executable(check), 0o755, program(40, LOADER, &[])),
            |image, check| image.put(&executable(check), 0o755, program(AMD64, "/lib/ld-musl-x86_64.so.1", &[])),
            |image, check| image.put(&executable(check), 0o755, program(AMD64, LOADER, &["libnone.so.1"])),
            |image, check| {
                let requires = &[("libc.so.6", "GLIBC_2.38")];
                image.put(&executable(check), 0o755, ElfFile { requires, ..MOUNT }.bytes());
            },
            |image, check| {
                image.put(&executable(check), 0o755, ElfFile { undefined: &["seccomp_init"], ..MOUNT }.bytes());
            },
            |image, check| {
                let place = executable(check);
                image.remove(&place);
                image.link(&place, "/usr/bin/busybox");
                image.put("/usr/bin/busybox", 0o755, busybox(&["cat", "init", "sh"]));
            },
            |image, _| image.remove("/usr/lib/x86_64-linux-gnu/libc.so.6"),
        ],
        Rule::UserTools { .. } => vec![|image, check| image.remove(&user_tool(check)), |image, check| {
            image.put(&user_tool(check), 0o644, program(AMD64, LOADER, &[]))
        }],
        Rule::AnyCgroup {} => vec![|image, _| image.cmdline("init=/usr/bin/mount")],
        Rule::AnyController { .. } => vec![
            |image, check| {
                let Rule::AnyController { symbols, .. } = &check.rule else { unreachable!() };
                image.config(&format!("CONFIG_{}=y", symbols[0]), &format!("# CONFIG_{} is not set", symbols[0]));
            },
            |image, check| {
                let Rule::AnyController { controller, .. } = &check.rule else { unreachable!() };
                match controller {
                    Some(name) => image.cmdline(&format!("cgroup_disable=rdma,{name}")),
                    None => image.remove(&format!("/boot/config-{RELEASE}")),
                }
            },
            |image, check| {
                let Rule::AnyController { legacy_symbols, .. } = &check.rule else { unreachable!() };
                image.cmdline("systemd.unified_cgroup_hierarchy=0");
                image.config(&format!("CONFIG_{}=y\n", legacy_symbols[0]), "");
            },
        ],
        Rule::ProgramMachine {} => vec![
            |image, _| image.put("/usr/bin/mount", 0o755, program(183, LOADER, &[])),
            |image, _| image.put("/usr/local/bin/agent", 0o755, program(183, "", &[])),
            |image, _| image.put("/usr/libexec/agent/run", 0o755, program(40, "", &[])),
            |image, _| image.put("/usr/bin/mount", 0o755, MOUNT.bytes().split_at(80).0),
            |image, _| image.put("/usr/bin/mount", 0o755, ElfFile { kind: 1, ..MOUNT }.bytes()),
            // Without its loader a program for i386 is one for another machine.
            |image, _| image.put("/usr/bin/mount", 0o755, program(3, "/lib/ld-linux.so.2", &[])),
        ],
        Rule::ProgramInterpreter {} => vec![
            |image, _| image.remove("/usr/lib64/ld-linux-x86-64.so.2"),
            |image, _| image.put("/usr/lib64/ld-linux-x86-64.so.2", 0o644, PLAIN.bytes()),
            |image, _| image.put("/usr/lib64/ld-linux-x86-64.so.2", 0o755, program(183, "", &[])),
            |image, _| image.put("/usr/local/bin/agent", 0o755, program(AMD64, "/lib/ld-musl-x86_64.so.1", &[])),
        ],
        Rule::ProgramLibraries {} => vec![
            |image, _| image.remove("/usr/lib/x86_64-linux-gnu/libmount.so.1"),
            |image, _| image.remove("/usr/lib/x86_64-linux-gnu/libc.so.6"),
            |image, _| image.put("/usr/lib/x86_64-linux-gnu/libmount.so.1", 0o644, program(183, "", &[])),
            |image, _| image.put("/usr/lib/x86_64-linux-gnu/libmount.so.1", 0o644, "text"),
            // Not where the loader looks.
            |image, _| {
                image.remove("/usr/lib/x86_64-linux-gnu/libmount.so.1");
                image.put("/usr/local/lib/libmount.so.1", 0o644, LIBMOUNT.bytes());
            },
        ],
        Rule::ProgramVersions {} => vec![
            |image, _| {
                let requires = &[("libc.so.6", "GLIBC_2.38")];
                image.put("/usr/local/bin/agent", 0o755, ElfFile { requires, ..MOUNT }.bytes());
            },
            |image, _| {
                let provides = &["libc.so.6", "GLIBC_2.2.5"];
                image.put("/usr/lib/x86_64-linux-gnu/libc.so.6", 0o755, ElfFile { provides, ..LIBC }.bytes());
            },
            // A library without versions, too old for its user.
            |image, _| {
                let old = ElfFile { defined: &["mnt_new_cache"], ..LIBMOUNT };
                image.put("/usr/lib/x86_64-linux-gnu/libmount.so.1", 0o644, old.bytes());
            },
            |image, _| {
                let wants = ElfFile { undefined: &["malloc", "free"], ..LIBMOUNT };
                image.put("/usr/lib/x86_64-linux-gnu/libmount.so.1", 0o644, wants.bytes());
            },
        ],
        Rule::Scripts {} => vec![
            |image, _| image.put("/usr/local/bin/agent", 0o755, "#!/usr/bin/python3\n"),
            |image, _| image.put("/usr/local/bin/agent", 0o755, "#!/bin/sh\r\n"),
            |image, _| image.put("/usr/local/bin/agent", 0o755, "#!/usr/bin/env sh\n"),
            |image, _| image.put("/usr/local/sbin/agent", 0o755, "#!/usr/local/sbin/agent\n"),
            |image, _| {
                image.put("/usr/bin/env", 0o755, PLAIN.bytes());
                image.put("/usr/local/bin/agent", 0o755, "#!/usr/bin/env python3\n");
            },
            |image, _| {
                image.put("/usr/local/bin/agent", 0o755, "#!/bin/sh\n");
                image.put("/usr/bin/dash", 0o644, PLAIN.bytes());
            },
            |image, _| {
                image.put("/usr/local/bin/agent", 0o755, "#!/bin/sh\n");
                image.put("/usr/bin/dash", 0o755, program(AMD64, LOADER, &["libedit.so.2"]));
            },
        ],
        Rule::Privileged {} => vec![
            |image, _| image.put("/usr/bin/su", 0o4757, PLAIN.bytes()),
            |image, _| image.put("/usr/bin/su", 0o2757, PLAIN.bytes()),
            |image, _| image.put("/usr/bin/su", 0o4755, "#!/bin/sh\n"),
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
        Rule::MachineId {} => vec![
            |image, _| image.put("/etc/machine-id", 0o444, "0123456789abcdef0123456789abcdef\n"),
            |image, _| image.put("/var/lib/dbus/machine-id", 0o444, "0123456789abcdef0123456789abcdef\n"),
            |image, _| image.cmdline("systemd.machine_id=0123456789abcdef0123456789abcdef"),
        ],
        Rule::HostKeys {} => vec![
            |image, _| image.put("/etc/ssh/ssh_host_rsa_key", 0o600, "x"),
            |image, _| image.put("/etc/ssh/ssh_host_ed25519_key.pub", 0o644, "x"),
            |image, _| image.mask("sshd-keygen.service"),
            // Empty is no first boot, and the keys are made on the first boot only.
            |image, _| image.put("/etc/machine-id", 0o444, ""),
        ],
        Rule::DhcpClientId {} => vec![
            |image, _| {
                let text = "[Match]\nName=en*\n[Network]\nDHCP=yes\n[DHCPv4]\nDUIDRawData=00:11:22\n";
                image.put("/etc/systemd/network/20-wired.network", 0o644, text);
            },
            |image, _| image.put("/etc/systemd/network/10-x.link", 0o644, "[Match]\nMACAddress=52:54:00:12:34:56\n"),
            |image, _| {
                image.put("/etc/systemd/network/20-wired.network.d/x.conf", 0o644, "MACAddress=52:54:00:12:34:56\n")
            },
            |image, _| image.put("/etc/dhcp/dhclient.conf", 0o644, "send dhcp-client-identifier \"node\";\n"),
            |image, _| image.put("/etc/dhcpcd.conf", 0o644, "hostname\nclientid node\n"),
            |image, _| image.put("/etc/network/interfaces.d/eth", 0o644, "iface eth0 inet dhcp\n\tclient node\n"),
            |image, _| {
                image.put("/etc/NetworkManager/system-connections/x", 0o600, "[ipv4]\ndhcp-client-id=01:52:54\n")
            },
            |image, _| image.put("/etc/netplan/50-cloud-init.yaml", 0o600, "match:\n  macaddress: 52:54:00:12:34:56\n"),
        ],
        Rule::NoFiles { .. } => vec![|image, check| {
            let Rule::NoFiles { paths, lines } = &check.rule else { unreachable!() };
            leave(image, &paths[0], lines.first().map(String::as_str));
        }],
        Rule::EmptyPasswords {} => {
            vec![|image, _| image.put("/etc/shadow", 0o640, "root::20000::::::\n"), |image, _| {
                image.put("/etc/passwd", 0o644, "root::0:0::/:/bin/sh\n");
            }]
        }
        Rule::BakedPasswords {} => vec![|image, _| image.put("/etc/shadow", 0o640, "root:$6$a$b:20000::::::\n")],
        Rule::KconfigOff { .. } => vec![
            |image, check| {
                let Rule::KconfigOff { symbol } = &check.rule else { unreachable!() };
                image.config("CONFIG_NET=y\n", &format!("CONFIG_NET=y\nCONFIG_{symbol}=y\n"));
            },
            |image, _| image.remove(&format!("/boot/config-{RELEASE}")),
        ],
        Rule::FileMode { .. } => vec![
            |image, check| {
                let Rule::FileMode { path, .. } = &check.rule else { unreachable!() };
                image.put(path, 0o664, "x");
            },
            |image, check| {
                let Rule::FileMode { path, .. } = &check.rule else { unreachable!() };
                image.put(path, 0o400, "x");
                image.tree.get_mut(&TreePath::new(path).unwrap()).unwrap().metadata.uid = 7;
            },
        ],
        Rule::WorldWritable {} => {
            vec![|image, _| image.put("/opt/x", 0o646, ""), |image, _| image.folder("/opt/y", 0o777)]
        }
        Rule::Unowned {} => vec![
            |image, _| image.tree.get_mut(&TreePath::literal("/etc/fstab")).unwrap().metadata.uid = 1000,
            |image, _| image.tree.get_mut(&TreePath::literal("/etc/fstab")).unwrap().metadata.gid = 1000,
        ],
        Rule::Sticky { .. } => {
            vec![|image, _| image.folder("/tmp", 0o777), |image, _| image.folder("/var/tmp", 0o777)]
        }
        Rule::SshdOption { .. } => vec![
            |image, check| {
                let Rule::SshdOption { option, .. } = &check.rule else { unreachable!() };
                image.put(
                    "/etc/ssh/sshd_config",
                    0o600,
                    format!("#{option} no\n{option} bad\nMatch all\n{option} no\n"),
                );
            },
            |image, check| {
                let Rule::SshdOption { option, .. } = &check.rule else { unreachable!() };
                image.put("/etc/ssh/sshd_config.d/0.conf", 0o600, format!("  {}=\"bad\"\n", option.to_lowercase()));
            },
        ],
        Rule::Umask {} => vec![|image, _| image.put("/etc/login.defs", 0o644, "UMASK 002\n")],
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
    match name.as_str() {
        "modprobe" => "/usr/bin/kmod".to_owned(),
        "iptables" => "/usr/sbin/xtables-nft-multi".to_owned(),
        _ => format!("/usr/bin/{name}"),
    }
}

fn user_tool(check: &Check) -> String {
    let Rule::UserTools { tools, .. } = &check.rule else { unreachable!() };
    format!("/usr/sbin/{}", tools[0])
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

/// The same kernel, started by a boot loader.
pub(super) fn by_loader(image: &mut Image) {
    let mut entry = image.boot.entries[0].clone();
    (entry.kind, entry.path) = (EntryKind::Grub, "/boot/grub/grub.cfg: Debian".to_owned());
    image.boot.entries.push(entry);
    let loader = &mut image.boot.entries[0];
    (loader.kind, loader.linux, loader.cmdline, loader.release) = (EntryKind::Loader, false, None, None);
}

/// Leaves a file where a pattern looks for one.
pub(super) fn leave(image: &mut Image, pattern: &str, line: Option<&str>) {
    let line = line.unwrap_or("something").replace('*', "x");
    image.put(&pattern.replace('*', "x"), 0o600, format!("# first\n{line}\n"));
}
