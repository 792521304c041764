//! What was decompressed last stays in memory for a while: who reads a content reads its blocks piece by piece.

use std::sync::{Arc, Mutex, PoisonError};

/// How much is remembered, as long as that is more than [`FEW`] blocks.
const BYTES: usize = 16 << 20;
/// One for each of a few threads, however large they are.
const FEW: usize = 4;
/// Most blocks, however small they are.
const MANY: usize = 32;

/// Blocks that were decompressed last, by numbers that are theirs alone: all that they follow from.
#[derive(Default)]
pub(crate) struct Remembered(Mutex<Vec<(Key, Arc<[u8]>)>>);

/// Where it lies, and how it is to be taken.
type Key = (u64, u64);

impl Remembered {
    pub(crate) fn get(&self, number: Key) -> Option<Arc<[u8]>> {
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = blocks.iter().position(|(there, _)| *there == number)?;
        // What was read last is the last to go.
        blocks[index..].rotate_left(1);
        blocks.last().map(|(_, block)| Arc::clone(block))
    }

    pub(crate) fn insert(&self, number: Key, block: Arc<[u8]>) {
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.push((number, block));
        let mut bytes: usize = blocks.iter().map(|(_, block)| block.len()).sum();
        while blocks.len() > MANY || (blocks.len() > FEW && bytes > BYTES) {
            bytes -= blocks.remove(0).1.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_least_lately_goes_first() {
        let remembered = Remembered::default();
        let there = |remembered: &Remembered| (0..64).filter(|&number| remembered.get((number, 0)).is_some()).count();
        for number in 0..40 {
            remembered.insert((number, 0), vec![0; 10].into());
        }
        assert_eq!((there(&remembered), remembered.get((7, 0))), (MANY, None));
        assert!(remembered.get((8, 0)).is_some() && remembered.get((8, 1)).is_none());
        // Large ones push out all others, but for a few of them.
        for number in 50..60 {
            remembered.insert((number, 0), vec![0; BYTES].into());
        }
        assert_eq!((there(&remembered), remembered.get((55, 0))), (FEW, None));
    }
}
