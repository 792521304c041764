//! Files with holes, in the three ways that GNU tar has written them and still reads.
//!
//! | format   | where the map is                                                        |
//! |----------|-------------------------------------------------------------------------|
//! | old GNU  | in the header, four pieces, then in blocks of 21 after it               |
//! | pax 0.1  | `GNU.sparse.map`: `offset,length,offset,length`                         |
//! | pax 1.0  | before the data: decimal lines, count first, filled up to a whole block |

use super::header::{Block, number};
use super::pax::Records;

/// One piece of data of a file with holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Where it is in the file.
    pub(crate) offset: u64,
    /// Not empty.
    pub(crate) length: u64,
}

/// What a map is not when it is wrong.
const NO_MAP: &str = "its map of holes is not well formed";

/// The pieces in a header or in a block after it, and whether another such block follows.
pub(crate) fn old_gnu(block: &Block, first: bool) -> Result<(Vec<Segment>, bool), &'static str> {
    let (pieces, more) = if first { (&block[386..482], block[482]) } else { (&block[..504], block[504]) };
    let mut segments = Vec::new();
    for piece in pieces.chunks_exact(24) {
        // Places that are not used are zeros throughout.
        if piece.iter().all(|&b| b == 0) {
            break;
        }
        let value = |field: &[u8]| number(field).and_then(|value| u64::try_from(value).ok()).ok_or(NO_MAP);
        segments.push(Segment { offset: value(&piece[..12])?, length: value(&piece[12..])? });
    }
    Ok((segments, more != 0))
}

/// What extended headers say.
pub(crate) enum Pax {
    /// Here is the map.
    Map(Vec<Segment>),
    /// It stands before the data.
    BeforeData,
    /// It is of a version that we do not know, or 0.0, which tells pieces by the order of records.
    Unknown,
}

/// The map that extended headers have or promise; `Ok(None)` for an ordinary file.
pub(crate) fn pax(records: &Records) -> Result<Option<Pax>, &'static str> {
    let record = |keyword: &str| records.get(keyword.as_bytes()).map(Vec::as_slice);
    if let Some(map) = record("GNU.sparse.map") {
        let numbers = map.split(|&b| b == b',').map(decimal).collect::<Option<Vec<_>>>().ok_or(NO_MAP)?;
        let (pairs, rest) = numbers.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(NO_MAP);
        }
        return Ok(Some(Pax::Map(pairs.iter().map(|&[offset, length]| Segment { offset, length }).collect())));
    }
    match (record("GNU.sparse.major"), record("GNU.sparse.minor")) {
        (Some(b"1"), Some(b"0")) => Ok(Some(Pax::BeforeData)),
        (None, None) if record("GNU.sparse.numblocks").is_none() => Ok(None),
        _ => Ok(Some(Pax::Unknown)),
    }
}

/// The lines before the data, one number at a time.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Digits of a line that has not ended.
    pending: Vec<u8>,
    /// How many numbers are to come; known after the first.
    left: Option<u64>,
    offset: Option<u64>,
    segments: Vec<Segment>,
}

impl Lines {
    /// Takes one block; gives the map when that was the last.
    pub(crate) fn take(&mut self, block: &Block) -> Result<Option<Vec<Segment>>, &'static str> {
        for &byte in block {
            if self.left == Some(0) {
                break;
            }
            if byte != b'\n' {
                // 2^64 has twenty digits.
                if self.pending.len() >= 20 {
                    return Err(NO_MAP);
                }
                self.pending.push(byte);
                continue;
            }
            let value = decimal(&std::mem::take(&mut self.pending)).ok_or(NO_MAP)?;
            let Some(left) = &mut self.left else {
                self.left = Some(value.checked_mul(2).ok_or(NO_MAP)?);
                continue;
            };
            *left -= 1;
            match self.offset.take() {
                None => self.offset = Some(value),
                Some(offset) => self.segments.push(Segment { offset, length: value }),
            }
        }
        Ok((self.left == Some(0)).then(|| std::mem::take(&mut self.segments)))
    }

    /// How many pieces it has so far.
    pub(crate) fn count(&self) -> usize {
        self.segments.len()
    }
}

/// The pieces that are not empty, when they ascend, lie in a file of `size` bytes and are `stored` bytes together.
pub(crate) fn checked(mut segments: Vec<Segment>, size: u64, stored: u64) -> Result<Vec<Segment>, &'static str> {
    let (mut end, mut sum) = (0_u64, 0_u64);
    for segment in &segments {
        if segment.offset < end {
            return Err("its map of holes does not ascend");
        }
        end = segment
            .offset
            .checked_add(segment.length)
            .filter(|end| *end <= size)
            .ok_or("its map of holes leaves it")?;
        // Pieces do not overlap, so together they are at most as long as the file.
        sum += segment.length;
    }
    if sum != stored {
        return Err("its map of holes is not as long as its data");
    }
    segments.retain(|segment| segment.length > 0);
    Ok(segments)
}

fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok().filter(|text| !text.starts_with('+'))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(offset: u64, length: u64) -> Segment {
        Segment { offset, length }
    }

    #[test]
    fn maps_must_ascend_fit_and_be_complete() {
        assert_eq!(checked(vec![segment(2, 3), segment(9, 0)], 9, 3), Ok(vec![segment(2, 3)]));
        assert!(checked(vec![segment(2, 3), segment(4, 1)], 9, 4).is_err());
        assert!(checked(vec![segment(8, 2)], 9, 2).is_err());
        assert!(checked(vec![segment(u64::MAX, 2)], 9, 2).is_err());
        assert!(checked(vec![segment(2, 3)], 9, 4).is_err());
    }

    #[test]
    fn lines_may_go_on_in_the_next_block() {
        let mut text = b"100\n".to_vec();
        for at in 0..100 {
            text.extend_from_slice(format!("{}\n{}\n", at * 1000, 10).as_bytes());
        }
        let mut lines = Lines::default();
        let mut map = None;
        for chunk in text.chunks(512) {
            let mut block = [0; 512];
            block[..chunk.len()].copy_from_slice(chunk);
            assert_eq!(map, None);
            map = lines.take(&block).unwrap();
        }
        let map = map.unwrap();
        assert_eq!((map.len(), map[99]), (100, segment(99_000, 10)));
        assert!(Lines::default().take(&[b'1'; 512]).is_err());
        assert!(Lines::default().take(&[b'\n'; 512]).is_err());
    }
}
