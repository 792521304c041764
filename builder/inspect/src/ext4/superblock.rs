//! What the superblock says of the whole.

use rootsmith_types::Uuid;
use zerocopy::{FromBytes, IntoBytes};

use crate::ext4::format::{Compat, Incompat, OLD_INODE, RoCompat, SUPER_MAGIC, SUPERBLOCK_AT, Superblock};
use crate::{OpenError, ReadAt};

/// Most block groups: a table of them is kept in memory. With groups of the usual 128 MiB this is half an exbibyte.
const MAX_GROUPS: u64 = 4 << 20;

/// Features of which every file and directory can be read.
const READ: Incompat = Incompat::FILETYPE
    .union(Incompat::RECOVER)
    .union(Incompat::META_BG)
    .union(Incompat::EXTENTS)
    .union(Incompat::BIT64)
    .union(Incompat::MMP)
    .union(Incompat::FLEX_BG)
    .union(Incompat::EA_INODE)
    .union(Incompat::CSUM_SEED)
    .union(Incompat::LARGEDIR)
    .union(Incompat::INLINE_DATA)
    // Their files and directories are refused one by one; the feature alone says that there may be some.
    .union(Incompat::ENCRYPT)
    .union(Incompat::CASEFOLD);

/// What the superblock says, decoded and within bounds.
#[derive(Debug, Clone)]
pub(crate) struct Geometry {
    pub(crate) block_size: u64,
    pub(crate) blocks: u64,
    pub(crate) reserved_blocks: u64,
    pub(crate) first_data_block: u64,
    /// Blocks in a cluster: 1 without bigalloc.
    pub(crate) cluster: u64,
    pub(crate) blocks_per_group: u64,
    pub(crate) groups: u64,
    pub(crate) inodes: u32,
    pub(crate) inodes_per_group: u32,
    pub(crate) inode_size: usize,
    pub(crate) descriptor_size: usize,
    pub(crate) first_meta_bg: u64,
    pub(crate) journal_inode: u32,
    pub(crate) compat: Compat,
    pub(crate) incompat: Incompat,
    pub(crate) ro_compat: RoCompat,
    /// What checksums of metadata begin with.
    pub(crate) seed: u32,
    pub(crate) uuid: [u8; 16],
    pub(crate) label: Option<String>,
}

/// CRC-32C as Linux has it: neither end is inverted.
pub(crate) fn crc32c(seed: u32, data: &[u8]) -> u32 {
    !crc32c::crc32c_append(!seed, data)
}

/// Whether there is a superblock's signature.
pub(crate) fn is(source: &dyn ReadAt) -> bool {
    let mut magic = [0; 2];
    source.read_at(SUPERBLOCK_AT + 0x38, &mut magic).is_ok() && magic == SUPER_MAGIC.to_le_bytes()
}

