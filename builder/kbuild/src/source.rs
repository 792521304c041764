//! The archive of a kernel's source, and the small part of it that configuring needs.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use rootsmith_package::Compression;
use rootsmith_tree::{Blob, Blobs};
use rootsmith_types::PackageName;

use crate::KbuildError;

/// Bytes of the small part; that of 6.12 has 24 MB.
const MAX_PART: u64 = 256 << 20;

/// The files in the small part, by their paths in the source: `drivers/net/Kconfig`.
pub(crate) fn files(part: &[u8]) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(zstd::Decoder::new(part)?).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let path = entry.path()?.display().to_string();
            let mut data = Vec::new();
            entry.read_to_end(&mut data)?;
            files.insert(path, data);
        }
    }
    Ok(files)
}

/// Whether configuring reads the file: every Kconfig and Makefile, the scripts, what `defconfig` and its like begin with, and the
/// small programs by which an architecture asks what its compiler can do.
fn is_for_configuring(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let first = path.components().next().map(|first| first.as_os_str().to_string_lossy().into_owned());
    match first.as_deref() {
        Some("scripts") => return true,
        // Nothing of them is built, but they have symbols.
        Some("Documentation" | "samples" | "tools") => return name.starts_with("Kconfig"),
        _ => {}
    }
    let below = |folder: &str| path.components().any(|part| part.as_os_str() == folder);
    ["Kconfig", "Makefile", "Kbuild"].iter().any(|start| name.starts_with(start))
        || below("configs")
        || name.ends_with(".config")
        || (first.as_deref() == Some("arch") && below("tools") && name.ends_with(".sh"))
}

/// The small part, as a tar archive without the folder that the source is in, compressed.
pub(crate) fn part(
    source: &Blob,
    blobs: &dyn Blobs,
    package: &PackageName,
    progress: &dyn Fn(u64),
) -> Result<Vec<u8>, KbuildError> {
    let read = |error: io::Error| not_a_source(package, error.to_string());
    let encoder = zstd::Encoder::new(Vec::new(), 6).map_err(read)?;
    let mut out = tar::Builder::new(encoder);
    let mut size = 0u64;
    let mut found = false;
    each(source, blobs, progress, |path, entry| {
        if !entry.header().entry_type().is_file() && !entry.header().entry_type().is_symlink() {
            return Ok(());
        }
        if !is_for_configuring(path) {
            return Ok(());
        }
        found |= path == Path::new("Kconfig");
        size = size.saturating_add(entry.size());
        if size > MAX_PART {
            return Err(io::Error::other("its configuration files are larger than any kernel's"));
        }
        let mut header = tar::Header::new_gnu();
        header.set_mode(entry.header().mode()? & 0o777);
        header.set_entry_type(entry.header().entry_type());
        header.set_size(entry.size());
        match entry.link_name()? {
            Some(target) => {
                let target = target.into_owned();
                out.append_link(&mut header, path, target)
            }
            None => out.append_data(&mut header, path, entry),
        }
    })
    .map_err(read)?;
    if !found {
        return Err(not_a_source(package, "it has no `Kconfig`".to_owned()));
    }
    out.into_inner().and_then(zstd::Encoder::finish).map_err(read)
}

/// Unpacks the small part into a folder.
pub(crate) fn unpack_part(part: &[u8], folder: &Path) -> Result<(), KbuildError> {
    let unpack = || tar::Archive::new(zstd::Decoder::new(part)?).unpack(folder);
    unpack().map_err(KbuildError::disk("unpack the source into", folder))
}

/// Unpacks the whole source into a folder. `progress` hears how much of the archive was read.
pub(crate) fn unpack(
    source: &Blob,
    blobs: &dyn Blobs,
    folder: &Path,
    progress: &dyn Fn(u64),
) -> Result<(), KbuildError> {
    each(source, blobs, progress, |path, entry| {
        let place = folder.join(path);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        entry.set_preserve_mtime(false);
        entry.unpack(place).map(drop)
    })
    .map_err(KbuildError::disk("unpack the source into", folder))
}

/// Calls `work` for each member of the archive, with its path below the folder that all of it is in. A link may only stay inside.
fn each(
    source: &Blob,
    blobs: &dyn Blobs,
    progress: &dyn Fn(u64),
    mut work: impl FnMut(&Path, &mut tar::Entry<'_, &mut dyn Read>) -> io::Result<()>,
) -> io::Result<()> {
    let mut start = [0; 6];
    let there = start.len().min(usize::try_from(source.size).unwrap_or(start.len()));
    blobs.read_at(source, 0, &mut start[..there])?;
    let reader = BufReader::with_capacity(256 << 10, Reader { blobs, blob: source, at: 0, progress });
    let mut decoder = Compression::of_bytes(&start).decoder(reader)?;
    let decoder: &mut dyn Read = &mut decoder;
    for entry in tar::Archive::new(decoder).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).skip(1).collect();
        if path.components().any(|part| !matches!(part, Component::Normal(_))) {
            return Err(io::Error::other(format!("`{}` leads out of the archive", path.display())));
        }
        let kind = entry.header().entry_type();
        if kind.is_symlink() {
            let target = entry.link_name()?.map(|target| target.into_owned()).unwrap_or_default();
            let up = target.components().filter(|part| *part == Component::ParentDir).count();
            if target.is_absolute() || up >= path.components().count() {
                return Err(io::Error::other(format!("the link `{}` leads out of the archive", path.display())));
            }
        }
        if !path.as_os_str().is_empty() && (kind.is_file() || kind.is_dir() || kind.is_symlink()) {
            work(&path, &mut entry)?;
        }
    }
    Ok(())
}

fn not_a_source(package: &PackageName, reason: String) -> KbuildError {
    KbuildError::NotASource { package: package.clone(), reason }
}

/// A blob from its beginning to its end; `progress` hears how much was read.
struct Reader<'a> {
    blobs: &'a dyn Blobs,
    blob: &'a Blob,
    at: u64,
    progress: &'a dyn Fn(u64),
}

impl Read for Reader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.blob.size - self.at).unwrap_or(usize::MAX);
        let n = buf.len().min(left);
        self.blobs.read_at(self.blob, self.at, &mut buf[..n])?;
        self.at += n as u64;
        (self.progress)(n as u64);
        Ok(n)
    }
}
