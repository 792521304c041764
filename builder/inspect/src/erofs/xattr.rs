//! Extended attributes: an inode's own, and those it shares with others.

use std::collections::BTreeMap;

use crate::broken::{Broken, Result, broken};
use crate::erofs::Erofs;
use crate::erofs::format::{XattrEntry, XattrHeader};

/// Bytes one inode's attributes may have: as many as Linux lists and then some.
const MAX_XATTRS: usize = 1 << 20;

/// Bytes of the attributes behind an inode that counts `count`.
pub(crate) fn length(count: u16) -> u64 {
    match count {
        0 => 0,
        count => size_of::<XattrHeader>() as u64 + 4 * (u64::from(count) - 1),
    }
}

impl Erofs {
    /// The attributes that begin at `at` and have `length` bytes there, by their full names.
    pub(crate) fn xattrs(&mut self, at: u64, length: u64) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
        let mut xattrs = BTreeMap::new();
        if length == 0 {
            return Ok(xattrs);
        }
        self.spend(length)?;
        // At most 256 KiB.
        let mut bytes = vec![0; length as usize];
        self.read_at(at, &mut bytes)?;
        let cut_off = || Broken("its list of extended attributes is cut off".to_owned());
        let (head, rest) = bytes.split_at_checked(size_of::<XattrHeader>()).ok_or_else(cut_off)?;
        let shared = usize::from(head[4]);
        let (shared, mut own) = rest.split_at_checked(4 * shared).ok_or_else(cut_off)?;
        let mut total = 0;
        let mut add = |name: Vec<u8>, value: Vec<u8>| {
            total += name.len() + value.len();
            if total > MAX_XATTRS {
                return broken(format_args!("its extended attributes have more than {MAX_XATTRS} bytes"));
            }
            match xattrs.insert(name, value) {
                None => Ok(()),
                Some(_) => broken("an extended attribute is there twice"),
            }
        };
        for number in shared.chunks_exact(4) {
            let number = u32::from_le_bytes([0, 1, 2, 3].map(|n| number[n]));
            let at = self.geometry.xattrs + 4 * u64::from(number);
            let entry: XattrEntry = zerocopy::transmute!(self.bytes::<4>(at)?);
            let mut data = vec![0; usize::from(entry.e_name_len) + usize::from(entry.e_value_size.get())];
            self.spend(data.len() as u64)?;
            self.read_at(at + 4, &mut data)?;
            let (name, value) = data.split_at(entry.e_name_len.into());
            add(full_name(entry.e_name_index, name)?, value.to_vec())?;
        }
        while !own.is_empty() {
            let (head, rest) = own.split_first_chunk::<4>().ok_or_else(cut_off)?;
            let entry: XattrEntry = zerocopy::transmute!(*head);
            let (name, rest) = rest.split_at_checked(entry.e_name_len.into()).ok_or_else(cut_off)?;
            let (value, _) = rest.split_at_checked(entry.e_value_size.get().into()).ok_or_else(cut_off)?;
            add(full_name(entry.e_name_index, name)?, value.to_vec())?;
            // All is in units of four bytes, so there is room for what fills up the last.
            let used = (4 + name.len() + value.len()).next_multiple_of(4);
            own = own.get(used..).ok_or_else(cut_off)?;
        }
        Ok(xattrs)
    }
}

fn full_name(prefix: u8, rest: &[u8]) -> Result<Vec<u8>> {
    let (prefix, alone): (&[u8], bool) = match prefix {
        1 => (b"user.", false),
        2 => (b"system.posix_acl_access", true),
        3 => (b"system.posix_acl_default", true),
        4 => (b"trusted.", false),
        5 => (b"lustre.", false),
        6 => (b"security.", false),
        number => return broken(format_args!("an extended attribute has the unknown prefix {number}")),
    };
    if alone != rest.is_empty() || rest.contains(&0) {
        return broken("an extended attribute has no usable name");
    }
    Ok([prefix, rest].concat())
}
