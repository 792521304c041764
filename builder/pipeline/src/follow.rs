//! The digest of a disk, made of what is read back while the rest is still being written.

use std::fs::File;
use std::io;
use std::sync::mpsc::Receiver;

use rootsmith_bmap::Digester;
use rootsmith_types::{NumBytes, Sha256Digest};

/// What the writer says.
pub(crate) enum Step {
    /// Nothing before this byte will change.
    Wrote(u64),
    /// That was all; the disk has this size.
    Done(NumBytes),
}

/// The digest of all of `disk`; nothing where the writer stopped before the end.
pub(crate) fn digest(disk: &File, steps: Receiver<Step>) -> io::Result<Option<Sha256Digest>> {
    let mut digester = Digester::new(disk);
    for step in steps {
        match step {
            Step::Wrote(end) => digester.push(end)?,
            Step::Done(size) => return digester.finish(size.get()).map(Some),
        }
    }
    Ok(None)
}
