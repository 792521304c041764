//! One inode.

use rootsmith_tree::Mtime;
use zerocopy::{FromZeros, IntoBytes};

use crate::broken::{Result, broken};
use crate::ext4::Ext4;
use crate::ext4::format::{Inode as Raw, InodeFlags, OLD_INODE, RoCompat};
use crate::ext4::superblock::crc32c;

/// An inode: its fixed part, and the whole of it.
pub(crate) struct Inode {
    pub(crate) number: u32,
    raw: Raw,
    bytes: Vec<u8>,
}

impl Ext4 {
    /// Reads inode `number`.
    pub(crate) fn inode(&self, number: u32) -> Result<Inode> {
        let geometry = &self.geometry;
        if number == 0 || number > geometry.inodes {
            return broken(format_args!("there is no inode {number}"));
        }
        let (group, index) = ((number - 1) / geometry.inodes_per_group, (number - 1) % geometry.inodes_per_group);
        let Some(table) = self.groups.inode_tables.get(group as usize) else {
            return broken(format_args!("there is no inode {number}"));
        };
        let size = geometry.inode_size;
        let mut bytes = vec![0; size];
        // The table was found to lie in the file system, so nothing overflows.
        self.source.read_at(table * geometry.block_size + u64::from(index) * size as u64, &mut bytes)?;
        let mut raw = Raw::new_zeroed();
        let known = size.min(raw.as_bytes().len());
        raw.as_mut_bytes()[..known].copy_from_slice(&bytes[..known]);
        let inode = Inode { number, raw, bytes };
        if inode.extra() > size - OLD_INODE {
            return broken(format_args!("inode {number} has more extra fields than room"));
        }
        if geometry.ro_compat.contains(RoCompat::METADATA_CSUM) && !inode.checksum_fits(geometry.seed) {
            return broken(format_args!("inode {number} has a wrong checksum"));
        }
        Ok(inode)
    }
}

impl Inode {
    /// Type and permissions.
    pub(crate) fn mode(&self) -> u16 {
        self.raw.i_mode.get()
    }

    pub(crate) fn uid(&self) -> u32 {
        u32::from(self.raw.i_uid_lo.get()) | u32::from(self.raw.i_uid_high.get()) << 16
    }

    pub(crate) fn gid(&self) -> u32 {
        u32::from(self.raw.i_gid_lo.get()) | u32::from(self.raw.i_gid_high.get()) << 16
    }

    pub(crate) fn links(&self) -> u16 {
        self.raw.i_links_count.get()
    }

    pub(crate) fn size(&self) -> u64 {
        u64::from(self.raw.i_size_lo.get()) | u64::from(self.raw.i_size_high.get()) << 32
    }

    pub(crate) fn flags(&self) -> InodeFlags {
        InodeFlags::from_bits_retain(self.raw.i_flags.get())
    }

    /// Extent tree, block map, target of a short symbolic link, device number, or the beginning of a small content.
    pub(crate) fn block(&self) -> &[u8; 60] {
        &self.raw.i_block
    }

    /// The block of extended attributes; zero when there is none.
    pub(crate) fn attributes_block(&self) -> u64 {
        u64::from(self.raw.i_file_acl_lo.get()) | u64::from(self.raw.i_file_acl_high.get()) << 32
    }

    /// What lies behind the fixed part: extended attributes, with their signature.
    pub(crate) fn attributes(&self) -> &[u8] {
        match self.bytes.len() > OLD_INODE {
            true => &self.bytes[OLD_INODE + self.extra()..],
            false => &[],
        }
    }

    pub(crate) fn mtime(&self) -> Mtime {
        let seconds = i64::from(self.raw.i_mtime.get() as i32);
        // The field ends twelve bytes into the extra ones.
        if self.extra() < 12 {
            return Mtime { seconds, nanoseconds: 0 };
        }
        let extra = self.raw.i_mtime_extra.get();
        Mtime { seconds: seconds + (i64::from(extra & 3) << 32), nanoseconds: (extra >> 2).min(999_999_999) }
    }

    /// Major and minor number of a device: 8 bits each in the first word, or 12 and 20 in the second.
    pub(crate) fn device(&self) -> (u32, u32) {
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|n| self.raw.i_block[at + n]));
        match (word(0), word(4)) {
            (0, new) => ((new >> 8) & 0xFFF, (new & 0xFF) | ((new >> 12) & 0xF_FF00)),
            (old, _) => ((old >> 8) & 0xFF, old & 0xFF),
        }
    }

    /// Bytes of fields behind the first 128.
    fn extra(&self) -> usize {
        if self.bytes.len() > OLD_INODE { usize::from(self.raw.i_extra_isize.get()) } else { 0 }
    }

    fn checksum_fits(&self, seed: u32) -> bool {
        const LO: usize = 0x7C;
        const HI: usize = 0x82;
        let mut bytes = self.bytes.clone();
        bytes[LO..LO + 2].fill(0);
        let wide = self.extra() >= 4;
        if wide {
            bytes[HI..HI + 2].fill(0);
        }
        let crc = crc32c(crc32c(seed, &self.number.to_le_bytes()), &self.raw.i_generation.get().to_le_bytes());
        let crc = crc32c(crc, &bytes);
        let hi = if wide { self.raw.i_checksum_hi.get() } else { (crc >> 16) as u16 };
        crc == u32::from(self.raw.i_checksum_lo.get()) | u32::from(hi) << 16
    }
}
