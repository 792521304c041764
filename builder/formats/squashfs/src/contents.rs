//! Contents: what is stored once, in which blocks, and which ends share a fragment.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

use rootsmith_tree::{Blob, Content};
use rootsmith_types::ContentDigest;

/// Blocks in one file system, at most: 2 TiB in blocks of 128 KiB. The size of each is kept in memory.
const MAX_BLOCKS: u32 = 16 << 20;

/// The end of a content in a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) fragment: u32,
    /// In the fragment, before it is compressed.
    pub(crate) offset: u32,
}

/// A content that is stored, of one file or of several that are alike.
#[derive(Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) content: &'a Content,
    /// Its blocks, among all there are: those of holes as well, its end not when that is in a fragment.
    pub(crate) blocks: Range<u32>,
    pub(crate) tail: Option<Tail>,
}

/// What is compressed and written, in the order of the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Blocks of a stored content, counted from its first.
    Blocks(u32, Range<u32>),
    /// The fragment with this number.
    Fragment(u32),
}

/// All contents.
#[derive(Debug)]
pub(crate) struct Contents<'a> {
    block_size: u64,
    pub(crate) stored: Vec<Stored<'a>>,
    pub(crate) pieces: Vec<Piece>,
    /// Contents whose ends lie in fragments, one fragment after the other.
    tails: Vec<u32>,
    /// Which of `tails` are in each fragment.
    fragments: Vec<Range<usize>>,
    /// Bytes in the last fragment.
    filled: u64,
    /// Blocks of all contents.
    pub(crate) blocks: u32,
    known: BTreeMap<(u64, ContentDigest), u32>,
}

/// There are more blocks than can be kept track of.
#[derive(Debug)]
pub(crate) struct TooManyBlocks;

impl<'a> Contents<'a> {
    pub(crate) fn new(block_size: u32) -> Contents<'a> {
        Contents {
            block_size: block_size.into(),
            stored: Vec::new(),
            pieces: Vec::new(),
            tails: Vec::new(),
            fragments: Vec::new(),
            filled: 0,
            blocks: 0,
            known: BTreeMap::new(),
        }
    }

    /// Takes a content in; `None` for an empty one, else its place in `stored`, the same for those that are known to be alike.
    pub(crate) fn add(&mut self, content: &'a Content) -> Result<Option<u32>, TooManyBlocks> {
        if content.size() == 0 {
            return Ok(None);
        }
        // There is a block for each at least, or it shares a fragment: fewer than there can be inodes.
        let number = self.stored.len() as u32;
        if let Some(digest) = digest(content) {
            match self.known.entry((content.size(), digest)) {
                Entry::Occupied(known) => return Ok(Some(*known.get())),
                Entry::Vacant(free) => free.insert(number),
            };
        }
        let holds = self.blocks_with_data(content);
        let end = content.size() % self.block_size;
        let full = content.size() / self.block_size;
        // An end that is a hole stays one.
        let packed = end > 0 && holds.last().is_some_and(|last| last.end > full);
        let blocks = if end > 0 && !packed { full + 1 } else { full };
        let blocks = u32::try_from(blocks).ok().and_then(|blocks| self.blocks.checked_add(blocks));
        let last = blocks.filter(|&blocks| blocks <= MAX_BLOCKS).ok_or(TooManyBlocks)?;
        for range in holds {
            // All below the number of blocks, which was checked.
            let range = range.start as u32..range.end.min(full) as u32;
            if !range.is_empty() {
                self.pieces.push(Piece::Blocks(number, range));
            }
        }
        let tail = packed.then(|| self.pack(number, end));
        self.stored.push(Stored { content, blocks: self.blocks..last, tail });
        self.blocks = last;
        Ok(Some(number))
    }

    /// Nothing more comes: the last fragment is full enough.
    pub(crate) fn finish(&mut self) {
        self.known.clear();
        self.close();
    }

    /// How many fragments there are.
    pub(crate) fn fragments(&self) -> u32 {
        self.fragments.len() as u32
    }

    /// The ends in a fragment: contents, in their order.
    pub(crate) fn tails(&self, fragment: u32) -> &[u32] {
        &self.tails[self.fragments[fragment as usize].clone()]
    }

    /// Finds room for an end of `size` bytes, which is less than a block.
    fn pack(&mut self, number: u32, size: u64) -> Tail {
        if self.filled + size > self.block_size {
            self.close();
        }
        let at = self.tails.len();
        if self.filled == 0 {
            self.fragments.push(at..at);
        }
        let fragment = self.fragments() - 1;
        self.fragments[fragment as usize].end = at + 1;
        self.tails.push(number);
        let tail = Tail { fragment, offset: self.filled as u32 };
        self.filled += size;
        tail
    }

    fn close(&mut self) {
        if self.filled > 0 {
            self.pieces.push(Piece::Fragment(self.fragments() - 1));
            self.filled = 0;
        }
    }

    /// The blocks that are no holes: ascending, apart, never empty.
    fn blocks_with_data(&self, content: &Content) -> Vec<Range<u64>> {
        let mut blocks: Vec<Range<u64>> = Vec::new();
        for range in content.data_ranges() {
            let (start, end) = (range.start / self.block_size, range.end.div_ceil(self.block_size));
            match blocks.last_mut() {
                // Two runs may share a block.
                Some(last) if last.end >= start => last.end = last.end.max(end),
                _ => blocks.push(start..end),
            }
        }
        blocks
    }
}

