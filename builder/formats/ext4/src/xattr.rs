//! Extended attributes: in the inode what fits, the rest in one block.
//!
//! Specification: chapter "attributes", and the hashes in `fs/ext4/xattr.c`.

use rootsmith_tree::Metadata;
use rootsmith_types::NumBytes;
use zerocopy::IntoBytes;

use crate::checksum::{Seed, crc32c};
use crate::format::{BLOCK, BlockIndex, XATTR_IN_INODE, XATTR_MAGIC, XattrEntry, XattrHeader, zeroed};

/// Prefixes and their numbers. Access control lists have one each, with nothing behind.
const PREFIXES: [(&[u8], u8); 7] = [
    (ACL_ACCESS, 2),
    (ACL_DEFAULT, 3),
    (b"user.", 1),
    (b"trusted.", 4),
    (b"security.", 6),
    (b"system.richacl", 8),
    (b"system.", 7),
];
const ACL_ACCESS: &[u8] = b"system.posix_acl_access";
const ACL_DEFAULT: &[u8] = b"system.posix_acl_default";

/// For entries and values in an inode: the signature goes off in front, the end mark behind the entries.
const ROOM_IN_INODE: usize = XATTR_IN_INODE - 4 - 4;
/// The same in a block.
const ROOM_IN_BLOCK: usize = BLOCK - size_of::<XattrHeader>() - 4;

/// Why attributes cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum XattrError {
    /// This name's prefix has no number.
    Unknown(String),
    /// This access control list is malformed.
    BadAcl(String),
    /// They take this much.
    TooLarge(NumBytes),
}

