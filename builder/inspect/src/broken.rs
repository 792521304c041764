//! Why something in a file system cannot be read, before it is known where it lies.

use std::fmt::{self, Display};
use std::io;

use crate::OpenError;

/// A lower-case phrase.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) String);

pub(crate) type Result<T> = std::result::Result<T, Broken>;

/// A reason, as an error.
pub(crate) fn broken<T>(reason: impl Display) -> Result<T> {
    Err(Broken(reason.to_string()))
}

impl Broken {
    /// The same, with the place it was met at.
    pub(crate) fn at(self, layer: &'static str, place: impl Display) -> OpenError {
        OpenError::damaged_at(layer, place, self.0)
    }

    /// The same, of the whole.
    pub(crate) fn whole(self, layer: &'static str) -> OpenError {
        OpenError::damaged(layer, self.0)
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken(match error.kind() {
            io::ErrorKind::UnexpectedEof => "it points past the end of the image".to_owned(),
            _ => format!("the image cannot be read there: {error}"),
        })
    }
}

impl From<Broken> for io::Error {
    fn from(error: Broken) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error.0)
    }
}

impl Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
