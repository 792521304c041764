//! System V init scripts: links to them as update-rc.d(8) makes them, and OpenRC's runlevels.
//!
//! insserv(8) numbers System V's links in the order of the scripts' dependencies, and makes all numbers anew each time it is
//! called. Here every link has the number 01: systemd and OpenRC, which read the dependencies themselves, never look.
//!
//! | `Default-Start`        | OpenRC's runlevel (update-rc.d, `openrc_rlconv`) |
//! |------------------------|--------------------------------------------------|
//! | `S`                    | `sysinit`                                        |
//! | `1`                    | `recovery`                                       |
//! | `2` to `5`             | `default`                                        |
//! | none, and stops at `6` | `off`                                            |

use std::collections::BTreeSet;

use rootsmith_types::TreePath;

use crate::edit::Edit;

/// Its programs are what update-rc.d asks for.
const OPENRC: &str = "/usr/sbin/openrc";

/// What OpenRC runs itself when it ends.
const NOT_OPENRC: [&str; 2] = ["halt", "reboot"];

/// `update-rc.d NAME defaults`: start and stop links by the script's own header (LSB 5.0, 22.3).
pub(crate) fn defaults(edit: &mut Edit<'_>, name: &str) {
    let Some(script) = edit.read(&format!("/etc/init.d/{name}")) else { return };
    let [start, stop] = ["Default-Start:", "Default-Stop:"].map(|key| runlevels(&script, key));
    for (levels, letter) in [(&start, 'S'), (&stop, 'K')] {
        for level in levels {
            edit.symlink(&format!("/etc/rc{level}.d/{letter}01{name}"), &format!("../init.d/{name}"));
        }
    }
    if edit.resolves(OPENRC) && !NOT_OPENRC.contains(&name) {
        for runlevel in openrc_runlevels(&start, &stop) {
            add(edit, name, runlevel);
        }
    }
}

/// `update-rc.d NAME disable`: where it would start, it stops.
pub(crate) fn off(edit: &mut Edit<'_>, name: &str) {
    let Some(script) = edit.read(&format!("/etc/init.d/{name}")) else { return };
    for level in ["Default-Start:", "Default-Stop:"].iter().flat_map(|key| runlevels(&script, key)) {
        edit.symlink(&format!("/etc/rc{level}.d/K01{name}"), &format!("../init.d/{name}"));
        remove(edit, &format!("/etc/rc{level}.d/S01{name}"));
    }
    for runlevel in ["sysinit", "recovery", "default"] {
        remove(edit, &format!("/etc/runlevels/{runlevel}/{name}"));
    }
}

fn remove(edit: &mut Edit<'_>, link: &str) {
    if let Ok(path) = TreePath::new(link) {
        edit.assembly.tree.remove(&path);
    }
}

/// `rc-update add SCRIPT RUNLEVEL`.
pub(crate) fn add(edit: &mut Edit<'_>, script: &str, runlevel: &str) {
    edit.symlink(&format!("/etc/runlevels/{runlevel}/{script}"), &format!("/etc/init.d/{script}"));
}

/// The names of OpenRC's runlevels for System V's.
pub(crate) fn openrc_runlevels(start: &[&str], stop: &[&str]) -> BTreeSet<&'static str> {
    let named = start.iter().filter_map(|level| match *level {
        "S" => Some("sysinit"),
        "1" => Some("recovery"),
        "2" | "3" | "4" | "5" => Some("default"),
        _ => None,
    });
    let mut found: BTreeSet<&str> = named.collect();
    if found.is_empty() && stop.contains(&"6") {
        found.insert("off");
    }
    found
}

/// The levels that the header of a script names under `key`.
pub(crate) fn runlevels<'a>(script: &'a str, key: &str) -> Vec<&'a str> {
    let header = script.lines().skip_while(|line| !line.starts_with("### BEGIN INIT INFO"));
    let header = header.take_while(|line| !line.starts_with("### END INIT INFO"));
    let values = header.filter_map(|line| line.trim_start_matches(['#', ' ', '\t']).strip_prefix(key));
    let known = |level: &&str| matches!(*level, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "S");
    values.flat_map(str::split_whitespace).filter(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::testing;

    fn header(start: &str, stop: &str) -> String {
        format!("### BEGIN INIT INFO\n# Default-Start: {start}\n# Default-Stop: {stop}\n### END INIT INFO\n")
    }

    #[test]
    fn levels_come_from_the_header_alone() {
        let script = "#!/bin/sh\n# Default-Start: 6\n### BEGIN INIT INFO\n# Default-Start:\t 2 S\n# Default-Stop: ../x 0\n\
                      ### END INIT INFO\n# Default-Start: 5\n";
        let mut assembly = testing::assembly(&[("/etc/init.d/x", script)]);
        let mut edit = testing::edit(&mut assembly);
        defaults(&mut edit, "x");
        defaults(&mut edit, "missing");
        for link in ["/etc/rc2.d/S01x", "/etc/rcS.d/S01x", "/etc/rc0.d/K01x"] {
            assert_eq!(testing::target(&assembly, link), "../init.d/x");
        }
        let others = |path: String| path.contains("rc5.d") || path.contains("runlevels");
        assert!(!assembly.tree.walk().any(|entry| others(entry.path.to_string())), "there is no OpenRC");
        off(&mut testing::edit(&mut assembly), "x");
        assert_eq!(testing::target(&assembly, "/etc/rc2.d/K01x"), "../init.d/x");
        assert!(assembly.tree.get(&TreePath::literal("/etc/rc2.d/S01x")).is_none());
    }

    #[test]
    fn openrc_has_runlevels_of_its_own() {
        let scripts = [
            ("udev", header("S", "0 6"), &["sysinit/udev"][..]),
            ("ssh", header("2 3 4 5", "1"), &["default/ssh"]),
            ("bootlogs", header("1 2 3 4 5", ""), &["default/bootlogs", "recovery/bootlogs"]),
            ("sendsigs", header("", "0 6"), &["off/sendsigs"]),
            ("umountfs", header("", "0"), &[]),
            ("reboot", header("", "6"), &[]),
        ];
        let mut files: Vec<(String, &str)> =
            scripts.iter().map(|(name, text, _)| (format!("/etc/init.d/{name}"), text.as_str())).collect();
        files.push((OPENRC.to_owned(), ""));
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let mut assembly = testing::assembly(&files);
        let mut edit = testing::edit(&mut assembly);
        scripts.iter().for_each(|(name, ..)| defaults(&mut edit, name));
        let found = assembly.tree.walk().filter(|entry| entry.node.link_target().is_some());
        let found: Vec<String> = found
            .filter_map(|entry| Some(entry.path.to_string().strip_prefix("/etc/runlevels/")?.to_owned()))
            .collect();
        let mut wanted: Vec<&str> = scripts.iter().flat_map(|(.., links)| links.iter().copied()).collect();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
        assert_eq!(testing::target(&assembly, "/etc/runlevels/off/sendsigs"), "/etc/init.d/sendsigs");
    }
}
