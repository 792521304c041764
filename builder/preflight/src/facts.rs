//! What is known of an image besides its tree. All of it can be had from a plan, and again from an image that was read back.

use std::collections::BTreeMap;
use std::io;

use rootsmith_tree::{Blobs, Bytes, Tree};
use rootsmith_types::{Arch, NumBytes, Sha256Digest, TreePath, Uuid};

/// What the checks look at.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The root file system.
    pub tree: &'a Tree,
    /// Its contents.
    pub blobs: &'a dyn Blobs,
    /// The architecture it is for.
    pub arch: Arch,
    /// The disk around it; `None` for a tree alone (a tar archive, a folder), whose start is somebody else's matter.
    pub boot: Option<&'a BootFacts>,
}

/// The folder of k0s, which takes the room on a node.
pub(crate) const DATA_FOLDER: &str = "/var/lib/k0s";

/// The files that payloads of the profile brought, each with the payload's number: what only the build knows of an image. Those
/// that [`may_be_run`](crate::may_be_run) are enough: an archive may hold a million others.
pub type Brought = BTreeMap<TreePath, usize>;

/// A disk, as its firmware and its kernel see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFacts {
    /// What firmware can start, in the order of their paths.
    pub entries: Vec<BootEntry>,
    /// The partitions, in the order of the table.
    pub partitions: Vec<PartitionFacts>,
    /// The root file system.
    pub root: RootFacts,
    /// What a BIOS would run.
    pub bios: BiosStart,
    /// The device trees beside the kernel, on whichever partition, in the order of their paths.
    pub device_trees: Vec<DeviceTree>,
    /// What kind of partition table there is.
    pub table: TableKind,
    /// What lies where boot ROMs look.
    pub start: DiskStart,
    /// The names in the root folder of the first FAT file system, in small letters: firmware of boards lies there.
    pub firmware: Vec<String>,
}

/// What is in the first sector of a disk, for a BIOS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BiosStart {
    /// No code.
    #[default]
    Nothing,
    /// Code that nobody here knows.
    Unknown,
    /// GRUB, with a core image that would be loaded.
    Grub {
        /// The commands in the core image.
        config: Option<String>,
        /// Where `grub.cfg` is looked for.
        prefix: Option<String>,
    },
    /// GRUB that would not start: a lower-case phrase.
    Broken(String),
}

/// What kind of partition table a disk has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TableKind {
    /// GUID partition table.
    #[default]
    Gpt,
    /// Master boot record.
    Mbr,
    /// Both: a GUID partition table, and an MBR that shows some of its partitions.
    Hybrid,
}

/// The first bytes at the few places of a disk where boot ROMs of boards look for a program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiskStart {
    found: BTreeMap<u64, Vec<u8>>,
}

impl DiskStart {
    /// The places: 1 KiB, 8 KiB, sector 64, 33 KiB, multiples of 128 KiB, sector 16,384.
    const PLACES: [u64; 9] = [0, 1 << 10, 8 << 10, 32 << 10, 33 << 10, 128 << 10, 256 << 10, 384 << 10, 8 << 20];
    /// Enough for every magic.
    const BYTES: usize = 64;

    /// Reads a disk; `read` fills its buffer from a place on. What cannot be read, behind the end for instance, is not there.
    pub fn read(mut read: impl FnMut(u64, &mut [u8]) -> io::Result<()>) -> DiskStart {
        let mut found = BTreeMap::new();
        for place in DiskStart::PLACES {
            let mut bytes = vec![0; DiskStart::BYTES];
            if read(place, &mut bytes).is_ok() {
                found.insert(place, bytes);
            }
        }
        DiskStart { found }
    }

    /// The first bytes at one of the places; none when nothing is there.
    pub(crate) fn at(&self, place: u64) -> &[u8] {
        self.found.get(&place).map_or(&[], Vec::as_slice)
    }
}

/// Where a kernel gets its device tree from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TreeSource {
    /// The firmware has its own, or the machine needs none.
    #[default]
    Firmware,
    /// The entry names the file.
    File(String),
    /// The entry names a folder, in which U-Boot takes the file that is for its board; and how many there are.
    Folder(String, usize),
    /// The firmware of a Raspberry Pi takes the file that is for its model, out of those beside it.
    Model,
}

/// A device tree that a boot loader hands to the kernel of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedTree {
    /// Where it is.
    pub path: String,
    /// The flattened tree.
    pub data: Bytes,
}

/// What `config.txt` tells the firmware of a Raspberry Pi.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigTxt {
    /// Each file that it names: the directive, the file, and whether that is there.
    pub named: Vec<(String, String, bool)>,
    /// `upstream_kernel=1`: device trees are looked for by the names they have in Linux.
    pub upstream: bool,
    /// Whether something may change the device tree before the kernel gets it.
    pub overlays: bool,
}

/// A flattened device tree that firmware or a boot loader may hand to the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceTree {
    /// Where it is: `/bcm2711-rpi-4-b.dtb`.
    pub path: String,
    /// `/chosen/bootargs`: words that come before those of the boot loader.
    pub bootargs: Option<String>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EntryKind {
    /// A unified kernel image.
    #[default]
    Uki,
    /// A program for UEFI that is no unified kernel image: a boot loader.
    Loader,
    /// `/loader/entries/*.conf` (UAPI.1, Boot Loader Specification).
    LoaderEntry,
    /// A menu entry of GRUB.
    Grub,
    /// A label of `extlinux.conf`.
    Extlinux,
    /// `config.txt` and `cmdline.txt` of a Raspberry Pi.
    RaspberryPi,
}

