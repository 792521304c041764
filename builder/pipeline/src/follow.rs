//! The digest of a disk and its block map, made of what is read back while the rest is still being written.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::mpsc::Receiver;

use rootsmith_bmap::{BlockMap, Mapper};
use rootsmith_types::Sha256Digest;

/// What the writer says.
pub(crate) enum Step {
    /// These bytes were written, and nothing before their end will be any more.
    Wrote(Range<u64>),
    /// That was all: the disk's size.
    Done(u64),
}

/// The map of `disk` and the digest of all of it; nothing where the writer stopped before the end.
pub(crate) fn follow(disk: &File, steps: Receiver<Step>) -> io::Result<Option<(BlockMap, Sha256Digest)>> {
    let mut mapper = Mapper::new(disk);
    for step in steps {
        match step {
            Step::Wrote(bytes) => mapper.push(bytes)?,
            Step::Done(size) => return mapper.finish(size).map(Some),
        }
    }
    Ok(None)
}
