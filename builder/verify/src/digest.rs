//! Contents on their way from an image into a tree: digested, and kept only when tiny.

use std::io::{self, Read};

use rootsmith_tree::{Blob, Content, PackId};
use rootsmith_types::ContentHasher;

/// Contents of at most this many bytes stay in memory.
const TINY: u64 = 4 << 10;
/// All of them together take at most this.
const BUDGET: u64 = 32 << 20;
/// So much is digested at once: readers give a block at a time.
const PIECE: u64 = 128 << 10;

/// Decides, in the tree's order, which contents stay in memory.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    kept: u64,
}

impl Keeper {
    /// Whether a content of `size` bytes stays. A pure function of the sizes so far.
    pub(crate) fn keeps(&mut self, size: u64) -> bool {
        let keeps = size <= TINY && self.kept + size <= BUDGET;
        if keeps {
            self.kept += size;
        }
        keeps
    }
}

/// The content that `reader` gives: exactly `size` bytes, or it is an error. A blob says where it can be found again.
pub(crate) fn content(reader: &mut dyn Read, size: u64, keep: bool, pack: PackId, offset: u64) -> io::Result<Content> {
    if keep {
        let mut data = Vec::new();
        reader.take(size + 1).read_to_end(&mut data)?;
        return if data.len() as u64 == size { Ok(Content::inline(data)) } else { Err(wrong_size(size)) };
    }
    let mut hasher = ContentHasher::new();
    let mut buf = vec![0; size.min(PIECE) as usize];
    let mut left = size;
    while left > 0 {
        let piece = &mut buf[..left.min(PIECE) as usize];
        reader.read_exact(piece).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => wrong_size(size),
            _ => error,
        })?;
        hasher.update(piece);
        left -= piece.len() as u64;
    }
    if io::copy(&mut reader.take(1), &mut io::sink())? > 0 {
        return Err(wrong_size(size));
    }
    Ok(Content::Blob(Blob { digest: Some(hasher.finish().0), size, pack, offset }))
}

fn wrong_size(size: u64) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("content is not the {size} bytes it should be"))
}
