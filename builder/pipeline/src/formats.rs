//! A disk in other formats than its own, read back by readers that know nothing of the writers, byte by byte.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::Arc;

use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};
use rootsmith_inspect::{Disk as Found, FileSource, OpenError, ReadAt};
use rootsmith_output::{DiskLayout, OutputError, Staging};
use rootsmith_profile::{Disk, DiskFormat};
use rootsmith_tree::{NodeKind, Tree};
use rootsmith_types::{NumBytes, Problems, Sha256Writer, Trace};
use rootsmith_verify::{Kind, Slice, read_back as read_archive};

use crate::check;
use crate::inputs::InputError;
use crate::report::MadeFile;

#[cfg(test)]
mod tests;

/// How much is compared at once; a multiple of every format's unit.
const CHUNK: u64 = 4 << 20;
/// The longest manifest of an OVA: it has two lines.
const MAX_MANIFEST: u64 = 64 << 10;

/// A file that holds a disk.
pub(crate) struct Formatted {
    pub(crate) format: DiskFormat,
    pub(crate) file: File,
    name: String,
    path: PathBuf,
}

/// What messages call the files of a disk: `NAME.img` or, of several, `NAME.{img,qcow2}`.
pub(crate) fn shown(name: &str, disk: &Disk) -> String {
    let extensions: Vec<&str> = disk.format.iter().map(|format| format.value.extension()).collect();
    match extensions.as_slice() {
        [one] => format!("{name}.{one}"),
        several => format!("{name}.{{{}}}", several.join(",")),
    }
}

/// Creates the files of all formats but the raw disk's own.
pub(crate) fn create(name: &str, disk: &Disk, staging: &Staging) -> Result<Vec<Formatted>, OutputError> {
    let others = disk.format.iter().map(|format| format.value).filter(|format| *format != DiskFormat::Raw);
    others
        .map(|format| {
            let name = format!("{name}.{}", format.extension());
            let (file, path) = staging.create(&name)?;
            Ok(Formatted { format, file, name, path })
        })
        .collect()
}

/// Compares the disk in each of `files` with `disk`, and says what was made.
pub(crate) fn read_back(
    files: &[Formatted],
    disk: &File,
    layout: &DiskLayout,
    trace: Trace<'_>,
) -> Result<Vec<MadeFile>, Problems> {
    let read = |file| read_one(file, disk, layout, trace);
    let results: Vec<Result<MadeFile, Problems>> = files.par_iter().map(read).collect();
    let (mut made, mut problems) = (Vec::new(), Problems(Vec::new()));
    for result in results {
        match result {
            Ok(file) => made.push(file),
            Err(mut error) => problems.0.append(&mut error.0),
        }
    }
    problems.into_result()?;
    Ok(made)
}

fn read_one(file: &Formatted, disk: &File, layout: &DiskLayout, trace: Trace<'_>) -> Result<MadeFile, Problems> {
    let host = |source| Problems::from(OutputError::Io { path: file.path.clone(), doing: "read back", source });
    let differs = |difference| Problems::from(InputError::ReadBack { file: file.name.clone(), difference });
    let compared = || {
        let _span = trace.span("verify", &file.name);
        match opened(&file.file, disk, layout) {
            Err(Refusal::Open(error)) => Err(differs(error.to_string())),
            Err(Refusal::Found(error)) => Err(differs(format!("it cannot be read: {error}"))),
            Err(Refusal::Read(error)) => Err(host(error)),
            Ok(Some(difference)) => Err(differs(difference)),
            Ok(None) => Ok(()),
        }
    };
    let hashed = || {
        let _span = trace.span("hash", &file.name);
        check::digest(&file.file)
    };
    let (compared, digest) = rayon::join(compared, hashed);
    compared?;
    if file.format == DiskFormat::Ova {
        let length = file.file.metadata().map_err(host)?.len();
        let archive = read_archive(Kind::Tar, Slice::new(&file.file, 0, length))?;
        if let Some(difference) = manifest(&archive.tree, &archive).map_err(host)? {
            return Err(differs(difference));
        }
    }
    let metadata = file.file.metadata().map_err(host)?;
    Ok(MadeFile {
        name: file.name.clone(),
        size: NumBytes::new(metadata.len()),
        written: NumBytes::new(metadata.blocks() * 512),
        sha256: digest.map_err(host)?,
    })
}

