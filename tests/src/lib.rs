//! What the tests that cross crates share: the program, its cache, a fresh workspace, and foreign judges.
//!
//! Everything goes through the real program and the mirror of the host's apt configuration. The cache outlives a test run
//! (`target/test-cache`), so only the first one downloads.
#![allow(clippy::disallowed_methods, clippy::print_stderr)]

pub mod apt;
pub mod archive;
pub mod machine;
pub mod oracle_tree;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::{env, fs, io};

use rootsmith_fetch::{Mirrors, mirrors};
use rootsmith_types::{SourceEntry, SourceKind, Sources};

/// The workspace's root.
pub fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the tests lie below the workspace")
}

/// The folder that holds the programs of this build: `target/release` or `target/debug`.
fn profile_folder() -> PathBuf {
    let test = env::current_exe().expect("a test knows its own path");
    // target/PROFILE/deps/TEST
    test.ancestors().nth(2).expect("a test lies in target/PROFILE/deps").to_owned()
}

/// The program under test. Cargo builds it with the tests of its own crate, so of the whole workspace; `ROOTSMITH_BUILT=1` says so.
/// Otherwise it is built here, once.
pub fn rootsmith() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = profile_folder();
        let program = folder.join("rootsmith");
        if env::var_os("ROOTSMITH_BUILT").is_some() {
            assert!(program.is_file(), "ROOTSMITH_BUILT is set, but `cargo test --workspace` was not what ran");
            return program;
        }
        let release = folder.file_name().is_some_and(|name| name == "release");
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(workspace()).args(["build", "--quiet", "--package", "rootsmith-cli"]);
        if release {
            cargo.arg("--release");
        }
        let status = cargo.status().expect("cargo runs");
        assert!(status.success(), "the program does not build");
        program
    })
}

/// The cache that all tests share.
pub fn cache() -> PathBuf {
    let target = profile_folder();
    target.parent().unwrap_or(&target).join("test-cache")
}

/// Runs the program in `folder` with the shared cache.
pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().expect("the program runs")
}

/// The same, not yet started.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(rootsmith());
    command.current_dir(folder).args(arguments).env("ROOTSMITH_CACHE", cache());
    command
}

/// What a run said on both channels, and its exit code: for messages of failed assertions.
pub fn said(output: &Output) -> String {
    format!(
        "exit {:?}\n{}{}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Runs the program and demands success.
pub fn succeed(folder: &Path, arguments: &[&str]) -> Output {
    let output = run(folder, arguments);
    assert!(output.status.success(), "rootsmith {}: {}", arguments.join(" "), said(&output));
    output
}

/// Whether all of `tools` are on the `PATH`. A missing one is printed, and a failure where judges are demanded.
pub fn judges(tools: &[&str]) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = |tool: &&&str| env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let missing: Vec<&&str> = tools.iter().filter(|tool| !found(tool)).collect();
    for tool in &missing {
        eprintln!("skipped: {tool} not found");
    }
    assert!(missing.is_empty() || env::var_os("REQUIRE_ORACLES").is_none(), "REQUIRE_ORACLES is set");
    missing.is_empty()
}

/// Whether tests that are too long for every run are asked for, by `ROOTSMITH_LONG=1`. Where they are not, that is printed.
pub fn on_request() -> bool {
    let asked = env::var_os("ROOTSMITH_LONG").is_some();
    if !asked {
        eprintln!("skipped: ROOTSMITH_LONG is not set");
    }
    asked
}

/// Runs a judge and demands that it is content.
pub fn judge(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(output.status.success(), "{program} {}: {}", arguments.join(" "), said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What the checks of a finished build say, from its `preflight.json`: `pass`, `warning`, `accepted` …
pub fn verdicts(outputs: &Path) -> Vec<String> {
    let report = fs::read(outputs.join("preflight.json")).expect("a build leaves a report");
    let report: serde_json::Value = serde_json::from_slice(&report).expect("the report is JSON");
    let findings = report["findings"].as_array().expect("it has findings");
    let verdict = |finding: &serde_json::Value| finding["verdict"].as_str().expect("each has a verdict").to_owned();
    findings.iter().map(verdict).collect()
}

/// Copies the repository's profiles and overlays into `folder`, as a user would have them.
pub fn copy_workspace(folder: &Path) {
    for part in ["profiles", "overlays"] {
        let status = Command::new("cp").arg("-r").arg(workspace().join(part)).arg(folder).status().expect("cp runs");
        assert!(status.success());
    }
    // A developer's own lock must not decide what a test sees.
    for entry in fs::read_dir(folder.join("profiles")).expect("profiles were copied").flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "lock") {
            fs::remove_file(entry.path()).expect("a copied lock can be removed");
        }
    }
}

/// Cuts partition `number` out of a disk.
pub fn partition(image: &Path, number: usize, to: &Path) {
    let listed = judge("sfdisk", &["--dump", image.to_str().unwrap()]);
    let line = listed.lines().filter(|line| line.contains("start=")).nth(number - 1).unwrap();
    let field = |name: &str| -> u64 {
        let rest = &line[line.find(name).unwrap() + name.len()..];
        rest.trim_start_matches(['=', ' ']).split(',').next().unwrap().trim().parse().unwrap()
    };
    let skip = format!("skip={}", field("start"));
    let count = format!("count={}", field("size"));
    let from = format!("if={}", image.display());
    let to = format!("of={}", to.display());
    judge("dd", &[&from, &to, "bs=512", &skip, &count, "conv=sparse", "status=none"]);
}

/// The mirrors of the host's apt configuration.
pub fn host_mirrors() -> Mirrors {
    mirrors::from_apt(Path::new("/etc/apt"), &Disk).unwrap_or_default()
}

/// The files of this machine, as far as reading an apt configuration goes.
struct Disk;

impl Sources for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn io::Read + '_>> {
        Ok(Box::new(fs::File::open(path)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<SourceEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.file_name().into();
            entries.push(SourceEntry { path, kind: SourceKind::File { executable: false } });
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }
}
