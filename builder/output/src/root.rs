//! The root file system of a disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rootsmith_ondisk::{Image, Sink};
use rootsmith_profile::{Partition, PartitionSize, RootFilesystem};
use rootsmith_squashfs::Compression;
use rootsmith_types::{NumBytes, Problems};

use crate::disk::{DiskInput, names, too_small};
use crate::sink::copy;
use crate::squashfs::{compress, for_squashfs};

/// A root file system whose size is known.
pub(crate) enum Root<'a> {
    Ext4(Box<rootsmith_ext4::Plan<'a>>),
    Squashfs(Compressed<'a>),
}

impl<'a> Root<'a> {
    /// What has no size before it is compressed goes to `scratch`, which is empty and lies where the disk is to be, at `path`.
    pub(crate) fn new(
        input: &DiskInput<'a>,
        partition: &Partition,
        scratch: &'a File,
        path: &Path,
    ) -> Result<Root<'a>, Problems> {
        if partition.filesystem == RootFilesystem::Ext4 {
            return Ok(Root::Ext4(Box::new(plan_ext4(input, partition)?)));
        }
        let (tree, _) = for_squashfs(input.root);
        let used = compress(Compression::ZSTD, &tree, input.blobs, input.date, scratch, path)?;
        let size = match partition.size.value {
            PartitionSize::Minimal => used,
            PartitionSize::Fixed(size) if used <= size => size,
            PartitionSize::Fixed(size) => return Err(too_small("root", &partition.size.origin, size, used).into()),
        };
        Ok(Root::Squashfs(Compressed { file: scratch, used, size }))
    }

    pub(crate) fn image(&self) -> &dyn Image {
        match self {
            Root::Ext4(plan) => &**plan,
            Root::Squashfs(compressed) => compressed,
        }
    }

    /// What is free in it for ordinary users.
    pub(crate) fn available(&self) -> NumBytes {
        match self {
            Root::Ext4(plan) => plan.available(),
            Root::Squashfs(_) => NumBytes::new(0),
        }
    }
}

pub(crate) fn plan_ext4<'a>(
    input: &DiskInput<'a>,
    partition: &Partition,
) -> Result<rootsmith_ext4::Plan<'a>, Problems> {
    let size = match partition.size.value {
        PartitionSize::Fixed(size) => rootsmith_ext4::Size::Fixed(size),
        PartitionSize::Minimal => rootsmith_ext4::Size::Minimal { free: partition.free },
    };
    let options = rootsmith_ext4::Options {
        label: names(partition.kind.value).1.to_owned(),
        time: input.date,
        ..rootsmith_ext4::Options::new(input.ids.root_filesystem, input.ids.hash_seed, size)
    };
    rootsmith_ext4::plan(input.root, input.blobs, &options).map_err(|error| match error {
        rootsmith_ext4::PlanError::TooSmall { given, needed } => {
            too_small("root", &partition.size.origin, given, needed).into()
        }
        other => other.into(),
    })
}

/// A file system that was written to a file, at the begin of its partition.
pub(crate) struct Compressed<'a> {
    file: &'a File,
    used: NumBytes,
    /// Of the partition.
    size: NumBytes,
}

impl Image for Compressed<'_> {
    fn size(&self) -> NumBytes {
        self.size
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        copy(self.used.get(), |at, part| self.file.read_exact_at(part, at), out)
    }
}
