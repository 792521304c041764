//! A whole image: opened, its root found, what it mounts put in its place.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use rootsmith_preflight::{
    BiosStart, BootFacts, BootVolume, DiskStart, Facts, PartitionFacts, PartitionRole, Remembered, RoomFacts,
    RootFacts, find_device_trees, find_entries, find_firmware_files,
};
use rootsmith_tree::{Blob, Blobs, Node, PackId, Tree};
use rootsmith_types::{Arch, TreePath, Uuid};

use crate::compose::{self, Mounts};
use crate::grows;
use crate::guess::{self, Guess};
use crate::tar::budget::Budget;
use crate::{
    FileSource, OpenError, Part, Partition, Source, SwapArea, Table, TableKind, Volume, cpio, disk, folder, oci, tar,
    wrapped,
};

/// EFI system partition (UEFI 2.10, table 5.7).
const ESP: Uuid =
    Uuid::new([0xc1, 0x2a, 0x73, 0x28, 0xf8, 0x1f, 0x11, 0xd2, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b]);
/// The same in an MBR.
const MBR_ESP: u8 = 0xef;
/// No text that is read here is larger.
const MAX_TEXT: u64 = 1 << 20;
/// A disk in a VMDK in an OVA that was compressed: more are no accident.
const MAX_LAYERS: usize = 6;

/// An opened image. As [`Blobs`] it serves the contents of its own tree.
pub struct Image {
    /// What it is, from the outside in: `qcow2`, `GPT`.
    pub layers: Vec<&'static str>,
    /// The partitions of a disk.
    pub table: Option<Table>,
    /// What was noticed and does not hinder.
    pub notes: Vec<String>,
    /// The root file system, with what its `/etc/fstab` mounts from other partitions.
    pub tree: Tree,
    /// Each file system that could be opened.
    volumes: Vec<Found>,
    /// Which of them is the root.
    root: usize,
    /// Whose contents a container of [`Image::tree`] holds.
    packs: Vec<(usize, PackId)>,
    bios: BiosStart,
    start: DiskStart,
    /// Every partition, opened or not.
    partitions: Vec<PartitionFacts>,
}

/// A file system, and the number of its partition in the list.
pub(crate) struct Found {
    pub(crate) volume: Volume,
    pub(crate) partition: Option<usize>,
}

impl Image {
    /// Opens whatever is at `path`: a disk, raw or a virtual machine's, a bare file system, an archive, an OCI layout, a folder. What is
    /// compressed is unpacked into files without a name in `scratch`; nothing else is written.
    pub fn open(path: &Path, scratch: &Path) -> Result<Image, OpenError> {
        let host = |source: io::Error| OpenError::Host { path: path.to_owned(), source };
        if fs::metadata(path).map_err(host)?.is_dir() {
            let is_layout = oci::is(path);
            let volume = if is_layout { oci::open(path, scratch)? } else { folder::open(path)? };
            return Ok(Image::of_volume(Vec::new(), volume));
        }
        let source = FileSource::new(File::open(path).map_err(host)?).map_err(host)?;
        Image::of_source(Arc::new(source), scratch)
    }

    /// The same for bytes from anywhere.
    pub fn of_source(source: Source, scratch: &Path) -> Result<Image, OpenError> {
        Image::within(Vec::new(), source, scratch, &Budget::default())
    }

    /// What is in `layers`, which share `budget`.
    fn within(
        mut layers: Vec<&'static str>,
        source: Source,
        scratch: &Path,
        budget: &Budget,
    ) -> Result<Image, OpenError> {
        if layers.len() > MAX_LAYERS {
            return Err(OpenError::Unknown { found: format!("one in another more than {MAX_LAYERS} times") });
        }
        let (format, source) = wrapped::opened(source)?;
        layers.extend(format);
        if let Some(volume) = guess::open(&source)? {
            return Ok(Image::of_volume(layers, volume));
        }
        if cpio::is(&source) {
            return Ok(Image::of_volume(layers, cpio::open(&source, budget)?));
        }
        if tar::is(&source) {
            let volume = tar::open(&source, scratch, budget)?;
            let carried = if volume.filesystem == "tar" { wrapped::carried(&volume.tree) } else { None };
            let Some(carried) = carried else { return Ok(Image::of_volume(layers, volume)) };
            layers.push(carried.layer);
            return Image::within(layers, carried.of(volume), scratch, budget);
        }
        if let Some((compression, unpacked)) = tar::unpacked(&source, scratch, budget)? {
            layers.push(compression);
            return Image::within(layers, unpacked, scratch, budget);
        }
        match disk::table(&source)? {
            Some(table) => Image::of_disk(layers, &source, table),
            None => Err(OpenError::Unknown { found: guess::describe(&source) }),
        }
    }

    fn of_volume(mut layers: Vec<&'static str>, volume: Volume) -> Image {
        layers.push(volume.filesystem);
        Image {
            layers,
            table: None,
            notes: Vec::new(),
            tree: volume.tree.clone(),
            volumes: vec![Found { volume, partition: None }],
            root: 0,
            packs: Vec::new(),
            bios: BiosStart::Nothing,
            start: DiskStart::default(),
            partitions: Vec::new(),
        }
    }

