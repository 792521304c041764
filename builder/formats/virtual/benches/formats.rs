//! A disk to every format, beside `qemu-img convert`; and to all of them at once.
//!
//! `cargo bench -p rootsmith-virtual --bench formats -- IMAGE`, a raw image that fits memory. It is read before anything is
//! timed, the best of a few runs counts, and files lie beside it.
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods)]

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rootsmith_ondisk::Sink;
use rootsmith_types::{NumBytes, Uuid};
use rootsmith_virtual::{Format, Options, Tee, create_all};

const RUNS: usize = 3;
/// What an image writes at once.
const PIECE: usize = 2 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this without `--bench`: nothing to measure then.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let Some(image) = arguments.iter().find(|argument| !argument.starts_with("--")) else {
        return Err("usage: cargo bench -p rootsmith-virtual --bench formats -- IMAGE".into());
    };
    let image = Path::new(image);
    let disk = fs::read(image)?;
    println!("{:<24}{:>10}{:>12}{:>14}{:>12}", "format", "seconds", "bytes", "qemu-img", "bytes");
    let mut slowest = Duration::ZERO;
    for format in formats(&disk) {
        let path = image.with_extension("ours");
        let ours = best(|| write(&[format], &disk, &path))?;
        slowest = slowest.max(ours);
        let theirs_at = image.with_extension("theirs");
        let theirs = match like(format) {
            Some(like) => best(|| {
                let mut command = Command::new("qemu-img");
                command.args(["convert", "-f", "raw"]).args(like).arg(image).arg(&theirs_at);
                if command.status()?.success() { Ok(()) } else { Err("qemu-img failed".into()) }
            })?,
            None => Duration::ZERO,
        };
        let size = |path: &Path| fs::metadata(path).map_or(0, |it| std::os::unix::fs::MetadataExt::blocks(&it) * 512);
        println!(
            "{:<24}{:>10.2}{:>12}{:>14.2}{:>12}",
            format.to_string(),
            ours.as_secs_f64(),
            size(&path),
            theirs.as_secs_f64(),
            size(&theirs_at)
        );
        fs::remove_file(path)?;
        // Not there where nothing is alike.
        let _ = fs::remove_file(theirs_at);
    }
    let together = best(|| write(&formats(&disk), &disk, &image.with_extension("ours")))?;
    println!(
        "{:<24}{:>10.2} ({:.2} times the slowest)",
        "together",
        together.as_secs_f64(),
        together.div_duration_f64(slowest)
    );
    for format in formats(&disk) {
        let _ = fs::remove_file(image.with_extension(format!("ours{format:?}")));
    }
    Ok(())
}

/// Those that can have a disk of this size.
fn formats(disk: &[u8]) -> Vec<Format> {
    let size = NumBytes::new(disk.len() as u64);
    Format::ALL.into_iter().filter(|format| format.rounded(size) == Some(size)).collect()
}

/// `qemu-img`'s options for the same.
fn like(format: Format) -> Option<&'static [&'static str]> {
    Some(match format {
        Format::Qcow2 => &["-O", "qcow2"],
        Format::Qcow2Zlib => &["-c", "-O", "qcow2"],
        Format::Qcow2Zstd => &["-c", "-O", "qcow2", "-o", "compression_type=zstd"],
        Format::VmdkStreamOptimized => &["-O", "vmdk", "-o", "subformat=streamOptimized"],
        Format::VmdkMonolithicSparse => &["-O", "vmdk", "-o", "subformat=monolithicSparse"],
        Format::VhdFixed => &["-O", "vpc", "-o", "subformat=fixed,force_size=on"],
        Format::VhdDynamic => &["-O", "vpc", "-o", "subformat=dynamic,force_size=on"],
        Format::Vhdx => &["-O", "vhdx", "-o", "block_size=1M"],
        Format::Vdi => &["-O", "vdi"],
        Format::RawZstd | Format::RawXz | Format::GceTarGz | Format::Ova | Format::Vagrant => return None,
    })
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

/// To `path` alone, or to files beside it.
fn write(formats: &[Format], disk: &[u8], path: &Path) -> Result<(), Box<dyn Error>> {
    let options = Options::new(Uuid::new([1; 16]), 1_700_000_000, "disk");
    let mut files = Vec::new();
    for format in formats {
        let path = if formats.len() == 1 { path.to_owned() } else { path.with_extension(format!("ours{format:?}")) };
        files.push(File::options().read(true).write(true).create(true).truncate(true).open(path)?);
    }
    let size = NumBytes::new(disk.len() as u64);
    let files: Vec<(Format, &File)> = formats.iter().copied().zip(&files).collect();
    let mut writers = create_all(&files, size, &options)?;
    let mut tee = Tee::new(writers.iter_mut().map(|writer| -> &mut dyn Sink { writer }).collect());
    for (piece, at) in disk.chunks(PIECE).zip((0..).step_by(PIECE)) {
        tee.write_at(at, piece)?;
    }
    for writer in writers {
        writer.finish()?;
    }
    Ok(())
}
