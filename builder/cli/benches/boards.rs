//! Many boards in one command: what the second of an architecture costs beside the first.
//!
//! `cargo bench -p rootsmith-cli --bench boards` on a quiet machine that reaches a mirror. Each row is two commands, begun in the same state of
//! the cache: the first board alone, and all of them; each further board costs what lies between. The first row begins with an empty cache
//! and so downloads; the second with all archives there and nothing unpacked; the third with everything unpacked. Compare the ratio, not the
//! seconds.
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Boards of one architecture, each with a kernel, a boot loader and a partition table of its own kind.
const BOARDS: [&str; 5] = ["raspberry-pi-4", "rock-pi-4", "pine64", "rock64", "generic-arm64-u-boot"];

fn main() {
    // `cargo test --benches` runs this without `--bench`: nothing to measure then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    println!("| {} arm64 boards, one command | first alone, s | all, s | each further, of the first |", BOARDS.len());
    println!("|---|---|---|---|");
    for (what, forgotten) in [
        ("empty cache: the first downloads", &[""][..]),
        ("archives cached, nothing unpacked", &["unpacked", "derived"]),
        ("everything unpacked", &[]),
    ] {
        let [first, all] = [&BOARDS[..1], &BOARDS].map(|boards| {
            for part in forgotten {
                let _ = fs::remove_dir_all(cache.join(part));
            }
            build(workspace, &cache, &folder.path().join("outputs"), boards)
        });
        let further = (all - first) / (BOARDS.len() - 1) as f64;
        println!("| {what} | {first:.1} | {all:.1} | {:.2} |", further / first);
    }
}

/// The seconds of one command.
fn build(workspace: &Path, cache: &Path, outputs: &Path, boards: &[&str]) -> f64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rootsmith"));
    command
        .args(["build", "--rebuild"])
        .args(boards.iter().map(|board| workspace.join(format!("profiles/{board}.toml"))));
    command.arg("--output").arg(outputs).env("ROOTSMITH_CACHE", cache);
    let start = Instant::now();
    let output = command.output().unwrap();
    let elapsed = start.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    elapsed.as_secs_f64()
}
