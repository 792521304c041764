//! Links to System V init scripts, as update-rc.d(8) makes them where insserv is not installed.

use crate::edit::Edit;

/// `update-rc.d NAME defaults`: start and stop links by the script's own header (LSB 5.0, 22.3).
pub(crate) fn defaults(edit: &mut Edit<'_>, name: &str) {
    let Some(script) = edit.read(&format!("/etc/init.d/{name}")) else { return };
    for (key, letter) in [("Default-Start:", 'S'), ("Default-Stop:", 'K')] {
        for level in runlevels(&script, key) {
            edit.symlink(&format!("/etc/rc{level}.d/{letter}01{name}"), &format!("../init.d/{name}"));
        }
    }
}

fn runlevels<'a>(script: &'a str, key: &str) -> Vec<&'a str> {
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
        assert!(!assembly.tree.walk().any(|entry| entry.path.to_string().contains("rc5.d")));
    }
}
