//! The mechanisms that code has; sets name them, with what they are to look for.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The mechanisms.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Rule {
    // The way from the firmware to the init.
    /// The init is there and can run.
    Init {},
    /// Kernel image and modules belong together.
    Kernel {},
    /// Firmware finds a kernel for its architecture.
    BootEntry {},
    /// `root=` names the root partition.
    RootDevice {},
    /// File system and disk driver of the root are there before it is mounted.
    RootDriver {
        /// Modules, one of which must be there.
        disks: Vec<String>,
    },
    /// `/etc/fstab` names what is there.
    Fstab {},
    /// The root is mounted for writing.
    RootWritable {},

    // What a board needs of its card.
    /// The device tree is the kernel's own.
    DeviceTree {},
    /// The firmware of a Raspberry Pi finds its files.
    ConfigTxt {},
    /// The serial console is a port that is switched on.
    SerialConsole {},
    /// The device tree says nothing against the command line.
    Bootargs {},
    /// What the board's disks wait for is there before the root is mounted.
    BoardDrivers {},
    /// The boot ROM finds its program.
    BootRom {},

    // The kernel.
    /// A kernel symbol is `y`, or `m` with its module.
    Kconfig {
        /// Without `CONFIG_`.
        symbol: String,
        /// The module's name, when it can be one.
        module: Option<String>,
    },
    /// The configuration of the kernel can be found by a program.
    KernelConfig {},
    /// The kernel's release is not older.
    KernelRelease {
        /// `5.2`.
        least: String,
    },
    /// There is a Linux kernel for the architecture.
    Linux {},
    /// A symbol that kernels no longer have: decided on older ones only.
    ExtinctKconfig {
        /// Without `CONFIG_`.
        symbol: String,
        /// The module's name, when it can be one.
        module: Option<String>,
        /// The first release without it.
        gone: String,
    },
    /// One of several symbols is `y`, or `m` with its module.
    AnyKconfig {
        /// Without `CONFIG_`, each with its module or `""`.
        symbols: BTreeMap<String, String>,
    },
    /// The configuration inside the kernel image is the one that programs find.
    EmbeddedConfig {},
    /// Whoever loads modules can read the files they are in.
    ModuleCompression {},
    /// The kernel has everything of one backend of iptables, and the program `iptables` uses that one.
    IptablesBackend {},
    /// Real-time tasks do not keep groups from using the CPU controller.
    RealTimeGroups {},

    // What the running system offers.
    /// Only a running machine tells.
    AtRunTime {
        /// What: a phrase.
        what: String,
        /// The least, in MiB, where it is the machine's memory.
        mebibytes: Option<u64>,
    },
    /// `localhost` resolves.
    Localhost {},
    /// Snippets of the containerd configuration are valid.
    ContainerdSnippets {
        /// Where they are.
        folder: String,
    },
    /// `/proc` is mounted.
    Procfs {},
    /// How many files a service may open.
    OpenFiles {
        /// The least soft limit.
        least: u64,
    },
    /// A folder is on a known file system.
    DataFolder {
        /// The folder.
        path: String,
        /// The types.
        filesystems: Vec<String>,
    },
    /// The root file system has room.
    DiskFree {
        /// In MiB.
        mebibytes: u64,
        /// Of the size.
        percent: u64,
    },
    /// Whether AppArmor is active: told, never demanded.
    AppArmor {},
    /// Something gives the machine an id that is its own.
    MachineIdSource {},
    /// What every Linux system has at these points is mounted.
    Mounted {
        /// The points.
        points: Vec<String>,
    },
    /// Folders are mounted without some options.
    MountOptions {
        /// The folders.
        paths: Vec<String>,
        /// `noexec`.
        without: Vec<String>,
    },
    /// Folders can be written.
    Writable {
        /// The folders.
        paths: Vec<String>,
        /// What is written is there after the next boot.
        persistent: bool,
    },
    /// Mounts below `/` are seen by whoever looks at it.
    SharedRoot {},
    /// Nothing turns swap on.
    NoSwap {},
    /// `/etc/resolv.conf` is there or is made.
    ResolvConf {},
    /// The `hosts:` line of `/etc/nsswitch.conf` has these sources.
    HostSources {
        /// `files`.
        sources: Vec<String>,
    },
    /// The name of the machine can be one of a node.
    Hostname {},
    /// Something brings the network up.
    NetProvider {},
    /// Settings of the kernel.
    Sysctl {
        /// With dots.
        keys: Vec<String>,
        /// The least value.
        least: Option<i64>,
        /// The greatest value.
        most: Option<i64>,
        /// The value when nothing sets it; without it, something must.
        unset: Option<i64>,
    },
    /// Modules are loaded at boot.
    ModulesLoaded {
        /// Their names.
        modules: Vec<String>,
    },
    /// Something sets the clock.
    TimeSync {},
    /// Certificates of authorities are there.
    CaBundle {},
    /// A kernel with AppArmor has its parser.
    ApparmorParser {},
    /// A kernel with SELinux has a policy for containers, and labels.
    SelinuxPolicy {},
    /// A folder for the kubelet's plug-ins is there or can be made.
    PluginFolder {
        /// The folder.
        path: String,
    },

    // Programs.
    /// A program can be run by a service.
    Executable {
        /// Its name in the PATH.
        name: String,
    },
    /// One of several tools for users can be run, or the users are there already.
    UserTools {
        /// Names in the PATH.
        tools: Vec<String>,
        /// Whoever would be made with them; none when it is not about making users.
        users: Vec<String>,
    },
    /// Programs are for the image's machine.
    ProgramMachine {},
    /// The interpreters of programs are there.
    ProgramInterpreter {},
    /// The libraries of programs are where their loader looks.
    ProgramLibraries {},
    /// Libraries have the versions and symbols that programs need.
    ProgramVersions {},
    /// The interpreters of scripts are there and run.
    Scripts {},
    /// Programs that run with more rights than whoever starts them.
    Privileged {},

    // Control groups.
    /// Control groups version 2 are mounted.
    Cgroup2 {},
    /// A cgroup controller of version 2 can be used.
    Controller {
        /// The word in `cgroup.controllers`, where it has one.
        controller: Option<String>,
        /// Symbols that must be `y`.
        symbols: Vec<String>,
        /// The oldest release that has it.
        least: Option<String>,
    },
    /// Control groups are mounted, of either version.
    AnyCgroup {},
    /// A cgroup controller can be used, in the version that is mounted.
    AnyController {
        /// Its name in version 2, where it has one.
        controller: Option<String>,
        /// Symbols that must be `y` for version 2.
        symbols: Vec<String>,
        /// The oldest release that has it in version 2.
        least: Option<String>,
        /// Its name in version 1.
        legacy: String,
        /// Symbols that must be `y` for version 1.
        legacy_symbols: Vec<String>,
    },
    // What makes each machine its own.
    /// No machine-id is in the image.
    MachineId {},
    /// No host keys of an SSH server are in the image; they are made when one is started.
    HostKeys {},
    /// No machine asks for an address in the name of another.
    DhcpClientId {},
    /// Files are not there, or empty.
    NoFiles {
        /// Patterns with `*`; a folder stands for all that is in it.
        paths: Vec<String>,
        /// Only files count that have a line of one of these patterns.
        #[serde(default)]
        lines: Vec<String>,
    },
    /// No account is open to everybody.
    EmptyPasswords {},
    /// No account has a password.
    BakedPasswords {},

    // Less to attack.
    /// A kernel symbol is not set.
    KconfigOff {
        /// Without `CONFIG_`.
        symbol: String,
    },
    /// A file is root's, with no more permissions than these.
    FileMode {
        /// The file, which need not be there.
        path: String,
        /// In octal: `0640`.
        most: String,
    },
    /// Nothing can be written by everybody.
    WorldWritable {},
    /// Everything belongs to somebody.
    Unowned {},
    /// In folders for everybody only owners delete.
    Sticky {
        /// The folders.
        paths: Vec<String>,
    },
    /// A setting of the SSH server.
    SshdOption {
        /// `PermitRootLogin`.
        option: String,
        /// One of these.
        values: Vec<String>,
        /// The server's own value.
        unset: String,
    },
    /// What users make is not writable by others.
    Umask {},
}
