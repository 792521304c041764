//! `/etc/inittab`: what BusyBox's init starts, and when.

use std::fmt::Write;

use rootsmith_profile::{Profile, Service};

use rootsmith_types::Arch;

use super::service;

const HEAD: &str = "\
# What BusyBox's init starts: terminal:runlevels:action:process. There are no runlevels; `respawn` starts again what ended.

::sysinit:/etc/init.d/rcS

# The system log, and what the kernel says in it.
::respawn:/sbin/syslogd -n -s 1024 -b 3
::respawn:/sbin/klogd -n

";

const TAIL: &str = "
::ctrlaltdel:/sbin/reboot
::shutdown:/etc/init.d/rcK
::restart:/sbin/init
";

/// The whole file. `daemons` are in the order they start in.
pub(super) fn text(profile: &Profile, arch: Arch, daemons: &[&Service]) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("# Somebody may log in where the kernel's messages go.\n");
    for console in consoles(profile, arch) {
        text.push_str(&getty(&console));
    }
    if !daemons.is_empty() {
        text.push_str("\n# Services, in their order.\n");
    }
    for daemon in daemons {
        let _ = writeln!(text, "::{}:{}", service::action(daemon), service::script(daemon));
    }
    text + TAIL
}

/// The terminals of `console=` on the kernel command line with their speeds, each once; else the first screen.
fn consoles(profile: &Profile, arch: Arch) -> Vec<(String, String)> {
    let words = profile.kernel.iter().flat_map(|kernel| kernel.cmdline_for(arch));
    let mut found: Vec<(String, String)> = Vec::new();
    for word in words.filter_map(|word| word.value.strip_prefix("console=")) {
        let (name, speed) = word.split_once(',').unwrap_or((word, ""));
        // `tty0` is whichever screen is in front.
        let name = if name == "tty0" { "tty1" } else { name };
        let speed: String = speed.chars().take_while(char::is_ascii_digit).collect();
        if !found.iter().any(|(there, _)| there == name) {
            found.push((name.to_owned(), if speed.is_empty() { "115200".to_owned() } else { speed }));
        }
    }
    if found.is_empty() { vec![("tty1".to_owned(), "38400".to_owned())] } else { found }
}

fn getty((name, speed): &(String, String)) -> String {
    let screen = name.strip_prefix("tty").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    // A serial line has no carrier to wait for.
    if screen {
        format!("{name}::respawn:/sbin/getty {speed} {name} linux\n")
    } else {
        format!("{name}::respawn:/sbin/getty -L {speed} {name} vt100\n")
    }
}
