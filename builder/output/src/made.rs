//! A root file system that has no size before it is made.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::Path;

use rootsmith_ondisk::{Image, Sink};
use rootsmith_profile::{ErofsCompression, RootFilesystem};
use rootsmith_squashfs::Compression;
use rootsmith_tree::{Blobs, Content, Tree};
use rootsmith_types::{NumBytes, Problems, Sha256Digest, Trace, UnixTime, Uuid};
use rootsmith_verity::{HashTree, Options};

use crate::OutputError;
use crate::erofs::write_erofs;
use crate::sink::copy;
use crate::squashfs::{compress, for_squashfs};

/// A root file system that had no size before it was made: it lies on the disk as it is here.
#[derive(Debug)]
pub struct MadeRoot {
    /// Its bytes.
    pub content: Content,
    /// What vouches for them, where the profile asks for it.
    pub hashes: Option<HashTree>,
}

impl MadeRoot {
    /// `content`, and hashes over it that follow from `seed`, where there is one.
    pub fn new(content: Content, seed: Option<&Sha256Digest>, blobs: &dyn Blobs) -> Result<MadeRoot, Problems> {
        let hash = |seed| {
            let image = Stored { content: &content, blobs };
            let plan = rootsmith_verity::plan(image.size(), &Options::derive(seed))?;
            let unreadable = |source| OutputError::Io { path: "the root file system".into(), doing: "read", source };
            Ok::<_, Problems>(plan.hash(&image).map_err(unreadable)?)
        };
        let hashes = seed.map(hash).transpose()?;
        Ok(MadeRoot { content, hashes })
    }
}

/// What of a tree a root file system can hold: squashfs has no access control lists.
pub fn for_root(filesystem: RootFilesystem, tree: &Tree) -> Cow<'_, Tree> {
    match filesystem {
        RootFilesystem::Squashfs => for_squashfs(tree).0,
        RootFilesystem::Ext4 | RootFilesystem::Erofs => Cow::Borrowed(tree),
    }
}

/// What a root is made of.
#[derive(Clone, Copy)]
pub struct RootInput<'a> {
    /// Its file system.
    pub filesystem: RootFilesystem,
    /// What is in it.
    pub tree: &'a Tree,
    /// Where contents are.
    pub blobs: &'a dyn Blobs,
    /// Its identifier, where it has one.
    pub uuid: Uuid,
    /// Its creation time.
    pub date: UnixTime,
    /// Where the time goes.
    pub trace: Trace<'a>,
}

/// Writes a root to `scratch` (empty, at `path`), as a file system whose size is known only then. Nothing for the others, which are
/// planned.
pub fn make_root(input: &RootInput<'_>, scratch: &File, path: &Path) -> Result<Option<NumBytes>, Problems> {
    let RootInput { filesystem, tree, blobs, uuid, date, trace } = *input;
    match filesystem {
        RootFilesystem::Ext4 => Ok(None),
        RootFilesystem::Squashfs => {
            compress(Compression::ZSTD, &for_squashfs(tree).0, blobs, date, trace, scratch, path).map(Some)
        }
        RootFilesystem::Erofs => write_erofs(ErofsCompression::Lz4, tree, blobs, uuid, date, scratch, path).map(Some),
    }
}

/// A content as an image.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    /// The bytes.
    pub content: &'a Content,
    /// Where they are.
    pub blobs: &'a dyn Blobs,
}

impl Image for Stored<'_> {
    fn size(&self) -> NumBytes {
        NumBytes::new(self.content.size())
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        copy(self.content.size(), |at, part| self.content.read_at(self.blobs, at, part), out)
    }
}
