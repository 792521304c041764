//! Pieces of an image that were read last, within a bound of memory.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What one piece costs beyond its bytes; keeps the count of tiny ones bounded, too.
const OVERHEAD: usize = 256;

/// The pieces that were used last, by the byte where they lie in the image.
pub(crate) struct Cache {
    capacity: usize,
    used: usize,
    /// Counts the uses.
    now: u64,
    pieces: BTreeMap<u64, (u64, Arc<[u8]>)>,
    /// By their last use.
    order: BTreeMap<u64, u64>,
}

impl Cache {
    /// An empty one for about `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Cache {
        Cache { capacity, used: 0, now: 0, pieces: BTreeMap::new(), order: BTreeMap::new() }
    }

    /// The piece, which counts as a use.
    pub(crate) fn get(&mut self, place: u64) -> Option<Arc<[u8]>> {
        let (last, piece) = self.pieces.get_mut(&place)?;
        self.order.remove(last);
        self.now += 1;
        *last = self.now;
        self.order.insert(self.now, place);
        Some(piece.clone())
    }

    /// Keeps a piece, and drops those whose last use is the longest ago.
    pub(crate) fn put(&mut self, place: u64, piece: Arc<[u8]>) {
        self.now += 1;
        self.used += piece.len() + OVERHEAD;
        self.order.insert(self.now, place);
        if let Some((last, old)) = self.pieces.insert(place, (self.now, piece)) {
            self.order.remove(&last);
            self.used -= old.len() + OVERHEAD;
        }
        while self.used > self.capacity {
            let Some((_, oldest)) = self.order.pop_first() else { return };
            if let Some((_, piece)) = self.pieces.remove(&oldest) {
                self.used -= piece.len() + OVERHEAD;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_piece_that_was_used_last_stays() {
        let mut cache = Cache::new(3 * (1000 + OVERHEAD));
        for place in 0..3 {
            cache.put(place, vec![place as u8; 1000].into());
        }
        assert!(cache.get(0).is_some());
        cache.put(3, vec![3; 1000].into());
        assert!(cache.get(1).is_none(), "its last use was the longest ago");
        assert_eq!(cache.get(0).unwrap()[0], 0);
        // Twice the same piece counts once.
        cache.put(3, vec![4; 1000].into());
        assert_eq!((cache.get(3).unwrap()[0], cache.pieces.len(), cache.order.len()), (4, 3, 3));
        // One that does not fit is not kept.
        cache.put(9, vec![0; 9000].into());
        assert_eq!((cache.pieces.len(), cache.order.len(), cache.used), (0, 0, 0));
    }
}
