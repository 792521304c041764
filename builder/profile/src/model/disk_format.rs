//! `format` of a disk.

/// What a disk is written as: one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskFormat {
    /// The bytes of the disk.
    Raw,
    /// The same, compressed by zstd.
    RawZstd,
    /// The same, compressed by xz.
    RawXz,
    /// QEMU's format, clusters as they are.
    Qcow2,
    /// The same, clusters compressed by zlib: every QEMU reads it.
    Qcow2Zlib,
    /// The same, clusters compressed by zstd: QEMU from 5.1 on.
    Qcow2Zstd,
    /// VMDK for transport, compressed: what VMware and VirtualBox import.
    Vmdk,
    /// VMDK to run from.
    VmdkSparse,
    /// VHD that grows.
    Vhd,
    /// VHD with every sector at its place, as Azure takes it.
    VhdFixed,
    /// Hyper-V's own.
    Vhdx,
    /// VirtualBox's own.
    Vdi,
    /// A virtual machine to import, with a VMDK in it.
    Ova,
    /// `disk.raw` in an archive, as Google's cloud imports it.
    Gce,
    /// A box for Vagrant with libvirt, with a qcow2 in it.
    Vagrant,
}

impl DiskFormat {
    /// Every one.
    pub const ALL: [DiskFormat; 15] = [
        DiskFormat::Raw,
        DiskFormat::RawZstd,
        DiskFormat::RawXz,
        DiskFormat::Qcow2,
        DiskFormat::Qcow2Zlib,
        DiskFormat::Qcow2Zstd,
        DiskFormat::Vmdk,
        DiskFormat::VmdkSparse,
        DiskFormat::Vhd,
        DiskFormat::VhdFixed,
        DiskFormat::Vhdx,
        DiskFormat::Vdi,
        DiskFormat::Ova,
        DiskFormat::Gce,
        DiskFormat::Vagrant,
    ];

    /// What the file's name ends with, without the dot. Two formats may share one, and then a profile cannot ask for both.
    pub const fn extension(self) -> &'static str {
        match self {
            DiskFormat::Raw => "img",
            DiskFormat::RawZstd => "img.zst",
            DiskFormat::RawXz => "img.xz",
            DiskFormat::Qcow2 | DiskFormat::Qcow2Zlib | DiskFormat::Qcow2Zstd => "qcow2",
            DiskFormat::Vmdk | DiskFormat::VmdkSparse => "vmdk",
            DiskFormat::Vhd | DiskFormat::VhdFixed => "vhd",
            DiskFormat::Vhdx => "vhdx",
            DiskFormat::Vdi => "vdi",
            DiskFormat::Ova => "ova",
            DiskFormat::Gce => "tar.gz",
            DiskFormat::Vagrant => "box",
        }
    }

    /// Whether it is the disk's bytes, or they compressed: what is written to a card by a block map.
    pub const fn is_raw(self) -> bool {
        matches!(self, DiskFormat::Raw | DiskFormat::RawZstd | DiskFormat::RawXz)
    }
}
