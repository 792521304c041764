//! What each mechanism looks at, in a sentence, and where it can be told. A new one is missed by the compiler.

use crate::Rule;

/// Where a check can be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decided {
    /// In the image, before it ever runs.
    Static,
    /// Only on the running machine.
    Live,
    /// In the image, and asked again of the running machine by `rootsmith boot --check`.
    Both,
}

impl Decided {
    /// As in a table.
    pub(super) fn word(self) -> &'static str {
        match self {
            Decided::Static => "static",
            Decided::Live => "live",
            Decided::Both => "static and live",
        }
    }

    /// As a sentence.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Decided::Static => "Decided in the image, without running it.",
            Decided::Live => "Only the running machine tells.",
            Decided::Both => "Decided in the image; `rootsmith boot --check` asks the running system the same.",
        }
    }
}

impl Rule {
    /// How it is decided: a phrase that goes on after *the check is met when*.
    pub fn describe(&self) -> String {
        match self {
            // The way from the firmware to the init.
            Rule::Init {} => {
                "the first program is an executable file that can run in the image: architecture, interpreter, \
                              libraries"
                    .to_owned()
            }
            Rule::Kernel {} => "the release inside the kernel image has its folder of modules".to_owned(),
            Rule::BootEntry {} => {
                "the firmware finds an entry whose kernel is for the architecture and is the tree's own".to_owned()
            }
            Rule::RootDevice {} => "`root=` or `roothash=` on the kernel command line names the partition of the root".to_owned(),
            Rule::RootDriver { disks } => {
                format!("kernel or initramfs have the root's file system and one of {}", list(disks))
            }
            Rule::Fstab {} => {
                "every line of `/etc/fstab` names a device, a folder and a type that are there".to_owned()
            }
            Rule::RootWritable {} => {
                "`rw` or an overlay over the root is on the kernel command line, or `/etc/fstab` mounts `/` without `ro`"
                    .to_owned()
            }

            // What a board needs of its card.
            Rule::DeviceTree {} => {
                "the device tree that the entry hands on is the one in `/usr/lib/linux-image-RELEASE` of its kernel"
                    .to_owned()
            }
            Rule::ConfigTxt {} => {
                "the files that `config.txt` names, and those that a model's firmware consists of, are there".to_owned()
            }
            Rule::SerialConsole {} => {
                "the one serial port that `console=` or `/chosen/stdout-path` names is switched on in the device tree"
                    .to_owned()
            }
            Rule::Bootargs {} => {
                "`/chosen/bootargs` of the device tree has no `root=`, `console=` or `cgroup_disable=` of its own"
                    .to_owned()
            }
            Rule::BoardDrivers {} => {
                "kernel or initramfs have every driver on the ways from the board's storage controllers through its \
                 device tree"
                    .to_owned()
            }
            Rule::BootRom {} => {
                "the first bytes at the place where the board's boot ROM looks are those of a program for it".to_owned()
            }

            // The kernel.
            Rule::Kconfig { symbol, module: None } => format!("the kernel's configuration has `CONFIG_{symbol}=y`"),
            Rule::Kconfig { symbol, module: Some(module) } => format!(
                "the kernel's configuration has `CONFIG_{symbol}=y`, or `=m` with the module `{module}` and all it needs \
                 in the image and its index"
            ),
            Rule::KernelConfig {} => {
                "the first configuration file that a program would find is of the kernel that boots".to_owned()
            }
            Rule::KernelRelease { least } => format!("the release inside the kernel image is {least} or later"),
            Rule::Linux {} => "the image has a Linux kernel for its architecture".to_owned(),
            Rule::ExtinctKconfig { symbol, gone, .. } => {
                format!("the kernel is of Linux {gone} or later, which have no `CONFIG_{symbol}`, or it has the symbol")
            }
            Rule::AnyKconfig { symbols } => {
                let symbols: Vec<String> = symbols.keys().map(|symbol| format!("CONFIG_{symbol}")).collect();
                format!("the kernel's configuration has {} as `y`, or as `m` with the module", list(&symbols))
            }
            Rule::EmbeddedConfig {} => "a configuration inside the kernel image says the same as the file".to_owned(),
            Rule::ModuleCompression {} => {
                "the compression of the modules' files is one that kernel, kmod or busybox can read".to_owned()
            }
            Rule::IptablesBackend {} => {
                "the kernel has all symbols of the legacy or of the nft backend, and `iptables` leads to that one"
                    .to_owned()
            }
            Rule::RealTimeGroups {} => "the kernel's configuration has no `CONFIG_RT_GROUP_SCHED=y`".to_owned(),

            // What the running system offers.
            Rule::AtRunTime { what, .. } => format!("the running machine says so: {what}"),
            Rule::Localhost {} => "`/etc/hosts` gives `localhost` loopback addresses and the `hosts:` line of \
                                   `/etc/nsswitch.conf`, where there is one, has `files`"
                .to_owned(),
            Rule::ContainerdSnippets { folder } => {
                format!("each `{folder}/*.toml` parses, is of version 3 and does not configure the old plug-in")
            }
            Rule::Procfs {} => "the kernel has `CONFIG_PROC_FS=y`, and the init mounts `/proc`".to_owned(),
            Rule::OpenFiles { least } => format!("a service's soft limit of open files can become {least}"),
            Rule::DataFolder { path, filesystems } => format!("`{path}` lies on one of {}", list(filesystems)),
            Rule::DiskFree { mebibytes, percent } => {
                format!("{mebibytes} MiB and {percent} % of the root file system are free, or it grows on first boot")
            }
            Rule::Mounted { points } => format!("kernel or init mount {}, each of the right type", all(points)),
            Rule::MountOptions { paths, without } => {
                format!("{} are on file systems mounted without {}", all(paths), list(without))
            }
            Rule::Writable { paths, persistent: false } => format!("{} can be written", all(paths)),
            Rule::Writable { paths, persistent: true } => {
                format!("what is written to {} is there after the next boot", all(paths))
            }
            Rule::SharedRoot {} => {
                "the init makes `/` shared: systemd does, others need a line or a service".to_owned()
            }
            Rule::NoSwap {} => "neither `/etc/fstab` nor a unit turns swap on".to_owned(),
            Rule::ResolvConf {} => {
                "`/etc/resolv.conf` names a server that is no loopback stub, or whoever makes it at boot is enabled"
                    .to_owned()
            }
            Rule::HostSources { sources } => {
                format!("the `hosts:` line of `/etc/nsswitch.conf`, where there is one, has {}", all(sources))
            }
            Rule::Hostname {} => "`/etc/hostname` is a label of the DNS, and not `localhost`".to_owned(),
            Rule::NetProvider {} => "something that brings the network up is enabled and has what it needs".to_owned(),
            Rule::Sysctl { keys, least, most, .. } => {
                let bound = match (least, most) {
                    (Some(least), None) => format!(" to at least {least}"),
                    (None, Some(most)) => format!(" to at most {most}"),
                    (Some(least), Some(most)) => format!(" to {least} to {most}"),
                    (None, None) => String::new(),
                };
                format!("files of `sysctl.d` set {}{bound}", all(keys))
            }
            Rule::ModulesLoaded { modules } => {
                format!("files of `modules-load.d` name {}, or they are part of the kernel", all(modules))
            }
            Rule::TimeSync {} => "something that sets the clock is enabled".to_owned(),
            Rule::CaBundle {} => "a bundle of certificates of authorities is there and not empty".to_owned(),
            Rule::ApparmorParser {} => "AppArmor is off, or `apparmor_parser` can be run".to_owned(),
            Rule::SelinuxPolicy {} => "SELinux is off, or its policy has one for containers".to_owned(),
            Rule::PluginFolder { path } => format!("`{path}` is there, or can be made"),
            Rule::AppArmor {} => "always; the evidence tells whether AppArmor is active".to_owned(),
            Rule::MachineIdSource {} => {
                "`/etc/machine-id`, `/var/lib/dbus/machine-id` or a host name of its own tells machines apart"
                    .to_owned()
            }

            // Programs.
            Rule::UserTools { tools, users } if users.is_empty() => {
                format!("one of {} is in the PATH of a service and can run", list(tools))
            }
            Rule::UserTools { tools, users } => {
                format!("one of {} can run, or the users {} are there already", list(tools), all(users))
            }
            Rule::Executable { name } => {
                format!(
                    "`{name}` is in the PATH of a service and can run in the image: architecture, interpreter, libraries"
                )
            }

            Rule::ProgramMachine {} => "every program is for the image's architecture".to_owned(),
            Rule::ProgramInterpreter {} => {
                "the loader that a program names is there, can be executed and is for its architecture".to_owned()
            }
            Rule::ProgramLibraries {} => {
                "each library that a program needs, itself or by another, is where its own loader looks".to_owned()
            }
            Rule::ProgramVersions {} => {
                "the libraries that are there have the symbols, in the versions, that programs were linked with"
                    .to_owned()
            }
            Rule::Scripts {} => "the interpreter that a script names behind `#!` is there and can run".to_owned(),
            Rule::Privileged {} => {
                "programs with setuid, setgid or capabilities cannot be written by others; they are listed".to_owned()
            }

            // Control groups.
            Rule::Cgroup2 {} => {
                "the init mounts version 2 at `/sys/fs/cgroup`, and neither command line nor `/etc/fstab` is against it"
                    .to_owned()
            }
            Rule::AnyCgroup {} => "the init mounts control groups of version 1 or 2".to_owned(),
            Rule::AnyController { symbols, legacy, legacy_symbols, .. } => {
                let spelled = |symbols: &[String]| {
                    let symbols: Vec<String> = symbols.iter().map(|symbol| format!("CONFIG_{symbol}=y")).collect();
                    all(&symbols)
                };
                format!(
                    "the kernel's configuration has {} for version 2 or {} for `{legacy}` of version 1, whichever is \
                     mounted, and the command line does not disable it",
                    spelled(symbols),
                    spelled(legacy_symbols)
                )
            }
            Rule::Controller { controller, symbols, least } => {
                let symbols: Vec<String> = symbols.iter().map(|symbol| format!("CONFIG_{symbol}=y")).collect();
                let mut parts = vec![format!("the kernel's configuration has {}", all(&symbols))];
                parts.extend(least.iter().map(|least| format!("its release is {least} or later")));
                parts.extend(
                    controller.iter().map(|name| format!("the command line does not have `cgroup_disable={name}`")),
                );
                phrases(&parts, "and")
            }

            // What makes each machine its own.
            Rule::MachineId {} => {
                "`/etc/machine-id` is empty or `uninitialized`, and no copy of one is left".to_owned()
            }
            Rule::HostKeys {} => {
                "no host key of an SSH server is there, and something makes them where a server is enabled".to_owned()
            }
            Rule::DhcpClientId {} => {
                "no setting of a DHCP client gives all machines one identifier, and none names the address of a network card"
                    .to_owned()
            }
            Rule::NoFiles { paths, lines } if lines.is_empty() => format!("nothing is at {}, or it is empty", list(paths)),
            Rule::NoFiles { paths, lines } => format!("no file at {} has a line {}", list(paths), list(lines)),
            Rule::EmptyPasswords {} => "no line of `/etc/shadow` or `/etc/passwd` has an empty password".to_owned(),
            Rule::BakedPasswords {} => "no line of `/etc/shadow` or `/etc/passwd` has a password".to_owned(),

            // Less to attack.
            Rule::KconfigOff { symbol } => format!("the kernel's configuration does not have `CONFIG_{symbol}`"),
            Rule::FileMode { path, most } => {
                format!("`{path}`, where it is there, is root's and has no more permissions than {most}")
            }
            Rule::WorldWritable {} => "no file or folder is writable by everybody, but for sticky folders".to_owned(),
            Rule::Unowned {} => "each owner and group of a file is in `/etc/passwd` and `/etc/group`".to_owned(),
            Rule::Sticky { paths } => format!("{} have the sticky bit", all(paths)),
            Rule::SshdOption { option, values, .. } => {
                format!("`{option}` of `sshd_config` and its snippets is {}", list(values))
            }
            Rule::Umask {} => "the umask of users keeps others from writing".to_owned(),
        }
    }

