//! A package as the later steps see it.

use std::sync::Arc;

use rootsmith_lock::LockedPackage;
use rootsmith_package::{PackedEntry, PackedKind, Unpacked};
use rootsmith_tree::{Blob, Content, PackId};

/// A locked package together with its unpacked form.
#[derive(Debug, Clone)]
pub struct Package {
    /// What the lock says.
    pub locked: LockedPackage,
    /// Control members and the list of files.
    pub unpacked: Arc<Unpacked>,
    /// The container its files' contents lie in.
    pub pack: PackId,
}

impl Package {
    /// The content of the regular file at `path` (absolute and normal) in the archive.
    pub fn content(&self, path: &[u8]) -> Option<Content> {
        self.unpacked.entries.iter().find(|entry| entry.path == path).and_then(|entry| self.content_of(entry))
    }

    /// The content of one of its entries, when that is a regular file.
    pub(crate) fn content_of(&self, entry: &PackedEntry) -> Option<Content> {
        match entry.kind {
            PackedKind::File { size: 0, .. } => Some(Content::inline([])),
            PackedKind::File { offset, size, digest } => {
                Some(Content::Blob(Blob { digest: Some(digest), size, pack: self.pack, offset }))
            }
            _ => None,
        }
    }
}
