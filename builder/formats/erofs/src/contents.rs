//! Contents: what is stored once, and how.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

use rootsmith_tree::{Blob, Content};
use rootsmith_types::ContentDigest;

use crate::format::BLOCK;

/// Bytes that are compressed together.
pub(crate) const EXTENT: u64 = 64 << 10;
/// Chunks of a file with holes, at most: their size follows from that.
const MAX_CHUNKS: u64 = 4096;
/// Blocks of all contents, at most: half of what 32 bits number, so that metadata fit as well.
const MAX_BLOCKS: u64 = 1 << 31;

/// How a content is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Block for block; the end behind the inode where that has room for it.
    Flat {
        /// Whether all inodes with this content have room for its end.
        inline: bool,
    },
    /// Compressed.
    Compressed,
    /// In chunks of so many blocks, as a power of two; those of holes are not stored.
    Chunks(u8),
}

/// A content that is stored, of one file or of several that are alike.
#[derive(Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) content: &'a Content,
    pub(crate) form: Form,
}

impl Stored<'_> {
    /// Bytes at its end that lie behind the inode.
    pub(crate) fn tail(&self) -> usize {
        match self.form {
            Form::Flat { inline: true } => end(self.content.size()),
            _ => 0,
        }
    }

    /// The parts that are read and written in one go, in their order.
    pub(crate) fn parts(&self) -> Vec<Range<u64>> {
        let size = self.content.size();
        // One range, not a vector of its numbers.
        #[allow(clippy::single_range_in_vec_init)]
        let whole = match self.form {
            Form::Flat { .. } => vec![0..size - self.tail() as u64],
            Form::Compressed => vec![0..size],
            Form::Chunks(bits) => {
                let chunk = (BLOCK as u64) << bits;
                let chunks = self.chunks(chunk).into_iter();
                chunks.map(|chunks| chunks.start * chunk..(chunks.end * chunk).min(size)).collect()
            }
        };
        let cut = |range: Range<u64>| {
            let starts = (range.start..range.end).step_by(EXTENT as usize);
            starts.map(move |start| start..(start + EXTENT).min(range.end))
        };
        whole.into_iter().flat_map(cut).collect()
    }

    /// The chunks that are no holes: ascending, apart.
    fn chunks(&self, chunk: u64) -> Vec<Range<u64>> {
        let mut chunks: Vec<Range<u64>> = Vec::new();
        for range in self.content.data_ranges() {
            let (start, end) = (range.start / chunk, range.end.div_ceil(chunk));
            match chunks.last_mut() {
                Some(last) if last.end >= start => last.end = last.end.max(end),
                _ => chunks.push(start..end),
            }
        }
        chunks
    }
}

/// All contents.
#[derive(Debug, Default)]
pub(crate) struct Contents<'a> {
    pub(crate) stored: Vec<Stored<'a>>,
    blocks: u64,
    known: BTreeMap<(u64, ContentDigest), u32>,
}

/// There are more blocks than can be numbered.
#[derive(Debug)]
pub(crate) struct TooManyBlocks;

impl<'a> Contents<'a> {
    /// Takes in the content of an inode that has room for `room` bytes of it; `None` for an empty one, else its place in `stored`.
    pub(crate) fn add(
        &mut self,
        content: &'a Content,
        compressed: bool,
        room: usize,
    ) -> Result<Option<u32>, TooManyBlocks> {
        let size = content.size();
        if size == 0 {
            return Ok(None);
        }
        // As many as inodes, at most.
        let number = self.stored.len() as u32;
        let fits = end(size) <= room;
        if let Some(digest) = digest(content) {
            match self.known.entry((size, digest)) {
                Entry::Occupied(known) => {
                    let number = *known.get();
                    if let Form::Flat { inline } = &mut self.stored[number as usize].form {
                        *inline &= fits;
                    }
                    return Ok(Some(number));
                }
                Entry::Vacant(free) => free.insert(number),
            };
        }
        let form = match content {
            Content::Sparse(_) => {
                let chunks = size.div_ceil(BLOCK as u64).div_ceil(MAX_CHUNKS);
                Form::Chunks(chunks.next_power_of_two().ilog2() as u8)
            }
            // Less than a block is not worth a map.
            _ if compressed && size > BLOCK as u64 => Form::Compressed,
            _ => Form::Flat { inline: fits },
        };
        let stored = Stored { content, form };
        self.blocks += match form {
            Form::Chunks(bits) => {
                let chunk = (BLOCK as u64) << bits;
                stored.chunks(chunk).iter().map(|chunks| (chunks.end - chunks.start) << bits).sum()
            }
            _ => size.div_ceil(BLOCK as u64),
        };
        if self.blocks > MAX_BLOCKS {
            return Err(TooManyBlocks);
        }
        self.stored.push(stored);
        Ok(Some(number))
    }

    /// Nothing more comes.
    pub(crate) fn finish(&mut self) {
        self.known = BTreeMap::new();
    }
}

/// Bytes behind the last whole block.
fn end(size: u64) -> usize {
    (size % BLOCK as u64) as usize
}

/// The digest of a content, where nothing has to be read for it.
fn digest(content: &Content) -> Option<ContentDigest> {
    match content {
        Content::Inline(data) => Some(ContentDigest::of(data)),
        Content::Blob(Blob { digest, .. }) => *digest,
        Content::Sparse(_) => None,
    }
}
