//! A machine, as `profiles/boards/NAME.toml` describes it.
//!
//! Such a file is laid under the profile that names it, so it may say whatever a profile says (its kernel's package, its
//! console, components of the archive); what only a board has is here.

use std::path::PathBuf;

use rootsmith_types::{Arch, Located, NumBytes, Origin, PackageName, Sha256Digest, TreePath};

use super::{BootMethod, PartitionTable};

/// Bytes of a sector, in which boot ROMs count.
pub const SECTOR: u64 = 512;

/// `[board]`.
#[derive(Debug, Clone)]
pub struct Board {
    /// As the profile names it, and where.
    pub name: Located<String>,
    /// What people call it.
    pub title: Located<String>,
    /// What its processor runs.
    pub arch: Located<Arch>,
    /// The ways it can boot; all of them where the profile says nothing.
    pub boot: Vec<Located<BootMethod>>,
    /// The partition tables its firmware reads; the first where the profile says nothing.
    pub tables: Vec<Located<PartitionTable>>,
    /// `first-sector`: no partition begins before it.
    pub first_sector: Option<Located<u64>>,
    /// `device-trees`, below the kernel package's folder for them: `broadcom/bcm2711-rpi-4-b.dtb`. A boot
    /// loader is given the only one by its name, and of several the folder to pick from.
    pub device_trees: Vec<Located<String>>,
    /// `config-txt`: further lines of a Raspberry Pi's `config.txt`.
    pub config_txt: Vec<Located<String>>,
    /// The machine of QEMU's (`-machine`) that is this board or could be; nothing where there is none.
    pub qemu: Option<Located<String>>,
    /// What its owner should know.
    pub notes: Vec<Located<String>>,
}

/// Where the bytes come from.
#[derive(Debug, Clone)]
pub enum Piece {
    /// A file of a package that is taken apart, never installed.
    Package {
        /// The package.
        package: Located<PackageName>,
        /// The file in it.
        file: Located<TreePath>,
    },
    /// A file of the user's own.
    File {
        /// Resolved as a payload's path is.
        path: Located<PathBuf>,
        /// What it must have.
        sha256: Located<Sha256Digest>,
    },
}

impl Piece {
    /// The package it is in, when it is in one.
    pub fn package(&self) -> Option<&Located<PackageName>> {
        match self {
            Piece::Package { package, .. } => Some(package),
            Piece::File { .. } => None,
        }
    }

    /// What messages call it: `u-boot.itb of u-boot-rockchip`.
    pub fn label(&self) -> String {
        match self {
            Piece::Package { package, file } => {
                let name = file.value.name().map(String::from_utf8_lossy).unwrap_or_default();
                format!("{name} of {}", package.value)
            }
            Piece::File { path, .. } => path.value.display().to_string(),
        }
    }
}

/// `[[blob]]`: bytes that a boot ROM looks for at a place of the disk.
#[derive(Debug, Clone)]
pub struct RawBlob {
    /// The bytes.
    pub content: Piece,
    /// Where they begin, in sectors of 512 bytes.
    pub sector: Located<u64>,
    /// The whole table.
    pub origin: Origin,
}

impl RawBlob {
    /// Where they begin, in bytes.
    pub fn offset(&self) -> NumBytes {
        NumBytes::new(self.sector.value * SECTOR)
    }
}

/// `[[firmware]]`: one file on the partition that firmware reads.
#[derive(Debug, Clone)]
pub struct Firmware {
    /// The bytes.
    pub content: Piece,
    /// Its path on that partition.
    pub install: TreePath,
    /// Where it is asked for.
    pub origin: Origin,
}
