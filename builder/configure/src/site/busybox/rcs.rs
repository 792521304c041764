//! `/etc/init.d/rcS`: the boot, from the first mount to the last service that runs once.

use std::fmt::Write;

use rootsmith_profile::{Disk, Profile, Service};
use rootsmith_types::TreePath;

use super::super::quote::quote;
use super::super::{data_grows, disks, grows, is_on_data};
use super::{cgroups, network, service};
use crate::edit::Edit;

const HEAD: &str = "\
#!/bin/sh
# The boot, once, before /etc/inittab goes on. A step that fails says so, and the next one runs.

PATH=/usr/sbin:/usr/bin
export PATH

# What the initramfs has mounted stays.
[ -e /proc/mounts ] || mount -t proc -o nosuid,nodev,noexec proc /proc
[ -e /sys/kernel ] || mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
grep -q ' /dev devtmpfs ' /proc/mounts || mount -t devtmpfs -o nosuid,mode=0755 devtmpfs /dev
# Containers pass on what they mount.
mount --make-rshared /
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o nosuid,noexec,gid=5,mode=0620 devpts /dev/pts
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs /dev/shm
mount -t mqueue -o nosuid,nodev,noexec mqueue /dev/mqueue
mount -t tmpfs -o nosuid,nodev,mode=0755 tmpfs /run
mkdir -p /run/lock /run/services /run/network
mount -o remount,rw /

# Devices: the owners and modules of those that are there, then of those that come.
mdev -s
mdev -d
find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u | xargs modprobe -a -q -b 2>/dev/null
";

const SEED: &str = "
# Random numbers begin with what the last boot left; no seed is used twice.
seed=/var/lib/random-seed
[ ! -e \"$seed\" ] || cat \"$seed\" >/dev/urandom
(
\tumask 077
\tdd if=/dev/urandom of=\"$seed\" bs=512 count=1 2>/dev/null
)

# Who this machine is: made on the first boot, kept for all others.
if [ ! -s /etc/machine-id ]; then
\t# The first byte comes when the generator is seeded; the kernel would give out an id before.
\thead -c 1 /dev/random >/dev/null
\ttr -d - </proc/sys/kernel/random/uuid >/etc/machine-id.new
\tsync
\tmv /etc/machine-id.new /etc/machine-id
fi
";

const PATTERN: &str = "
# Each `?` of the name becomes a digit that is this machine's own, and the same again should the power fail.
name=$(cat /etc/hostname)
digits=$(printf 'hostname %s' \"$(cat /etc/machine-id)\" | sha256sum)
while [ \"$name\" != \"${name#*\\?}\" ]; do
\trest=${digits#?}
\tname=${name%%\\?*}${digits%\"$rest\"}${name#*\\?}
\tdigits=$rest
done
if [ \"$name\" != \"$(cat /etc/hostname)\" ]; then
\techo \"$name\" >/etc/hostname.new
\tsync
\tmv /etc/hostname.new /etc/hostname
fi
";

const DROPBEAR: &str = "
# The keys that this machine is known by over SSH.
mkdir -p /etc/dropbear
for kind in ed25519 ecdsa rsa; do
\tkey=/etc/dropbear/dropbear_${kind}_host_key
\t[ -s \"$key\" ] || dropbearkey -t \"$kind\" -f \"$key\" >/dev/null
done
";

const OPENSSH: &str = "
# The keys that this machine is known by over SSH.
ssh-keygen -A
";

/// The initramfs has grown the partition; without anything to gain this does nothing.
fn grow(what: &str, place: &TreePath) -> String {
    format!(
        "
# The {what} to the end of its partition.
device=
while read -r _ _ number _ place _; do
\t[ \"$place\" != {place} ] || device=$number
done </proc/self/mountinfo
device=/dev/$(sed -n 's/^DEVNAME=//p' \"/sys/dev/block/$device/uevent\")
resize2fs \"$device\" >/dev/null 2>&1 || echo \"the {what} keeps its size\"
"
    )
}

const MOUNTS: &str = "
# The other file systems of /etc/fstab.
mount -a
";

/// The whole script; `once` are the services that run once, in their order.
pub(super) fn text(edit: &Edit<'_>, profile: &Profile, once: &[&Service]) -> String {
    let mut text = HEAD.to_owned();
    if grows(profile).is_some() {
        text.push_str(&grow("root file system", &TreePath::root()));
    }
    // The seed may lie on another partition; elsewhere mounts may ask for the machine's name.
    let early = is_on_data(profile, &TreePath::literal("/var/lib"));
    if early {
        text.push_str(MOUNTS);
    }
    text.push_str(SEED);
    if profile.hostname().value.contains('?') {
        text.push_str(PATTERN);
    }
    text.push_str("hostname -F /etc/hostname\n");
    if !early {
        text.push_str(MOUNTS);
    }
    if let Some((_, mount)) = data_grows(profile) {
        text.push_str(&grow(&format!("file system at {mount}"), &mount));
    }
    if profile.mounts.iter().any(|mount| mount.kind.value == "swap") || disks(profile).any(Disk::has_swap) {
        text.push_str("swapon -a\n");
    }
    if let Some(kernel) = &profile.kernel
        && !kernel.modules.is_empty()
    {
        let names: Vec<&str> = kernel.modules.iter().map(|module| module.value.as_str()).collect();
        let _ = writeln!(text, "\n# Modules that no device asks for.\nmodprobe -a {}", names.join(" "));
    }
    text.push_str(
        "\n# Settings of the kernel.\nfor file in /etc/sysctl.d/*.conf; do\n\
         \t[ ! -e \"$file\" ] || sysctl -q -p \"$file\"\ndone\n",
    );
    text.push_str(&cgroups::mounts(profile));
    text.push_str(&network::lines(profile));
    if edit.resolves("/usr/bin/dropbearkey") {
        text.push_str(DROPBEAR);
    }
    if edit.resolves("/usr/bin/ssh-keygen") {
        text.push_str(OPENSSH);
    }
    if !once.is_empty() {
        text.push_str("\n# Services that run once.\n");
    }
    for service in once {
        let (script, name) = (service::script(service), &service.name.value);
        let mark = format!("/run/services/{name}.done");
        let _ = writeln!(
            text,
            "if {script}; then : >{mark}; else echo {}; fi",
            quote(&format!("the service {name} failed"))
        );
    }
    text
}
