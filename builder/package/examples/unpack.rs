//! Takes packages apart as a build does, and tells how long it took: `cargo run --release -p rootsmith-package --example
//! unpack -- *.deb`. With `--list` it prints the entries of each, to be compared with `dpkg-deb -c`.

#![allow(clippy::print_stdout, missing_docs)]

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rootsmith_package::{Limits, PackedKind, Unpacked, unpack};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (options, mut files): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let list = options.iter().any(|option| option == "--list");
    files.sort_by_key(|file| std::fs::metadata(file).map_or(0, |metadata| metadata.len()));
    files.reverse();
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = open(Path::new(file));
                    done.lock().expect("no thread panics").push((file, result));
                }
            });
        }
    });
    let took = start.elapsed();
    let mut bytes = 0;
    let mut entries = 0;
    let mut done = done.into_inner().expect("no thread panics");
    done.sort_by_key(|(file, _)| *file);
    for (file, result) in done {
        match result {
            Err(error) => println!("{file}: {error}"),
            Ok(unpacked) => {
                entries += unpacked.entries.len();
                for entry in &unpacked.entries {
                    if let PackedKind::File { size, .. } = entry.kind {
                        bytes += size;
                    }
                    if list {
                        print_entry(entry);
                    }
                }
            }
        }
    }
    println!("{} packages, {entries} entries, {} MiB of files, {took:.2?}", files.len(), bytes >> 20);
    Ok(())
}

fn open(file: &Path) -> Result<Unpacked, Box<dyn std::error::Error + Send + Sync>> {
    let name = file.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('_').next()).unwrap_or("");
    let name = name.parse().map_err(|_| "the file's name does not begin with a package's name")?;
    Ok(unpack(&name, &mut File::open(file)?, &mut io::sink(), &Limits::default(), 1)?)
}

fn print_entry(entry: &rootsmith_package::PackedEntry) {
    let path = entry.path.escape_ascii();
    let what = match &entry.kind {
        PackedKind::Directory => "d".to_owned(),
        PackedKind::File { digest, .. } => format!("f {digest}"),
        PackedKind::HardLink(target) => format!("h {}", target.escape_ascii()),
        PackedKind::Symlink(target) => format!("l {}", target.escape_ascii()),
        other => format!("{other:?}"),
    };
    println!("{path} {:o} {} {} {} {what}", entry.mode, entry.uid, entry.gid, entry.mtime);
}
