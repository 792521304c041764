//! What the superblock says of the whole.

use rootsmith_types::Uuid;
use zerocopy::FromBytes;

use crate::erofs::decompress::Compressor;
use crate::erofs::format::{Incompat, MAGIC, SLOT, SUPERBLOCK_AT, SUPERBLOCK_CHECKSUM, Superblock};
use crate::{OpenError, ReadAt};

/// Features of which every file and directory can be read.
const READ: Incompat = Incompat::ZERO_PADDING
    .union(Incompat::BIG_CLUSTERS)
    .union(Incompat::CHUNKS)
    .union(Incompat::DEVICES_OR_SECOND_HEAD)
    .union(Incompat::TAIL_PACKING)
    .union(Incompat::FRAGMENTS_OR_DEDUPE);

/// What the superblock says, decoded and within bounds.
#[derive(Debug, Clone)]
pub(crate) struct Geometry {
    /// Of a block, as a power of two: 9 to 16.
    pub(crate) block_bits: u8,
    /// Bytes of the whole, at most those of the image.
    pub(crate) end: u64,
    /// Where inodes are counted from.
    meta: u64,
    /// Where shared attributes are counted from.
    pub(crate) xattrs: u64,
    pub(crate) root: u64,
    /// The inode with fragments.
    pub(crate) packed: Option<u64>,
    /// Of compact inodes, in seconds and nanoseconds.
    pub(crate) time: (i64, u32),
    /// Whether compressed data end with their last block.
    pub(crate) zero_padding: bool,
    /// Those that files may be compressed by, a bit for each.
    pub(crate) compressors: u16,
    uuid: [u8; 16],
    pub(crate) label: Option<String>,
}

/// Whether there is a superblock's signature.
pub(crate) fn is(source: &dyn ReadAt) -> bool {
    let mut magic = [0; 4];
    source.read_at(SUPERBLOCK_AT, &mut magic).is_ok() && magic == MAGIC.to_le_bytes()
}

impl Geometry {
    pub(crate) fn read(source: &dyn ReadAt) -> Result<Geometry, OpenError> {
        let damaged = |reason: &str| OpenError::damaged_at("EROFS", "its superblock", reason);
        let mut bytes = [0; size_of::<Superblock>()];
        source.read_at(SUPERBLOCK_AT, &mut bytes).map_err(|_| damaged("the image ends before it does"))?;
        // The array is as long as the structure.
        let sb = Superblock::ref_from_bytes(&bytes).map_err(|_| damaged("it is too short"))?;
        if sb.magic.get() != MAGIC {
            return Err(damaged("it has no signature"));
        }
        let block_bits = sb.blkszbits;
        if !(9..=16).contains(&block_bits) {
            return Err(damaged("its block size is impossible"));
        }
        // A flipped bit may look like a feature, so the checksum is asked first.
        if sb.feature_compat.get() & SUPERBLOCK_CHECKSUM != 0 {
            let sum = checksum(source, block_bits).map_err(|_| damaged("the image ends before its block does"))?;
            if sum != sb.checksum.get() {
                return Err(damaged("its checksum is wrong"));
            }
        }
        let incompat = Incompat::from_bits_retain(sb.feature_incompat.get());
        refuse(incompat, sb)?;
        let end = u64::from(sb.blocks.get()) << block_bits;
        if end > source.size() {
            let reason = format_args!("it is {end} bytes long, and the image holds {} of them", source.size());
            return Err(OpenError::damaged("EROFS", reason));
        }
        let packed = sb.packed_nid.get();
        Ok(Geometry {
            block_bits,
            end,
            meta: u64::from(sb.meta_blkaddr.get()) << block_bits,
            xattrs: u64::from(sb.xattr_blkaddr.get()) << block_bits,
            root: u64::from(sb.root_nid.get()),
            packed: (packed != 0 && incompat.contains(Incompat::FRAGMENTS_OR_DEDUPE)).then_some(packed),
            time: (sb.build_time.get() as i64, sb.build_time_nsec.get()),
            zero_padding: incompat.contains(Incompat::ZERO_PADDING),
            compressors: compressors(incompat, sb),
            uuid: sb.uuid,
            label: label(&sb.volume_name),
        })
    }

    /// Bytes of a block.
    pub(crate) fn block(&self) -> u64 {
        1 << self.block_bits
    }

    /// Where inode `nid` lies.
    pub(crate) fn inode_at(&self, nid: u64) -> Option<u64> {
        nid.checked_mul(SLOT)?.checked_add(self.meta).filter(|&at| at < self.end)
    }

    /// As `blkid` prints it; `None` for one that was never given.
    pub(crate) fn uuid(&self) -> Option<String> {
        (self.uuid != [0; 16]).then(|| Uuid::new(self.uuid).to_string())
    }
}

/// The superblock's checksum as it should be: of its block from the superblock on, or of a block where those are small.
fn checksum(source: &dyn ReadAt, block_bits: u8) -> std::io::Result<u32> {
    let block = 1u64 << block_bits;
    let length = if block > SUPERBLOCK_AT { block - SUPERBLOCK_AT } else { block };
    let mut bytes = vec![0; length as usize];
    source.read_at(SUPERBLOCK_AT, &mut bytes)?;
    bytes[4..8].fill(0);
    Ok(!crc32c::crc32c(&bytes))
}

/// Compressors that files may name: without a list of them there is LZ4 alone.
fn compressors(incompat: Incompat, sb: &Superblock) -> u16 {
    match incompat.contains(Incompat::BIG_CLUSTERS) {
        true => sb.available_compr_algs.get(),
        false => 1,
    }
}

fn refuse(incompat: Incompat, sb: &Superblock) -> Result<(), OpenError> {
    let unknown = incompat.difference(READ);
    let compressor = compressors(incompat, sb) & !Compressor::KNOWN;
    let feature = match () {
        () if unknown.contains(Incompat::METABOX) => "compressed metadata".to_owned(),
        () if unknown.contains(Incompat::BIT48) => "block numbers of 48 bits".to_owned(),
        () if unknown.contains(Incompat::XATTR_PREFIXES) => "long prefixes of extended attributes".to_owned(),
        () if !unknown.is_empty() => format!("the unknown feature {:#x}", unknown.bits()),
        () if sb.extra_devices.get() > 0 => "contents on other devices".to_owned(),
        () if sb.dirblkbits != 0 => "directories in blocks of their own size".to_owned(),
        () if compressor & 1 << 1 != 0 => "LZMA compression".to_owned(),
        () if compressor != 0 => format!("compression number {}", compressor.trailing_zeros()),
        () => return Ok(()),
    };
    Err(OpenError::unsupported("EROFS", feature))
}

fn label(field: &[u8; 16]) -> Option<String> {
    let label = field.split(|&byte| byte == 0).next().unwrap_or_default();
    (!label.is_empty()).then(|| String::from_utf8_lossy(label).into_owned())
}
