//! A disk image: partition table, partitions and what a boot ROM looks for, planned whole and written in one pass.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use rootsmith_disk as layout;
use rootsmith_grub::CoreImage;
use rootsmith_ondisk::Image;
use rootsmith_profile::{Board, BootMethod, Disk, Partition, PartitionKind, PartitionTable, SECTOR};
use rootsmith_tree::{Blobs, Content, Tree};
use rootsmith_types::{Arch, NumBytes, Origin, Problems, Trace, UnixTime};

use crate::OutputError;
use crate::bios::{BEHIND_MBR, Bios, CORE_IMAGE, core_sector};
use crate::formats::{self, DiskFile};
use crate::ids::DiskIds;
use crate::made::{MadeRoot, Stored};
use crate::sink::{FileSink, Follow};
use crate::volume::Volume;

/// Partitions begin and end on such boundaries, as every partitioning tool has it today.
const ALIGN: NumBytes = NumBytes::mib(1);
/// Those of a board's card: the usual erase block, so that flash never rewrites one for two partitions.
const ALIGN_CARD: NumBytes = NumBytes::mib(4);

/// Of a root that is made before its disk.
pub(crate) const ROOT_LABEL: &str = "root";

/// What goes on a disk.
pub struct DiskInput<'a> {
    /// The image and its architecture, as its files are called.
    pub name: &'a str,
    /// The `[[output]]`.
    pub disk: &'a Disk,
    /// For the root partition's type.
    pub arch: Arch,
    /// What is on each partition, in the order of the disk's list; nothing where that is no file system.
    pub trees: Vec<Option<&'a Tree>>,
    /// The root as [`make_root`](crate::make_root) left it, where it has no size before.
    pub made: Option<&'a MadeRoot>,
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
    /// Where the time goes.
    pub trace: Trace<'a>,
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
    /// The room of each partition, in their order.
    pub rooms: Vec<Room>,
}

/// How large a file system is, and what of it is free for ordinary users.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// All of it.
    pub size: NumBytes,
    /// What may be written.
    pub available: NumBytes,
}

/// The names of a partition: in the partition table, and of the file system in it.
pub fn names(partition: &Partition) -> (&str, &str) {
    let name = partition.name();
    match partition.kind.value {
        // It is made without knowing of its partition.
        PartitionKind::Root if partition.filesystem.is_read_only() => (name, ROOT_LABEL),
        PartitionKind::Root | PartitionKind::Data | PartitionKind::State | PartitionKind::Swap => (name, name),
        PartitionKind::Esp => (name, "ESP"),
        PartitionKind::Firmware => (name, "FIRMWARE"),
        PartitionKind::RootVerity | PartitionKind::SpareRoot | PartitionKind::SpareVerity | PartitionKind::BiosBoot => {
            (name, "")
        }
    }
}

/// How much room each partition will have: planned, nothing is written.
pub fn rooms(input: &DiskInput<'_>) -> Result<Vec<Room>, Problems> {
    Ok(volumes(input)?.iter().map(room).collect())
}

fn volumes<'a>(input: &DiskInput<'a>) -> Result<Vec<Option<Volume<'a>>>, Problems> {
    (0..input.disk.partitions.len()).map(|at| Volume::plan(input, at)).collect()
}

fn room(volume: &Option<Volume<'_>>) -> Room {
    volume.as_ref().map_or(Room::default(), Volume::room)
}

/// Plans the disk, then writes it to `file` (empty, at `path`), and in the same ascending pass to `others` as what they are to be.
pub fn write_disk(
    input: &DiskInput<'_>,
    file: &File,
    path: &Path,
    others: &[DiskFile<'_>],
    follow: Follow<'_>,
) -> Result<DiskLayout, Problems> {
    formats::check(input)?;
    let volumes = volumes(input)?;
    let pieces: Vec<Stored<'_>> =
        input.raw.iter().map(|raw| Stored { content: &raw.content, blobs: input.blobs }).collect();
    let bios = Bios::plan(input)?;
    let images = Images { volumes: &volumes, pieces: &pieces };
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
    let mut sink = FileSink::new(file, follow);
    formats::write(input, &disk, &mut sink, others).map_err(|error| match error {
        formats::WriteError::Io(source) => failed(source),
        formats::WriteError::Refused(error) => error,
    })?;
    Ok(DiskLayout { size, written: sink.into_written(), rooms: volumes.iter().map(room).collect() })
}

/// What lies on the disk, beside what a BIOS starts.
struct Images<'a> {
    /// In the order of the partitions.
    volumes: &'a [Option<Volume<'a>>],
    /// In the order of [`DiskInput::raw`].
    pieces: &'a [Stored<'a>],
}

fn lay_out<'a>(
    input: &DiskInput<'_>,
    images: &Images<'a>,
    bios: Option<&'a Bios<'_>>,
) -> Result<layout::Plan<'a>, Problems> {
    let mut partitions = Vec::new();
    for (at, volume) in images.volumes.iter().enumerate() {
        let image = match input.disk.partitions[at].kind.value {
            PartitionKind::BiosBoot => bios.map(|bios| bios as &dyn Image),
            _ => volume.as_ref().map(Volume::image),
        };
        partitions.extend(image.map(|image| entry(input, at, image)));
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
fn entry<'a>(input: &DiskInput<'_>, at: usize, image: &'a dyn Image) -> layout::Partition<'a> {
    let partition = &input.disk.partitions[at];
    let (name, _) = names(partition);
    // A Raspberry Pi reads no partition of another type from an MBR.
    let raspberry_pi = input.disk.boots_by(BootMethod::RaspberryPi);
    let (type_guid, mbr_type) = match partition.kind.value {
        PartitionKind::Root => (layout::types::root(input.arch), layout::types::MBR_LINUX),
        PartitionKind::Esp if raspberry_pi => (layout::types::ESP, layout::types::MBR_FAT),
        PartitionKind::Esp => (layout::types::ESP, layout::types::MBR_ESP),
        PartitionKind::Firmware => (layout::types::BASIC_DATA, layout::types::MBR_FAT),
        PartitionKind::Data | PartitionKind::State => (layout::types::LINUX_DATA, layout::types::MBR_LINUX),
        PartitionKind::Swap => (layout::types::SWAP, layout::types::MBR_SWAP),
        // Never in an MBR.
        PartitionKind::SpareRoot => (layout::types::root(input.arch), 0),
        PartitionKind::RootVerity | PartitionKind::SpareVerity => (layout::types::root_verity(input.arch), 0),
        PartitionKind::BiosBoot => (layout::types::BIOS_BOOT, 0),
    };
    let boots = matches!(partition.kind.value, PartitionKind::Esp | PartitionKind::Firmware);
    let grows = if partition.grow { layout::types::GROW_FILE_SYSTEM } else { 0 };
    // U-Boot looks for `extlinux.conf` on partitions that are marked so, else on the first one.
    let marked = boots && input.disk.boots_by(BootMethod::Extlinux);
    let marked = if marked { layout::types::LEGACY_BIOS_BOOTABLE } else { 0 };
    let read_only = if partition.filesystem.is_read_only() { layout::types::READ_ONLY } else { 0 };
    let attributes = grows | marked | read_only;
    layout::Partition {
        name: name.to_owned(),
        type_guid,
        mbr_type,
        guid: input.ids.partition(input.disk, at).partition,
        attributes,
        active: boots,
        hybrid: boots,
        image,
    }
}
