//! FAT.

use crate::{OpenError, Source, Volume};

/// Whether the source looks like one.
pub(crate) fn is(_source: &Source) -> bool {
    false
}

/// Opens it: metadata now, contents when they are asked for.
pub(crate) fn open(_source: &Source) -> Result<Volume, OpenError> {
    Err(OpenError::unsupported("FAT", "everything"))
}
