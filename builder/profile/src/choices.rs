//! Values that are a word out of a list, with the words of the design that are still to come.

use crate::fields::Refusal;
use crate::model::{
    BootMethod, Caches, CloudNetwork, CpioCompression, Database, DiskFormat, DistributionId, Enroll, ErofsCompression,
    FirstBoot, Hierarchy, InitSystem, KillMode, NetworkManager, PartitionKind, PartitionTable, Pocket, Resource,
    Restart, RootFilesystem, SquashfsCompression, Writable,
};

/// A word out of a list; one without a value is in the design and not supported yet.
pub(crate) struct Words<T: 'static> {
    /// What the word is, without and with its article.
    pub(crate) noun: &'static str,
    /// `an init system`.
    pub(crate) expected: &'static str,
    /// The words.
    pub(crate) words: &'static [(&'static str, Option<T>)],
}

impl<T: Copy> Words<T> {
    /// What `text` stands for.
    pub(crate) fn read(&self, text: &str) -> Result<T, Refusal> {
        match self.words.iter().find(|(word, _)| *word == text) {
            Some((_, Some(value))) => Ok(*value),
            Some((_, None)) => Err(Refusal::Later {
                noun: self.noun,
                supported: self.words.iter().filter(|(_, value)| value.is_some()).map(|(word, _)| *word).collect(),
            }),
            None => Err(Refusal::Unknown {
                expected: self.expected,
                known: self.words.iter().map(|(word, _)| *word).collect(),
            }),
        }
    }
}

/// `distribution.id`.
pub(crate) const DISTRIBUTIONS: Words<DistributionId> = Words {
    noun: "distribution",
    expected: "a distribution",
    words: &[
        ("debian", Some(DistributionId::Debian)),
        ("alpine", None),
        ("arch", None),
        ("fedora", None),
        ("stage", None),
    ],
};

/// `distribution.pockets`.
pub(crate) const POCKETS: Words<Pocket> = Words {
    noun: "pocket",
    expected: "a pocket",
    words: &[("updates", Some(Pocket::Updates)), ("security", Some(Pocket::Security)), ("backports", None)],
};

/// `packages.database`.
pub(crate) const DATABASES: Words<Database> = Words {
    noun: "database of packages",
    expected: "a database of packages",
    words: &[("dpkg", Some(Database::Dpkg)), ("status.d", Some(Database::StatusD)), ("none", Some(Database::None))],
};

/// `packages.caches`.
pub(crate) const CACHES: Words<Caches> = Words {
    noun: "time for caches",
    expected: "a time for caches to be made",
    words: &[("left-out", Some(Caches::LeftOut)), ("first-boot", Some(Caches::FirstBoot))],
};

/// `init.system`.
pub(crate) const INIT_SYSTEMS: Words<InitSystem> = Words {
    noun: "init system",
    expected: "an init system",
    words: &[
        ("systemd", Some(InitSystem::Systemd)),
        ("openrc", Some(InitSystem::Openrc)),
        ("busybox", Some(InitSystem::Busybox)),
    ],
};

/// `cgroups.hierarchy`.
pub(crate) const HIERARCHIES: Words<Hierarchy> = Words {
    noun: "cgroup hierarchy",
    expected: "a cgroup hierarchy",
    words: &[
        ("unified", Some(Hierarchy::Unified)),
        ("hybrid", Some(Hierarchy::Hybrid)),
        ("legacy", Some(Hierarchy::Legacy)),
    ],
};

/// `identity.machine-id`, `identity.ssh-host-keys`, `identity.random-seed`.
pub(crate) const FIRST_BOOT: Words<FirstBoot> = Words {
    noun: "identity",
    expected: "a time for an identity to be made",
    words: &[("first-boot", Some(FirstBoot::FirstBoot))],
};

/// `service.restart`.
pub(crate) const RESTARTS: Words<Restart> = Words {
    noun: "restart policy",
    expected: "a restart policy",
    words: &[
        ("always", Some(Restart::Always)),
        ("on-failure", Some(Restart::OnFailure)),
        ("never", Some(Restart::Never)),
    ],
};

/// `service.kill-mode`.
pub(crate) const KILL_MODES: Words<KillMode> = Words {
    noun: "kill mode",
    expected: "a kill mode",
    words: &[("control-group", Some(KillMode::ControlGroup)), ("process", Some(KillMode::Process))],
};

