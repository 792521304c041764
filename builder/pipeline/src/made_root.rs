//! A root file system that has no size before it is compressed. It is made before the files that boot it, which may hold its hash, and
//! kept in the cache: the same tree is compressed once.

use std::fs::File;

use rootsmith_assemble::AssembleError;
use rootsmith_fetch::{Cache, FetchError};
use rootsmith_output::{DiskIds, MadeRoot, RootInput, make_root};
use rootsmith_profile::Disk;
use rootsmith_tree::{Blob, Blobs, Content, Tree};
use rootsmith_types::{Problems, Sha256Digest, Trace, UnixTime};

use crate::report::GENERATOR;

/// Counts the changes of what is made of the same tree: one more whenever the digest of a sample changes in the tests of a format.
const FORM: u32 = 1;

/// The root of `disk`, where it is such a one. `seed` is the lock's, for the hashes over it.
pub(crate) fn made_root(
    disk: &Disk,
    tree: &Tree,
    date: UnixTime,
    seed: &Sha256Digest,
    ids: &DiskIds,
    cache: &Cache,
    trace: Trace<'_>,
) -> Result<Option<MadeRoot>, Problems> {
    let filesystem = disk.root_filesystem();
    if !filesystem.is_read_only() {
        return Ok(None);
    }
    let tree_digest = tree.digest(cache).map_err(AssembleError::Store)?;
    let uuid = ids.root_filesystem();
    let key = format!("{GENERATOR} {} {FORM} {date} {uuid} {tree_digest}\n", filesystem.name());
    let key = Sha256Digest::of(key.as_bytes());
    let blob = match kept(&key, cache)? {
        Some(blob) => Some(blob),
        None => {
            let scratch = cache.scratch()?;
            let path = scratch.path().join("root");
            let written = |error| FetchError::Disk { doing: "write", path: path.clone(), error };
            let create = || File::options().read(true).write(true).create_new(true).open(&path);
            let mut file = create().map_err(written)?;
            let input = RootInput { filesystem, tree, blobs: cache, uuid, date, trace };
            match make_root(&input, &file, &path)? {
                Some(_) => {
                    std::io::Seek::rewind(&mut file).map_err(written)?;
                    let blob = cache.insert(&mut file).map_err(written)?;
                    keep(&key, &blob, cache)?;
                    Some(blob)
                }
                None => None,
            }
        }
    };
    let content = blob.map(Content::Blob);
    content.map(|content| MadeRoot::new(content, disk.verity().map(|_| seed), cache)).transpose()
}

/// What was made under `key`, when the cache still has it.
fn kept(key: &Sha256Digest, cache: &Cache) -> Result<Option<Blob>, FetchError> {
    let digest = cache.derived(key).and_then(|data| String::from_utf8(data).ok()?.parse().ok());
    digest.map_or(Ok(None), |digest| cache.file(&digest))
}

fn keep(key: &Sha256Digest, blob: &Blob, cache: &Cache) -> Result<(), FetchError> {
    match blob.digest {
        Some(digest) => cache.keep_derived(key, digest.to_string().as_bytes()),
        None => Ok(()),
    }
}
