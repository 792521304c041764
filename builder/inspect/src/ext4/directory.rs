//! Names in a directory. Hash trees hide in entries of no inode, so every directory is read as a list.

use zerocopy::FromBytes;

use crate::broken::{Broken, Result, broken};
use crate::ext4::Ext4;
use crate::ext4::format::{DirectoryEntry, InodeFlags};
use crate::ext4::inode::Inode;

/// A name and its inode.
pub(crate) type Name = (Vec<u8>, u32);

impl Ext4 {
    /// The names in a directory but `.` and `..`, as they lie. What is read is taken off `budget`: no sound file system has
    /// more blocks of directories than blocks.
    pub(crate) fn names(&self, inode: &Inode, budget: &mut u64) -> Result<Vec<Name>> {
        let mut names = Vec::new();
        if inode.flags().contains(InodeFlags::INLINE_DATA) {
            // Four bytes name the parent, in place of `.` and `..`.
            let data = self.inline_content(inode)?;
            let (first, second) = data.split_at(data.len().min(60));
            collect(inode, first.get(4..).unwrap_or(&[]), &mut names)?;
            collect(inode, second, &mut names)?;
            return Ok(names);
        }
        let block_size = self.geometry.block_size;
        let blocks = inode.size().div_ceil(block_size);
        let mut at = 0;
        while at < blocks {
            let run = self.run(inode, at)?;
            let length = run.blocks.min(blocks - at);
            let taken = if run.start.is_some() { length } else { 1 };
            let Some(rest) = budget.checked_sub(taken) else {
                return broken("its directories have more blocks than the file system");
            };
            *budget = rest;
            for block in run.start.into_iter().flat_map(|start| start..start + length) {
                collect(inode, &self.block(block)?, &mut names)?;
            }
            at += length;
        }
        // `.` and `..` come first; further ones are no names, and whoever takes them in says so.
        let dots = names.iter().take(2).take_while(|(name, _)| name == b"." || name == b"..").count();
        names.drain(..dots);
        Ok(names)
    }
}

/// The entries of one block.
fn collect(inode: &Inode, mut data: &[u8], names: &mut Vec<Name>) -> Result<()> {
    let bad = |reason: &str| Broken(format!("an entry of directory inode {} {reason}", inode.number));
    while !data.is_empty() {
        let (entry, rest) = DirectoryEntry::ref_from_prefix(data).map_err(|_| bad("is cut off"))?;
        // 64 KiB do not fit the field: a block of that size is one entry long as 0 or 65535.
        let length = match entry.rec_len.get() {
            0 | 0xFFFF if data.len() == 1 << 16 => 1 << 16,
            length => usize::from(length),
        };
        let name_length = usize::from(entry.name_len);
        if length < 8 + name_length || length % 4 != 0 || length > data.len() {
            return Err(bad("has an impossible length"));
        }
        if entry.inode.get() != 0 {
            if names.len() == crate::MAX_ENTRIES {
                return broken(format_args!("it has more than {} entries", crate::MAX_ENTRIES));
            }
            names.push((rest[..name_length].to_vec(), entry.inode.get()));
        }
        data = &data[length..];
    }
    Ok(())
}