/// The digest of a content, where nothing has to be read for it.
fn digest(content: &Content) -> Option<ContentDigest> {
    match content {
        Content::Inline(data) => Some(ContentDigest::of(data)),
        Content::Blob(Blob { digest, .. }) => *digest,
        Content::Sparse(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rootsmith_tree::{Run, Sparse};

    use super::*;

    #[test]
    fn equal_contents_are_stored_once_and_ends_share_fragments() {
        let of = |byte, size| Content::inline(vec![byte; size]);
        let files = [of(1, 5000), of(2, 3000), of(1, 5000), of(3, 4096), of(4, 300), of(5, 0)];
        let mut contents = Contents::new(4096);
        let numbers: Vec<_> = files.iter().map(|content| contents.add(content).unwrap()).collect();
        contents.finish();
        assert_eq!(numbers, [Some(0), Some(1), Some(0), Some(2), Some(3), None]);
        let tail = |fragment, offset| Some(Tail { fragment, offset });
        let tails: Vec<_> = contents.stored.iter().map(|stored| stored.tail).collect();
        // 904 and 3000 bytes leave no room for 300.
        assert_eq!(tails, [tail(0, 0), tail(0, 904), None, tail(1, 0)]);
        let pieces = [Piece::Blocks(0, 0..1), Piece::Blocks(2, 0..1), Piece::Fragment(0), Piece::Fragment(1)];
        assert_eq!(contents.pieces, pieces);
        assert_eq!((contents.tails(0), contents.tails(1)), ([0, 1].as_slice(), [3].as_slice()));
        assert_eq!(contents.blocks, 2);
    }

    #[test]
    fn holes_are_blocks_that_nobody_reads() {
        let run = |offset, len| Run { offset, data: vec![1; len].into() };
        let sparse = |size, runs| Content::Sparse(Arc::new(Sparse::new(size, runs).unwrap()));
        let middle = sparse(50_000, vec![run(9000, 10), run(12_000, 4096)]);
        let end = sparse(50_000, vec![run(49_999, 1)]);
        let mut contents = Contents::new(4096);
        contents.add(&middle).unwrap();
        contents.add(&end).unwrap();
        contents.finish();
        assert_eq!(contents.pieces, [Piece::Blocks(0, 2..4), Piece::Fragment(0)]);
        assert_eq!((contents.stored[0].blocks.clone(), contents.stored[1].blocks.clone()), (0..13, 13..25));
        let huge = sparse(1 << 50, Vec::new());
        assert!(contents.add(&huge).is_err());
    }
}
