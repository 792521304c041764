//! A whole build beside what a user would run instead, on the same packages, in one run.
//!
//! `cargo bench -p rootsmith-cli --bench whole_build` as root on a quiet machine with mmdebstrap and e2fsprogs. The network
//! is left out on both sides: ours reads a warm cache, mmdebstrap a local repository made of the same archives. Each row is the
//! median of three; compare the ratio, not the seconds.
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 3;
const PROFILE: &str = "profiles/k0s-worker.toml";

fn main() {
    // `cargo test --benches` runs this without `--bench`: nothing to measure then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    for part in ["profiles", "overlays"] {
        run(Command::new("cp").arg("-r").arg(workspace.join(part)).arg(folder.path()));
    }
    let cache = at("cache");
    let rootsmith = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootsmith"));
        command.current_dir(folder.path()).args(arguments).env("ROOTSMITH_CACHE", &cache);
        command
    };
    run(&mut rootsmith(&["lock", PROFILE]));
    let build = ["build", "--rebuild", "--locked", "--offline", PROFILE];
    run(&mut rootsmith(&["build", "--locked", PROFILE]));

    let repository = at("repository");
    let packages = make_repository(&folder.path().join("profiles/k0s-worker.lock"), &cache, &repository);

    let (warm, warm_peak) = measure(|| rootsmith(&build), || {});
    let (cold, cold_peak) = measure(
        || rootsmith(&build),
        || {
            let _ = fs::remove_dir_all(cache.join("unpacked"));
        },
    );
    let theirs = || {
        let script = format!(
            "set -e; rm -rf root root.img; \
             mmdebstrap --mode=root --variant=essential --include={packages} --aptopt='APT::Install-Recommends \"false\"' \
             trixie root 'deb [trusted=yes] copy://{} trixie main'; \
             mke2fs -q -t ext4 -b 4096 -d root root.img 900M",
            repository.display()
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(folder.path());
        command
    };
    let (peer, peer_peak) = measure(theirs, || {});
    println!("| whole build, k0s-worker, median of {RUNS} | wall s | peak MiB of one process | ratio |");
    println!("|---|---|---|---|");
    for (what, time, peak) in [
        ("mmdebstrap to a folder, mke2fs -d: ext4 only", peer, peer_peak),
        ("rootsmith, archives cached, nothing unpacked: disk + tar.zst, verified", cold, cold_peak),
        ("rootsmith, unpacked forms cached: disk + tar.zst, verified", warm, warm_peak),
    ] {
        let ratio = peer.as_secs_f64() / time.as_secs_f64();
        println!("| {what} | {:.2} | {} | {ratio:.1} |", time.as_secs_f64(), peak / 1024);
    }
}

/// Median wall time and largest peak (KiB) of all runs.
fn measure(command: impl Fn() -> Command, before: impl Fn()) -> (Duration, u64) {
    let mut times = Vec::new();
    let mut peak = 0;
    for _ in 0..RUNS {
        before();
        let inner = command();
        let mut timed = Command::new("/usr/bin/time");
        timed.args(["-f", "%M"]).arg(inner.get_program()).args(inner.get_args());
        timed.current_dir(inner.get_current_dir().unwrap());
        timed.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let start = Instant::now();
        let output = timed.stdout(Stdio::null()).output().expect("GNU time is installed");
        times.push(start.elapsed());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        peak = peak.max(said.lines().last().and_then(|line| line.trim().parse().ok()).unwrap_or(0));
    }
    times.sort();
    (times[RUNS / 2], peak)
}

/// A repository of the lock's archives, and their names for `--include`.
fn make_repository(lock: &Path, cache: &Path, to: &Path) -> String {
    let lists = to.join("dists/trixie/main/binary-amd64");
    fs::create_dir_all(&lists).unwrap();
    let lock: toml::Table = fs::read_to_string(lock).unwrap().parse().unwrap();
    let mut index = String::new();
    let mut names = Vec::new();
    for package in lock["amd64"]["package"].as_array().unwrap() {
        let field = |name: &str| package[name].as_str().unwrap();
        if field("role") != "root" {
            continue;
        }
        let sha256 = field("sha256");
        let blob: PathBuf = cache.join("blobs/sha256").join(&sha256[..2]).join(sha256);
        let file = format!("{}.deb", field("name"));
        fs::copy(&blob, to.join(&file)).unwrap();
        let control = Command::new("dpkg-deb").args(["-f"]).arg(&blob).output().unwrap();
        index.push_str(String::from_utf8_lossy(&control.stdout).trim_end());
        let size = package["size"].as_integer().unwrap();
        index.push_str(&format!("\nFilename: {file}\nSize: {size}\nSHA256: {sha256}\n\n"));
        names.push(field("name").to_owned());
    }
    fs::write(lists.join("Packages"), &index).unwrap();
    // mmdebstrap finds the essential packages by the suite that the Release file names.
    let sum = Command::new("sha256sum").arg(lists.join("Packages")).output().unwrap().stdout;
    let sum = String::from_utf8_lossy(&sum).split_whitespace().next().unwrap().to_owned();
    let release = format!(
        "Suite: trixie\nCodename: trixie\nArchitectures: amd64\nComponents: main\nDate: Sat, 12 Sep 2026 07:55:41 UTC\n\
         SHA256:\n {sum} {} main/binary-amd64/Packages\n",
        index.len()
    );
    fs::write(to.join("dists/trixie/Release"), release).unwrap();
    names.join(",")
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}");
}
