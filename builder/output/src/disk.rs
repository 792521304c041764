//! A disk image: partition table, boot partition, root file system and what a boot ROM looks for, planned whole and written
//! in one pass.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use rootsmith_disk as layout;
use rootsmith_grub::CoreImage;
use rootsmith_ondisk::Image;
use rootsmith_profile::{
    Board, BootMethod, Disk, Partition, PartitionKind, PartitionSize, PartitionTable, RootFilesystem, SECTOR,
};
use rootsmith_tree::{Blobs, Content, Tree};
use rootsmith_types::{Arch, NumBytes, Origin, Problems, Sha256Digest, UnixTime, Uuid};
use rootsmith_verity::HashTree;

use crate::OutputError;
use crate::bios::{BEHIND_MBR, Bios, CORE_IMAGE, core_sector};
use crate::formats::{self, DiskFile};
use crate::root::{MadeRoot, Root, Stored};
use crate::sink::FileSink;

/// Partitions begin and end on such boundaries, as every partitioning tool has it today.
const ALIGN: NumBytes = NumBytes::mib(1);
/// Those of a board's card: the usual erase block, so that flash never rewrites one for two partitions.
const ALIGN_CARD: NumBytes = NumBytes::mib(4);
/// Identifiers of one disk: all derived from the lock, none drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskIds {
    /// Of the disk.
    pub disk: Uuid,
    /// Of the disk, where its table is an MBR.
    pub signature: u32,
    /// Of the root partition, in a GPT.
    pub root_partition: Uuid,
    /// Of the partition with the hashes over the root.
    pub verity_partition: Uuid,
    /// Of the partition that firmware reads, in a GPT.
    pub boot_partition: Uuid,
    /// Of the partition that GRUB's core image is in.
    pub bios_partition: Uuid,
    /// Of the root file system.
    pub root_filesystem: Uuid,
    /// Seed of its directory hashes.
    pub hash_seed: Uuid,
    /// FAT volume serial number.
    pub boot_volume: u32,
}

impl DiskIds {
    /// The identifiers that follow from `seed`.
    pub fn derive(seed: &Sha256Digest) -> DiskIds {
        // The words stay as they are, `esp` for any boot partition: others would give every image other identifiers.
        let of = |purpose| Uuid::derive(seed, purpose);
        let short = |purpose| {
            let uuid = of(purpose);
            let mut number = [0; 4];
            number.copy_from_slice(&uuid.as_bytes()[..4]);
            u32::from_be_bytes(number)
        };
        DiskIds {
            disk: of("disk"),
            // 0 is what a disk without a signature has.
            signature: short("disk signature").max(1),
            root_partition: of("root partition"),
            verity_partition: of("verity partition"),
            boot_partition: of("esp partition"),
            bios_partition: of("bios boot partition"),
            root_filesystem: of("root file system"),
            hash_seed: of("root hash seed"),
            boot_volume: short("esp volume"),
        }
    }

    /// The same, but for the partitions that are found by the hash over the root (Discoverable Partitions Specification).
    pub fn with_hashes(self, hashes: &HashTree) -> DiskIds {
        let (root_partition, verity_partition) = hashes.partition_uuids();
        DiskIds { root_partition, verity_partition, ..self }
    }

    /// The boot partition's serial number, as `blkid` prints it: `1234-ABCD`.
    pub fn boot_serial(&self) -> String {
        format!("{:04X}-{:04X}", self.boot_volume >> 16, self.boot_volume & 0xffff)
    }
}

/// What goes on a disk.
pub struct DiskInput<'a> {
    /// The image and its architecture, as its files are called.
    pub name: &'a str,
    /// The `[[output]]`.
    pub disk: &'a Disk,
    /// For the root partition's type.
    pub arch: Arch,
    /// The root file system.
    pub root: &'a Tree,
    /// The same as [`make_root`](crate::make_root) left it, where it has no size before.
    pub made: Option<&'a MadeRoot>,
    /// What is on the partition that firmware reads.
    pub esp: &'a Tree,
    /// What lies outside the partitions.
    pub raw: &'a [RawPiece],
    /// What a BIOS starts.
    pub bios: Option<&'a CoreImage>,
    /// The machine, where it is a board.
    pub board: Option<&'a Board>,
    /// Where contents are.
    pub blobs: &'a dyn Blobs,
    /// Identifiers.
    pub ids: DiskIds,
    /// Creation time of the file systems.
    pub date: UnixTime,
}

/// Bytes that a boot ROM looks for at a place of the disk.
#[derive(Debug, Clone)]
pub struct RawPiece {
    /// What messages call it.
    pub name: String,
    /// Where it begins.
    pub offset: NumBytes,
    /// The bytes.
    pub content: Content,
    /// Where it is asked for.
    pub origin: Origin,
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
        PartitionKind::RootVerity => ("root-verity", ""),
        PartitionKind::Esp => ("esp", "ESP"),
        PartitionKind::Firmware => ("firmware", "FIRMWARE"),
        PartitionKind::BiosBoot => ("bios-boot", ""),
    }
}

