//! A system in memory for scripts to run on, and the shells that judge them.

#![allow(dead_code, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use rootsmith_shell::{Call, Dialect, Done, Host, Outcome, Refusal, Run, Script, Stop, run};

/// Where the script stands in our own tree; dash stands in an empty folder.
pub(crate) const FOLDER: &str = "/w";

/// Files and folders in memory; `None` is a folder.
#[derive(Default)]
struct Memory {
    nodes: BTreeMap<String, Option<Vec<u8>>>,
    calls: u64,
}

impl Memory {
    fn new() -> Memory {
        let folders = ["/", FOLDER];
        Memory { nodes: folders.map(|path| (path.to_owned(), None)).into(), calls: 0 }
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
        self.calls += 1;
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

/// How a script is called.
pub(crate) const ARGUMENTS: [&str; 3] = ["one", "two words", "3"];

pub(crate) fn ours(text: &str, dialect: Dialect, steps: u64) -> Result<Outcome, Stop> {
    counted(text, dialect, steps).0
}

/// The same, and how often the host was called.
pub(crate) fn counted(text: &str, dialect: Dialect, steps: u64) -> (Result<Outcome, Stop>, u64) {
    let mut host = Memory::new();
    let variables = [("PATH", "/usr/bin:/bin"), ("LC_ALL", "C"), ("HOME", "/h"), ("PWD", FOLDER)];
    let call = Run { name: "script", arguments: &ARGUMENTS, variables: &variables, steps, depth: Run::DEPTH };
    let ended = Script::parse_as(text, dialect).and_then(|script| run(&script, &call, &mut host));
    (ended, host.calls)
}

/// Status and output of a script in an empty folder, followed by the shell itself from a file, as maintainer scripts are.
pub(crate) fn shell(shell: &str, text: &str) -> (u8, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let (script, empty) = (folder.path().join("script"), folder.path().join("w"));
    std::fs::write(&script, text).unwrap();
    std::fs::create_dir(&empty).unwrap();
    let output = Command::new(shell)
        .arg(&script)
        .args(ARGUMENTS)
        .current_dir(&empty)
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("LC_ALL", "C"), ("HOME", "/h")])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    (output.status.code().unwrap_or(-1) as u8, output.stdout)
}

/// Demands that `scripts` do the same here and in the shell at `path`, which `judge` asks; there must be so many of them.
pub(crate) fn agree<'a>(
    path: &str,
    dialect: Dialect,
    scripts: impl Iterator<Item = (&'a str, &'a str)>,
    judge: impl Fn(&str) -> (u8, Vec<u8>),
    least: usize,
) {
    use std::io::Write as _;
    if !Path::new(path).exists() {
        assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "no {path}");
        let _ = writeln!(std::io::stderr(), "skipped: no {path}");
        return;
    }
    let mut wrong = Vec::new();
    let mut count = 0;
    for (table, script) in scripts {
        count += 1;
        let (status, stdout) = judge(script);
        let theirs = format!("{status} {:?}", String::from_utf8_lossy(&stdout));
        match ours(script, dialect, Run::STEPS) {
            Ok(found) if found.status == status && found.stdout == stdout => {}
            Ok(found) => wrong.push(format!(
                "{table}: {script}\n  {path}: {theirs}\n  ours: {} {:?} {:?}",
                found.status,
                String::from_utf8_lossy(&found.stdout),
                String::from_utf8_lossy(&found.stderr)
            )),
            Err(stop) => wrong.push(format!("{table}: {script}\n  {path}: {theirs}\n  ours: {stop}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ\n\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(count >= least, "{count} scripts");
}
