//! A file that says where things lie in it, and may lie.

use zerocopy::FromBytes;

use crate::pages::Pages;
use crate::{OpenError, ReadAt, Source};

/// The file of an image, with a small memory for its tables.
pub(crate) struct ImageFile {
    layer: &'static str,
    pages: Pages,
}

impl ImageFile {
    /// `layer` is what errors call it.
    pub(crate) fn new(layer: &'static str, source: Source) -> ImageFile {
        ImageFile { layer, pages: Pages::new(source) }
    }

    /// Bytes of the file.
    pub(crate) fn size(&self) -> u64 {
        self.pages.size()
    }

    /// The structure at `offset`.
    pub(crate) fn read<T: FromBytes>(&self, offset: u64, what: &str) -> Result<T, OpenError> {
        let bytes = self.bytes(offset, size_of::<T>(), what)?;
        // As many as it has.
        T::read_from_bytes(&bytes).map_err(|_| self.damaged(format_args!("its {what} cannot be read")))
    }

    /// So many bytes at `offset`; the caller has bounded them.
    pub(crate) fn bytes(&self, offset: u64, length: usize, what: &str) -> Result<Vec<u8>, OpenError> {
        self.holds(offset, length as u64, what)?;
        let mut bytes = vec![0; length];
        self.fill(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills `buf` with what lies at `offset`, which the caller knows to be there.
    pub(crate) fn fill(&self, offset: u64, buf: &mut [u8]) -> Result<(), OpenError> {
        let unread = |error| OpenError::unread(self.layer, format_args!("byte {offset}"), error);
        self.pages.read_at(offset, buf).map_err(unread)
    }

    /// Whether `length` bytes at `offset` are in the file.
    pub(crate) fn holds(&self, offset: u64, length: u64, what: impl std::fmt::Display) -> Result<(), OpenError> {
        let end = offset.saturating_add(length);
        if end <= self.size() {
            return Ok(());
        }
        Err(self
            .damaged(format_args!("the file ends at byte {}, its {what} ends at byte {end}: truncated?", self.size())))
    }

    pub(crate) fn damaged(&self, reason: impl std::fmt::Display) -> OpenError {
        OpenError::damaged(self.layer, reason)
    }

    pub(crate) fn unsupported(&self, feature: impl std::fmt::Display) -> OpenError {
        OpenError::unsupported(self.layer, feature)
    }
}
