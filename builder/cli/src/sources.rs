//! The files a profile names, from the disk.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rootsmith_pipeline::{Files, Mark};
use rootsmith_types::{SourceEntry, SourceKind, Sources};
use walkdir::WalkDir;

/// A profile, a fragment or a file of an overlay larger than this is a mistake.
const MAX_READ: u64 = 64 << 20;

/// Reads from the host's file system. Owners, times and umask of the host never come through.
pub(crate) struct Disk;

impl Sources for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        File::open(path)?.take(MAX_READ + 1).read_to_end(&mut data)?;
        if data.len() as u64 > MAX_READ {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 64 MiB; use a payload"));
        }
        Ok(data)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        Ok(Box::new(file))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<SourceEntry>> {
        let mut entries = Vec::new();
        for entry in WalkDir::new(dir).min_depth(1).sort_by_file_name() {
            let entry = entry?;
            let kind = if entry.file_type().is_dir() {
                SourceKind::Directory
            } else if entry.file_type().is_symlink() {
                SourceKind::Symlink(fs::read_link(entry.path())?)
            } else if entry.file_type().is_file() {
                SourceKind::File { executable: entry.metadata()?.permissions().mode() & 0o100 != 0 }
            } else {
                SourceKind::Other
            };
            // Every entry is below the folder that is walked.
            if let Ok(path) = entry.path().strip_prefix(dir) {
                entries.push(SourceEntry { path: path.to_owned(), kind });
            }
        }
        Ok(entries)
    }
}

impl Files for Disk {
    fn mark(&self, path: &Path) -> Option<Mark> {
        Mark::of(&fs::metadata(path).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_listed_in_order_with_links_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("etc")).unwrap();
        fs::write(at("etc/b"), "b").unwrap();
        fs::write(at("etc/a"), "a").unwrap();
        fs::set_permissions(at("etc/a"), fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::symlink("/nowhere", at("link")).unwrap();
        let listed: Vec<(String, SourceKind)> = Disk
            .list(folder.path())
            .unwrap()
            .into_iter()
            .map(|entry| (entry.path.display().to_string(), entry.kind))
            .collect();
        assert_eq!(
            listed,
            [
                ("etc".to_owned(), SourceKind::Directory),
                ("etc/a".to_owned(), SourceKind::File { executable: true }),
                ("etc/b".to_owned(), SourceKind::File { executable: false }),
                ("link".to_owned(), SourceKind::Symlink("/nowhere".into())),
            ]
        );
    }
}
