//! The unpacked form of archives that are no packages, and what a package says of itself.

use std::fs::File;
use std::io;
use std::sync::Arc;

use rootsmith_package::{ArchiveKind, Control, Limits, PackedEntry, read_control_of, unpack_archive};
use rootsmith_tree::{Blob, PackId};
use rootsmith_types::Sha256Digest;
use rustix::fs::FlockOperation;

use super::folder::lock_file;
use super::unpack::written;
use super::{Cache, sealed};
use crate::FetchError;

/// What the index file begins with. The number counts versions of the form, and of what is taken out of archives.
const NAME: &str = "rootsmith unpacked archive 2\n";

impl Cache {
    /// What is in the archive `name`, whose file is `blob`, and the container its contents lie in: the form that is there, or
    /// a new one.
    pub fn unpacked_archive(
        &self,
        name: &str,
        kind: ArchiveKind,
        blob: &Blob,
    ) -> Result<(Arc<[PackedEntry]>, PackId), FetchError> {
        let (mut archive, sha256) = self.open_file(name, blob)?;
        // Two builds need not do the same work: the second finds what the first made.
        lock_file(&archive, FlockOperation::LockExclusive);
        let (entries, file) = match self.open_archive(kind, &sha256) {
            Some(found) => found,
            None => self.make_archive(name, kind, &sha256, &mut archive)?,
        };
        let path = self.folder.archive_contents(&sha256, kind.name());
        let pack = self.packs.add(path.clone(), file).map_err(FetchError::disk("open", path))?;
        Ok((entries.into(), pack))
    }

    /// What the package in `blob` says of itself.
    pub fn control_of(&self, name: &str, blob: &Blob) -> Result<Control, FetchError> {
        let (mut archive, _) = self.open_file(name, blob)?;
        let control = read_control_of(&mut archive, &Limits::default());
        control.map_err(|defect| FetchError::Payload { name: name.to_owned(), defect })
    }

    /// The file that a content is the whole of, for who reads it in another way.
    pub fn open_file(&self, name: &str, blob: &Blob) -> Result<(File, Sha256Digest), FetchError> {
        let path = self.packs.path(blob.pack);
        let (Some(path), Some(sha256)) = (path, self.sha256_of(blob)) else {
            return Err(FetchError::Offline { package: None, file: name.to_owned(), others: Vec::new() });
        };
        let file = File::open(&path).map_err(FetchError::disk("open", path))?;
        Ok((file, sha256))
    }

    fn open_archive(&self, kind: ArchiveKind, sha256: &Sha256Digest) -> Option<(Vec<PackedEntry>, File)> {
        let encoded = sealed::read(NAME, &self.folder.archive_index(sha256, kind.name()))?;
        let (length, entries): (u64, Vec<PackedEntry>) = postcard::from_bytes(&encoded).ok()?;
        let file = File::open(self.folder.archive_contents(sha256, kind.name())).ok()?;
        (file.metadata().ok()?.len() == length).then_some((entries, file))
    }

    fn make_archive(
        &self,
        name: &str,
        kind: ArchiveKind,
        sha256: &Sha256Digest,
        archive: &mut File,
    ) -> Result<(Vec<PackedEntry>, File), FetchError> {
        let temporary = self.folder.temporary()?;
        let (entries, length) = written(&temporary, |out| {
            let entries = unpack_archive(kind, archive, out, &Limits::default());
            entries.map_err(|defect| FetchError::Payload { name: name.to_owned(), defect })
        })?;
        let file = temporary.file().try_clone().map_err(FetchError::disk("open", temporary.path()))?;
        temporary.keep_as(&self.folder.archive_contents(sha256, kind.name()))?;
        let index = self.folder.archive_index(sha256, kind.name());
        let encoded = postcard::to_stdvec(&(length, &entries)).map_err(io::Error::other);
        let encoded = encoded.map_err(FetchError::disk("write", &index))?;
        self.folder.put(&index, &sealed::seal(NAME, &encoded).parts())?;
        Ok((entries, file))
    }
}
