//! The interpreter against bash itself: the same scripts, the same output and status.

mod support;

use std::fs;

use rootsmith_shell::{Dialect, Script};

/// One script after the other, a line `%%` between them.
const TABLE: &str = include_str!("scripts/bash.txt");

#[test]
fn scripts_do_what_they_do_in_bash() {
    let bash = |script: &str| support::shell("/bin/bash", script);
    support::agree("/bin/bash", Dialect::Bash, TABLE.split("\n%%\n").map(|script| ("bash", script)), bash, 120);
}

#[test]
fn every_bash_script_here_parses() {
    let Ok(folder) = fs::read_dir("/var/lib/dpkg/info") else { return };
    let mut wrong = Vec::new();
    for entry in folder {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        if Dialect::of(&text) != Some(Dialect::Bash) {
            continue;
        }
        if let Err(stop) = Script::parse_as(&text, Dialect::Bash) {
            wrong.push(format!("{}: {stop}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
