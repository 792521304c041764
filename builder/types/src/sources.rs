//! How steps read the files a profile names.

use std::io;
use std::path::{Path, PathBuf};

/// The files that profiles name: profiles, fragments, overlays, payloads. The one implementation that touches a disk is in
/// `cli`; tests use a map.
pub trait Sources: Sync {
    /// The whole of a small file (a profile, a fragment, a file of an overlay).
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// A file that may be large (a payload), as a stream.
    fn open(&self, path: &Path) -> io::Result<Box<dyn io::Read + '_>>;

    /// Everything below `dir`, relative to it, in sorted order, folders before what is in them.
    fn list(&self, dir: &Path) -> io::Result<Vec<SourceEntry>>;
}

/// One entry of an overlay's folder. Owner and times of the host never matter; the executable bit does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEntry {
    /// Relative to the folder that was listed.
    pub path: PathBuf,
    /// What it is.
    pub kind: SourceKind,
}

/// What an entry of an overlay's folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// A folder.
    Directory,
    /// A regular file, and whether its owner may execute it.
    File {
        /// The owner's x bit.
        executable: bool,
    },
    /// A symbolic link, with its target as it is.
    Symlink(PathBuf),
    /// A device, socket or the like: never taken into an image.
    Other,
}
