//! What is known of an image besides its tree. All of it can be had from a plan, and again from an image that was read back.

use rootsmith_kernel::{initramfs_files, read_uki};
use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::{Arch, NumBytes, TreePath};

/// No unified kernel image is larger.
const MAX_UKI: u64 = 1 << 30;

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

/// A disk, as its firmware and its kernel see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFacts {
    /// What firmware can start, in the order of their paths.
    pub entries: Vec<BootEntry>,
    /// The partitions, in the order of the table.
    pub partitions: Vec<PartitionFacts>,
    /// The root file system.
    pub root: RootFacts,
    /// The device trees beside the kernel, on whichever partition, in the order of their paths.
    pub device_trees: Vec<DeviceTree>,
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
    /// Its path there, in capitals: FAT knows no other. `/EFI/BOOT/BOOTX64.EFI`.
    pub path: String,
    /// The PE file's machine, as an architecture's UEFI suffix (`x64`); `None` for one we do not know or no PE file.
    pub machine: Option<Arch>,
    /// The release in `.uname`.
    pub release: Option<String>,
    /// The command line in `.cmdline`.
    pub cmdline: Option<String>,
    /// Whether there is a kernel in it (`.linux`).
    pub linux: bool,
    /// The paths in its initramfs; `None` when it has none or one that cannot be read.
    pub initramfs: Option<Vec<String>>,
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
        let sections = read_uki(image).unwrap_or_default();
        let section = |name: &str| sections.iter().find(|(there, _)| there == name).map(|(_, data)| *data);
        // The command line may be closed by a NUL or a line's end.
        let text = |name| {
            let text = String::from_utf8_lossy(section(name)?).into_owned();
            Some(text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_owned())
        };
        BootEntry {
            kind: EntryKind::Uki,
            missing: Vec::new(),
            path: path.to_ascii_uppercase(),
            machine: machine(image),
            release: text(".uname"),
            cmdline: text(".cmdline"),
            linux: section(".linux").is_some_and(|kernel| !kernel.is_empty()),
            initramfs: section(".initrd").and_then(|initrd| initramfs_files(initrd).ok()),
        }
    }

    /// Every `.efi` below `/EFI/BOOT` and `/EFI/Linux` of an EFI system partition.
    pub fn of_esp(esp: &Tree, blobs: &dyn Blobs) -> Vec<BootEntry> {
        let mut entries = Vec::new();
        for entry in esp.walk() {
            let path = String::from_utf8_lossy(entry.path.as_bytes()).to_ascii_uppercase();
            let Some(content) = entry.node.content() else { continue };
            let folder = ["/EFI/BOOT/", "/EFI/LINUX/"].iter().any(|folder| path.starts_with(folder));
            if folder && path.ends_with(".EFI") {
                // What cannot be read is an entry that nothing is known of: the checks say so.
                let image = content.read(blobs, MAX_UKI).unwrap_or_default();
                entries.push(BootEntry::read(&path, &image));
            }
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries
    }

    /// The words of the command line.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.cmdline.as_deref().unwrap_or_default().split_ascii_whitespace()
    }
}

impl BootFacts {
    /// The entry that firmware starts on a disk it does not know.
    pub fn default_entry(&self, arch: Arch) -> Option<&BootEntry> {
        let path = default_path(arch);
        self.entries.iter().find(|entry| entry.path == path)
    }
}

/// UEFI 2.10, 3.5.1.1: `/EFI/BOOT/BOOTX64.EFI`.
pub(crate) fn default_path(arch: Arch) -> String {
    format!("/EFI/BOOT/BOOT{}.EFI", arch.efi().to_ascii_uppercase())
}

/// `Machine` of the COFF header (PE Format, "Machine Types"), behind the offset at 0x3c.
fn machine(image: &[u8]) -> Option<Arch> {
    let at = u32::from_le_bytes(image.get(0x3c..0x40)?.try_into().ok()?) as usize;
    let header = image.get(at..at.checked_add(6)?)?;
    if !image.starts_with(b"MZ") || !header.starts_with(b"PE\0\0") {
        return None;
    }
    match u16::from_le_bytes([header[4], header[5]]) {
        0x8664 => Some(Arch::Amd64),
        0xaa64 => Some(Arch::Arm64),
        0x01c2 | 0x01c4 => Some(Arch::Armhf),
        0x5064 => Some(Arch::Riscv64),
        _ => None,
    }
}

/// The path in the tree that `text` names, when it names one.
pub(crate) fn path(text: &str) -> Option<TreePath> {
    TreePath::new(text).ok()
}
