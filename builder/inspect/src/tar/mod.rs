//! tar, plain or compressed.
//!
//! POSIX.1-2017 `pax` ("ustar Interchange Format", "pax Extended Header") and GNU tar's own format, as GNU tar, BusyBox, Go and
//! libarchive write them.
//!
//! | file                         | what                                                              |
//! |------------------------------|-------------------------------------------------------------------|
//! | [`decompress`]               | gzip, xz, Zstandard                                               |
//! | [`stream`]                   | an archive from front to back: where it lies, or decompressed into a file without a name |
//! | [`header`], [`pax`], [`sparse`] | one header block, extended headers, files with holes           |
//! | [`members`]                  | all of them together: one member after another                    |
//! | [`growing`]                  | members into a tree, as unpacking them would                      |
//! | [`packs`]                    | where the contents are then read                                  |

pub(crate) mod budget;
#[cfg(test)]
mod damage;
pub(crate) mod decompress;
pub(crate) mod growing;
pub(crate) mod header;
#[cfg(test)]
pub(crate) mod judge;
pub(crate) mod members;
pub(crate) mod packs;
mod pax;
mod sparse;
mod stream;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use rootsmith_tree::Tree;
use rootsmith_types::NumBytes;

use self::budget::Budget;
use self::decompress::Compression;
use self::growing::Growing;
use self::members::{Ends, Member};
use self::packs::Packs;
use crate::{OpenError, Source, Volume, oci};

/// Whether the source looks like one, compressed or not.
pub(crate) fn is(source: &Source) -> bool {
    decompress::first_block(source).is_some_and(|block| header::is(&block))
}

/// Opens it. A compressed one is decompressed once, into a file without a name in `scratch`. One that holds an OCI image layout,
/// or what `docker save` writes, is opened as that image.
pub(crate) fn open(source: &Source, scratch: &Path, budget: &Budget) -> Result<Volume, OpenError> {
    let (tree, packs) = tree(source, scratch, budget)?;
    if let Some(image) = oci::archived(&tree, &packs, scratch)? {
        return Ok(image);
    }
    Ok(volume(tree, packs))
}

/// Opens one that is not compressed, whatever it holds.
pub(crate) fn in_place(source: &Source) -> Result<Volume, OpenError> {
    let budget = Budget::default();
    let mut growing = Growing::new("tar", 1, &budget);
    let mut stream = stream::InPlace::new(Arc::clone(source));
    members::read(&mut stream, &budget, Ends::Marked, &mut |member| growing.put(member, 0))?;
    let (tree, packs) = growing.finish(vec![Arc::clone(source)]);
    Ok(volume(tree, packs))
}

/// What is compressed and no archive: the compression, and all of it in a file without a name in `scratch`. `None` when it is not
/// compressed.
pub(crate) fn unpacked(
    source: &Source,
    scratch: &Path,
    budget: &Budget,
) -> Result<Option<(&'static str, Source)>, OpenError> {
    let unreadable = |error| OpenError::unread("disk", "its beginning", error);
    let compression = Compression::of(source).map_err(unreadable)?;
    if compression == Compression::Plain {
        return Ok(None);
    }
    let all = |stream: &mut dyn stream::Stream| loop {
        let n = stream.available()?.len();
        if n == 0 {
            return Ok(());
        }
        stream.advance(n);
    };
    let unpacked = stream::decompressed(source, compression, scratch, budget, all)?;
    Ok(Some((compression.layer(), unpacked)))
}

fn volume(tree: Tree, packs: Packs) -> Volume {
    let size = NumBytes::new(packs.size());
    Volume {
        tree,
        filesystem: "tar",
        arch: None,
        uuid: None,
        label: None,
        size,
        available: None,
        files: Box::new(packs),
    }
}

/// The files of an archive, whatever they are.
pub(crate) fn tree(source: &Source, scratch: &Path, budget: &Budget) -> Result<(Tree, Packs), OpenError> {
    let mut growing = Growing::new("tar", 1, budget);
    let contents = read(source, scratch, budget, Ends::Marked, &mut |member| growing.put(member, 0))?;
    Ok(growing.finish(vec![contents]))
}

/// Gives the members of an archive to `each`, one after another, and says where the places that they name are read.
pub(crate) fn read(
    source: &Source,
    scratch: &Path,
    budget: &Budget,
    ends: Ends,
    each: &mut dyn FnMut(Member) -> Result<(), OpenError>,
) -> Result<Source, OpenError> {
    let unreadable = |error| OpenError::damaged("tar", format_args!("it cannot be read: {error}"));
    match Compression::of(source).map_err(unreadable)? {
        Compression::Plain => {
            members::read(&mut stream::InPlace::new(Arc::clone(source)), budget, ends, each)?;
            Ok(Arc::clone(source))
        }
        compression => stream::decompressed(source, compression, scratch, budget, |stream| {
            members::read(stream, budget, ends, each)
        }),
    }
}
