//! What lies in a partition of a disk.

use std::io;

use rootsmith_ondisk::{Image, Sink};
use rootsmith_profile::{Partition, PartitionKind, PartitionSize};
use rootsmith_tree::Tree;
use rootsmith_types::{NumBytes, Problems};

use crate::OutputError;
use crate::disk::{DiskInput, Room, names};
use crate::made::{MadeRoot, Stored};

/// A file system whose size is known.
pub(crate) enum Volume<'a> {
    Ext4(Box<rootsmith_ext4::Plan<'a>>),
    Fat(Box<rootsmith_fat::Plan<'a>>),
    /// A root that had no size before, what vouches for it, or a slot for either.
    Within(Within<'a>),
    Swap(rootsmith_swap::Plan),
}

impl<'a> Volume<'a> {
    /// That of the partition at `at`; none where nothing is put.
    pub(crate) fn plan(input: &DiskInput<'a>, at: usize) -> Result<Option<Volume<'a>>, Problems> {
        let partition = &input.disk.partitions[at];
        Ok(match (partition.kind.value, input.trees[at], input.made) {
            (PartitionKind::Root, Some(_), Some(made)) => {
                let stored = Stored { content: &made.content, blobs: input.blobs };
                Some(Volume::Within(Within::new(partition, stored)?))
            }
            (PartitionKind::RootVerity, _, Some(MadeRoot { hashes: Some(hashes), .. })) => {
                Some(Volume::Within(Within::new(partition, hashes)?))
            }
            (PartitionKind::SpareRoot | PartitionKind::SpareVerity, ..) => {
                fixed(partition).map(|size| Volume::Within(Within { image: None, size }))
            }
            (PartitionKind::Swap, ..) => match fixed(partition) {
                Some(size) => {
                    let uuid = input.ids.partition(input.disk, at).filesystem;
                    Some(Volume::Swap(rootsmith_swap::plan(size, uuid, names(partition).1)?))
                }
                None => None,
            },
            (PartitionKind::Esp | PartitionKind::Firmware, Some(tree), _) => Some(plan_fat(input, at, tree)?),
            (_, Some(tree), _) => Some(plan_ext4(input, at, tree)?),
            (_, None, _) => None,
        })
    }

    pub(crate) fn image(&self) -> &dyn Image {
        match self {
            Volume::Ext4(plan) => &**plan,
            Volume::Fat(plan) => &**plan,
            Volume::Within(within) => within,
            Volume::Swap(plan) => plan,
        }
    }

    pub(crate) fn room(&self) -> Room {
        match self {
            Volume::Ext4(plan) => Room { size: plan.size(), available: plan.available() },
            // Nobody writes files there.
            Volume::Fat(_) | Volume::Within(_) | Volume::Swap(_) => {
                Room { size: self.image().size(), available: NumBytes::new(0) }
            }
        }
    }
}

fn fixed(partition: &Partition) -> Option<NumBytes> {
    match partition.size.value {
        PartitionSize::Fixed(size) => Some(size),
        PartitionSize::Minimal => None,
    }
}

/// What was made before, at the begin of a partition that may be larger, or nothing yet.
pub(crate) struct Within<'a> {
    image: Option<Box<dyn Image + 'a>>,
    size: NumBytes,
}

impl<'a> Within<'a> {
    fn new(partition: &Partition, image: impl Image + 'a) -> Result<Within<'a>, OutputError> {
        let used = image.size();
        let size = fixed(partition).unwrap_or(used);
        if used > size {
            return Err(too_small(partition, size, used));
        }
        Ok(Within { image: Some(Box::new(image)), size })
    }
}

impl Image for Within<'_> {
    fn size(&self) -> NumBytes {
        self.size
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        self.image.as_ref().map_or(Ok(()), |image| image.write(out))
    }
}

fn plan_ext4<'a>(input: &DiskInput<'a>, at: usize, tree: &'a Tree) -> Result<Volume<'a>, Problems> {
    let (partition, ids) = (&input.disk.partitions[at], input.ids.partition(input.disk, at));
    let size = match partition.size.value {
        PartitionSize::Fixed(size) => rootsmith_ext4::Size::Fixed(size),
        PartitionSize::Minimal => rootsmith_ext4::Size::Minimal { free: partition.free },
    };
    let options = rootsmith_ext4::Options {
        label: names(partition).1.to_owned(),
        time: input.date,
        ..rootsmith_ext4::Options::new(ids.filesystem, ids.hash_seed, size)
    };
    let plan = rootsmith_ext4::plan(tree, input.blobs, &options).map_err(|error| match error {
        rootsmith_ext4::PlanError::TooSmall { given, needed } => too_small(partition, given, needed).into(),
        other => Problems::from(other),
    })?;
    Ok(Volume::Ext4(Box::new(plan.traced(input.trace))))
}

fn plan_fat<'a>(input: &DiskInput<'a>, at: usize, tree: &'a Tree) -> Result<Volume<'a>, Problems> {
    let partition = &input.disk.partitions[at];
    let size = match partition.size.value {
        PartitionSize::Fixed(size) => rootsmith_fat::Size::Fixed(size),
        PartitionSize::Minimal => rootsmith_fat::Size::Minimal { free: partition.free },
    };
    let options = rootsmith_fat::Options {
        size,
        volume_id: input.ids.partition(input.disk, at).volume,
        label: names(partition).1.to_owned(),
    };
    let plan = rootsmith_fat::plan(tree, input.blobs, &options).map_err(|error| match error {
        rootsmith_fat::PlanError::TooSmall { size, needed } => too_small(partition, size, needed).into(),
        other => Problems::from(other),
    })?;
    Ok(Volume::Fat(Box::new(plan)))
}

pub(crate) fn too_small(partition: &Partition, size: NumBytes, needed: NumBytes) -> OutputError {
    let (what, origin) = (names(partition).0.to_owned(), partition.size.origin.clone());
    OutputError::PartitionTooSmall { what, origin, size, needed }
}
