//! A package archive after taking it apart: what the cache keeps beside the archive.

use std::collections::BTreeMap;

use rootsmith_types::ContentDigest;
use serde::{Deserialize, Serialize};

/// The index of a package's *unpacked form*: its control members, and where in the decompressed `data.tar` each file's
/// content lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpacked {
    /// `control.tar`.
    pub control: Control,
    /// `data.tar`, in the archive's order. Paths are already known to be normal.
    pub entries: Vec<PackedEntry>,
}

/// `control.tar`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// The `control` file: one deb822 stanza.
    pub stanza: String,
    /// Every other member by name: `postinst`, `conffiles`, `triggers`, `md5sums`, `shlibs` … with its mode.
    pub members: BTreeMap<String, (u16, Vec<u8>)>,
}

/// One member of `data.tar`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedEntry {
    /// As [`rootsmith_types::TreePath::as_bytes`] gives it: absolute and normal. Still checked again when it is used.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: PackedKind,
    /// Permission bits.
    pub mode: u16,
    /// Owner by number.
    pub uid: u32,
    /// Group by number.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: i64,
    /// PAX `SCHILY.xattr.*`.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What a member of `data.tar` is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PackedKind {
    /// A directory.
    Directory,
    /// A regular file, as a slice of the decompressed tar.
    File {
        /// Where its content begins.
        offset: u64,
        /// In bytes.
        size: u64,
        /// Of the content.
        digest: ContentDigest,
    },
    /// Another name of a file that came before, as a normal absolute path.
    HardLink(Vec<u8>),
    /// A symbolic link with its target as it is.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice(u32, u32),
    /// A block device.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
}

/// Changes with the form, so that a newer builder does not misread what an older one left in the cache.
const MAGIC: &[u8; 8] = b"unpack\x00\x01";

/// Bytes that are no unpacked form of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadUnpacked;

impl std::fmt::Display for BadUnpacked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the index of an unpacked package is damaged or of another version")
    }
}

impl std::error::Error for BadUnpacked {}

impl Unpacked {
    /// The bytes the cache keeps.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Serialising to memory fails only for types without a known length, of which there are none here.
        postcard::to_extend(self, MAGIC.to_vec()).expect("an index of known length")
    }

    /// Reads what [`Unpacked::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Unpacked, BadUnpacked> {
        let body = bytes.strip_prefix(MAGIC).ok_or(BadUnpacked)?;
        match postcard::take_from_bytes(body) {
            Ok((unpacked, [])) => Ok(unpacked),
            _ => Err(BadUnpacked),
        }
    }
}
