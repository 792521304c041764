//! tar, plain or compressed.

use std::path::Path;

use crate::{OpenError, Source, Volume};

/// Whether the source looks like one, compressed or not.
pub(crate) fn is(_source: &Source) -> bool {
    false
}

/// Opens it. A compressed one is decompressed once, into a file without a name in `scratch`.
pub(crate) fn open(_source: &Source, _scratch: &Path) -> Result<Volume, OpenError> {
    Err(OpenError::unsupported("tar", "everything"))
}
