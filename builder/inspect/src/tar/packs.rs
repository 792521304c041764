//! Where the contents of archives are read: in the archives, and through the maps of files with holes.

use std::io;

use rootsmith_tree::PackId;

use super::sparse::Segment;
use crate::{Files, Source};

/// Archives by their number, then files with holes.
pub(crate) struct Packs {
    wholes: Vec<Source>,
    holed: Vec<Holed>,
}

/// A file with holes.
pub(crate) struct Holed {
    whole: u32,
    /// Ascending and apart.
    pieces: Vec<Piece>,
}

struct Piece {
    /// In the file.
    from: u64,
    /// In the file, behind its last byte.
    to: u64,
    /// In the archive.
    at: u64,
}

impl Holed {
    /// One whose `segments` (ascending, apart) lie one after another at `offset` of archive number `whole`.
    pub(crate) fn new(whole: u32, mut offset: u64, segments: &[Segment]) -> Holed {
        let pieces = segments.iter().map(|segment| {
            let piece = Piece { from: segment.offset, to: segment.offset.saturating_add(segment.length), at: offset };
            offset = offset.saturating_add(segment.length);
            piece
        });
        Holed { whole, pieces: pieces.collect() }
    }

    /// Holes read as zeros; the caller knows where the file ends.
    fn read_at(&self, source: &Source, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        buf.fill(0);
        let end = offset.saturating_add(buf.len() as u64);
        let first = self.pieces.partition_point(|piece| piece.to <= offset);
        for piece in self.pieces[first..].iter().take_while(|piece| piece.from < end) {
            let (from, to) = (piece.from.max(offset), piece.to.min(end));
            // Both are within `buf`.
            let part = &mut buf[(from - offset) as usize..(to - offset) as usize];
            source.read_at(piece.at.saturating_add(from - piece.from), part)?;
        }
        Ok(())
    }
}

impl Packs {
    pub(crate) fn new(wholes: Vec<Source>, holed: Vec<Holed>) -> Packs {
        Packs { wholes, holed }
    }

    /// Of all archives, decompressed.
    pub(crate) fn size(&self) -> u64 {
        self.wholes.iter().fold(0, |sum, whole| sum.saturating_add(whole.size()))
    }

    /// An archive of its own.
    pub(crate) fn whole(&self, number: u32) -> Option<&Source> {
        self.wholes.get(number as usize)
    }
}

impl Files for Packs {
    fn read_at(&self, pack: PackId, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if let Some(whole) = self.whole(pack.0) {
            return whole.read_at(offset, buf);
        }
        let holed = (pack.0 as usize).checked_sub(self.wholes.len()).and_then(|number| self.holed.get(number));
        let holed = holed.ok_or(io::ErrorKind::NotFound)?;
        let whole = self.whole(holed.whole).ok_or(io::ErrorKind::NotFound)?;
        holed.read_at(whole, offset, buf)
    }
}
