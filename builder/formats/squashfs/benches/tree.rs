//! A folder to a squashfs, beside `mksquashfs` at the same level and block size.
//!
//! `cargo bench -p rootsmith-squashfs --bench tree -- FOLDER [COMPRESSION]…`, as root on a quiet machine. The folder is read before anything is
//! timed, the best of a few runs counts, and images lie beside it. `mksquashfs` looks for equal contents itself; here their
//! digests are known beforehand, as in a build.
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods)]

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rootsmith_squashfs::{Compression, Options, plan};
use rootsmith_tree::testing::Folder;

const RUNS: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this without `--bench`: nothing to measure then.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let mut words = arguments.iter().filter(|argument| !argument.starts_with("--"));
    let Some(path) = words.next() else {
        return Err("usage: cargo bench -p rootsmith-squashfs --bench tree -- FOLDER [COMPRESSION]…".into());
    };
    let chosen: Vec<&str> = words.map(String::as_str).collect();
    let path = Path::new(path);
    let folder = Folder::read(path)?;
    println!("{:<8}{:>10}{:>14}{:>16}{:>14}", "", "seconds", "bytes", "mksquashfs", "bytes");
    for (name, compression) in
        [("zstd", Compression::ZSTD), ("lz4", Compression::Lz4), ("gzip", Compression::GZIP), ("xz", Compression::Xz)]
    {
        if !chosen.is_empty() && !chosen.contains(&name) {
            continue;
        }
        let image = path.with_extension("ours");
        let ours = best(|| {
            plan(&folder.tree, &folder, &Options::new(compression, 0))?.write(&File::create(&image)?)?;
            Ok(())
        })?;
        let theirs_at = path.with_extension("theirs");
        let theirs = best(|| {
            let _ = fs::remove_file(&theirs_at);
            let mut command = Command::new("mksquashfs");
            command.arg(path).arg(&theirs_at).args(["-noappend", "-quiet", "-no-progress", "-comp", name]);
            if command.status()?.success() { Ok(()) } else { Err("mksquashfs failed".into()) }
        })?;
        let size = |path: &Path| fs::metadata(path).map_or(0, |it| it.len());
        println!(
            "{name:<8}{:>10.2}{:>14}{:>16.2}{:>14}",
            ours.as_secs_f64(),
            size(&image),
            theirs.as_secs_f64(),
            size(&theirs_at)
        );
        fs::remove_file(image)?;
        fs::remove_file(theirs_at)?;
    }
    Ok(())
}

fn best(mut work: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        work()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}