/// `PARTUUID` of the partition of `kind`, as Linux spells it.
pub fn partuuid(disk: &Disk, ids: &DiskIds, kind: PartitionKind) -> String {
    match disk.table.value {
        PartitionTable::Gpt | PartitionTable::Hybrid => {
            let guid = match kind {
                PartitionKind::Root => ids.root_partition,
                PartitionKind::RootVerity => ids.verity_partition,
                PartitionKind::Esp | PartitionKind::Firmware => ids.boot_partition,
                PartitionKind::BiosBoot => ids.bios_partition,
            };
            guid.to_string()
        }
        PartitionTable::Mbr => {
            let at = disk.partitions.iter().position(|partition| partition.kind.value == kind).unwrap_or_default();
            format!("{:08x}-{:02x}", ids.signature, at + 1)
        }
    }
}

/// How large the root file system will be, and what of it ordinary users may write: planned, nothing is written.
pub fn root_size(input: &DiskInput<'_>) -> Result<(NumBytes, NumBytes), Problems> {
    match input.disk.root() {
        Some(partition) => Root::new(input, partition).map(|root| (root.image().size(), root.available())),
        None => Ok((NumBytes::new(0), NumBytes::new(0))),
    }
}

/// Plans the disk, then writes it to `file` (empty, at `path`), and in the same ascending pass to `others` as what they are to be.
pub fn write_disk(
    input: &DiskInput<'_>,
    file: &File,
    path: &Path,
    others: &[DiskFile<'_>],
) -> Result<DiskLayout, Problems> {
    formats::check(input)?;
    let boot = match input.disk.boot_partition() {
        Some(partition) => Some(plan_boot(input, partition)?),
        None => None,
    };
    let root = match input.disk.root() {
        Some(partition) => Some(Root::new(input, partition)?),
        None => None,
    };
    let pieces: Vec<Stored<'_>> = input.raw.iter().map(|raw| Stored::new(&raw.content, input.blobs)).collect();
    let bios = Bios::plan(input)?;
    let images = Images {
        root: root.as_ref().map(Root::image),
        hashes: input.made.and_then(|made| made.hashes.as_ref()).map(|hashes| hashes as &dyn Image),
        boot: boot.as_ref().map(|plan| plan as &dyn Image),
        pieces: &pieces,
    };
    // Where the core image will lie has to be in it, and does not depend on it.
    let bios = match bios {
        Some(bios) => {
            let first: Vec<u64> =
                lay_out(input, &images, Some(&bios))?.partitions().iter().map(|(first, _)| *first).collect();
            Some(bios.placed_at(core_sector(input.disk, first)))
        }
        None => None,
    };
    let disk = lay_out(input, &images, bios.as_ref())?;
    let size = disk.size();
    let failed = |source| OutputError::io(path, "write", size)(source);
    file.set_len(size.get()).map_err(failed)?;
    let mut sink = FileSink::new(file);
    formats::write(input, &disk, &mut sink, others).map_err(|error| match error {
        formats::WriteError::Io(source) => failed(source),
        formats::WriteError::Refused(error) => error,
    })?;
    Ok(DiskLayout {
        size,
        written: sink.into_written(),
        root_available: root.map_or(NumBytes::new(0), |root| root.available()),
    })
}

/// What lies on the disk, beside what a BIOS starts.
struct Images<'a> {
    root: Option<&'a dyn Image>,
    hashes: Option<&'a dyn Image>,
    boot: Option<&'a dyn Image>,
    /// In the order of [`DiskInput::raw`].
    pieces: &'a [Stored<'a>],
}

fn lay_out<'a>(
    input: &DiskInput<'_>,
    images: &Images<'a>,
    bios: Option<&'a Bios<'_>>,
) -> Result<layout::Plan<'a>, Problems> {
    let mut partitions = Vec::new();
    for partition in &input.disk.partitions {
        let image = match partition.kind.value {
            PartitionKind::Root => images.root,
            PartitionKind::RootVerity => images.hashes,
            PartitionKind::Esp | PartitionKind::Firmware => images.boot,
            PartitionKind::BiosBoot => bios.map(|bios| bios as &dyn Image),
        };
        partitions.extend(image.map(|image| entry(input, partition, image)));
    }
    let blobs = input.raw.iter().zip(images.pieces);
    let blobs = blobs.map(|(raw, image)| layout::Blob { name: raw.name.clone(), offset: raw.offset, image });
    let bios_blob = bios.filter(|_| input.disk.table.value == PartitionTable::Mbr);
    let bios_blob = bios_blob.map(|image| layout::Blob { name: CORE_IMAGE.to_owned(), offset: BEHIND_MBR, image });
    let mut options = options(input);
    options.boot_code = bios.map_or(options.boot_code, |bios| bios.placed.boot);
    layout::plan(partitions, blobs.chain(bios_blob).collect(), &options).map_err(|error| placed(error, input))
}

