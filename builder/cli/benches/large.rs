//! A large image: two desktops, an office, compilers, a browser; about 1,600 packages with 5 GiB of content in 200,000 files.
//!
//! `cargo xtask bench` runs this and keeps its table; `cargo bench -p rootsmith-cli --bench large` prints it. On a quiet machine that reaches
//! a mirror (1.4 GiB are downloaded, once for all rows), with GNU time and 15 GiB of disk in the folder for temporary files. Each row is a
//! median; with `--quick` everything runs once. Nobody is to run the image: what scripts cannot be followed is ignored in the profile, and no
//! requirement set judges it.
#![allow(missing_docs, unreachable_pub, clippy::print_stdout, clippy::disallowed_methods)]

#[path = "whole_build/archives.rs"]
mod archives;
#[path = "whole_build/limit.rs"]
mod limit;
#[path = "whole_build/measure.rs"]
mod measure;

use std::fs;
use std::path::Path;
use std::process::Command;

use measure::{Measured, measure, run};

const RUNS: usize = 5;
const NAME: &str = "large.toml";
/// `hunspell-es` stands in for `hunspell-en-us`, which has a generated script that no answer leaves out.
const PROFILE: &str = r#"schema = 1
extends = ["base/debian-systemd.toml"]

[image]
name = "large"
arch = ["amd64"]

[packages]
include = [
  "gnome",
  "kde-plasma-desktop",
  "libreoffice",
  "chromium",
  "clang-19",
  "llvm-19-dev",
  "rustc",
  "golang-go",
  "openjdk-21-jdk",
  "hunspell-es",
]

[kernel]
package = "linux-image-amd64"
cmdline = ["console=ttyS0"]

[preflight]
sets = []

[[output]]
kind = "disk"
table = "gpt"
boot = "uki"
partitions = [
  { type = "esp", size = "256MiB" },
  { type = "root", filesystem = "ext4", size = "minimal", free = "256MiB" },
]

[scripts]
"#;
const IGNORED: [&str; 14] = [
    "accountsservice",
    "appstream",
    "bubblewrap",
    "desktop-base",
    "dictionaries-common",
    "emacsen-common",
    "gnome-menus",
    "kwin-wayland",
    "libgtk-3-0t64",
    "libkscreenlocker6",
    "libsane1",
    "packagekit",
    "timgm6mb-soundfont",
    "tracker-extract",
];
const IMAGE: &str = "outputs/large-amd64/large-amd64.img";

fn main() {
    // `cargo test --benches` runs this without `--bench`: nothing to measure then.
    if measure::is_limit(limit::decompress) || !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runs = if std::env::args().any(|argument| argument == "--quick") { 1 } else { RUNS };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    run(Command::new("cp").arg("-r").arg(workspace.join("profiles/base")).arg(folder.path()));
    let ignored = IGNORED.map(|package| format!("{package} = {{ ignore = \"to be measured, not run\" }}\n"));
    fs::write(at(NAME), format!("{PROFILE}{}", ignored.concat())).unwrap();
    let cache = at("cache");
    let rootsmith = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootsmith"));
        command.current_dir(folder.path()).args(arguments).arg(NAME).env("ROOTSMITH_CACHE", &cache);
        command
    };
    let build = ["build", "--locked", "--offline"];
    run(&mut rootsmith(&["lock"]));
    run(&mut rootsmith(&["build", "--locked"]));
    let archives = archives::link(&at(NAME).with_extension("lock"), &cache, &at("archives"));
    let copy = || {
        let mut command = Command::new("sh");
        let copy = format!("cp --sparse=always {IMAGE} copy.img; sync copy.img");
        command.args(["-e", "-c", &copy]).current_dir(folder.path());
        command
    };
    // There is to be room for two of the three: what is unpacked, an image, one more.
    let forget = |parts: &[&str]| {
        for part in parts {
            let _ = fs::remove_file(at(part));
            let _ = fs::remove_dir_all(at(part));
        }
    };
    let cold = || forget(&["cache/unpacked", "cache/derived", "copy.img", "outputs"]);

    let decompressed = measure(runs, &|| measure::limit(&at("archives")), &|| ());
    let copied = measure(runs, &copy, &|| forget(&["cache/unpacked", "copy.img"]));
    let first = measure(runs, &|| rootsmith(&build), &cold);
    let again = measure(runs, &|| rootsmith(&build), &|| forget(&["outputs"]));
    let unchanged = measure(runs, &|| rootsmith(&build), &|| ());
    let compressed = archives.iter().map(|archive| archive.size).sum::<u64>() >> 20;
    println!(
        "| {} packages, {compressed} MiB compressed, median of {runs} | wall s | from, to | peak MiB | times its limit |",
        archives.len()
    );
    println!("|---|---|---|---|---|");
    let row = |what: &str, measured: &Measured, limit: Option<&Measured>| {
        let times = limit.map_or(String::new(), |limit| format!("{:.2}", measured.median() / limit.median()));
        println!("| {what} | {} | {times} |", measured.cells());
    };
    row("limit: every archive and module decompressed, one process", &decompressed, None);
    row("limit: `cp --sparse=always` and `sync` of the disk", &copied, None);
    row("rootsmith, nothing unpacked: disk", &first, Some(&decompressed));
    row("rootsmith, all unpacked: disk", &again, Some(&copied));
    row("rootsmith, unchanged", &unchanged, None);
}