    /// Where it can be decided.
    pub fn decided(&self) -> Decided {
        match self {
            // The way from the firmware to the init.
            Rule::Init {}
            | Rule::Kernel {}
            | Rule::BootEntry {}
            | Rule::RootDevice {}
            | Rule::RootDriver { .. }
            | Rule::Fstab {}
            | Rule::RootWritable {} => Decided::Both,

            // What a board needs of its card.
            Rule::DeviceTree {}
            | Rule::ConfigTxt {}
            | Rule::SerialConsole {}
            | Rule::Bootargs {}
            | Rule::BoardDrivers {}
            | Rule::BootRom {} => Decided::Static,

            // The kernel.
            Rule::Kconfig { .. }
            | Rule::ExtinctKconfig { .. }
            | Rule::AnyKconfig { .. }
            | Rule::KernelConfig {}
            | Rule::KernelRelease { .. }
            | Rule::RealTimeGroups {}
            | Rule::EmbeddedConfig {}
            | Rule::ModuleCompression {}
            | Rule::IptablesBackend {}
            | Rule::Linux {} => Decided::Both,

            // What the running system offers.
            Rule::AtRunTime { .. } => Decided::Live,
            Rule::ContainerdSnippets { .. }
            | Rule::HostSources { .. }
            | Rule::NetProvider {}
            | Rule::ApparmorParser {}
            | Rule::SelinuxPolicy {}
            | Rule::PluginFolder { .. }
            | Rule::Localhost {}
            | Rule::AppArmor {}
            | Rule::Mounted { .. }
            | Rule::MountOptions { .. }
            | Rule::Writable { .. }
            | Rule::SharedRoot {}
            | Rule::NoSwap {}
            | Rule::ResolvConf {}
            | Rule::Hostname {}
            | Rule::Sysctl { .. }
            | Rule::ModulesLoaded { .. }
            | Rule::TimeSync {}
            | Rule::CaBundle {}
            | Rule::MachineIdSource {}
            | Rule::Procfs {}
            | Rule::OpenFiles { .. }
            | Rule::DataFolder { .. }
            | Rule::DiskFree { .. } => Decided::Both,

            // Programs.
            Rule::Executable { .. } | Rule::UserTools { .. } => Decided::Both,
            Rule::ProgramMachine {}
            | Rule::ProgramInterpreter {}
            | Rule::ProgramLibraries {}
            | Rule::ProgramVersions {}
            | Rule::Scripts {}
            | Rule::Privileged {} => Decided::Static,

            // Control groups.
            Rule::Cgroup2 {} | Rule::AnyCgroup {} | Rule::Controller { .. } | Rule::AnyController { .. } => {
                Decided::Both
            }

            // What makes each machine its own.
            Rule::MachineId {} | Rule::HostKeys {} | Rule::EmptyPasswords {} | Rule::BakedPasswords {} => Decided::Both,
            Rule::DhcpClientId {} | Rule::NoFiles { .. } => Decided::Static,

            // Less to attack.
            Rule::KconfigOff { .. } | Rule::FileMode { .. } | Rule::Sticky { .. } | Rule::SshdOption { .. } => {
                Decided::Both
            }
            Rule::WorldWritable {} | Rule::Unowned {} | Rule::Umask {} => Decided::Static,
        }
    }
}

/// `a`, `b` or `c`.
fn list(names: &[String]) -> String {
    join(names, "or")
}

/// `a`, `b` and `c`.
fn all(names: &[String]) -> String {
    join(names, "and")
}

fn join(names: &[String], word: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    phrases(&quoted, word)
}

fn phrases(phrases: &[String], word: &str) -> String {
    match phrases.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} {word} {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => "none".to_owned(),
    }
}
