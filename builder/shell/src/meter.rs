//! What a run has used of steps, bytes and depth.

use crate::Stop;

/// Bytes of text made in a whole run; the sum bounds what can be alive at one time.
const MAX_BYTES: u64 = 256 << 20;

/// Counts, and ends what counts too far.
#[derive(Debug)]
pub(crate) struct Meter {
    steps: u64,
    bytes: u64,
    /// How much deeper commands may nest, function calls and substitutions included.
    depth: usize,
}

impl Meter {
    pub(crate) fn new(steps: u64, depth: usize) -> Meter {
        Meter { steps, bytes: MAX_BYTES, depth }
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Spends `steps`.
    pub(crate) fn step(&mut self, steps: usize, line: usize) -> Result<(), Stop> {
        match self.steps.checked_sub(steps as u64) {
            Some(left) => self.steps = left,
            None => return Err(Stop::new(line, "the script does not come to an end")),
        }
        Ok(())
    }

    /// Counts `bytes` that were made, and what keeping them takes.
    pub(crate) fn made(&mut self, bytes: usize, line: usize) -> Result<(), Stop> {
        match self.bytes.checked_sub(bytes as u64 + 32) {
            Some(left) => self.bytes = left,
            None => return Err(Stop::new(line, "the script makes too much text")),
        }
        Ok(())
    }

    pub(crate) fn enter(&mut self, line: usize) -> Result<(), Stop> {
        match self.depth.checked_sub(1) {
            Some(left) => self.depth = left,
            None => return Err(Stop::new(line, "commands are nested too deep")),
        }
        Ok(())
    }

    pub(crate) fn leave(&mut self) {
        self.depth += 1;
    }
}
