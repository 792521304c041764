//! A disk image: partition table, EFI system partition, root file system, planned whole and written in one pass.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use rootsmith_disk as layout;
use rootsmith_ondisk::Image;
use rootsmith_profile::{Disk, Partition, PartitionKind, PartitionSize};
use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::{Arch, NumBytes, Origin, Problems, Sha256Digest, UnixTime, Uuid};

use crate::OutputError;
use crate::sink::FileSink;

/// Partitions begin and end on such boundaries, so that flash never rewrites a block for two of them.
const ALIGN: NumBytes = NumBytes::mib(1);

/// Identifiers of one disk: all derived from the lock, none drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskIds {
    /// Of the disk.
    pub disk: Uuid,
    /// Of the root partition: `root=PARTUUID=…`.
    pub root_partition: Uuid,
    /// Of the EFI system partition.
    pub esp_partition: Uuid,
    /// Of the root file system.
    pub root_filesystem: Uuid,
    /// Seed of its directory hashes.
    pub hash_seed: Uuid,
    /// FAT volume serial number.
    pub esp_volume: u32,
}

impl DiskIds {
    /// The identifiers that follow from `seed`.
    pub fn derive(seed: &Sha256Digest) -> DiskIds {
        let of = |purpose| Uuid::derive(seed, purpose);
        let volume = of("esp volume");
        let mut serial = [0; 4];
        serial.copy_from_slice(&volume.as_bytes()[..4]);
        DiskIds {
            disk: of("disk"),
            root_partition: of("root partition"),
            esp_partition: of("esp partition"),
            root_filesystem: of("root file system"),
            hash_seed: of("root hash seed"),
            esp_volume: u32::from_be_bytes(serial),
        }
    }

    /// The EFI system partition's serial number, as `blkid` prints it: `1234-ABCD`.
    pub fn esp_serial(&self) -> String {
        format!("{:04X}-{:04X}", self.esp_volume >> 16, self.esp_volume & 0xffff)
    }
}

/// What goes on a disk.
pub struct DiskInput<'a> {
    /// The `[[output]]`.
    pub disk: &'a Disk,
    /// For the root partition's type.
    pub arch: Arch,
    /// The root file system.
    pub root: &'a Tree,
    /// What is on the ESP.
    pub esp: &'a Tree,
    /// Where contents are.
    pub blobs: &'a dyn Blobs,
    /// Identifiers.
    pub ids: DiskIds,
    /// Creation time of the file systems.
    pub date: UnixTime,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskLayout {
    /// The disk's size, holes included.
    pub size: NumBytes,
    /// The bytes that are not holes, ascending.
    pub written: Vec<Range<u64>>,
    /// What is free in the root file system for ordinary users.
    pub root_available: NumBytes,
}

/// The names of a partition: in the partition table, and of the file system in it.
pub fn names(kind: PartitionKind) -> (&'static str, &'static str) {
    match kind {
        PartitionKind::Root => ("root", "root"),
        PartitionKind::Esp => ("esp", "ESP"),
    }
}

/// How large the root file system will be, and what of it ordinary users may write: planned, nothing is written.
pub fn root_size(input: &DiskInput<'_>) -> Result<(NumBytes, NumBytes), Problems> {
    let root = input.disk.partitions.iter().find(|partition| partition.kind.value == PartitionKind::Root);
    match root {
        Some(partition) => plan_root(input, partition).map(|plan| (plan.size(), plan.available())),
        None => Ok((NumBytes::new(0), NumBytes::new(0))),
    }
}

/// Plans the disk, then writes it to `file` (empty, at `path`) in one ascending pass.
pub fn write_disk(input: &DiskInput<'_>, file: &File, path: &Path) -> Result<DiskLayout, Problems> {
    let root = input.disk.partitions.iter().find(|partition| partition.kind.value == PartitionKind::Root);
    let root = match root {
        Some(partition) => Some(plan_root(input, partition)?),
        None => None,
    };
    let esp = match input.disk.partitions.iter().find(|partition| partition.kind.value == PartitionKind::Esp) {
        Some(partition) => Some(plan_esp(input, partition)?),
        None => None,
    };
    let mut partitions = Vec::new();
    for partition in &input.disk.partitions {
        let (name, _) = names(partition.kind.value);
        let (type_guid, guid, image): (_, _, Option<&dyn Image>) = match partition.kind.value {
            PartitionKind::Root => (
                layout::types::root(input.arch),
                input.ids.root_partition,
                root.as_ref().map(|plan| plan as &dyn Image),
            ),
            PartitionKind::Esp => {
                (layout::types::ESP, input.ids.esp_partition, esp.as_ref().map(|plan| plan as &dyn Image))
            }
        };
        let attributes = if partition.grow { layout::types::GROW_FILE_SYSTEM } else { 0 };
        if let Some(image) = image {
            partitions.push(layout::Partition {
                name: name.to_owned(),
                type_guid,
                mbr_type: match partition.kind.value {
                    PartitionKind::Root => layout::types::MBR_LINUX,
                    PartitionKind::Esp => layout::types::MBR_ESP,
                },
                guid,
                attributes,
                active: false,
                hybrid: false,
                image,
            });
        }
    }
    let options = layout::Options { align: ALIGN, ..layout::Options::new(input.ids.disk) };
    let disk = layout::plan(partitions, Vec::new(), &options)?;
    let size = disk.size();
    let failed = |source| OutputError::io(path, "write", size)(source);
    file.set_len(size.get()).map_err(failed)?;
    let mut sink = FileSink::new(file);
    disk.write(&mut sink).map_err(failed)?;
    Ok(DiskLayout {
        size,
        written: sink.into_written(),
        root_available: root.map_or(NumBytes::new(0), |plan| plan.available()),
    })
}

fn plan_root<'a>(input: &DiskInput<'a>, partition: &Partition) -> Result<rootsmith_ext4::Plan<'a>, Problems> {
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

fn plan_esp<'a>(input: &DiskInput<'a>, partition: &Partition) -> Result<rootsmith_fat::Plan<'a>, Problems> {
    let size = match partition.size.value {
        PartitionSize::Fixed(size) => rootsmith_fat::Size::Fixed(size),
        PartitionSize::Minimal => rootsmith_fat::Size::Minimal { free: partition.free },
    };
    let options = rootsmith_fat::Options {
        size,
        volume_id: input.ids.esp_volume,
        label: names(partition.kind.value).1.to_owned(),
    };
    rootsmith_fat::plan(input.esp, input.blobs, &options).map_err(|error| match error {
        rootsmith_fat::PlanError::TooSmall { size, needed } => {
            too_small("esp", &partition.size.origin, size, needed).into()
        }
        other => other.into(),
    })
}

fn too_small(what: &'static str, origin: &Origin, size: NumBytes, needed: NumBytes) -> OutputError {
    OutputError::PartitionTooSmall { what, origin: origin.clone(), size, needed }
}
