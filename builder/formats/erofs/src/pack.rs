//! Where inodes lie: packed into blocks, none across the end of one unless it is larger than a block.

use crate::format::{BLOCK, SLOT};

/// Blocks that are kept open for small inodes.
const OPEN: usize = 64;

/// Gives out places for inodes.
#[derive(Debug)]
pub(crate) struct Packer {
    /// Blocks with room left: where the room begins, in bytes from the first block.
    open: Vec<usize>,
    /// Blocks given out.
    blocks: usize,
}

impl Packer {
    /// Number 0 is given to nobody: programs take it for a name that is gone.
    pub(crate) fn new() -> Packer {
        Packer { open: vec![2 * SLOT], blocks: 1 }
    }

    /// A place for `size` bytes: in the fullest block that has room, or in new ones.
    pub(crate) fn place(&mut self, size: usize) -> usize {
        let room = |at: usize| BLOCK - at % BLOCK;
        let best = (0..self.open.len()).filter(|&i| room(self.open[i]) >= size).min_by_key(|&i| room(self.open[i]));
        let at = match best {
            Some(best) => self.open.remove(best),
            None => {
                let at = self.blocks * BLOCK;
                self.blocks += size.div_ceil(BLOCK);
                at
            }
        };
        let end = (at + size).next_multiple_of(SLOT);
        if !end.is_multiple_of(BLOCK) && end.div_ceil(BLOCK) <= self.blocks {
            self.open.push(end);
            if self.open.len() > OPEN {
                let fullest = (0..self.open.len()).min_by_key(|&i| room(self.open[i]));
                self.open.remove(fullest.unwrap_or(0));
            }
        }
        at
    }

    /// Blocks that were given out.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_ones_fill_gaps_and_large_ones_begin_a_block() {
        let mut packer = Packer::new();
        let places: Vec<_> = [64, 4000, 3000, 100, 10_000, 1000, 900].map(|size| packer.place(size)).to_vec();
        // Behind number 0; a new block; room in the first; the fullest with room; three new blocks; in the first of those with room.
        assert_eq!(places, [64, 4096, 128, 3136, 8192, 18208, 19232]);
        assert_eq!(packer.blocks(), 5);
    }
}
