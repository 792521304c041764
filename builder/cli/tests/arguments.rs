//! The command line itself: help, versions and what is no command. That there is such a test has cargo build the program with the
//! tests of the workspace, which all run it.
#![allow(missing_docs)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn rootsmith(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rootsmith")).args(arguments).output().unwrap()
}

#[test]
fn every_command_has_help() {
    let help = String::from_utf8(rootsmith(&["--help"]).stdout).unwrap();
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let names: Vec<&str> = commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"build") && names.contains(&"preflight"), "{help}");
    for name in names {
        let output = rootsmith(&["help", name]);
        assert!(output.status.success() && output.stderr.is_empty(), "{name}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("Usage: rootsmith"), "{name}");
    }
}

#[test]
fn what_is_no_command_is_a_usage_error() {
    for arguments in [&["biuld"][..], &["build"], &["boot", "--no-such-flag"], &["preflight", "x", "--format", "yaml"]]
    {
        let output = rootsmith(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
    assert!(String::from_utf8_lossy(&rootsmith(&["biuld"]).stderr).contains("build"), "no suggestion");
}

#[test]
fn every_shell_completes_commands_and_words() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = rootsmith(&["completions", shell]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}");
        for word in ["preflight", "k0s-worker", "--template"] {
            // fish has no hyphens in front of its words.
            assert!(text.contains(word.trim_start_matches('-')), "{shell}: {word}");
        }
        // A shell that is there takes it.
        if ["bash", "fish", "zsh"].contains(&shell) {
            let mut child = match Command::new(shell).arg("-n").stdin(Stdio::piped()).spawn() {
                Ok(child) => child,
                Err(_) => continue,
            };
            child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            assert!(child.wait().unwrap().success(), "{shell}");
        }
    }
    assert_eq!(rootsmith(&["completions", "csh"]).status.code(), Some(2));
}
