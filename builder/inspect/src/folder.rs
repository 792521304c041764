//! A folder of the host.

use std::path::Path;

use crate::{OpenError, Volume};

/// Opens it: what is in it as it is, links never followed out of it.
pub(crate) fn open(_folder: &Path) -> Result<Volume, OpenError> {
    Err(OpenError::unsupported("folder", "everything"))
}
