//! Decides: what is stored, and what is refused.

use rootsmith_tree::{Blobs, Tree};

use crate::collect::Collected;
use crate::{Compression, Options, PlanError};

/// An EROFS of which all but the length of what is compressed is decided.
pub struct Plan<'a> {
    pub(crate) blobs: &'a dyn Blobs,
    pub(crate) collected: Collected<'a>,
    pub(crate) options: Options,
}

/// Plans an EROFS of `tree`. Contents are read from `blobs` when it is written, not before.
pub fn plan<'a>(tree: &'a Tree, blobs: &'a dyn Blobs, options: &Options) -> Result<Plan<'a>, PlanError> {
    if options.label.len() > 15 {
        return Err(PlanError::LabelTooLong(options.label.clone()));
    }
    if let Compression::Zstd { level } = options.compression
        && !(1..=22).contains(&level)
    {
        return Err(PlanError::Level(level));
    }
    let collected = Collected::collect(tree, options.compression)?;
    Ok(Plan { blobs, collected, options: options.clone() })
}