/// `secure-boot.enroll`.
pub(crate) const ENROLLMENTS: Words<Enroll> = Words {
    noun: "way to enroll",
    expected: "a way to enroll",
    words: &[
        ("off", Some(Enroll::Off)),
        ("manual", Some(Enroll::Manual)),
        ("if-safe", Some(Enroll::IfSafe)),
        ("force", Some(Enroll::Force)),
    ],
};

/// Keys of `service.limits`.
pub(crate) const RESOURCES: Words<Resource> = Words {
    noun: "resource",
    expected: "a resource that can be limited",
    words: &[
        ("as", Some(Resource::As)),
        ("core", Some(Resource::Core)),
        ("data", Some(Resource::Data)),
        ("fsize", Some(Resource::Fsize)),
        ("memlock", Some(Resource::Memlock)),
        ("nofile", Some(Resource::Nofile)),
        ("nproc", Some(Resource::Nproc)),
        ("rtprio", Some(Resource::Rtprio)),
        ("stack", Some(Resource::Stack)),
    ],
};

/// `cloud-init.network`.
pub(crate) const CLOUD_NETWORKS: Words<CloudNetwork> = Words {
    noun: "side",
    expected: "who configures the network",
    words: &[("cloud-init", Some(CloudNetwork::CloudInit)), ("profile", Some(CloudNetwork::Profile))],
};

/// `network.manager`.
pub(crate) const NETWORK_MANAGERS: Words<NetworkManager> = Words {
    noun: "network manager",
    expected: "what configures a network",
    words: &[
        ("networkd", Some(NetworkManager::Networkd)),
        ("ifupdown", Some(NetworkManager::Ifupdown)),
        ("busybox", Some(NetworkManager::Busybox)),
    ],
};

/// `payload.kind`, before its other keys are read.
pub(crate) const PAYLOAD_KINDS: Words<PayloadWord> = Words {
    noun: "payload",
    expected: "a kind of payload",
    words: &[
        ("file", Some(PayloadWord::File)),
        ("tar", Some(PayloadWord::Tar)),
        ("zip", Some(PayloadWord::Zip)),
        ("deb", Some(PayloadWord::Deb)),
        ("oci", Some(PayloadWord::Oci)),
    ],
};

/// `output.kind`.
pub(crate) const OUTPUT_KINDS: Words<Kind> = Words {
    noun: "output",
    expected: "a kind of output",
    words: &[
        ("disk", Some(Kind::Disk)),
        ("tar", Some(Kind::Tar)),
        ("squashfs", Some(Kind::Squashfs)),
        ("erofs", Some(Kind::Erofs)),
        ("ext4", None),
        ("cpio", Some(Kind::Cpio)),
        ("oci", Some(Kind::Oci)),
    ],
};

/// `output.compression` of a squashfs.
pub(crate) const SQUASHFS_COMPRESSIONS: Words<SquashfsCompression> = Words {
    noun: "compression",
    expected: "a compression of squashfs",
    words: &[
        ("zstd", Some(SquashfsCompression::Zstd)),
        ("xz", Some(SquashfsCompression::Xz)),
        ("gzip", Some(SquashfsCompression::Gzip)),
        ("lz4", Some(SquashfsCompression::Lz4)),
    ],
};

/// `output.compression` of an EROFS.
pub(crate) const EROFS_COMPRESSIONS: Words<ErofsCompression> = Words {
    noun: "compression",
    expected: "a compression of EROFS",
    words: &[
        ("lz4", Some(ErofsCompression::Lz4)),
        ("zstd", Some(ErofsCompression::Zstd)),
        ("none", Some(ErofsCompression::None)),
    ],
};

/// `output.compression` of a cpio.
pub(crate) const CPIO_COMPRESSIONS: Words<CpioCompression> = Words {
    noun: "compression",
    expected: "a compression of cpio",
    words: &[
        ("zstd", Some(CpioCompression::Zstd)),
        ("xz", Some(CpioCompression::Xz)),
        ("gzip", Some(CpioCompression::Gzip)),
    ],
};

/// `output.table`.
pub(crate) const TABLES: Words<PartitionTable> = Words {
    noun: "partition table",
    expected: "a kind of partition table",
    words: &[
        ("gpt", Some(PartitionTable::Gpt)),
        ("mbr", Some(PartitionTable::Mbr)),
        ("hybrid", Some(PartitionTable::Hybrid)),
    ],
};

