//! `kind = "disk"`: its table, how it boots, what it is written as.

use rootsmith_types::{Located, Origin, TreePath};

use super::{DiskFormat, Partition, PartitionKind, RootFilesystem, Writable};

/// A disk image.
#[derive(Debug, Clone)]
pub struct Disk {
    /// The partition table.
    pub table: Located<PartitionTable>,
    /// How it boots: each way that is named, with the same kernel. Not empty.
    pub boot: Vec<Located<BootMethod>>,
    /// `boot-tries`: how often systemd-boot tries what has not come up yet, before it takes another entry.
    pub boot_tries: Option<Located<u32>>,
    /// What it is written as: each a file of its own, with a name of its own. Not empty.
    pub format: Vec<Located<DiskFormat>>,
    /// Partitions, in order. Exactly one is the root, and exactly one is what firmware reads.
    pub partitions: Vec<Partition>,
    /// `size = "power-of-two"`: the whole disk is rounded up to one, as QEMU wants SD cards.
    pub power_of_two: bool,
}

impl Disk {
    /// Whether `method` is among the ways it boots.
    pub fn boots_by(&self, method: BootMethod) -> bool {
        self.boot.iter().any(|boot| boot.value == method)
    }

    /// Whether what `method` starts is a unified kernel image, with the command line inside.
    pub fn starts_image(&self, method: BootMethod) -> bool {
        match method {
            BootMethod::Uki => true,
            BootMethod::SystemdBoot => self.boots_by(BootMethod::Uki),
            BootMethod::Extlinux | BootMethod::RaspberryPi | BootMethod::Grub => false,
        }
    }

    /// Where the first partition of `kind` is in the list.
    pub fn position(&self, kind: PartitionKind) -> Option<usize> {
        self.partitions.iter().position(|partition| partition.kind.value == kind)
    }

    /// The partition of the root file system.
    pub fn root(&self) -> Option<&Partition> {
        self.partitions.iter().find(|partition| partition.kind.value == PartitionKind::Root)
    }

    /// What the root file system is.
    pub fn root_filesystem(&self) -> RootFilesystem {
        self.root().map_or(RootFilesystem::Ext4, |root| root.filesystem)
    }

    /// Whether memory lies over the root, and takes what is written.
    pub fn is_volatile(&self) -> bool {
        self.root_is(Writable::Volatile)
    }

    /// Where the root asks for hashes over its blocks.
    pub fn verity(&self) -> Option<&Origin> {
        self.root()?.verity.as_ref()
    }

    /// Where the root asks for a second slot.
    pub fn slots(&self) -> Option<&Origin> {
        self.root()?.slots.as_ref()
    }

    /// The partitions that `/etc/fstab` mounts into the tree, with their places in the list. What is mounted below another comes
    /// after it.
    pub fn data(&self) -> Vec<(usize, &Partition, &TreePath)> {
        let partitions = self.partitions.iter().enumerate();
        let mounted = partitions.filter_map(|(at, it)| it.mount.as_ref().map(|mount| (at, it, &mount.value)));
        let mut data: Vec<_> = mounted.collect();
        data.sort_by_key(|(_, _, mount)| (mount.components().count(), *mount));
        data
    }

    /// Whether there is a swap area on it.
    pub fn has_swap(&self) -> bool {
        self.position(PartitionKind::Swap).is_some()
    }

    /// Whether a partition keeps what is written over the root.
    pub fn has_state(&self) -> bool {
        self.root_is(Writable::State)
    }

    fn root_is(&self, writable: Writable) -> bool {
        self.root().and_then(|root| root.writable.as_ref()).is_some_and(|it| it.value == writable)
    }

    /// The partition that firmware reads.
    pub fn boot_partition(&self) -> Option<&Partition> {
        let read = |kind| matches!(kind, PartitionKind::Esp | PartitionKind::Firmware);
        self.partitions.iter().find(|partition| read(partition.kind.value))
    }
}

/// A kind of partition table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionTable {
    /// GUID partition table.
    Gpt,
    /// The table in the first sector, of four partitions.
    Mbr,
    /// A GUID partition table whose first sector names the boot partition, too: for firmware that knows only MBRs.
    Hybrid,
}

impl PartitionTable {
    /// As the profile spells it.
    pub const fn name(self) -> &'static str {
        match self {
            PartitionTable::Gpt => "gpt",
            PartitionTable::Mbr => "mbr",
            PartitionTable::Hybrid => "hybrid",
        }
    }
}

/// How a disk boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootMethod {
    /// A unified kernel image, started by UEFI.
    Uki,
    /// systemd-boot, started by UEFI, and an entry for it.
    SystemdBoot,
    /// `extlinux.conf`, which U-Boot reads.
    Extlinux,
    /// `config.txt` and `cmdline.txt`, which the firmware of a Raspberry Pi reads.
    RaspberryPi,
    /// GRUB, started by a BIOS, and `grub.cfg`.
    Grub,
}

impl BootMethod {
    /// Whether UEFI starts it, from an EFI system partition.
    pub const fn is_uefi(self) -> bool {
        matches!(self, BootMethod::Uki | BootMethod::SystemdBoot)
    }

    /// As the profile spells it.
    pub const fn name(self) -> &'static str {
        match self {
            BootMethod::Uki => "uki",
            BootMethod::SystemdBoot => "systemd-boot",
            BootMethod::Extlinux => "extlinux",
            BootMethod::RaspberryPi => "raspberry-pi",
            BootMethod::Grub => "grub",
        }
    }
}
