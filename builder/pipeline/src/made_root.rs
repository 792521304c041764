//! A root file system that has no size before it is compressed. It is made before the files that boot it, which may hold its hash, and
//! kept in the cache: the same tree is compressed once.

use rootsmith_assemble::AssembleError;
use rootsmith_fetch::{Cache, FetchError};
use rootsmith_output::{DiskIds, MadeRoot, RootInput, make_root};
use rootsmith_profile::Disk;
use rootsmith_tree::{Blob, Content, Tree};
use rootsmith_types::{Problems, Sha256Digest, Trace, UnixTime};

use crate::report::GENERATOR;

/// Counts the changes of what is made of the same tree: one more whenever the digest of a sample changes in the tests of a format.
const FORM: u32 = 1;

/// What a root is made of.
pub(crate) struct Wanted<'a> {
    /// `NAME-ARCH`: what was made for an image before goes when something else is.
    pub(crate) name: &'a str,
    pub(crate) disk: &'a Disk,
    pub(crate) tree: &'a Tree,
    pub(crate) date: UnixTime,
    /// The lock's, for the hashes over it.
    pub(crate) seed: &'a Sha256Digest,
    pub(crate) ids: &'a DiskIds,
    pub(crate) trace: Trace<'a>,
    /// Whether to make it although it is there.
    pub(crate) again: bool,
}

/// The root of a disk, where it is such a one.
pub(crate) fn made_root(wanted: &Wanted<'_>, cache: &Cache) -> Result<Option<MadeRoot>, Problems> {
    let Wanted { name, disk, tree, date, seed, ids, trace, again } = *wanted;
    let filesystem = disk.root_filesystem();
    if !filesystem.is_read_only() {
        return Ok(None);
    }
    let tree_digest = tree.digest(cache).map_err(AssembleError::Store)?;
    let uuid = ids.root_filesystem();
    let key = format!("{GENERATOR} {} {FORM} {date} {uuid} {tree_digest}\n", filesystem.name());
    let key = Sha256Digest::of(key.as_bytes());
    let there = if again { None } else { kept(&key, cache)? };
    let blob = match there {
        Some(blob) => blob,
        None => {
            let input = RootInput { filesystem, tree, blobs: cache, uuid, date, trace };
            let blob = cache.make_file(|file, path| make_root(&input, file, path).map(drop))?;
            keep(name, &key, &blob, cache)?;
            blob
        }
    };
    Ok(Some(MadeRoot::new(Content::Blob(blob), disk.verity().map(|_| seed), cache)?))
}

/// What was made under `key`, when the cache still has it.
fn kept(key: &Sha256Digest, cache: &Cache) -> Result<Option<Blob>, FetchError> {
    let digest = cache.derived(key).and_then(|data| String::from_utf8(data).ok()?.parse().ok());
    digest.map_or(Ok(None), |digest| cache.file(&digest))
}

/// Keeps it, in place of what was kept for an image of this name.
fn keep(name: &str, key: &Sha256Digest, blob: &Blob, cache: &Cache) -> Result<(), FetchError> {
    let Some(digest) = cache.sha256_of(blob) else { return Ok(()) };
    let last = Sha256Digest::of(format!("last root of {name}\n").as_bytes());
    let before = cache.derived(&last).and_then(|data| String::from_utf8(data).ok()?.parse().ok());
    cache.keep_derived(key, digest.to_string().as_bytes())?;
    cache.keep_derived(&last, digest.to_string().as_bytes())?;
    match before {
        Some(before) if before != digest => cache.remove_file(&before),
        _ => Ok(()),
    }
}
