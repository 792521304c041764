//! GRUB's core image on a disk.
//!
//! | table | where it is                                     |
//! |-------|-------------------------------------------------|
//! | GPT   | at the beginning of the BIOS boot partition     |
//! | MBR   | from sector 1 on, in front of the partitions    |

use std::io;

use rootsmith_grub::{CoreImage, Placed};
use rootsmith_ondisk::{Image, Sink};
use rootsmith_profile::{Disk, PartitionKind, PartitionSize, SECTOR};
use rootsmith_types::{NumBytes, Problems};

use crate::DiskInput;
use crate::volume::too_small;

/// What messages call it.
pub(crate) const CORE_IMAGE: &str = "GRUB's core image";
/// Sector 1.
pub(crate) const BEHIND_MBR: NumBytes = NumBytes::new(SECTOR);

/// The sector that it begins at, when the partitions of `disk` begin at those in `first`.
pub fn core_sector(disk: &Disk, first: impl IntoIterator<Item = u64>) -> u64 {
    let kinds = disk.partitions.iter().map(|partition| partition.kind.value);
    let found = kinds.zip(first).find(|(kind, _)| *kind == PartitionKind::BiosBoot);
    found.map_or(BEHIND_MBR.get() / SECTOR, |(_, first)| first)
}

/// The core image, and what is left of its partition.
pub(crate) struct Bios<'a> {
    core: &'a CoreImage,
    pub(crate) placed: Placed,
    size: NumBytes,
}

impl<'a> Bios<'a> {
    /// It and its place's size, when there is one; where that place is is not known yet.
    pub(crate) fn plan(input: &DiskInput<'a>) -> Result<Option<Bios<'a>>, Problems> {
        let Some(core) = input.bios else { return Ok(None) };
        let needed = NumBytes::new(core.size() as u64);
        let mut size = needed;
        if let Some(partition) = input.disk.partitions.iter().find(|it| it.kind.value == PartitionKind::BiosBoot)
            && let PartitionSize::Fixed(given) = partition.size.value
        {
            if given < needed {
                return Err(too_small(partition, given, needed).into());
            }
            size = given;
        }
        Ok(Some(Bios { core, placed: core.place(0), size }))
    }

    /// The same from sector `first` on.
    pub(crate) fn placed_at(self, first: u64) -> Bios<'a> {
        Bios { placed: self.core.place(first), ..self }
    }
}

impl Image for Bios<'_> {
    fn size(&self) -> NumBytes {
        self.size
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        out.write_at(0, &self.placed.core)
    }
}
