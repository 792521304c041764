//! OCI image layouts.

use std::path::Path;

use crate::{OpenError, Volume};

/// Whether the folder looks like one.
pub(crate) fn is(_folder: &Path) -> bool {
    false
}

/// Opens it: the layers of its one image, applied. They are decompressed into files without a name in `scratch`.
pub(crate) fn open(_folder: &Path, _scratch: &Path) -> Result<Volume, OpenError> {
    Err(OpenError::unsupported("OCI layout", "everything"))
}
