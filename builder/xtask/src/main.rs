//! Our own chores: `cargo xtask check` is what CI runs.
// A chore reads the environment; no image depends on it.
#![allow(clippy::disallowed_methods)]

mod bench;
mod graph;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const USAGE: &str = "usage: cargo xtask check [--fast]
       cargo xtask docs
       cargo xtask bench [--quick | NAME...]

check          formatting, lints, docs, dependency direction, licences, every test
check --fast   the same without the tests that need packages from a mirror or QEMU
docs           write the pages of builder/docs that come from the requirement sets
bench          measure, as root on a quiet machine; the tables and the plot of builder/docs/performance.md are made anew, or those named
bench --quick  run each kind of whole build once, and little of ext4, to see that the benchmarks work; nothing is written
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["check"] => check(false),
        ["check", "--fast"] => check(true),
        ["docs"] => docs(),
        ["bench", "--quick"] => bench::quick(&workspace()),
        ["bench", names @ ..] => bench::all(&workspace(), names),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            say(&message);
            ExitCode::FAILURE
        }
    }
}

fn check(fast: bool) -> Result<(), String> {
    let root = workspace();
    step("dependency direction", || graph::check(&root))?;
    cargo(&root, &["fmt", "--all", "--check"])?;
    cargo(&root, &["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"])?;
    if installed("cargo-deny") {
        cargo(&root, &["deny", "--config", ".deny.toml", "check"])?;
    } else {
        say("skipped: cargo-deny not found (licences and advisories were not checked)");
    }
    step("docs", || {
        let mut docs = command(&root, &["doc", "--workspace", "--no-deps", "--quiet"]);
        docs.env("RUSTDOCFLAGS", "--deny warnings");
        run(docs, "cargo doc")
    })?;
    // The tests use the profile that users build with: one build for both, and real speed.
    let mut arguments = vec!["test", "--release", "--workspace", "--no-fail-fast"];
    if fast {
        arguments.extend(["--exclude", "rootsmith-tests"]);
    }
    let shown = format!("cargo {}", arguments.join(" "));
    step(&shown, || {
        let mut tests = command(&root, &arguments);
        tests.env("ROOTSMITH_BUILT", "1");
        run(tests, &shown)
    })
}

/// A test of `rootsmith-preflight` fails while they are stale.
fn docs() -> Result<(), String> {
    let arguments = ["run", "--quiet", "--package", "rootsmith-preflight", "--example", "docs", "--", "builder/docs"];
    cargo(&workspace(), &arguments)
}

fn step(name: &str, work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    say(&format!("==> {name}"));
    work()
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let shown = format!("cargo {}", arguments.join(" "));
    step(&shown, || run(command(root, arguments), &shown))
}

fn command(root: &Path, arguments: &[&str]) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(arguments);
    command
}

fn run(mut command: Command, shown: &str) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("failed: {shown} ({status})")),
        Err(error) => Err(format!("failed: {shown}: {error}")),
    }
}

fn installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn workspace() -> PathBuf {
    // builder/xtask lies two folders below the workspace.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}