/// What is wrong with a blob is wrong where the profile asks for it.
fn placed(error: layout::PlanError, input: &DiskInput<'_>) -> Problems {
    let name = match &error {
        layout::PlanError::Overlap { blob, .. } | layout::PlanError::PastMbr(blob) => match &blob.owner {
            layout::Owner::Blob(name) => Some(name),
            _ => None,
        },
        layout::PlanError::EmptyBlob(name) => Some(name),
        _ => None,
    };
    match input.raw.iter().find(|raw| Some(&raw.name) == name) {
        Some(raw) => OutputError::Blob { origin: raw.origin.clone(), error: Box::new(error) }.into(),
        None => error.into(),
    }
}

fn options(input: &DiskInput<'_>) -> layout::Options {
    let first = input.board.and_then(|board| board.first_sector.as_ref()).map_or(0, |sector| sector.value * SECTOR);
    layout::Options {
        table: match input.disk.table.value {
            PartitionTable::Gpt => layout::Table::Gpt,
            PartitionTable::Mbr => layout::Table::Mbr,
            PartitionTable::Hybrid => layout::Table::Hybrid,
        },
        disk_guid: input.ids.disk,
        signature: input.ids.signature,
        align: if input.board.is_some() { ALIGN_CARD } else { ALIGN },
        first: NumBytes::new(first),
        boot_code: [0; layout::BOOT_CODE],
        size: if input.disk.power_of_two { layout::Size::PowerOfTwo } else { layout::Size::Minimal },
        unit: formats::unit(input.disk),
    }
}

/// What the table says of a partition.
fn entry<'a>(input: &DiskInput<'_>, partition: &Partition, image: &'a dyn Image) -> layout::Partition<'a> {
    let (name, _) = names(partition.kind.value);
    // A Raspberry Pi reads no partition of another type from an MBR.
    let raspberry_pi = input.disk.boots_by(BootMethod::RaspberryPi);
    let (type_guid, mbr_type, guid) = match partition.kind.value {
        PartitionKind::Root => (layout::types::root(input.arch), layout::types::MBR_LINUX, input.ids.root_partition),
        // Never in an MBR.
        PartitionKind::RootVerity => (layout::types::root_verity(input.arch), 0, input.ids.verity_partition),
        PartitionKind::Esp if raspberry_pi => (layout::types::ESP, layout::types::MBR_FAT, input.ids.boot_partition),
        PartitionKind::Esp => (layout::types::ESP, layout::types::MBR_ESP, input.ids.boot_partition),
        PartitionKind::Firmware => (layout::types::BASIC_DATA, layout::types::MBR_FAT, input.ids.boot_partition),
        // Never in an MBR.
        PartitionKind::BiosBoot => (layout::types::BIOS_BOOT, 0, input.ids.bios_partition),
    };
    let boots = matches!(partition.kind.value, PartitionKind::Esp | PartitionKind::Firmware);
    let grows = if partition.grow { layout::types::GROW_FILE_SYSTEM } else { 0 };
    // U-Boot looks for `extlinux.conf` on partitions that are marked so, else on the first one.
    let marked = boots && input.disk.boots_by(BootMethod::Extlinux);
    let marked = if marked { layout::types::LEGACY_BIOS_BOOTABLE } else { 0 };
    let read_only = match partition.filesystem {
        RootFilesystem::Ext4 => 0,
        RootFilesystem::Squashfs => layout::types::READ_ONLY,
    };
    let attributes = grows | marked | read_only;
    layout::Partition {
        name: name.to_owned(),
        type_guid,
        mbr_type,
        guid,
        attributes,
        active: boots,
        hybrid: boots,
        image,
    }
}

fn plan_boot<'a>(input: &DiskInput<'a>, partition: &Partition) -> Result<rootsmith_fat::Plan<'a>, Problems> {
    let size = match partition.size.value {
        PartitionSize::Fixed(size) => rootsmith_fat::Size::Fixed(size),
        PartitionSize::Minimal => rootsmith_fat::Size::Minimal { free: partition.free },
    };
    let options = rootsmith_fat::Options {
        size,
        volume_id: input.ids.boot_volume,
        label: names(partition.kind.value).1.to_owned(),
    };
    rootsmith_fat::plan(input.esp, input.blobs, &options).map_err(|error| match error {
        rootsmith_fat::PlanError::TooSmall { size, needed } => {
            too_small(names(partition.kind.value).0, &partition.size.origin, size, needed).into()
        }
        other => other.into(),
    })
}

pub(crate) fn too_small(what: &'static str, origin: &Origin, size: NumBytes, needed: NumBytes) -> OutputError {
    OutputError::PartitionTooSmall { what, origin: origin.clone(), size, needed }
}
