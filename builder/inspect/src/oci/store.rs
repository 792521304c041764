//! Where the files of a layout are: in a folder, or in an archive.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rootsmith_tree::{Content, Tree};
use rootsmith_types::{Sha256Digest, TreePath};
use serde::de::DeserializeOwned;

use super::LAYER;
use super::image::Descriptor;
use crate::folder::Beneath;
use crate::tar::packs::Packs;
use crate::{FileSource, OpenError, Part, Source};

/// Longest JSON (distribution-spec: a manifest of at most 4 MiB).
const MAX_JSON: u64 = 4 << 20;

/// The files of a layout.
pub(crate) trait Store: Sync {
    /// One of them, by its path; `None` when it is not there.
    fn find(&self, path: &str) -> Result<Option<Source>, OpenError>;

    /// One that must be there.
    fn open(&self, path: &str) -> Result<Source, OpenError> {
        self.find(path)?.ok_or_else(|| missing(path))
    }

    /// The blob of a descriptor; as long as that says.
    fn blob(&self, descriptor: &Descriptor) -> Result<Option<(Source, Sha256Digest)>, OpenError> {
        let digest = descriptor.digest()?;
        let Some(blob) = self.find(&blob_path(&digest))? else { return Ok(None) };
        if blob.size() != descriptor.size {
            let reason = format_args!("it is {} bytes long, and {} were promised", blob.size(), descriptor.size);
            return Err(OpenError::damaged_at(LAYER, format_args!("`sha256:{digest}`"), reason));
        }
        Ok(Some((blob, digest)))
    }

    /// The blob of a descriptor, which must be there.
    fn required(&self, descriptor: &Descriptor) -> Result<(Source, Sha256Digest), OpenError> {
        match self.blob(descriptor)? {
            Some(found) => Ok(found),
            None => Err(missing(&blob_path(&descriptor.digest()?))),
        }
    }
}

fn blob_path(digest: &Sha256Digest) -> String {
    format!("blobs/sha256/{digest}")
}

/// What a small JSON file says.
pub(crate) fn json<T: DeserializeOwned>(store: &dyn Store, path: &str) -> Result<T, OpenError> {
    parse(path, &bytes(path, &store.open(path)?)?)
}

/// What a small JSON blob says, once it has the digest it should have.
pub(crate) fn json_blob<T: DeserializeOwned>(store: &dyn Store, descriptor: &Descriptor) -> Result<T, OpenError> {
    let (blob, wanted) = store.required(descriptor)?;
    let place = format!("sha256:{wanted}");
    let data = bytes(&place, &blob)?;
    check(&wanted, &Sha256Digest::of(&data))?;
    parse(&place, &data)
}

/// Whether two digests are the same.
pub(crate) fn check(wanted: &Sha256Digest, found: &Sha256Digest) -> Result<(), OpenError> {
    if wanted != found {
        let reason = format_args!("its digest is `sha256:{found}`");
        return Err(OpenError::damaged_at(LAYER, format_args!("`sha256:{wanted}`"), reason));
    }
    Ok(())
}

fn bytes(place: &str, source: &Source) -> Result<Vec<u8>, OpenError> {
    if source.size() > MAX_JSON {
        return Err(OpenError::damaged_at(LAYER, format_args!("`{place}`"), "it is longer than 4 MiB"));
    }
    // Bounded by the line above.
    let mut data = vec![0; source.size() as usize];
    let read = source.read_at(0, &mut data);
    read.map_err(|error| {
        OpenError::damaged_at(LAYER, format_args!("`{place}`"), format_args!("it cannot be read: {error}"))
    })?;
    Ok(data)
}

fn parse<T: DeserializeOwned>(place: &str, data: &[u8]) -> Result<T, OpenError> {
    serde_json::from_slice(data).map_err(|error| {
        // It may quote what it found, however long that is.
        let reason: String = error.to_string().escape_debug().take(200).collect();
        OpenError::damaged_at(LAYER, format_args!("`{place}`"), reason)
    })
}

/// A layout in a folder.
pub(crate) struct Folder {
    path: PathBuf,
    beneath: Beneath,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Folder, OpenError> {
        let beneath = Beneath::open(path).map_err(|source| OpenError::Host { path: path.to_owned(), source })?;
        Ok(Folder { path: path.to_owned(), beneath })
    }
}

impl Store for Folder {
    fn find(&self, path: &str) -> Result<Option<Source>, OpenError> {
        let host = |source| OpenError::Host { path: self.path.join(path), source };
        match self.beneath.file(path.as_bytes()) {
            Ok(file) => Ok(Some(Arc::new(FileSource::new(file).map_err(host)?))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(host(error)),
        }
    }
}

/// A layout in an archive.
pub(crate) struct Archived<'a> {
    tree: &'a Tree,
    packs: &'a Packs,
}

impl<'a> Archived<'a> {
    pub(crate) fn new(tree: &'a Tree, packs: &'a Packs) -> Archived<'a> {
        Archived { tree, packs }
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.content(path).is_some()
    }

    /// Symbolic links are followed, inside the archive: old `docker save` has them where layers are alike.
    fn content(&self, path: &str) -> Option<&Content> {
        self.tree.lookup(&TreePath::new(path).ok()?)?.content()
    }
}

impl Store for Archived<'_> {
    fn find(&self, path: &str) -> Result<Option<Source>, OpenError> {
        let Some(content) = self.content(path) else { return Ok(None) };
        let source: Option<Source> = match content {
            Content::Inline(data) => Some(Arc::new(data.to_vec())),
            Content::Blob(blob) => {
                let whole = self.packs.whole(blob.pack.0).cloned();
                let part = whole.and_then(|whole| Part::new(whole, blob.offset, blob.size));
                part.map(|part| Arc::new(part) as Source)
            }
            Content::Sparse(_) => None,
        };
        source.map(Some).ok_or_else(|| OpenError::unsupported(LAYER, format_args!("holes in `{path}`")))
    }
}

fn missing(path: &str) -> OpenError {
    OpenError::damaged(LAYER, format_args!("`{path}` is missing"))
}
