//! A swap area as `mkswap` makes one: an [`Image`] whose first page says how many follow it. Nothing is read from those before the
//! kernel has written there, so nothing else is written here.

#![warn(clippy::as_conversions, clippy::arithmetic_side_effects)]

mod error;
mod format;

use std::io;

use rootsmith_ondisk::{Image, Sink};
use rootsmith_types::{NumBytes, Uuid};
use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

pub use error::PlanError;
use format::{HEADER, Header, LEAST_PAGES, PAGE, SIGNATURE};

/// Longest label, in bytes.
const LABEL: usize = 16;

/// A swap area.
pub struct Plan {
    size: NumBytes,
    header: Header,
}

/// An area that fills `size`, which is rounded down to whole pages.
pub fn plan(size: NumBytes, uuid: Uuid, label: &str) -> Result<Plan, PlanError> {
    let pages = size.get() / PAGE;
    if pages < LEAST_PAGES {
        return Err(PlanError::TooSmall { given: size, needed: NumBytes::new(LEAST_PAGES.saturating_mul(PAGE)) });
    }
    let last = pages.checked_sub(1).and_then(|last| u32::try_from(last).ok());
    let last = last.ok_or(PlanError::TooLarge { given: size })?;
    let mut volume_name = [0; LABEL];
    let room = volume_name.get_mut(..label.len()).ok_or_else(|| PlanError::Label(label.to_owned()))?;
    room.copy_from_slice(label.as_bytes());
    let header = Header {
        version: U32::new(1),
        last_page: U32::new(last),
        nr_badpages: U32::new(0),
        uuid: *uuid.as_bytes(),
        volume_name,
    };
    Ok(Plan { size, header })
}

impl Image for Plan {
    fn size(&self) -> NumBytes {
        self.size
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        let mut page = [0; 4096];
        let (first, rest) = page.split_at_mut(1024);
        debug_assert_eq!(u64::try_from(first.len()).ok(), Some(HEADER));
        let header = self.header.as_bytes();
        // Both are far shorter than what is left of the page.
        rest[..header.len()].copy_from_slice(header);
        if let Some(end) = rest.last_chunk_mut::<10>() {
            *end = *SIGNATURE;
        }
        out.write_at(0, &page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_header_can_say_is_refused() {
        let plan = |size, label| plan(NumBytes::new(size), Uuid::new([7; 16]), label).map(|plan| plan.size().get());
        assert_eq!(plan(40_960, "sixteen-letters-"), Ok(40_960));
        assert!(matches!(plan(40_959, ""), Err(PlanError::TooSmall { .. })));
        assert!(matches!(plan(40_960, "seventeen-letters"), Err(PlanError::Label(_))));
        assert_eq!(plan(4096 << 32, ""), Ok(4096 << 32));
        assert!(matches!(plan((4096 << 32) + 4096, ""), Err(PlanError::TooLarge { .. })));
    }
}
