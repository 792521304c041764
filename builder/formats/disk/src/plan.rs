//! Where each partition and each blob lies.

use std::io;
use std::ops::Range;

use rootsmith_ondisk::{Image, Shifted, Sink};
use rootsmith_types::{NumBytes, Uuid};

use crate::claim::{self, Claim, Owner};
use crate::gpt::{Tables, wide};
use crate::mbr::{self, Shown};
use crate::{BLOCK, BOOT_CODE, Options, PlanError, Size, Table};

mod check;
#[cfg(test)]
mod tests;

/// One partition: what is in it, and what the table says of it.
pub struct Partition<'a> {
    /// `PARTLABEL`: at most 36 UTF-16 units. An MBR has no names; there it is for messages.
    pub name: String,
    /// What it is for, in a GPT; see [`types`](crate::types).
    pub type_guid: Uuid,
    /// What it is for, where an MBR shows it; see [`types`](crate::types).
    pub mbr_type: u8,
    /// `PARTUUID` in a GPT: no other partition has it.
    pub guid: Uuid,
    /// Attribute bits of a GPT; see [`types`](crate::types).
    pub attributes: u64,
    /// The one to boot from, where an MBR shows it.
    pub active: bool,
    /// The MBR of a [`Table::Hybrid`] shows it, too.
    pub hybrid: bool,
    /// What is in it. The partition is as large as this, rounded up to the alignment.
    pub image: &'a dyn Image,
}

/// Bytes at a fixed place that no partition holds: what a board's boot ROM starts.
pub struct Blob<'a> {
    /// For messages: `u-boot-rockchip: idbloader.img`.
    pub name: String,
    /// Where it begins on the disk.
    pub offset: NumBytes,
    /// What is in it.
    pub image: &'a dyn Image,
}

/// A planned disk.
pub struct Plan<'a> {
    /// Both copies of the table; an MBR has no second one.
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Partitions and blobs by where they begin.
    parts: Vec<(u64, &'a dyn Image)>,
    partitions: Vec<(u64, u64)>,
    blobs: Vec<Range<u64>>,
    size: u64,
}

impl Plan<'_> {
    /// First and last LBA of each partition, in the order they came in.
    pub fn partitions(&self) -> &[(u64, u64)] {
        &self.partitions
    }

    /// The bytes of each blob, in the order they came in.
    pub fn blobs(&self) -> &[Range<u64>] {
        &self.blobs
    }
}

/// Lays the partitions out one after the other, in the order they come in, and the blobs where they belong.
pub fn plan<'a>(
    partitions: Vec<Partition<'a>>,
    blobs: Vec<Blob<'a>>,
    options: &Options,
) -> Result<Plan<'a>, PlanError> {
    let align = options.align.get();
    if !align.is_power_of_two() || align < BLOCK {
        return Err(PlanError::Alignment(options.align));
    }
    check::check(&partitions, &blobs, options)?;
    let round_up = |n: u64| n.checked_next_multiple_of(align).ok_or(PlanError::TooLarge);
    let after = |at: u64, image: &dyn Image| at.checked_add(image.size().get()).ok_or(PlanError::TooLarge);

    let head = options.table.head().get();
    let mut claims = vec![Claim { owner: Owner::Table(options.table), range: 0..head }];
    let mut parts = Vec::new();
    let mut end = head;
    let mut at = round_up(head.max(options.first.get()))?;
    let mut ranges = Vec::new();
    for partition in &partitions {
        let range = at..round_up(after(at, partition.image)?)?;
        (at, end) = (range.end, range.end);
        parts.push((range.start, partition.image));
        ranges.push(range.clone());
        claims.push(Claim { owner: Owner::Partition(partition.name.clone()), range });
    }
    let mut blob_ranges = Vec::new();
    for blob in &blobs {
        let range = blob.offset.get()..after(blob.offset.get(), blob.image)?;
        end = end.max(range.end);
        parts.push((range.start, blob.image));
        blob_ranges.push(range.clone());
        claims.push(Claim { owner: Owner::Blob(blob.name.clone()), range });
    }
    claim::check(claims)?;
    parts.sort_by_key(|(at, _)| *at);

    let mut size = round_up(end.checked_add(options.table.tail().get()).ok_or(PlanError::TooLarge)?)?;
    if options.size == Size::PowerOfTwo {
        // A multiple of the alignment still: that is a power of two, too, and no larger.
        size = size.checked_next_power_of_two().ok_or(PlanError::TooLarge)?;
    }
    // Of two powers of two one is a multiple of the other.
    size = size.checked_next_multiple_of(options.unit.get().max(1)).ok_or(PlanError::TooLarge)?;
    // Aligned, and never empty.
    let places: Vec<_> = ranges.iter().map(|it| (it.start / BLOCK, (it.end / BLOCK).saturating_sub(1))).collect();
    let (mut head, tail) = tables(&partitions, &places, size, options)?;
    head[..BOOT_CODE].copy_from_slice(&options.boot_code);
    Ok(Plan { head, tail, parts, partitions: places, blobs: blob_ranges, size })
}

impl Image for Plan<'_> {
    fn size(&self) -> NumBytes {
        NumBytes::new(self.size)
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        out.write_at(0, &self.head)?;
        for (at, image) in &self.parts {
            let mut shifted = Shifted::new(out, *at);
            image.write(&mut Bounded { inner: &mut shifted, size: image.size().get() })?;
        }
        if self.tail.is_empty() {
            return Ok(());
        }
        // The plan made room for it.
        out.write_at(self.size.saturating_sub(wide(self.tail.len())), &self.tail)
    }
}

/// Keeps an image from writing into its neighbour.
struct Bounded<'a, 'b> {
    inner: &'a mut Shifted<'b>,
    size: u64,
}

impl Sink for Bounded<'_, '_> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        match offset.checked_add(wide(data.len())) {
            Some(end) if end <= self.size => self.inner.write_at(offset, data),
            _ => Err(io::Error::other("image wrote past its size")),
        }
    }
}

/// The table at the beginning of a disk of `size` bytes, and its copy at the end.
fn tables(
    partitions: &[Partition<'_>],
    places: &[(u64, u64)],
    size: u64,
    options: &Options,
) -> Result<(Vec<u8>, Vec<u8>), PlanError> {
    let shown = |all: bool| {
        let pairs = partitions.iter().zip(places).filter(|(partition, _)| all || partition.hybrid);
        pairs.map(|(partition, place)| shown(partition, *place)).collect::<Result<Vec<_>, _>>()
    };
    let first_sector = match options.table {
        Table::Mbr => return Ok((mbr::of(options.signature, &shown(true)?), Vec::new())),
        Table::Hybrid => mbr::hybrid(options.signature, &shown(false)?),
        Table::Gpt => mbr::protective((size / BLOCK).saturating_sub(1)),
    };
    let mut gpt = Tables::new(partitions, places, options.disk_guid, size)?;
    gpt.head[..first_sector.len()].copy_from_slice(&first_sector);
    Ok((gpt.head, gpt.tail))
}

/// A partition as an MBR shows it.
fn shown(partition: &Partition<'_>, (first, last): (u64, u64)) -> Result<Shown, PlanError> {
    let (Ok(first), Ok(last)) = (u32::try_from(first), u32::try_from(last)) else {
        // What was planned fits 64 bits in bytes, so its blocks do.
        let range = first.saturating_mul(BLOCK)..last.saturating_add(1).saturating_mul(BLOCK);
        return Err(PlanError::PastMbr(Claim { owner: Owner::Partition(partition.name.clone()), range }));
    };
    Ok(Shown { active: partition.active, os_type: partition.mbr_type, first, last })
}
