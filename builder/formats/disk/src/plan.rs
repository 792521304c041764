//! Where each partition lies.

use std::collections::BTreeSet;
use std::io;

use rootsmith_ondisk::{Image, Shifted, Sink};
use rootsmith_types::{NumBytes, Uuid};

use crate::PlanError;
use crate::table::{HEAD_BLOCKS, TAIL_BLOCKS, Tables};

/// Bytes in a logical block.
pub const BLOCK: u64 = 512;

/// One partition: what is in it, and what the table says of it.
pub struct Partition<'a> {
    /// `PARTLABEL`: at most 36 UTF-16 units.
    pub name: String,
    /// What it is for; see [`types`](crate::types).
    pub type_guid: Uuid,
    /// `PARTUUID`: no other partition has it.
    pub guid: Uuid,
    /// Attribute bits; see [`types`](crate::types).
    pub attributes: u64,
    /// What is in it. The partition is as large as this, rounded up to the alignment.
    pub image: &'a dyn Image,
}

/// What concerns the disk as a whole.
#[derive(Debug, Clone)]
pub struct Options {
    /// The disk's own GUID.
    pub disk_guid: Uuid,
    /// Each partition starts and ends at a multiple of this, and so does the disk. A power of two, at least one block.
    pub align: NumBytes,
}

impl Options {
    /// Partitions aligned to 1 MiB, as every partitioning tool does today.
    pub fn new(disk_guid: Uuid) -> Options {
        Options { disk_guid, align: NumBytes::mib(1) }
    }
}

/// A planned disk.
pub struct Plan<'a> {
    images: Vec<&'a dyn Image>,
    places: Vec<(u64, u64)>,
    tables: Tables,
    size: u64,
}

impl Plan<'_> {
    /// First and last LBA of each partition, in the order they came in.
    pub fn partitions(&self) -> &[(u64, u64)] {
        &self.places
    }
}

/// Lays the partitions out one after the other, in the order they come in.
pub fn plan<'a>(partitions: Vec<Partition<'a>>, options: &Options) -> Result<Plan<'a>, PlanError> {
    let align = options.align.get();
    if !align.is_power_of_two() || align < BLOCK {
        return Err(PlanError::Alignment(options.align));
    }
    check(&partitions, options.disk_guid)?;

    let round_up = |n: u64| n.checked_next_multiple_of(align).ok_or(PlanError::TooLarge);
    let mut at = round_up(HEAD_BLOCKS * BLOCK)?;
    let mut places = Vec::with_capacity(partitions.len());
    for partition in &partitions {
        let end = round_up(at.checked_add(partition.image.size().get()).ok_or(PlanError::TooLarge)?)?;
        places.push((at / BLOCK, end / BLOCK - 1));
        at = end;
    }
    let size = round_up(at.checked_add(TAIL_BLOCKS * BLOCK).ok_or(PlanError::TooLarge)?)?;
    let tables = Tables::new(&partitions, &places, options.disk_guid, size)?;
    let images = partitions.into_iter().map(|partition| partition.image).collect();
    Ok(Plan { images, places, tables, size })
}

impl Image for Plan<'_> {
    fn size(&self) -> NumBytes {
        NumBytes::new(self.size)
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        out.write_at(0, &self.tables.head)?;
        for (image, (first, _)) in self.images.iter().zip(&self.places) {
            let mut shifted = Shifted::new(out, first * BLOCK);
            image.write(&mut Bounded { inner: &mut shifted, size: image.size().get() })?;
        }
        out.write_at(self.tables.tail_offset(), &self.tables.tail)
    }
}

/// Keeps an image from writing into its neighbour.
struct Bounded<'a, 'b> {
    inner: &'a mut Shifted<'b>,
    size: u64,
}

impl Sink for Bounded<'_, '_> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        match offset.checked_add(data.len() as u64) {
            Some(end) if end <= self.size => self.inner.write_at(offset, data),
            _ => Err(io::Error::other("image wrote past its size")),
        }
    }
}

fn check(partitions: &[Partition<'_>], disk_guid: Uuid) -> Result<(), PlanError> {
    if partitions.len() > 128 {
        return Err(PlanError::TooManyPartitions(partitions.len()));
    }
    let mut guids = BTreeSet::from([disk_guid]);
    for partition in partitions {
        if partition.image.size().get() == 0 {
            return Err(PlanError::EmptyPartition(partition.name.clone()));
        }
        if partition.name.encode_utf16().count() > 36 {
            return Err(PlanError::NameTooLong(partition.name.clone()));
        }
        if !guids.insert(partition.guid) {
            return Err(PlanError::RepeatedGuid(partition.guid));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