/// Why a file could not be compared.
enum Refusal {
    /// What it is in the file.
    Open(OpenError),
    /// The same, found while its disk is read.
    Found(io::Error),
    /// The host.
    Read(io::Error),
}

/// The first difference between the disk in `file` and `disk`.
fn opened(file: &File, disk: &File, layout: &DiskLayout) -> Result<Option<String>, Refusal> {
    let source = FileSource::new(file.try_clone().map_err(Refusal::Read)?).map_err(Refusal::Read)?;
    match Found::open(Arc::new(source)).map_err(Refusal::Open)? {
        Found::At(found) => compare(&*found, disk, layout),
        Found::Stream(mut found) => compare_stream(&mut *found, disk, layout.size.get()),
    }
}

/// Piece by piece, on all cores. Where both have a hole nothing is read.
fn compare(found: &dyn ReadAt, disk: &File, layout: &DiskLayout) -> Result<Option<String>, Refusal> {
    let size = layout.size.get();
    if found.size() != size {
        return Ok(Some(format!("its disk has {} bytes instead of {size}", found.size())));
    }
    let pieces = (0..size.div_ceil(CHUNK)).into_par_iter().map(|number| {
        let at = number * CHUNK;
        let length = CHUNK.min(size - at);
        let first = layout.written.partition_point(|range| range.end <= at);
        let written = layout.written.get(first).is_some_and(|range| range.start < at + length);
        if !written && found.hole(at, length).map_err(Refusal::Found)? == length {
            return Ok(None);
        }
        // At most `CHUNK`.
        let (mut ours, mut theirs) = (vec![0; length as usize], vec![0; length as usize]);
        found.read_at(at, &mut theirs).map_err(Refusal::Found)?;
        if written {
            disk.read_exact_at(&mut ours, at).map_err(Refusal::Read)?;
        }
        Ok((ours != theirs).then(|| difference(at, &ours, &theirs)))
    });
    // The first one, so that the message does not depend on who was faster.
    let pieces: Vec<Result<Option<String>, Refusal>> = pieces.collect();
    for piece in pieces {
        if let Some(difference) = piece? {
            return Ok(Some(difference));
        }
    }
    Ok(None)
}

/// From front to back, since it cannot be read in another way.
fn compare_stream(found: &mut (dyn Read + Send), disk: &File, size: u64) -> Result<Option<String>, Refusal> {
    let (mut ours, mut theirs) = (vec![0; CHUNK as usize], Vec::new());
    let mut at = 0;
    loop {
        theirs.clear();
        (&mut *found).take(CHUNK).read_to_end(&mut theirs).map_err(Refusal::Found)?;
        if theirs.is_empty() {
            return Ok((at != size).then(|| format!("its disk has {at} bytes instead of {size}")));
        }
        let length = theirs.len();
        if at + length as u64 > size {
            return Ok(Some(format!("its disk has more than {size} bytes")));
        }
        disk.read_exact_at(&mut ours[..length], at).map_err(Refusal::Read)?;
        if ours[..length] != theirs {
            return Ok(Some(difference(at, &ours, &theirs)));
        }
        at += length as u64;
    }
}

/// Of two pieces at byte `at` that are not the same.
fn difference(at: u64, ours: &[u8], theirs: &[u8]) -> String {
    let same = ours.iter().zip(theirs).take_while(|(ours, theirs)| ours == theirs).count();
    format!("byte {} of its disk is another", at + same as u64)
}

/// What is wrong with the manifest of an OVA, whose members are `tree`.
fn manifest(tree: &Tree, blobs: &dyn rootsmith_tree::Blobs) -> io::Result<Option<String>> {
    let (mut listed, mut wanted) = (String::new(), Vec::new());
    for entry in tree.walk() {
        let NodeKind::File(content) = &entry.node.kind else { continue };
        let name = String::from_utf8_lossy(entry.path.relative()).into_owned();
        if name.ends_with(".mf") {
            listed = String::from_utf8_lossy(&content.read(blobs, MAX_MANIFEST)?).into_owned();
        } else {
            let mut writer = Sha256Writer::new(io::sink());
            content.copy_to(blobs, &mut writer)?;
            wanted.push(format!("SHA256({name})= {}", writer.finish().1));
        }
    }
    let mut lines: Vec<&str> = listed.lines().collect();
    lines.sort_unstable();
    wanted.sort_unstable();
    Ok((lines != wanted).then(|| "its manifest has other digests than its members".to_owned()))
}
