//! A partition of a disk.

use rootsmith_types::{Located, NumBytes, Origin, TreePath};

/// One partition.
#[derive(Debug, Clone)]
pub struct Partition {
    /// `type`.
    pub kind: Located<PartitionKind>,
    /// `size`.
    pub size: Located<PartitionSize>,
    /// `free`: room left for data in a `minimal` partition, 0 by default.
    pub free: NumBytes,
    /// `grow`: on first boot, to the end of the disk.
    pub grow: bool,
    /// `filesystem`, of the root alone.
    pub filesystem: RootFilesystem,
    /// `mount` of a `data` partition: where it is mounted, and what of the tree is on it. A `state` partition is at `/state`.
    pub mount: Option<Located<TreePath>>,
    /// `label`: its name in the partition table, and its file system's.
    pub label: Option<Located<String>>,
    /// `writable`: where goes what is written over a read-only root.
    pub writable: Option<Located<Writable>>,
    /// `verity = true`, and where: a hash vouches for every block of the root. The partition with the tree of hashes follows.
    pub verity: Option<Origin>,
    /// `slots = 2`, and where: the partitions of another one follow, for a later version.
    pub slots: Option<Origin>,
    /// The whole table.
    pub origin: Origin,
}

impl Partition {
    /// Its name in the partition table.
    pub fn name(&self) -> &str {
        let own = match self.kind.value {
            PartitionKind::Root => "root",
            PartitionKind::Esp => "esp",
            PartitionKind::Firmware => "firmware",
            PartitionKind::BiosBoot => "bios-boot",
            PartitionKind::RootVerity => "root-verity",
            // What systemd-sysupdate takes for free (sysupdate.d(5)).
            PartitionKind::SpareRoot | PartitionKind::SpareVerity => "_empty",
            PartitionKind::Data => "data",
            PartitionKind::Swap => "swap",
            PartitionKind::State => "state",
        };
        self.label.as_ref().map_or(own, |label| &label.value)
    }
}

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionKind {
    /// The EFI system partition, FAT.
    Esp,
    /// A FAT partition that firmware other than UEFI reads.
    Firmware,
    /// Where GRUB's core image lies in a GPT, for a BIOS: no file system.
    BiosBoot,
    /// The root file system.
    Root,
    /// Hashes over it: the loader of profiles puts it behind a root that has [`Partition::verity`].
    RootVerity,
    /// The other slot: empty until an update comes. The loader of profiles puts it behind a root that has [`Partition::slots`].
    SpareRoot,
    /// The hashes over what will be there.
    SpareVerity,
    /// A part of the tree, mounted by `/etc/fstab`.
    Data,
    /// A swap area, which `/etc/fstab` turns on.
    Swap,
    /// Where what is written over a read-only root is kept; mounted by the initramfs.
    State,
}

/// Where goes what is written over a read-only root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writable {
    /// To memory: it is gone at the next start.
    Volatile,
    /// To the `state` partition, for a few folders.
    State,
}

/// `filesystem` of the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootFilesystem {
    /// Can be written to.
    Ext4,
    /// Compressed, and the same for ever.
    Squashfs,
    /// The same, compressed less and faster to read.
    Erofs,
}

impl RootFilesystem {
    /// As the profile spells it, and the kernel's module is called.
    pub const fn name(self) -> &'static str {
        match self {
            RootFilesystem::Ext4 => "ext4",
            RootFilesystem::Squashfs => "squashfs",
            RootFilesystem::Erofs => "erofs",
        }
    }

    /// Whether it is made once and never written to, as large as what is in it.
    pub const fn is_read_only(self) -> bool {
        matches!(self, RootFilesystem::Squashfs | RootFilesystem::Erofs)
    }

    /// Whether it has an identifier and a label of its own.
    pub const fn is_named(self) -> bool {
        matches!(self, RootFilesystem::Ext4 | RootFilesystem::Erofs)
    }
}

/// How large a partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionSize {
    /// As given.
    Fixed(NumBytes),
    /// As small as its content allows.
    Minimal,
}
