//! qcow2.

use crate::{OpenError, Source};

/// Whether the source looks like one.
pub(crate) fn is(_source: &Source) -> bool {
    false
}

/// The disk in it.
pub(crate) fn open(_source: Source) -> Result<Source, OpenError> {
    Err(OpenError::unsupported("qcow2", "everything"))
}
