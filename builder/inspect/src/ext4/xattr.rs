//! Extended attributes: behind the inode's fields, and in a block of their own.

use std::collections::BTreeMap;

use zerocopy::FromBytes;

use crate::broken::{Broken, Result, broken};
use crate::ext4::Ext4;
use crate::ext4::format::{InodeFlags, XATTR_HEADER, XATTR_MAGIC, XattrEntry};
use crate::ext4::inode::Inode;

/// Longest content that can lie in an inode; inodes have at most 64 KiB.
const MAX_INLINE: u64 = 64 << 10;

/// The prefix `system.`, under which the rest of a small content lies as `data`.
const SYSTEM: u8 = 7;

struct Entry<'a> {
    index: u8,
    name: &'a [u8],
    value: &'a [u8],
}

impl Ext4 {
    /// All attributes of an inode by their full names, values as `getxattr` has them. What has an inode of its own
    /// (more than a block) is left out.
    pub(crate) fn xattrs(&self, inode: &Inode) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        let mut xattrs = BTreeMap::new();
        if let Some(region) = in_inode(inode) {
            add(&mut xattrs, entries(region, 0)?)?;
        }
        if inode.attributes_block() != 0 {
            let block = self.block(inode.attributes_block())?;
            if !block.starts_with(&XATTR_MAGIC.to_le_bytes()) {
                return broken(format_args!("the attributes of inode {} have no signature", inode.number));
            }
            add(&mut xattrs, entries(&block, XATTR_HEADER)?)?;
        }
        Ok(xattrs)
    }

    /// A content that lies in the inode: sixty bytes in place of the block map, the rest as an attribute.
    pub(crate) fn inline_content(&self, inode: &Inode) -> Result<Vec<u8>> {
        let short = || Broken(format!("the content of inode {} is longer than the inode", inode.number));
        if !inode.flags().contains(InodeFlags::INLINE_DATA) || inode.size() > MAX_INLINE {
            return Err(short());
        }
        let mut data = inode.block().to_vec();
        if let Some(region) = in_inode(inode) {
            let rest = entries(region, 0)?.into_iter().find(|entry| entry.index == SYSTEM && entry.name == b"data");
            data.extend_from_slice(rest.map_or(&[], |entry| entry.value));
        }
        // At most 64 KiB.
        let size = inode.size() as usize;
        if data.len() < size {
            return Err(short());
        }
        data.truncate(size);
        Ok(data)
    }
}

/// The attributes behind an inode's fields, without their signature; `None` when there are none.
fn in_inode(inode: &Inode) -> Option<&[u8]> {
    inode.attributes().strip_prefix(&XATTR_MAGIC.to_le_bytes())
}

/// The entries from `start` on; offsets of values count from the beginning of `region`.
fn entries(region: &[u8], start: usize) -> Result<Vec<Entry<'_>>> {
    let bad = || Broken("an extended attribute points outside its place".to_owned());
    let mut entries = Vec::new();
    let mut data = region.get(start..).ok_or_else(bad)?;
    // Four bytes of zeros end the list; in an inode, the end of the inode may do.
    while data.len() >= 4 && data[..4] != [0; 4] {
        let (entry, rest) = XattrEntry::ref_from_prefix(data).map_err(|_| bad())?;
        let name = rest.get(..usize::from(entry.e_name_len)).ok_or_else(bad)?;
        if entry.e_value_inum.get() == 0 {
            let from = usize::from(entry.e_value_offs.get());
            let length = usize::try_from(entry.e_value_size.get()).map_err(|_| bad())?;
            let value = match length {
                0 => &[],
                _ => region.get(from..from.checked_add(length).ok_or_else(bad)?).ok_or_else(bad)?,
            };
            entries.push(Entry { index: entry.e_name_index, name, value });
        }
        data = rest.get(name.len().next_multiple_of(4)..).unwrap_or(&[]);
    }
    Ok(entries)
}

fn add(xattrs: &mut BTreeMap<Vec<u8>, Vec<u8>>, entries: Vec<Entry<'_>>) -> Result<()> {
    for entry in entries {
        let (prefix, value): (&[u8], _) = match entry.index {
            0 => (b"", entry.value.to_vec()),
            1 => (b"user.", entry.value.to_vec()),
            2 => (b"system.posix_acl_access", acl(entry.value)?),
            3 => (b"system.posix_acl_default", acl(entry.value)?),
            4 => (b"trusted.", entry.value.to_vec()),
            6 => (b"security.", entry.value.to_vec()),
            SYSTEM if entry.name == b"data" => continue,
            SYSTEM => (b"system.", entry.value.to_vec()),
            8 => (b"system.richacl", entry.value.to_vec()),
            10 => (b"gnu.", entry.value.to_vec()),
            index => return broken(format_args!("an extended attribute has the unknown prefix {index}")),
        };
        let name = [prefix, entry.name].concat();
        if name.is_empty() || name.contains(&0) {
            return broken("an extended attribute has no usable name");
        }
        xattrs.insert(name, value);
    }
    Ok(())
}

/// From ext4's form of an access control list (version 1, no identity where the tag says all) to that of `getxattr`
/// (version 2, eight bytes an entry).
fn acl(value: &[u8]) -> Result<Vec<u8>> {
    const USER: u16 = 0x02;
    const GROUP: u16 = 0x08;
    let Some(mut rest) = value.strip_prefix(&1u32.to_le_bytes()) else {
        return broken("an access control list is of an unknown version");
    };
    let mut out = 2u32.to_le_bytes().to_vec();
    while !rest.is_empty() {
        let length = match rest {
            [low, high, ..] if [USER, GROUP].contains(&u16::from_le_bytes([*low, *high])) => 8,
            _ => 4,
        };
        let Some((entry, behind)) = rest.split_at_checked(length) else {
            return broken("an access control list is cut off");
        };
        out.extend_from_slice(entry);
        if length == 4 {
            out.extend_from_slice(&u32::MAX.to_le_bytes());
        }
        rest = behind;
    }
    Ok(out)
}
