//! Which format, and what concerns the disk as a whole.

use std::fmt;

use rootsmith_types::{NumBytes, Uuid};

use crate::number::SECTOR;

/// A disk image as a hypervisor or a cloud takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// VDI with blocks where something is.
    Vdi,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 1] = [Format::Vdi];

    /// What file names end with, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Format::Vdi => "vdi",
        }
    }

    /// The least size from `size` on that everybody who takes the format takes, to be asked before the disk is planned: a GPT
    /// has its copy at the very end. A whole number of MiB, as VirtualBox
    /// makes disks. `None` when that does not fit a number.
    pub fn rounded(self, size: NumBytes) -> Option<NumBytes> {
        let unit = match self {
            Format::Vdi => 1 << 20,
        };
        NumBytes::new(size.get().max(1)).checked_round_up(unit)
    }

    /// A size that is no multiple of this cannot be said in the format.
    pub(crate) const fn unit(self) -> u64 {
        SECTOR
    }

    /// The largest disk.
    pub(crate) const fn limit(self) -> u64 {
        match self {
            Format::Vdi => crate::vdi::LIMIT,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Vdi => "VDI",
        })
    }
}

/// What concerns the disk as a whole.
#[derive(Debug, Clone)]
pub struct Options {
    /// The disk's identifier; whatever else a format wants is derived from it.
    pub id: Uuid,
}

impl Options {
    /// What has to be said.
    pub fn new(id: Uuid) -> Options {
        Options { id }
    }
}
