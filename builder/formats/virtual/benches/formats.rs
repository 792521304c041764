//! A disk to every format, beside `qemu-img convert`; and to all of them at once.
//!
//! `cargo bench -p rootsmith-virtual --bench formats -- IMAGE [FORMAT]…`, a raw image that fits memory. It is read before anything is
//! timed, and files lie beside it.
#![allow(missing_docs, unreachable_pub, clippy::print_stdout, clippy::disallowed_methods)]

#[path = "../../ondisk/benches/beside/mod.rs"]
mod beside;

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use beside::Bench;
use rootsmith_ondisk::Sink;
use rootsmith_types::{NumBytes, Uuid};
use rootsmith_virtual::{Format, Options, Tee, create_all};

/// What an image writes at once.
const PIECE: usize = 2 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(bench) = Bench::asked() else { return Ok(()) };
    let disk = fs::read(&bench.input)?;
    bench.head("disk", "qemu-img convert");
    let formats: Vec<Format> = formats(&disk).into_iter().filter(|format| bench.wants(&format.to_string())).collect();
    for &format in &formats {
        let theirs = |path: &Path| {
            let mut command = Command::new("qemu-img");
            command.args(["convert", "-f", "raw"]).args(like(format).unwrap_or_default()).arg(&bench.input).arg(path);
            command
        };
        let name = format.to_string();
        bench.row(&name, |path| write(&[format], &disk, path), like(format).is_some().then_some(&theirs))?;
    }
    let (seconds, _) = bench.median("ours", |path| write(&formats, &disk, path))?;
    println!("| all of these at once | {seconds:.2} | | | | |");
    for format in formats {
        let _ = fs::remove_file(beside_each(&bench.input.with_extension("ours"), format));
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

/// To `path`, or the first to it and the others to files beside it.
fn write(formats: &[Format], disk: &[u8], path: &Path) -> Result<(), Box<dyn Error>> {
    let options = Options::new(Uuid::new([1; 16]), 1_700_000_000, "disk");
    let mut files = Vec::new();
    for (number, format) in formats.iter().enumerate() {
        let path = if number == 0 { path.to_owned() } else { beside_each(path, *format) };
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

fn beside_each(path: &Path, format: Format) -> std::path::PathBuf {
    path.with_extension(format!("ours{format:?}"))
}
