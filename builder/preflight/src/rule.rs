//! The mechanisms that code has; sets name them, with what they are to look for.

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

    // What the running system offers.
    /// Only a running machine tells.
    AtRunTime {
        /// What: a phrase.
        what: String,
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

    // Programs.
    /// A program can be run by a service.
    Executable {
        /// Its name in the PATH.
        name: String,
    },

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
    // What makes each machine its own.

    // Less to attack.
}
