//! The names under which BusyBox does something, as links to it.

use rootsmith_assemble::Owner;
use rootsmith_profile::{InitSystem, Profile};
use rootsmith_tree::NodeKind;
use rootsmith_types::busybox::applets;
use rootsmith_types::{PackageName, TreePath};

use super::super::refuse;
use crate::ConfigureError;
use crate::edit::{Edit, MAX_FILE};

pub(super) const BUSYBOX: &str = "/usr/bin/busybox";

/// Applets that belong into `/usr/sbin`, as BusyBox's own `--install` has it; all others into `/usr/bin`.
const SBIN: [&str; 82] = [
    "acpid",
    "adjtimex",
    "arp",
    "arping",
    "blkid",
    "blockdev",
    "brctl",
    "chroot",
    "crond",
    "depmod",
    "devmem",
    "dhcprelay",
    "dnsd",
    "fakeidentd",
    "fbset",
    "fdformat",
    "fdisk",
    "findfs",
    "freeramdisk",
    "fsck",
    "fsfreeze",
    "fstrim",
    "ftpd",
    "getty",
    "halt",
    "hdparm",
    "httpd",
    "hwclock",
    "i2cdetect",
    "i2cdump",
    "i2cget",
    "i2cset",
    "i2ctransfer",
    "ifconfig",
    "ifdown",
    "ifup",
    "inetd",
    "init",
    "insmod",
    "ip",
    "klogd",
    "loadfont",
    "loadkmap",
    "logread",
    "losetup",
    "lsmod",
    "mdev",
    "mim",
    "mkdosfs",
    "mke2fs",
    "mkswap",
    "modinfo",
    "modprobe",
    "nameif",
    "nbd-client",
    "nologin",
    "ntpd",
    "partprobe",
    "pivot_root",
    "poweroff",
    "rdate",
    "reboot",
    "rmmod",
    "route",
    "run-init",
    "setconsole",
    "start-stop-daemon",
    "sulogin",
    "swapoff",
    "swapon",
    "switch_root",
    "sysctl",
    "syslogd",
    "tc",
    "telnetd",
    "tunctl",
    "ubirename",
    "udhcpc",
    "udhcpd",
    "uevent",
    "vconfig",
    "watchdog",
];

/// Not linked: itself; the init of an initramfs by its old name; and tools for databases of packages that are not there.
const LEFT_OUT: [&str; 6] = ["busybox", "linuxrc", "dpkg", "dpkg-deb", "rpm", "rpm2cpio"];

/// What has a name in a script of ours. A BusyBox built without one of them would fail at boot.
pub(super) const NEEDED: [&str; 34] = [
    "cat",
    "chown",
    "dd",
    "find",
    "getty",
    "grep",
    "halt",
    "head",
    "hostname",
    "init",
    "ip",
    "kill",
    "klogd",
    "logger",
    "login",
    "mdev",
    "mkdir",
    "mkfifo",
    "modprobe",
    "mount",
    "reboot",
    "sh",
    "sha256sum",
    "sleep",
    "sort",
    "start-stop-daemon",
    "swapoff",
    "sync",
    "sysctl",
    "syslogd",
    "tr",
    "udhcpc",
    "umount",
    "xargs",
];

/// A link for each applet that no package has a program for. Says whether there is a BusyBox to link to.
pub(super) fn link(edit: &mut Edit<'_>, profile: &Profile) -> bool {
    let system = &profile.init.system;
    let at = TreePath::literal(BUSYBOX);
    let content = edit.assembly.tree.lookup(&at).and_then(|node| node.content().cloned());
    let data = match content.map(|content| content.read(edit.blobs, MAX_FILE)) {
        Some(Ok(data)) => data,
        Some(Err(error)) => {
            edit.errors.push(ConfigureError::Unreadable { path: at, reason: error.to_string() });
            return false;
        }
        None => {
            let what = format!("start: there is no `{BUSYBOX}`");
            let instead = "add `busybox-static` to `packages.include`";
            refuse(edit, InitSystem::Busybox, &system.origin, what, instead);
            return false;
        }
    };
    let names = applets(&data);
    let missing: Vec<String> =
        NEEDED.iter().filter(|name| !names.contains(name)).map(|name| format!("`{name}`")).collect();
    if !missing.is_empty() {
        let what = format!("start: `{BUSYBOX}` has no applet {}", missing.join(", "));
        let instead = "add `busybox-static` to `packages.include`: the package `busybox` has fewer applets";
        refuse(edit, InitSystem::Busybox, &system.origin, what, instead);
        return false;
    }
    let package: Result<PackageName, _> = "busybox-static".parse();
    edit.owner = package.map_or(Owner::Builder("busybox applets"), Owner::Script);
    for name in names.iter().filter(|name| !LEFT_OUT.contains(name)) {
        let (folder, target) =
            if SBIN.contains(name) { ("/usr/sbin", "../bin/busybox") } else { ("/usr/bin", "busybox") };
        let path = format!("{folder}/{name}");
        // Programs of packages know more than an applet does, wherever they are.
        let others = ["/usr/bin", "/usr/sbin"].map(|folder| format!("{folder}/{name}"));
        if !others.iter().any(|other| edit.kind(other).is_some_and(|kind| !matches!(kind, NodeKind::Directory))) {
            edit.symlink(&path, target);
        }
    }
    true
}
