//! The interpreter against dash itself: the same scripts, the same output and status.
//!
//! The tables in `scripts/` hold one script after the other, a line `%%` between them.

#![allow(clippy::disallowed_methods)]

mod support;

use std::fs;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use rootsmith_shell::{Dialect, Script};

const TABLES: [(&str, &str); 3] = [
    ("language", include_str!("scripts/language.txt")),
    ("builtins", include_str!("scripts/builtins.txt")),
    ("tools", include_str!("scripts/tools.txt")),
];

fn dash(text: &str) -> (u8, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new("/bin/dash")
        .args(["-c", text, "script"])
        .args(support::ARGUMENTS)
        .current_dir(folder.path())
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("LC_ALL", "C"), ("HOME", "/h")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = Vec::new();
    std::io::Read::read_to_end(child.stdout.as_mut().unwrap(), &mut out).unwrap();
    (child.wait().unwrap().code().unwrap_or(-1) as u8, out)
}

fn scripts() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLES.into_iter().flat_map(|(name, table)| table.split("\n%%\n").map(move |script| (name, script)))
}

#[test]
fn scripts_do_what_they_do_in_dash() {
    support::agree("/bin/dash", Dialect::Dash, scripts(), dash, 150);
}

#[test]
fn every_maintainer_script_here_parses() {
    let Ok(folder) = fs::read_dir("/var/lib/dpkg/info") else { return };
    let mut wrong = Vec::new();
    for entry in folder {
        let path = entry.unwrap().path();
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if !["preinst", "postinst", "prerm", "postrm", "config"].contains(&kind) {
            continue;
        }
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        let first = text.lines().next().unwrap_or_default();
        if !first.starts_with("#!") || !first.contains("sh") {
            continue;
        }
        if let Err(stop) = Script::parse(&text) {
            wrong.push(format!("{}: {stop}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn token() -> impl Strategy<Value = String> {
    let words = [
        "if",
        "then",
        "else",
        "fi",
        "for",
        "in",
        "do",
        "done",
        "while",
        "until",
        "case",
        "esac",
        "{",
        "}",
        "(",
        ")",
        "!",
        "&&",
        "||",
        "|",
        ";",
        ";;",
        "\n",
        "&",
        "<",
        ">",
        ">>",
        "<<E\n",
        "E",
        "2>&1",
        ">f",
        "<f",
        "x",
        "f",
        "f()",
        "x=1",
        "$x",
        "\"$@\"",
        "$*",
        "${x:-",
        "${x%",
        "$(",
        "`",
        "$((",
        "))",
        "'",
        "\"",
        "\\",
        "echo",
        "eval",
        "set",
        "--",
        "-e",
        "trap",
        "EXIT",
        "shift",
        "break",
        "continue",
        "return",
        "exit",
        "read",
        "local",
        "test",
        "[",
        "]",
        "printf",
        "%s",
        "%d",
        "%5000d",
        "cat",
        "sed",
        "s/a*/b/g",
        "grep",
        "-E",
        "(a|b)*",
        "awk",
        "{print $1}",
        "sort",
        "tr",
        "a-z",
        "cut",
        "-f1",
        "xargs",
        "expr",
        "seq",
        "1",
        "9",
        "99999999999999999999",
        "-1",
        "*",
        "?",
        "[a-",
        "~",
        "é",
        ".",
        ":",
        "true",
        "false",
        "head",
        "tail",
        "-n",
        "uniq",
        "wc",
        "command",
        "exec",
        "export",
        "unset",
        "getopts",
        "umask",
        "cd",
        "[[",
        "]]",
        "=~",
        "==",
        "((",
        "for ((",
        "a=(",
        "a+=(",
        "a[",
        "${a[@]}",
        "${x//",
        "${x:1:",
        "${!x}",
        "${x^^}",
        "<(",
        "<<<",
        "&>",
        "|&",
        "$'",
        "{a,b}",
        "{1..3}",
        "@(a|",
        "!(",
        "*(",
        "declare",
        "-a",
        "-i",
        "shopt",
        "-s",
        "extglob",
        "mapfile",
        "function",
    ];
    proptest::sample::select(words.map(str::to_owned).to_vec())
}

/// Runs a text in both dialects: all that is asked is that it ends.
fn both(text: &str) {
    for dialect in [Dialect::Dash, Dialect::Bash] {
        let _ = support::ours(text, dialect, 5_000);
    }
}

proptest! {
    #[test]
    fn any_text_ends(text in "\\PC*") {
        both(&text);
    }

    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        both(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_tokens_end(tokens in proptest::collection::vec(token(), 0..40), spaced in any::<bool>()) {
        both(&tokens.join(if spaced { " " } else { "" }));
    }
}