/// Something that can be started: by firmware, or by a boot loader that firmware starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BootEntry {
    /// What it is.
    pub kind: EntryKind,
    /// Files it names that are not there.
    pub missing: Vec<String>,
    /// Of a program for UEFI its path in capitals, for FAT knows no other: `/EFI/BOOT/BOOTX64.EFI`. Else the file that names
    /// it, and its title.
    pub path: String,
    /// The machine of the PE file, or of the kernel that is named; `None` for one we do not know or no PE file.
    pub machine: Option<Arch>,
    /// The kernel's release.
    pub release: Option<String>,
    /// The kernel command line.
    pub cmdline: Option<String>,
    /// Whether there is a kernel in it, or where it says.
    pub linux: bool,
    /// The paths in its initramfs; `None` when it has none or one that cannot be read.
    pub initramfs: Option<Vec<String>>,
    /// Where its device tree comes from.
    pub device_tree: TreeSource,
    /// The device trees it may hand on, with their contents; where there are more than some dozens, none.
    pub device_trees: Vec<HandedTree>,
    /// What a Raspberry Pi's firmware is told.
    pub config: Option<ConfigTxt>,
}

/// A partition and the file system in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionFacts {
    /// What it is for.
    pub role: PartitionRole,
    /// `PARTUUID`, as Linux spells it: a GUID, or `1234abcd-02` for an MBR's.
    pub partuuid: String,
    /// Its name in the partition table.
    pub partlabel: String,
    /// `ext4`, `vfat`.
    pub filesystem: Option<String>,
    /// The file system's identifier, as `blkid` prints it: a UUID, or `1234-ABCD` for FAT.
    pub uuid: Option<String>,
    /// The file system's label.
    pub label: Option<String>,
    /// How much may be written, where that is known and the partition is not the root's.
    pub room: Option<RoomFacts>,
}

/// The room on a partition beside the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomFacts {
    /// Of the file system.
    pub size: NumBytes,
    /// What ordinary programs may still write.
    pub available: NumBytes,
    /// Whether it grows to the disk's end on first boot.
    pub grows: bool,
}

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionRole {
    /// EFI system partition.
    Esp,
    /// Root file system.
    Root,
    /// Anything else.
    Other,
}

/// The root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootFacts {
    /// `ext4`.
    pub filesystem: String,
    /// Of the file system.
    pub size: NumBytes,
    /// What ordinary programs may still write.
    pub available: NumBytes,
    /// Whether it grows to the disk's end on first boot.
    pub grows: bool,
}

impl BootEntry {
    /// Looks into a PE file. `path` is its path on the EFI system partition.
    pub fn read(path: &str, image: &[u8]) -> BootEntry {
        crate::entries::read_uki(path, image)
    }

    /// In memory, in bytes.
    pub(crate) fn size(&self) -> usize {
        let texts = [Some(&self.path), self.release.as_ref(), self.cmdline.as_ref()].into_iter().flatten();
        let names: usize =
            texts.chain(self.initramfs.iter().flatten()).map(|text| size_of::<String>() + text.len()).sum();
        let trees: usize = self.device_trees.iter().map(|tree| size_of::<HandedTree>() + tree.data.len()).sum();
        size_of::<BootEntry>() + names + trees
    }

    /// The words of the command line.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.cmdline.as_deref().unwrap_or_default().split_ascii_whitespace()
    }
}

impl BootFacts {
    /// What firmware starts on a disk it does not know: an entry that holds a kernel or names one. GRUB's entries are a BIOS's where a
    /// BIOS starts it, and a loader's for UEFI where there is nothing else.
    pub fn default_entry(&self, arch: Arch) -> Option<&BootEntry> {
        let first = self.removable(arch);
        if let Some(entry) = first.filter(|entry| entry.kind == EntryKind::Uki) {
            return Some(entry);
        }
        // A boot loader offers unified kernel images of its folder, too.
        let offered = |entry: &&BootEntry| match entry.kind {
            EntryKind::Uki => first.is_some() && entry.path.starts_with("/EFI/LINUX/"),
            EntryKind::Loader => false,
            _ => true,
        };
        let by_bios = !matches!(self.bios, BiosStart::Nothing);
        let own = |entry: &&BootEntry| offered(entry) && !(by_bios && entry.kind == EntryKind::Grub);
        let listed = self.entries.iter().find(|entry| own(entry) && entry.kind != EntryKind::Uki);
        listed.or_else(|| self.entries.iter().find(own)).or_else(|| self.entries.iter().find(offered))
    }

    /// What is under the name that UEFI looks for on a disk it does not know.
    pub(crate) fn removable(&self, arch: Arch) -> Option<&BootEntry> {
        let path = default_path(arch);
        self.entries.iter().find(|entry| entry.path == path)
    }
}

/// UEFI 2.10, 3.5.1.1: `/EFI/BOOT/BOOTX64.EFI`.
pub(crate) fn default_path(arch: Arch) -> String {
    format!("/EFI/BOOT/BOOT{}.EFI", arch.efi().to_ascii_uppercase())
}

/// The path in the tree that `text` names, when it names one.
pub(crate) fn path(text: &str) -> Option<TreePath> {
    TreePath::new(text).ok()
}

/// The PARTUUIDs of a root and of the hashes over it, which the hash that vouches for both says (Discoverable Partitions
/// Specification): its first and its last 128 bits.
pub(crate) fn found_by_hash(root_hash: &str) -> Option<[String; 2]> {
    let digest: Sha256Digest = root_hash.parse().ok()?;
    let (first, last) = digest.as_bytes().split_at(16);
    let uuid = |half: &[u8]| Some(Uuid::new(half.try_into().ok()?).to_string());
    Some([uuid(first)?, uuid(last)?])
}
