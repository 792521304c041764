//! Which format, and what concerns the disk as a whole.

use std::fmt;

use rootsmith_types::{NumBytes, UnixTime, Uuid};

use crate::number::SECTOR;

/// A disk image as a hypervisor or a cloud takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// qcow2 version 3, clusters as they are.
    Qcow2,
    /// qcow2 version 3, clusters deflated: every QEMU reads it.
    Qcow2Zlib,
    /// qcow2 version 3, clusters compressed by zstd: from QEMU 5.1 on.
    Qcow2Zstd,
    /// VMDK for transport: what an OVA holds.
    VmdkStreamOptimized,
    /// VMDK to run from, in one file.
    VmdkMonolithicSparse,
    /// VHD with every sector at its place: what Azure takes.
    VhdFixed,
    /// VHD with blocks where something is.
    VhdDynamic,
    /// VHDX with blocks where something is.
    Vhdx,
    /// VDI with blocks where something is.
    Vdi,
    /// The disk itself, compressed by zstd.
    RawZstd,
    /// The disk itself, compressed by xz.
    RawXz,
    /// The disk itself in a tar file, compressed by gzip: what Google's cloud takes.
    GceTarGz,
    /// A virtual machine to import into VMware or VirtualBox: a descriptor, checksums, and a VMDK for transport.
    Ova,
    /// A box for Vagrant with libvirt: what it is, and a qcow2 with deflated clusters.
    Vagrant,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 14] = [
        Format::Qcow2,
        Format::Qcow2Zlib,
        Format::Qcow2Zstd,
        Format::VmdkStreamOptimized,
        Format::VmdkMonolithicSparse,
        Format::VhdFixed,
        Format::VhdDynamic,
        Format::Vhdx,
        Format::Vdi,
        Format::RawZstd,
        Format::RawXz,
        Format::GceTarGz,
        Format::Ova,
        Format::Vagrant,
    ];

    /// What file names end with, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Format::Qcow2 | Format::Qcow2Zlib | Format::Qcow2Zstd => "qcow2",
            Format::VmdkStreamOptimized | Format::VmdkMonolithicSparse => "vmdk",
            Format::VhdFixed | Format::VhdDynamic => "vhd",
            Format::Vhdx => "vhdx",
            Format::Vdi => "vdi",
            Format::RawZstd => "img.zst",
            Format::RawXz => "img.xz",
            Format::GceTarGz => "tar.gz",
            Format::Ova => "ova",
            Format::Vagrant => "box",
        }
    }

    /// The least size from `size` on that everybody who takes the format takes, to be asked before the disk is planned: a GPT
    /// has its copy at the very end. A whole number of GiB for Google's cloud, of MiB for Azure, Hyper-V and VirtualBox, of
    /// grains of 64 KiB for VMDK, of sectors for the rest. `None` when that does not fit a number.
    pub fn rounded(self, size: NumBytes) -> Option<NumBytes> {
        let unit = match self {
            Format::VhdFixed | Format::VhdDynamic | Format::Vhdx | Format::Vdi => 1 << 20,
            _ => self.unit(),
        };
        NumBytes::new(size.get().max(1)).checked_round_up(unit)
    }

    /// A size that is no multiple of this cannot be said in the format.
    pub(crate) const fn unit(self) -> u64 {
        match self {
            Format::VmdkStreamOptimized | Format::VmdkMonolithicSparse | Format::Ova => crate::vmdk::GRAIN,
            Format::GceTarGz => crate::gce::UNIT,
            _ => SECTOR,
        }
    }

    /// The largest disk.
    pub(crate) const fn limit(self) -> u64 {
        match self {
            Format::Qcow2 | Format::Qcow2Zlib | Format::Qcow2Zstd | Format::Vagrant => crate::qcow2::LIMIT,
            Format::VmdkStreamOptimized | Format::VmdkMonolithicSparse | Format::Ova => crate::vmdk::LIMIT,
            Format::VhdFixed | Format::VhdDynamic => crate::vhd::LIMIT,
            Format::Vhdx => crate::vhdx::LIMIT,
            Format::Vdi => crate::vdi::LIMIT,
            Format::RawZstd | Format::RawXz => crate::raw::LIMIT,
            Format::GceTarGz => crate::gce::LIMIT,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Qcow2 => "qcow2",
            Format::Qcow2Zlib => "qcow2 with zlib",
            Format::Qcow2Zstd => "qcow2 with zstd",
            Format::VmdkStreamOptimized => "stream-optimized VMDK",
            Format::VmdkMonolithicSparse => "monolithic sparse VMDK",
            Format::VhdFixed => "fixed VHD",
            Format::VhdDynamic => "dynamic VHD",
            Format::Vhdx => "VHDX",
            Format::Vdi => "VDI",
            Format::RawZstd => "raw image with zstd",
            Format::RawXz => "raw image with xz",
            Format::GceTarGz => "tar file for GCE",
            Format::Ova => "OVA",
            Format::Vagrant => "Vagrant box",
        })
    }
}

/// The controller that a VMDK asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adapter {
    /// IDE, and what virtual machines call SATA.
    Ide,
    /// BusLogic's SCSI controller.
    BusLogic,
    /// LSI Logic's, and VMware's own paravirtual one: it has no name of its own here.
    LsiLogic,
}

/// What concerns the disk as a whole.
#[derive(Debug, Clone)]
pub struct Options {
    /// The disk's identifier; whatever else a format wants is derived from it. qcow2 has none.
    pub id: Uuid,
    /// When the disk was made: VHD and tar have a field for it.
    pub time: UnixTime,
    /// What a VMDK's descriptor calls the file, without folders.
    pub name: String,
    /// The controller that a VMDK asks for.
    pub adapter: Adapter,
    /// The oldest virtual hardware of VMware's that takes a VMDK.
    pub hardware_version: u32,
    /// Boots by UEFI alone: what an OVA and a Vagrant box ask for then.
    pub uefi: bool,
}

impl Options {
    /// For LSI Logic's controller, UEFI, and hardware version 10: ESXi 5.5, Workstation 10 and everything later.
    pub fn new(id: Uuid, time: UnixTime, name: &str) -> Options {
        Options { id, time, name: name.to_owned(), adapter: Adapter::LsiLogic, hardware_version: 10, uefi: true }
    }
}