/// The attributes of one file, each where it will lie, sorted as the kernel searches them.
#[derive(Debug, Default)]
pub(crate) struct Xattrs {
    in_inode: Vec<Xattr>,
    in_block: Vec<Xattr>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Xattr {
    index: u8,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Xattrs {
    /// Decides what goes where: all into the inode, else all into a block, else the first that fit into the inode.
    pub(crate) fn place(metadata: &Metadata) -> Result<Xattrs, XattrError> {
        let mut all = metadata.xattrs().map(|(name, value)| Xattr::new(name, value)).collect::<Result<Vec<_>, _>>()?;
        all.sort_by(|a, b| (a.index, a.name.len(), &a.name).cmp(&(b.index, b.name.len(), &b.name)));
        let size = |xattrs: &[Xattr]| xattrs.iter().map(Xattr::size).sum::<usize>();
        if size(&all) <= ROOM_IN_INODE {
            return Ok(Xattrs { in_inode: all, in_block: Vec::new() });
        }
        if size(&all) <= ROOM_IN_BLOCK {
            return Ok(Xattrs { in_inode: Vec::new(), in_block: all });
        }
        let total = size(&all);
        let mut placed = Xattrs::default();
        for xattr in all {
            if size(&placed.in_inode) + xattr.size() <= ROOM_IN_INODE {
                placed.in_inode.push(xattr);
            } else {
                placed.in_block.push(xattr);
            }
        }
        if size(&placed.in_block) > ROOM_IN_BLOCK {
            return Err(XattrError::TooLarge(NumBytes::new(total as u64)));
        }
        Ok(placed)
    }

    /// Whether some of them need a block.
    pub(crate) fn needs_block(&self) -> bool {
        !self.in_block.is_empty()
    }

    /// Fills the room behind the fixed part of an inode.
    pub(crate) fn write_inode(&self, out: &mut [u8]) {
        if !self.in_inode.is_empty() {
            out[..4].copy_from_slice(&XATTR_MAGIC.to_le_bytes());
            // Offsets of values count from the first entry.
            write_entries(&self.in_inode, &mut out[4..], 0);
        }
    }

    /// Fills a block that will lie at `at`.
    pub(crate) fn write_block(&self, out: &mut [u8], at: BlockIndex, seed: Seed) {
        let size = size_of::<XattrHeader>();
        write_entries(&self.in_block, out, size);
        let mut header: XattrHeader = zeroed();
        header.h_magic.set(XATTR_MAGIC);
        header.h_refcount.set(1);
        header.h_blocks.set(1);
        header.h_hash.set(self.in_block.iter().fold(0, |hash: u32, xattr| hash.rotate_left(16) ^ xattr.hash()));
        out[..size].copy_from_slice(header.as_bytes());
        header.h_checksum.set(crc32c(crc32c(seed.plain(), &at.0.to_le_bytes()), out));
        out[..size].copy_from_slice(header.as_bytes());
    }
}

impl Xattr {
    fn new(full: &[u8], value: &[u8]) -> Result<Xattr, XattrError> {
        let shown = || String::from_utf8_lossy(full).into_owned();
        let known = PREFIXES.iter().find_map(|&(prefix, index)| Some((index, full.strip_prefix(prefix)?)));
        let (index, name) = known.ok_or_else(|| XattrError::Unknown(shown()))?;
        // A prefix that is a whole name has nothing behind it, the others have something.
        if name.is_empty() != matches!(index, 2 | 3 | 8) || name.len() > 255 || name.contains(&0) {
            return Err(XattrError::Unknown(shown()));
        }
        let value = match index {
            2 | 3 => acl_on_disk(value).ok_or_else(|| XattrError::BadAcl(shown()))?,
            _ => value.to_vec(),
        };
        Ok(Xattr { index, name: name.to_vec(), value })
    }

    fn size(&self) -> usize {
        size_of::<XattrEntry>() + self.name.len().next_multiple_of(4) + self.value.len().next_multiple_of(4)
    }

    fn hash(&self) -> u32 {
        let name = self.name.iter().fold(0, |hash: u32, &byte| hash.rotate_left(5) ^ u32::from(byte));
        self.value.chunks(4).fold(name, |hash, bytes| {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            hash.rotate_left(16) ^ u32::from_le_bytes(word)
        })
    }
}

/// Entries from `start` on, values from the end backwards.
fn write_entries(xattrs: &[Xattr], out: &mut [u8], start: usize) {
    let mut at = start;
    let mut end = out.len();
    for xattr in xattrs {
        let mut entry: XattrEntry = zeroed();
        entry.e_name_len = xattr.name.len() as u8;
        entry.e_name_index = xattr.index;
        entry.e_value_size.set(xattr.value.len() as u32);
        entry.e_hash.set(xattr.hash());
        if !xattr.value.is_empty() {
            end -= xattr.value.len().next_multiple_of(4);
            entry.e_value_offs.set(end as u16);
            out[end..end + xattr.value.len()].copy_from_slice(&xattr.value);
        }
        let size = size_of::<XattrEntry>();
        out[at..at + size].copy_from_slice(entry.as_bytes());
        out[at + size..at + size + xattr.name.len()].copy_from_slice(&xattr.name);
        at += size + xattr.name.len().next_multiple_of(4);
    }
}

/// From the form of `getxattr` (version 2, eight bytes an entry) to ext4's (version 1, no identity where the tag says
/// all: `fs/ext4/acl.h`).
fn acl_on_disk(value: &[u8]) -> Option<Vec<u8>> {
    const USER: u16 = 0x02;
    const GROUP: u16 = 0x08;
    const NAMELESS: [u16; 4] = [0x01, 0x04, 0x10, 0x20];
    let entries = value.strip_prefix(&2u32.to_le_bytes())?;
    if !entries.len().is_multiple_of(8) {
        return None;
    }
    let mut out = 1u32.to_le_bytes().to_vec();
    for entry in entries.chunks_exact(8) {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        match tag {
            USER | GROUP => out.extend_from_slice(entry),
            _ if NAMELESS.contains(&tag) => out.extend_from_slice(&entry[..4]),
            _ => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;

    fn place(xattrs: &[(&str, &[u8])]) -> Result<Xattrs, XattrError> {
        let map: BTreeMap<_, _> = xattrs.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.to_vec())).collect();
        Xattrs::place(&Metadata { xattrs: Some(Arc::new(map)), ..Metadata::root(0o644, 0) })
    }

    #[test]
    fn small_attributes_lie_in_the_inode() {
        let xattrs = place(&[("user.b", b"12345"), ("security.capability", &[1; 20])]).unwrap();
        assert!(!xattrs.needs_block());
        let mut out = [0; XATTR_IN_INODE];
        xattrs.write_inode(&mut out);
        assert_eq!(out[..4], XATTR_MAGIC.to_le_bytes());
        // `user.` is prefix 1 and comes before `security.`, which is 6.
        assert_eq!((out[4], out[5], &out[20..21]), (1, 1, &b"b"[..]));
        let at = 4 + usize::from(u16::from_le_bytes([out[6], out[7]]));
        assert_eq!(&out[at..at + 5], b"12345");
    }

    #[test]
    fn what_overflows_the_inode_goes_to_a_block_and_then_is_refused() {
        assert!(place(&[("user.a", &[7; 100])]).unwrap().needs_block());
        let split = place(&[("user.a", &[7; 4000]), ("user.b", &[7; 40]), ("user.c", &[7; 10])]).unwrap();
        assert_eq!((split.in_inode.len(), split.in_block.len()), (1, 2));
        assert!(matches!(place(&[("user.a", &[7; 4060])]), Err(XattrError::TooLarge(_))));
    }

    #[test]
    fn names_without_a_known_prefix_are_refused() {
        for name in ["users.a", "user.", "system.posix_acl_access2", "selinux"] {
            assert_eq!(place(&[(name, b"")]).unwrap_err(), XattrError::Unknown(name.to_owned()), "{name}");
        }
    }

    #[test]
    fn access_control_lists_change_form() {
        // u::rw-, u:1000:r--, g::r--, m::r--, o::---
        let mut acl = 2u32.to_le_bytes().to_vec();
        for (tag, perm, id) in [(1u16, 6u16, u32::MAX), (2, 4, 1000), (4, 4, u32::MAX), (16, 4, u32::MAX)] {
            acl.extend_from_slice(&tag.to_le_bytes());
            acl.extend_from_slice(&perm.to_le_bytes());
            acl.extend_from_slice(&id.to_le_bytes());
        }
        let disk = acl_on_disk(&acl).unwrap();
        assert_eq!(disk, [1, 0, 0, 0, 1, 0, 6, 0, 2, 0, 4, 0, 0xe8, 3, 0, 0, 4, 0, 4, 0, 16, 0, 4, 0]);
        assert_eq!(acl_on_disk(&acl[..11]), None);
        assert_eq!(acl_on_disk(&disk), None);
        assert!(matches!(place(&[("system.posix_acl_access", b"x")]), Err(XattrError::BadAcl(_))));
    }
}