impl Geometry {
    pub(crate) fn read(source: &dyn ReadAt) -> Result<Geometry, OpenError> {
        let damaged = |reason: &str| OpenError::damaged_at("ext4", "its superblock", reason);
        let mut bytes = [0; 1024];
        source.read_at(SUPERBLOCK_AT, &mut bytes).map_err(|_| damaged("the image ends before it"))?;
        // The array is as long as the structure.
        let sb = Superblock::ref_from_bytes(&bytes).map_err(|_| damaged("it is too short"))?;
        if sb.s_magic.get() != SUPER_MAGIC {
            return Err(damaged("it has no signature"));
        }
        let dynamic = sb.s_rev_level.get() > 0;
        let bits = |field: zerocopy::little_endian::U32| if dynamic { field.get() } else { 0 };
        let compat = Compat::from_bits_retain(bits(sb.s_feature_compat));
        let incompat = Incompat::from_bits_retain(bits(sb.s_feature_incompat));
        let ro_compat = RoCompat::from_bits_retain(bits(sb.s_feature_ro_compat));
        // A flipped bit may look like a feature, so the checksum is asked first.
        if ro_compat.contains(RoCompat::METADATA_CSUM) && sb.s_checksum.get() != crc32c(!0, &sb.as_bytes()[..1020]) {
            return Err(damaged("its checksum is wrong"));
        }
        refuse(incompat)?;

        let shift = sb.s_log_block_size.get();
        if shift > 6 {
            return Err(damaged("blocks are larger than 64 KiB"));
        }
        let block_size = 1024u64 << shift;
        let wide = incompat.contains(Incompat::BIT64);
        let join = |lo: u32, hi: u32| u64::from(lo) | if wide { u64::from(hi) << 32 } else { 0 };
        let blocks = join(sb.s_blocks_count_lo.get(), sb.s_blocks_count_hi.get());
        let reserved_blocks = join(sb.s_r_blocks_count_lo.get(), sb.s_r_blocks_count_hi.get());
        let first_data_block = u64::from(sb.s_first_data_block.get());
        let bytes_in_all = blocks.checked_mul(block_size).ok_or_else(|| damaged("it has too many blocks"))?;
        if bytes_in_all > source.size() {
            return Err(OpenError::damaged(
                "ext4",
                format_args!("it is {bytes_in_all} bytes long, and the image holds {} of them", source.size()),
            ));
        }
        let cluster = match sb.s_log_cluster_size.get().checked_sub(shift) {
            _ if !ro_compat.contains(RoCompat::BIGALLOC) => 1,
            Some(more @ 0..=16) => 1 << more,
            _ => return Err(damaged("its cluster size is impossible")),
        };
        let blocks_per_group = u64::from(sb.s_blocks_per_group.get());
        let inodes_per_group = sb.s_inodes_per_group.get();
        if blocks_per_group == 0 || inodes_per_group == 0 || first_data_block >= blocks {
            return Err(damaged("its groups have no blocks or no inodes"));
        }
        let groups = (blocks - first_data_block).div_ceil(blocks_per_group);
        if groups > MAX_GROUPS {
            return Err(OpenError::unsupported("ext4", format_args!("more than {MAX_GROUPS} block groups")));
        }
        let inodes = sb.s_inodes_count.get();
        if u64::from(inodes) > groups * u64::from(inodes_per_group) {
            return Err(damaged("it has more inodes than its groups"));
        }
        let inode_size = if dynamic { usize::from(sb.s_inode_size.get()) } else { OLD_INODE };
        if !inode_size.is_power_of_two() || inode_size < OLD_INODE || inode_size as u64 > block_size {
            return Err(damaged("its inode size is impossible"));
        }
        let descriptor_size = if wide { usize::from(sb.s_desc_size.get()) } else { 32 };
        if !descriptor_size.is_power_of_two() || !(32..=1024).contains(&descriptor_size) {
            return Err(damaged("its group descriptor size is impossible"));
        }
        let seed = match incompat.contains(Incompat::CSUM_SEED) {
            true => sb.s_checksum_seed.get(),
            false => crc32c(!0, &sb.s_uuid),
        };
        Ok(Geometry {
            block_size,
            blocks,
            reserved_blocks,
            first_data_block,
            cluster,
            blocks_per_group,
            groups,
            inodes,
            inodes_per_group,
            inode_size,
            descriptor_size,
            first_meta_bg: u64::from(sb.s_first_meta_bg.get()),
            journal_inode: sb.s_journal_inum.get(),
            compat,
            incompat,
            ro_compat,
            seed,
            uuid: sb.s_uuid,
            label: label(&sb.s_volume_name),
        })
    }

    /// As `blkid` prints it; a file system without one has zeros.
    pub(crate) fn uuid(&self) -> Option<String> {
        (self.uuid != [0; 16]).then(|| Uuid::new(self.uuid).to_string())
    }

    /// Which of the family it is, as `blkid` tells them apart.
    pub(crate) fn name(&self) -> &'static str {
        let ext3_incompat = Incompat::FILETYPE | Incompat::RECOVER | Incompat::META_BG;
        let ext3_ro_compat = RoCompat::SPARSE_SUPER | RoCompat::LARGE_FILE | RoCompat::BTREE_DIR;
        if self.incompat.difference(ext3_incompat).bits() != 0 || self.ro_compat.difference(ext3_ro_compat).bits() != 0
        {
            "ext4"
        } else if self.compat.contains(Compat::HAS_JOURNAL) {
            "ext3"
        } else {
            "ext2"
        }
    }
}

/// Names what cannot be read, the first of it.
fn refuse(incompat: Incompat) -> Result<(), OpenError> {
    let strange = incompat.difference(READ);
    let feature = match () {
        () if strange.bits() == 0 => return Ok(()),
        () if strange.contains(Incompat::COMPRESSION) => "compression".to_owned(),
        () if strange.contains(Incompat::JOURNAL_DEV) => "a partition for a journal alone".to_owned(),
        () if strange.contains(Incompat::DIRDATA) => "data in directory entries".to_owned(),
        () => format!("a feature of a newer kernel (incompatible features {:#x})", strange.bits()),
    };
    Err(OpenError::unsupported("ext4", feature))
}

fn label(field: &[u8; 16]) -> Option<String> {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    (end > 0).then(|| String::from_utf8_lossy(&field[..end]).into_owned())
}
