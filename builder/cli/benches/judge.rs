//! Judging an image of 1 GiB: `rootsmith preflight` on each form of it, wall time and peak memory.
//!
//! `cargo bench -p rootsmith-cli --bench judge` on a quiet machine with qemu-utils, squashfs-tools and zstd. The image is the
//! k0s worker with half a GiB of payload, in the page cache; each row is the median of five.
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 5;
const PROFILE: &str = r#"
schema = 1
extends = ["k0s-worker.toml"]
[image]
name = "large"
[[payload]]
name = "data"
source = { path = "data" }
install = "/opt/data"
mode = "0644"
"#;

fn main() {
    // `cargo test --benches` runs this without `--bench`: nothing to measure then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    for part in ["profiles", "overlays"] {
        run(Command::new("cp").arg("-r").arg(workspace.join(part)).arg(folder.path()));
    }
    fs::write(folder.path().join("profiles/large.toml"), PROFILE).unwrap();
    // Bytes that no compressor makes smaller.
    shell(folder.path(), "head -c 512M /dev/urandom > data");
    let mut build = Command::new(env!("CARGO_BIN_EXE_rootsmith"));
    run(build
        .current_dir(folder.path())
        .args(["build", "profiles/large.toml"])
        .env("ROOTSMITH_CACHE", folder.path().join("cache")));
    shell(
        folder.path(),
        "cd outputs/large-amd64; mv large-amd64.img disk.img; mv large-amd64.rootfs.tar.zst root.tar.zst; \
         qemu-img convert -c -O qcow2 disk.img disk.qcow2; zstd -q -d root.tar.zst -o root.tar; mkdir root; tar xf root.tar -C root; \
         mksquashfs root root.squashfs -quiet -no-progress -comp zstd -Xcompression-level 3",
    );
    println!("| judging 1 GiB, median of {RUNS} | wall s | peak MiB |");
    println!("|---|---|---|");
    for (form, sets) in [
        ("disk.img", &["boot", "payload", "k0s-worker"][..]),
        ("disk.qcow2", &["boot", "payload", "k0s-worker"]),
        ("root.tar", &["payload", "k0s-worker"]),
        ("root.tar.zst", &["payload", "k0s-worker"]),
        ("root.squashfs", &["payload", "k0s-worker"]),
        ("root", &["payload", "k0s-worker"]),
    ] {
        let target = folder.path().join("outputs/large-amd64").join(form);
        let (time, peak) = measure(&target, sets);
        println!("| `{form}`, {} | {:.2} | {} |", sets.join(" + "), time.as_secs_f64(), peak / 1024);
    }
}

/// Median wall time and largest peak (KiB).
fn measure(target: &Path, sets: &[&str]) -> (Duration, u64) {
    let mut times = Vec::new();
    let mut peak = 0;
    for _ in 0..RUNS {
        let mut command = Command::new("/usr/bin/time");
        command.args(["-f", "%M", env!("CARGO_BIN_EXE_rootsmith"), "preflight"]).arg(target);
        for set in sets {
            command.args(["--set", set]);
        }
        let start = Instant::now();
        let output = command.stdout(Stdio::null()).output().expect("GNU time is installed");
        times.push(start.elapsed());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // A verdict is expected, whichever: 0 or 1.
        assert!(matches!(output.status.code(), Some(0 | 1)), "{said}");
        peak = peak.max(said.lines().last().and_then(|line| line.trim().parse().ok()).unwrap_or(0));
    }
    times.sort();
    (times[RUNS / 2], peak)
}

fn shell(folder: &Path, script: &str) {
    run(Command::new("sh").args(["-e", "-c", script]).current_dir(folder));
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}");
}
