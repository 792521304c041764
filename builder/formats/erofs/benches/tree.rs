//! A folder to an EROFS, beside `mkfs.erofs` with the same compression.
//!
//! `cargo bench -p rootsmith-erofs --bench tree -- FOLDER [COMPRESSION]…`, as root on a quiet machine. The folder is read before anything is
//! timed, and images lie beside it. LZ4 is as dense as either makes it; Zstandard is at level 3, because at ours, 15, `mkfs.erofs` takes minutes. The
//! variable `MKFS_EROFS` is what to run instead of the host's, words with spaces between: Zstandard needs
//! erofs-utils 1.8. Theirs stores each content where it is met, ours an equal one once.
#![allow(missing_docs, unreachable_pub, clippy::print_stdout, clippy::disallowed_methods)]

#[path = "../../ondisk/benches/beside/mod.rs"]
mod beside;

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::process::Command;

use beside::Bench;
use rootsmith_erofs::{Compression, Options, plan};
use rootsmith_tree::testing::Folder;
use rootsmith_types::Uuid;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(bench) = Bench::asked() else { return Ok(()) };
    let folder = Folder::read(&bench.input)?;
    let program = std::env::var("MKFS_EROFS").unwrap_or_else(|_| "mkfs.erofs".to_owned());
    let theirs = || {
        let mut words = program.split(' ');
        let mut command = Command::new(words.next().expect("a text has a first word"));
        command.args(words);
        command
    };
    // One that is not there is not too old.
    let too_old = theirs().arg("--help").output().is_ok_and(|help| {
        ![help.stdout, help.stderr].iter().any(|said| String::from_utf8_lossy(said).contains("zstd"))
    });
    bench.head("EROFS", "mkfs.erofs");
    for (name, compression, option) in [
        ("none", Compression::None, None),
        ("lz4", Compression::Lz4, Some("-zlz4hc,12")),
        ("zstd-3", Compression::Zstd { level: 3 }, Some("-zzstd,level=3")),
    ] {
        let ours = |image: &Path| {
            let options = Options::new(compression, Uuid::new([1; 16]), 0);
            plan(&folder.tree, &folder, &options)?.write(&File::create(image)?)?;
            Ok(())
        };
        let theirs = |image: &Path| {
            let needs_newer = too_old && compression == Compression::Zstd { level: 3 };
            let mut command = if needs_newer { Command::new("mkfs.erofs 1.8") } else { theirs() };
            command.args(option).arg(image).arg(&bench.input);
            command
        };
        bench.row(name, ours, Some(&theirs))?;
    }
    Ok(())
}
