//! The digest of a disk, made of what is read back while the rest is still being written; and its block map, which is for later.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::mpsc::Receiver;

use rootsmith_bmap::{BlockMap, Digester};
use rootsmith_types::Sha256Digest;

/// What the writer says.
pub(crate) enum Step {
    /// Nothing before this byte will change.
    Wrote(u64),
    /// That was all: the disk's size, and which bytes of it were written.
    Done(u64, Vec<Range<u64>>),
}

/// The map of `disk` and the digest of all of it; nothing where the writer stopped before the end.
pub(crate) fn follow(disk: &File, steps: Receiver<Step>) -> io::Result<Option<(BlockMap, Sha256Digest)>> {
    let mut digester = Digester::new(disk);
    for step in steps {
        match step {
            Step::Wrote(end) => digester.push(end)?,
            Step::Done(size, written) => {
                let sha256 = digester.finish(size)?;
                return Ok(Some((BlockMap::of(disk, size, &written)?, sha256)));
            }
        }
    }
    Ok(None)
}