/// `output.boot`.
pub(crate) const BOOT_METHODS: Words<BootMethod> = Words {
    noun: "boot method",
    expected: "a boot method",
    words: &[
        ("uki", Some(BootMethod::Uki)),
        ("systemd-boot", Some(BootMethod::SystemdBoot)),
        ("extlinux", Some(BootMethod::Extlinux)),
        ("raspberry-pi", Some(BootMethod::RaspberryPi)),
        ("grub", Some(BootMethod::Grub)),
    ],
};

/// `output.format`.
pub(crate) const FORMATS: Words<DiskFormat> = Words {
    noun: "disk format",
    expected: "a disk format",
    words: &[
        ("raw", Some(DiskFormat::Raw)),
        ("raw.zst", Some(DiskFormat::RawZstd)),
        ("raw.xz", Some(DiskFormat::RawXz)),
        ("qcow2", Some(DiskFormat::Qcow2)),
        ("qcow2-zlib", Some(DiskFormat::Qcow2Zlib)),
        ("qcow2-zstd", Some(DiskFormat::Qcow2Zstd)),
        ("vmdk", Some(DiskFormat::Vmdk)),
        ("vmdk-sparse", Some(DiskFormat::VmdkSparse)),
        ("vhd", Some(DiskFormat::Vhd)),
        ("vhd-fixed", Some(DiskFormat::VhdFixed)),
        ("vhdx", Some(DiskFormat::Vhdx)),
        ("vdi", Some(DiskFormat::Vdi)),
        ("ova", Some(DiskFormat::Ova)),
        ("gce", Some(DiskFormat::Gce)),
        ("vagrant", Some(DiskFormat::Vagrant)),
    ],
};

/// `type` of a partition; `boot` is what the ways to boot need: an ESP for UEFI, else a firmware partition.
pub(crate) const PARTITIONS: Words<Option<PartitionKind>> = Words {
    noun: "partition",
    expected: "a type of partition",
    words: &[
        ("boot", Some(None)),
        ("esp", Some(Some(PartitionKind::Esp))),
        ("firmware", Some(Some(PartitionKind::Firmware))),
        ("bios-boot", Some(Some(PartitionKind::BiosBoot))),
        ("root", Some(Some(PartitionKind::Root))),
        ("home", None),
        ("var", None),
        ("data", Some(Some(PartitionKind::Data))),
        ("swap", Some(Some(PartitionKind::Swap))),
        ("state", Some(Some(PartitionKind::State))),
    ],
};

/// `filesystem` of the root partition.
pub(crate) const ROOT_FILESYSTEMS: Words<RootFilesystem> = Words {
    noun: "root file system",
    expected: "a file system for the root",
    words: &[
        ("ext4", Some(RootFilesystem::Ext4)),
        ("squashfs", Some(RootFilesystem::Squashfs)),
        ("erofs", Some(RootFilesystem::Erofs)),
        ("btrfs", None),
        ("xfs", None),
    ],
};

/// `filesystem` of a `data` partition.
pub(crate) const DATA_FILESYSTEMS: Words<()> = Words {
    noun: "file system",
    expected: "a file system for data",
    words: &[("ext4", Some(())), ("btrfs", None), ("xfs", None)],
};

/// `writable` of a root that cannot be written itself.
pub(crate) const WRITABLE: Words<Writable> = Words {
    noun: "way to write to a read-only root",
    expected: "how a read-only root is written to",
    words: &[("volatile", Some(Writable::Volatile)), ("state", Some(Writable::State))],
};

/// `filesystem` of the partition that firmware reads.
pub(crate) const FIRMWARE_FILESYSTEMS: Words<()> =
    Words { noun: "ESP file system", expected: "a file system for the ESP", words: &[("vfat", Some(()))] };

/// `size` of a disk.
pub(crate) const DISK_SIZES: Words<()> =
    Words { noun: "size of a disk", expected: "the size of a disk", words: &[("power-of-two", Some(()))] };

/// `payload.kind` before its other keys are read.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum PayloadWord {
    /// `file`.
    File,
    /// `tar`.
    Tar,
    /// `zip`.
    Zip,
    /// `deb`.
    Deb,
    /// `oci`.
    Oci,
}

/// `output.kind` before its other keys are read.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// `disk`.
    Disk,
    /// `tar`.
    Tar,
    /// `oci`.
    Oci,
    /// `squashfs`.
    Squashfs,
    /// `erofs`.
    Erofs,
    /// `cpio`.
    Cpio,
}
