//! The interpreter against dash itself: the same scripts, the same output and status.
//!
//! The tables in `scripts/` hold one script after the other, a line `%%` between them.

#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use rootsmith_shell::{Call, Done, Host, Outcome, Refusal, Run, Script, Stop, run};

const TABLES: [(&str, &str); 3] = [
    ("language", include_str!("scripts/language.txt")),
    ("builtins", include_str!("scripts/builtins.txt")),
    ("tools", include_str!("scripts/tools.txt")),
];

/// Where the script stands in our own tree; dash stands in an empty folder.
const FOLDER: &str = "/w";

/// Files and folders in memory; `None` is a folder.
#[derive(Default)]
struct Memory {
    nodes: BTreeMap<String, Option<Vec<u8>>>,
}

impl Memory {
    fn new() -> Memory {
        let folders = ["/", FOLDER];
        Memory { nodes: folders.map(|path| (path.to_owned(), None)).into() }
    }

    fn has_parent(&self, path: &str) -> bool {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        self.nodes.get(if parent.is_empty() { "/" } else { parent }).is_some_and(Option::is_none)
    }

    fn node(&self, path: &str) -> Option<&Option<Vec<u8>>> {
        self.nodes.get(if path.len() > 1 { path.trim_end_matches('/') } else { path })
    }
}

impl Host for Memory {
    fn call(&mut self, call: &Call<'_>) -> Result<Done, Refusal> {
        let arguments = || call.words.iter().skip(1).filter(|word| !word.starts_with('-'));
        let at = |path: &String| if path.starts_with('/') { path.clone() } else { format!("{}/{path}", call.cwd) };
        match call.words[0].as_str() {
            "mkdir" => arguments().for_each(|path| {
                self.nodes.insert(at(path), None);
            }),
            "rm" => arguments().for_each(|path| {
                self.nodes.remove(&at(path));
            }),
            _ => return Err(Refusal::Unknown),
        }
        Ok(Done::default())
    }

    fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, Refusal> {
        Ok(self.node(path).cloned().flatten())
    }

    fn write(&mut self, path: &str, bytes: &[u8], _mode: u16) -> Result<bool, Refusal> {
        if !self.has_parent(path) || self.node(path).is_some_and(Option::is_none) {
            return Ok(false);
        }
        self.nodes.insert(path.to_owned(), Some(bytes.to_vec()));
        Ok(true)
    }

    fn append(&mut self, path: &str, bytes: &[u8], mode: u16) -> Result<bool, Refusal> {
        let mut all = self.read(path)?.unwrap_or_default();
        all.extend_from_slice(bytes);
        self.write(path, &all, mode)
    }

    fn test(&mut self, operator: char, path: &str) -> Result<bool, Refusal> {
        let node = self.node(path);
        Ok(match operator {
            'e' | 'r' | 'w' => node.is_some(),
            'f' => node.is_some_and(Option::is_some),
            'd' | 'x' => node.is_some_and(Option::is_none),
            's' => node.is_some_and(|node| node.as_ref().is_none_or(|bytes| !bytes.is_empty())),
            _ => false,
        })
    }

    fn list(&mut self, path: &str) -> Result<Option<Vec<String>>, Refusal> {
        if !self.node(path).is_some_and(Option::is_none) {
            return Ok(None);
        }
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let names = self.nodes.keys().filter_map(|at| at.strip_prefix(&prefix));
        Ok(Some(names.filter(|name| !name.is_empty() && !name.contains('/')).map(str::to_owned).collect()))
    }

    fn find_command(&mut self, name: &str) -> Option<String> {
        ["cat", "ls", "grep", "sed"].contains(&name).then(|| format!("/usr/bin/{name}"))
    }
}

fn ours(text: &str, steps: u64) -> Result<Outcome, Stop> {
    let script = Script::parse(text)?;
    let variables = [("PATH", "/usr/bin:/bin"), ("LC_ALL", "C"), ("HOME", "/h"), ("PWD", FOLDER)];
    let call =
        Run { name: "script", arguments: &["one", "two words", "3"], variables: &variables, steps, depth: Run::DEPTH };
    run(&script, &call, &mut Memory::new())
}

fn dash(text: &str) -> (u8, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new("/bin/dash")
        .args(["-c", text, "script", "one", "two words", "3"])
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
    if !fs::exists("/bin/dash").unwrap() {
        assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "no /bin/dash");
        let _ = writeln!(std::io::stderr(), "skipped: no /bin/dash");
        return;
    }
    let mut wrong = Vec::new();
    let mut count = 0;
    for (table, script) in scripts() {
        count += 1;
        let (status, stdout) = dash(script);
        match ours(script, Run::STEPS) {
            Ok(found) if found.status == status && found.stdout == stdout => {}
            Ok(found) => wrong.push(format!(
                "{table}: {script}\n  dash: {status} {:?}\n  ours: {} {:?} {:?}",
                String::from_utf8_lossy(&stdout),
                found.status,
                String::from_utf8_lossy(&found.stdout),
                String::from_utf8_lossy(&found.stderr)
            )),
            Err(stop) => wrong.push(format!(
                "{table}: {script}\n  dash: {status} {:?}\n  ours: {stop}",
                String::from_utf8_lossy(&stdout)
            )),
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ\n\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(count >= 150, "{count} scripts");
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
    ];
    proptest::sample::select(words.map(str::to_owned).to_vec())
}

proptest! {
    #[test]
    fn any_text_ends(text in "\\PC*") {
        let _ = ours(&text, 5_000);
    }

    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = ours(&String::from_utf8_lossy(&bytes), 5_000);
    }

    #[test]
    fn any_tokens_end(tokens in proptest::collection::vec(token(), 0..40), spaced in any::<bool>()) {
        let _ = ours(&tokens.join(if spaced { " " } else { "" }), 5_000);
    }
}
