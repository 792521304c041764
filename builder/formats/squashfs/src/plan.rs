//! Decides: what is stored, in which order, and what is refused.

use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::Trace;

use crate::collect::Collected;
use crate::{Compression, Options, PlanError};

/// A squashfs of which all but the length of what is compressed is decided.
pub struct Plan<'a> {
    pub(crate) blobs: &'a dyn Blobs,
    pub(crate) collected: Collected<'a>,
    pub(crate) options: Options,
    pub(crate) trace: Trace<'a>,
}

impl<'a> Plan<'a> {
    /// Records in `trace` what each thread compresses.
    pub fn traced(self, trace: Trace<'a>) -> Plan<'a> {
        Plan { trace, ..self }
    }
}

/// Plans a squashfs of `tree`. Contents are read from `blobs` when it is written, not before.
pub fn plan<'a>(tree: &'a Tree, blobs: &'a dyn Blobs, options: &Options) -> Result<Plan<'a>, PlanError> {
    let block_size = options.block_size;
    if !block_size.is_power_of_two() || !(4096..=1 << 20).contains(&block_size) {
        return Err(PlanError::BlockSize(block_size));
    }
    let (level, most) = match options.compression {
        Compression::Zstd { level } => (level, 22),
        Compression::Gzip { level } => (level, 9),
        Compression::Xz | Compression::Lz4 => (1, 1),
    };
    if !(1..=most).contains(&level) {
        return Err(PlanError::Level { level, most });
    }
    let collected = Collected::collect(tree, block_size)?;
    Ok(Plan { blobs, collected, options: options.clone(), trace: Trace::off() })
}
