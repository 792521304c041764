//! The script itself, run by the shells of this machine. It changes nothing and needs no right.

use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

/// A program of this machine. Without it a test is skipped, or fails where `REQUIRE_ORACLES` is set.
#[allow(clippy::disallowed_methods, clippy::print_stderr, reason = "tests look for their judges")]
fn found(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    if !found {
        eprintln!("skipped: {name} not found");
        assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "{name} not found");
    }
    found
}

fn run(shell: &[&str], folder: &Path) {
    let probe = probe(&every_set(), Arch::Amd64, "t7").unwrap();
    let script = folder.join("probe");
    std::fs::write(&script, &probe.script).unwrap();
    let output = Command::new(shell[0])
        .args(&shell[1..])
        .arg(&script)
        // No console of this machine is written to.
        .env("CONSOLES", "")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.trim_end().ends_with(&probe.end), "{shell:?}: {said}");
    let answers = Answers::parse(&text, "t7").unwrap_or_else(|error| panic!("{shell:?}: {error}, {said}"));
    assert_eq!(answers.one("uname.system").unwrap(), "Linux");
    assert_eq!(answers.one("mode:/etc/passwd").unwrap().split(' ').next(), Some("644"));
    // Whatever this machine is: each question has an answer.
    let report = check(&answers, &every_set()).unwrap();
    let silent = report.findings.iter().filter(|finding| finding.answer == Answer::Silent);
    let silent: Vec<String> = silent.map(|finding| format!("{}: {:?}", finding.check, finding.evidence)).collect();
    assert_eq!(silent, Vec::<String>::new(), "{shell:?}: {said}");
}

#[test]
fn it_runs_to_its_end_under_dash() {
    if found("dash") {
        run(&["dash"], tempfile::tempdir().unwrap().path());
    }
}

#[test]
fn it_runs_to_its_end_under_busybox() {
    if found("busybox") {
        run(&["busybox", "sh"], tempfile::tempdir().unwrap().path());
    }
}

/// The way through the initramfs is walked by shells as well: none of its scripts may be wrong for one of them.
#[test]
fn the_scripts_of_the_way_in_are_read_by_both_shells() {
    let probe = probe(&every_set(), Arch::Amd64, "t7").unwrap();
    let seeds = WayIn::Initramfs.seeds(&probe);
    let Some(Seed::Encoded { content, .. }) = seeds.last() else { panic!("{seeds:?}") };
    let folder = tempfile::tempdir().unwrap();
    let bootstrap = folder.path().join("bootstrap");
    std::fs::write(&bootstrap, content).unwrap();
    for shell in [&["dash"][..], &["busybox", "sh"]] {
        if !found(shell[0]) {
            continue;
        }
        for name in ["bootstrap", "attend", "start"] {
            let script = folder.path().join(name);
            let text = std::str::from_utf8(content).unwrap();
            if name != "bootstrap" {
                let (_, rest) = text.split_once(&format!("<<'=== {name}'\n")).unwrap();
                std::fs::write(&script, rest.split_once(&format!("=== {name}\n")).unwrap().0).unwrap();
            }
            let read = Command::new(shell[0]).args(&shell[1..]).arg("-n").arg(&script).output().unwrap();
            let said = String::from_utf8_lossy(&read.stderr).into_owned();
            assert!(read.status.success() && said.is_empty(), "{shell:?} {name}: {said}");
        }
    }
}
