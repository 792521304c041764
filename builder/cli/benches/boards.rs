//! Many boards in one command: what the second of an architecture costs beside the first.
//!
//! `cargo bench -p rootsmith-cli --bench boards` on a quiet machine that reaches a mirror. The first row begins with an empty cache and so
//! downloads; the second with all archives there and nothing unpacked; the third with everything unpacked. Each figure is what the command
//! itself says of a board, the second one's that of the median of all but the first; compare the ratio, not the seconds.
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods)]

use std::fs;
use std::path::Path;
use std::process::Command;

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
    println!("| {} arm64 boards, one command | first s | next s | ratio |", BOARDS.len());
    println!("|---|---|---|---|");
    for (what, forgotten) in [
        ("empty cache: the first downloads", &[""][..]),
        ("archives cached, nothing unpacked", &["unpacked", "derived"]),
        ("everything unpacked", &[]),
    ] {
        for part in forgotten {
            let _ = fs::remove_dir_all(cache.join(part));
        }
        let times = build(workspace, &cache, &folder.path().join("outputs"));
        let mut next = times[1..].to_vec();
        next.sort_by(f64::total_cmp);
        let (first, next) = (times[0], next[next.len() / 2]);
        println!("| {what} | {first:.1} | {next:.1} | {:.1} |", first / next);
    }
}

/// The seconds of each board, as its `timings.json` has them.
fn build(workspace: &Path, cache: &Path, outputs: &Path) -> Vec<f64> {
    let output = Command::new(env!("CARGO_BIN_EXE_rootsmith"))
        .arg("build")
        .args(BOARDS.map(|board| workspace.join(format!("profiles/{board}.toml"))))
        .arg("--output")
        .arg(outputs)
        .env("ROOTSMITH_CACHE", cache)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seconds = |board: &str| {
        let text = fs::read(outputs.join(format!("{board}-arm64/timings.json"))).unwrap();
        let timings: serde_json::Value = serde_json::from_slice(&text).unwrap();
        timings["total_milliseconds"].as_f64().unwrap() / 1000.0
    };
    BOARDS.iter().map(|board| seconds(board)).collect()
}
