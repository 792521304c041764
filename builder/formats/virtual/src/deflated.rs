//! Clusters of 64 KiB that are deflated once, for all formats that take them so.

use std::io;

use crate::compress::{Batch, Method};
use crate::writer::Container;

/// Bytes of a cluster: qcow2's and VMDK's alike.
const CLUSTER: usize = 64 << 10;
/// Bytes before what is deflated in a zlib stream, and behind it (RFC 1950, 2.2).
const HEADER: usize = 2;
const CHECKSUM: usize = 4;

/// What a format does with the clusters of a disk, deflated. Those of zeros alone do not come.
pub(crate) trait Deflated: Send {
    /// The cluster with this number, later than any before, and the same as a zlib stream.
    fn cluster(&mut self, number: u64, data: &[u8], zlib: &[u8]) -> io::Result<()>;

    /// There are no more.
    fn finish(&mut self) -> io::Result<()>;
}

/// Deflates clusters for those who take them.
pub(crate) struct Deflating<'a> {
    batch: Batch,
    takers: Vec<Box<dyn Deflated + 'a>>,
}

impl<'a> Deflating<'a> {
    pub(crate) fn new(takers: Vec<Box<dyn Deflated + 'a>>) -> Deflating<'a> {
        Deflating { batch: Batch::new(Method::Zlib, CLUSTER), takers }
    }

    fn drain(&mut self) -> io::Result<()> {
        self.batch.drain(|number, data, zlib| {
            let zlib = zlib.ok_or_else(|| io::Error::other("internal error: a cluster was not deflated"))?;
            self.takers.iter_mut().try_for_each(|taker| taker.cluster(number, data, zlib))
        })
    }
}

impl Container for Deflating<'_> {
    fn cluster_size(&self) -> usize {
        CLUSTER
    }

    fn cluster(&mut self, number: u64, data: &[u8]) -> io::Result<()> {
        if self.batch.push(number, data) { self.drain() } else { Ok(()) }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.drain()?;
        self.takers.iter_mut().try_for_each(|taker| taker.finish())
    }
}

/// What is deflated in a zlib stream.
pub(crate) fn bare(zlib: &[u8]) -> Option<&[u8]> {
    zlib.get(HEADER..zlib.len().checked_sub(CHECKSUM)?)
}

/// The zlib stream of `data` in blocks that are not compressed (RFC 1951, 3.2.4), with header and checksum of another.
pub(crate) fn stored(data: &[u8], zlib: &[u8]) -> Vec<u8> {
    /// The length of a block is a number of 16 bits.
    const BLOCK: usize = 65_535;
    let (header, checksum) = (zlib.get(..HEADER), zlib.len().checked_sub(CHECKSUM).and_then(|at| zlib.get(at..)));
    let mut out = header.unwrap_or_default().to_vec();
    let mut blocks = data.chunks(BLOCK).peekable();
    while let Some(block) = blocks.next() {
        // No longer than `BLOCK`.
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.extend_from_slice(checksum.unwrap_or_default());
    out
}
