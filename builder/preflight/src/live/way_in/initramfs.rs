//! The way through an initramfs with BusyBox in it: the same for every init.
//!
//! systemd's stub appends the SMBIOS string `io.systemd.stub.kernel-cmdline-extra` to the kernel command line. So the first program
//! becomes BusyBox's shell, with a line that reads a script out of another SMBIOS string, runs it and becomes the initramfs' own
//! `/init`:
//!
//! ```text
//! line       mounts /sys, decodes the bootstrap, gives /sys back                      PID 1
//! bootstrap  makes a file system of its own, leaves `attend` behind, becomes /init    PID 1
//! attend     waits until PID 1 has another root and the system has come up            beside it
//! start      in that root, by the system's shell: the probe as a service of its init
//! ```
//!
//! `switch_root` deletes the initramfs' files, not what is on other file systems. These stay reachable for `attend` alone: whoever
//! has the system's root sees no such mount. The words of the line begin with [`MARK`], and answers are cut there.

use super::{PATIENCE, Seed, systemd};
use crate::live::probe::Probe;

/// The first of the words that are appended to the kernel command line. The kernel takes it for a parameter of a module.
pub(super) const MARK: &str = "rootsmith.probe";
/// Where the stub of systemd looks for more words.
pub(super) const CMDLINE: &str = "io.systemd.stub.kernel-cmdline-extra=";
/// Before the bootstrap. The line has it otherwise, so as not to find itself.
const BOOTSTRAP: &str = "rootsmith.bootstrap:";
const ATTEND: &str = include_str!("attend.sh");
const START: &str = include_str!("start.sh");

/// The kernel splits words at blanks outside of double quotes and takes what is before `=` for a name: inside there is neither a
/// double quote nor a `=`.
const LINE: &str = "set /bin/busybox; $1 mount -t sysfs sysfs /sys; \
    $1 tr '\\000' '\\n' </sys/firmware/dmi/tables/DMI | $1 sed -n 's/^.*rootsmith[.]bootstrap://p' | $1 base64 -d >/rootsmith; \
    $1 umount /sys; . /rootsmith; exec /init";

pub(super) fn seeds(probe: &Probe) -> Vec<Seed> {
    vec![
        Seed::Text(format!("{CMDLINE}{MARK} {PATIENCE} rdinit=/bin/busybox -- sh -c \"{LINE}\"")),
        Seed::Encoded { before: BOOTSTRAP.to_owned(), content: bootstrap(probe).into_bytes() },
    ]
}

/// Run by PID 1, with BusyBox's path as `$1`.
fn bootstrap(probe: &Probe) -> String {
    let place = format!("place=/rootsmith-{}\n", probe.token);
    let mut text = format!(
        "{place}if $1 mkdir $place && $1 mount -t tmpfs -o mode=0700 tmpfs $place; then\n\
         $1 mkdir $place/bin\n$1 cp $1 $place/bin/busybox\n$place/bin/busybox --install -s $place/bin\n"
    );
    let attend = without_comments(&format!("{place}{ATTEND}"));
    let unit = systemd::service("", "/run/rootsmith-probe/probe");
    let files = [
        ("probe", probe.script.as_str()),
        ("attend", &attend),
        ("start", &without_comments(START)),
        ("rootsmith-probe.service", &unit),
        ("rootsmith-closed.service", systemd::CLOSED),
    ];
    for (name, content) in files {
        // A line that no file has.
        text.push_str(&format!("$1 cat >$place/{name} <<'=== {name}'\n{content}=== {name}\n"));
    }
    // What a shell leaves behind has /dev/null as its input. The device file system comes to lie over this one.
    text.push_str(
        "$1 mknod /dev/null c 1 3\n$place/bin/setsid $place/bin/sh $place/attend </dev/null >/dev/null 2>&1 &\nfi\n\
         $1 rm /rootsmith\n",
    );
    text
}

/// The room for it is small. No line of a script continues a text that would have blanks at its beginning.
pub(crate) fn without_comments(script: &str) -> String {
    let lines = script.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.flat_map(|line| [line, "\n"]).collect()
}