    fn of_disk(mut layers: Vec<&'static str>, source: &Source, table: Table) -> Result<Image, OpenError> {
        layers.push(match table.kind {
            TableKind::Gpt => "GPT",
            TableKind::Mbr => "MBR",
            TableKind::Hybrid => "GPT and MBR",
        });
        let mut volumes = Vec::new();
        let mut partitions = Vec::new();
        let mut seen = Vec::new();
        for partition in &table.partitions {
            let number = partition.index;
            let part = Part::new(Arc::clone(source), partition.offset, partition.size)
                .ok_or_else(|| OpenError::damaged("partition table", format!("partition {number} leaves the disk")))?;
            let part: Source = Arc::new(part);
            let guess = guess::guess(&part);
            let volume = guess::open(&part).map_err(|error| error.inside(&format!("partition {number}")))?;
            seen.push(format!("{number}: {}", guess.map_or("unknown", Guess::name)));
            let swap = SwapArea::read(&*part);
            partitions.push(facts(partition, guess, volume.as_ref(), swap));
            volumes.extend(volume.map(|volume| Found { volume, partition: Some(partitions.len() - 1) }));
        }
        let root = compose::root(&volumes, &partitions).ok_or(OpenError::NoRoot { partitions: seen })?;
        let Mounts { tree, packs, notes } = compose::mount(&volumes, root, &partitions);
        let bios = BiosStart::read(|offset, buf| source.read_at(offset, buf));
        let start = DiskStart::read(|offset, buf| source.read_at(offset, buf));
        let notes = table.notes.iter().cloned().chain(notes).collect();
        let mut image =
            Image { layers, table: Some(table), notes, tree, volumes, root, packs, bios, start, partitions };
        if let Some(partition) = image.volumes[root].partition {
            image.partitions[partition].role = PartitionRole::Root;
        }
        Ok(image)
    }

    /// What it is, in a few words: `qcow2, GPT`.
    pub fn kind(&self) -> String {
        self.layers.join(", ")
    }

    /// The root file system, without what is mounted in it.
    pub fn root(&self) -> &Volume {
        &self.volumes[self.root].volume
    }

    /// The architecture that its programs are for, else the one an OCI image says; `None` when neither tells.
    pub fn arch(&self) -> Option<Arch> {
        guess::arch(&self.tree, self).or(self.volumes[self.root].volume.arch)
    }

    /// The disk as firmware and kernel see it; `None` for what is no disk.
    pub fn boot_facts(&self) -> Option<BootFacts> {
        let table = self.table.as_ref()?;
        let root = &self.volumes[self.root].volume;
        let mut volumes = vec![BootVolume { tree: &self.tree, blobs: self, is_fat: false }];
        let others = self.volumes.iter().enumerate().filter(|(index, _)| *index != self.root);
        volumes.extend(others.map(|(_, Found { volume, .. })| BootVolume {
            tree: &volume.tree,
            blobs: volume,
            is_fat: volume.filesystem == "vfat",
        }));
        Some(BootFacts {
            entries: find_entries(&volumes, 0, &Remembered::default()),
            partitions: grows::with_growth(&self.partitions, &self.tree, self),
            root: RootFacts {
                filesystem: root.filesystem.to_owned(),
                size: root.size,
                available: root.available.unwrap_or_default(),
                grows: grows::root_grows(&self.tree, self),
            },
            bios: self.bios.clone(),
            device_trees: find_device_trees(&volumes, |dtb| {
                rootsmith_kernel::device_tree::bootargs(dtb).ok().flatten()
            }),
            table: match table.kind {
                TableKind::Gpt => rootsmith_preflight::TableKind::Gpt,
                TableKind::Mbr => rootsmith_preflight::TableKind::Mbr,
                TableKind::Hybrid => rootsmith_preflight::TableKind::Hybrid,
            },
            start: self.start.clone(),
            firmware: find_firmware_files(&volumes),
        })
    }

    /// What the checks look at. `boot` is what [`Image::boot_facts`] found.
    pub fn facts<'a>(&'a self, arch: Arch, boot: Option<&'a BootFacts>) -> Facts<'a> {
        Facts { tree: &self.tree, blobs: self, arch, boot }
    }
}

impl Blobs for Image {
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        // Nothing was mounted, nothing was renumbered.
        if self.packs.is_empty() {
            return self.volumes[self.root].volume.read_at(blob, offset, buf);
        }
        let &(volume, pack) = self.packs.get(blob.pack.0 as usize).ok_or(io::ErrorKind::NotFound)?;
        self.volumes[volume].volume.read_at(&Blob { pack, ..*blob }, offset, buf)
    }

    fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn facts(
    partition: &Partition,
    guess: Option<Guess>,
    volume: Option<&Volume>,
    swap: Option<SwapArea>,
) -> PartitionFacts {
    let (swap_uuid, swap_label) = swap.map_or((None, None), |area| (Some(area.uuid), area.label));
    let is_esp = partition.type_guid == Some(ESP) || partition.mbr_type == Some(MBR_ESP);
    PartitionFacts {
        role: if is_esp { PartitionRole::Esp } else { PartitionRole::Other },
        partuuid: partition.partuuid.clone(),
        partlabel: partition.name.clone(),
        filesystem: guess.map(|guess| guess.name().to_owned()),
        uuid: volume.and_then(|volume| volume.uuid.clone()).or(swap_uuid),
        label: volume.and_then(|volume| volume.label.clone()).or(swap_label),
        room: volume.and_then(|volume| {
            // Whether it grows is known when `/etc/fstab` is.
            Some(RoomFacts { size: volume.size, available: volume.available?, grows: false })
        }),
    }
}

/// The text of a file, empty where there is none.
pub(crate) fn text(tree: &Tree, blobs: &dyn Blobs, path: &TreePath) -> String {
    let data = tree.lookup(path).and_then(Node::content).and_then(|content| content.read(blobs, MAX_TEXT).ok());
    data.map(|data| String::from_utf8_lossy(&data).into_owned()).unwrap_or_default()
}

/// `/etc`, in every root.
pub(crate) fn looks_like_root(tree: &Tree) -> bool {
    let folder = |path| tree.lookup(&TreePath::literal(path)).is_some_and(|node| node.is_directory());
    folder("/etc") && (folder("/usr") || folder("/bin"))
}
