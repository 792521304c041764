//! Decides: what goes where, how large it all is, and what is refused.

use std::collections::BTreeMap;

use rootsmith_tree::{Blobs, Metadata, Node, Tree};
use rootsmith_types::{NumBytes, Trace, UnixTime, Uuid};

use crate::allocate::{Allocation, JOURNAL_FILE, Piece, What, allocate};
use crate::checksum::Seed;
use crate::contents::{Contents, number_of};
use crate::extent::{self, ExtentTree};
use crate::format::{BLOCK_SIZE, BlockIndex, GroupDescriptor, GroupFlags, INODES_PER_BLOCK, JOURNAL_INODE, Superblock};
use crate::geometry::{Geometry, MAX_BLOCKS, first_inodes};
use crate::groups;
use crate::inode::in_range;
use crate::superblock::{self, Facts};
use crate::{Options, PlanError, Size};

/// A filesystem whose every block is decided. It is an [`Image`](rootsmith_ondisk::Image).
pub struct Plan<'a> {
    pub(crate) blobs: &'a dyn Blobs,
    pub(crate) contents: Contents<'a>,
    pub(crate) geometry: Geometry,
    pub(crate) allocation: Allocation,
    /// Extent trees of files that need blocks for them.
    pub(crate) trees: BTreeMap<u32, ExtentTree>,
    pub(crate) journal_tree: Option<ExtentTree>,
    pub(crate) descriptors: Vec<GroupDescriptor>,
    /// All there is to write, ascending.
    pub(crate) pieces: Vec<Piece>,
    pub(crate) seed: Seed,
    pub(crate) time: UnixTime,
    pub(crate) trace: Trace<'a>,
    uuid: Uuid,
    hash_seed: Uuid,
    label: String,
    size: NumBytes,
    reserved_blocks: u64,
}

/// Plans an ext4 filesystem of `tree`. Contents are read from `blobs` when it is written, not before.
pub fn plan<'a>(tree: &'a Tree, blobs: &'a dyn Blobs, options: &Options) -> Result<Plan<'a>, PlanError> {
    if options.label.len() > 16 {
        return Err(PlanError::LabelTooLong(options.label.clone()));
    }
    if options.reserved_percent > 50 {
        return Err(PlanError::ReservedPercent(options.reserved_percent));
    }
    let time = in_range(options.time);
    let seed = Seed::new(&options.uuid);
    let lost_found = Node::directory(Metadata::root(0o700, time));
    let contents = Contents::collect(tree, lost_found, &options.hash_seed, seed)?;
    let (geometry, allocation, size) = fit(&contents, options)?;

    let trees = allocation.tree_nodes.iter().map(|(&file, nodes)| {
        let seed = seed.inode(number_of(file as usize));
        (file, extent::build(allocation.extents_of(file), nodes, seed))
    });
    let trees = trees.collect();
    let (extents, nodes) = &allocation.journal;
    let journal_tree = (!nodes.is_empty()).then(|| extent::build(extents, nodes, seed.inode(JOURNAL_INODE)));
    let descriptors = groups::descriptors(&geometry, &contents, &allocation, seed);
    let pieces = pieces(&geometry, &contents, &allocation);
    let reserved_blocks = reserved_blocks(geometry.blocks, options.reserved_percent);
    Ok(Plan {
        blobs,
        contents,
        geometry,
        allocation,
        trees,
        journal_tree,
        descriptors,
        pieces,
        seed,
        time,
        trace: Trace::off(),
        uuid: options.uuid,
        hash_seed: options.hash_seed,
        label: options.label.clone(),
        size,
        reserved_blocks,
    })
}

impl<'a> Plan<'a> {
    /// Records in `trace` when the image's pieces are made.
    pub fn traced(self, trace: Trace<'a>) -> Plan<'a> {
        Plan { trace, ..self }
    }
}

impl Plan<'_> {
    /// Full size of the image; [`Plan::block_count`] blocks and perhaps an unused rest.
    pub fn size(&self) -> NumBytes {
        self.size
    }

    /// Blocks of 4096 bytes in the filesystem.
    pub fn block_count(&self) -> u64 {
        self.geometry.blocks
    }

    /// Blocks not in use, reserved ones included.
    pub fn free_blocks(&self) -> u64 {
        self.geometry.blocks - self.geometry.fixed_blocks() - self.allocation.taken
    }

    /// What users other than root can still write: `f_bavail` of `statvfs` right after mounting.
    pub fn available(&self) -> NumBytes {
        let kept = self.reserved_blocks + kernel_reserve(self.geometry.blocks);
        NumBytes::new(self.free_blocks().saturating_sub(kept) * BLOCK_SIZE)
    }

    /// Inodes in the filesystem.
    pub fn inode_count(&self) -> u32 {
        self.geometry.inodes()
    }

    /// Inodes not in use.
    pub fn free_inodes(&self) -> u32 {
        self.geometry.inodes() - self.contents.used_inodes()
    }

    /// Bytes of the journal; zero when there is none.
    pub fn journal_size(&self) -> NumBytes {
        NumBytes::new(self.geometry.journal_blocks * BLOCK_SIZE)
    }

    pub(crate) fn superblock(&self) -> Superblock {
        let facts = Facts {
            uuid: &self.uuid,
            hash_seed: &self.hash_seed,
            label: &self.label,
            time: self.time,
            reserved_blocks: self.reserved_blocks,
            free_blocks: self.free_blocks(),
            free_inodes: self.free_inodes(),
            journal: (self.geometry.journal_blocks > 0).then(|| self.journal_inode()),
        };
        superblock::superblock(&self.geometry, &facts)
    }

    /// A node of an extent tree.
    pub(crate) fn extent_node(&self, file: u32, node: u32) -> Option<&[u8]> {
        let tree = if file == JOURNAL_FILE { self.journal_tree.as_ref() } else { self.trees.get(&file) };
        tree?.blocks.get(node as usize).map(Vec::as_slice)
    }
}

/// Settles the size.
fn fit(contents: &Contents<'_>, options: &Options) -> Result<(Geometry, Allocation, NumBytes), PlanError> {
    let used = first_inodes() + contents.inodes.len() as u64;
    match options.size {
        Size::Minimal { free } => {
            let (geometry, allocation) = smallest(contents, options, free)?;
            let size = NumBytes::new(geometry.blocks * BLOCK_SIZE);
            Ok((geometry, allocation, size))
        }
        Size::Fixed(size) => {
            let blocks = size.get() / BLOCK_SIZE;
            if blocks > MAX_BLOCKS {
                return Err(PlanError::TooLarge);
            }
            if blocks > 0
                && let Ok(geometry) = Geometry::new(blocks, used, options.journal)
            {
                let allocation = allocate(contents, &geometry);
                if allocation.end <= geometry.blocks {
                    return Ok((geometry, allocation, size));
                }
            }
            let (geometry, _) = smallest(contents, options, NumBytes::new(0))?;
            Err(PlanError::TooSmall { needed: NumBytes::new(geometry.blocks * BLOCK_SIZE), given: size })
        }
    }
}

/// Goes up from a size that is surely too small, each time by what is missing, until everything fits. What a size needs
/// beside the contents (tables, journal, reserve) grows far slower than the size, so few rounds are needed.
fn smallest(contents: &Contents<'_>, options: &Options, free: NumBytes) -> Result<(Geometry, Allocation), PlanError> {
    let used = first_inodes() + contents.inodes.len() as u64;
    let free = free.get().div_ceil(BLOCK_SIZE);
    // The rest is too small for the least filesystem, so that the first round says what it needs.
    let mut blocks = free.max(1);
    while blocks <= MAX_BLOCKS {
        let geometry = match Geometry::new(blocks, used, options.journal) {
            Ok(geometry) => geometry,
            Err(next) => {
                blocks = next;
                continue;
            }
        };
        let allocation = allocate(contents, &geometry);
        let kept = reserved_blocks(geometry.blocks, options.reserved_percent) + kernel_reserve(geometry.blocks);
        // Without free space asked for, root's reserve may be eaten up by contents.
        let wanted = if free == 0 { 0 } else { free + kept };
        let needed = geometry.fixed_blocks() + allocation.taken + wanted;
        // Gaps between tables may be behind the last block taken, so the end counts as well.
        let missing = needed.max(allocation.end).saturating_sub(geometry.blocks);
        if missing == 0 {
            return Ok((geometry, allocation));
        }
        // When the last group was dropped, the size that is missing may be too small for it again.
        let kept_group = geometry.next_size.unwrap_or(0);
        blocks = (geometry.blocks + missing).max(kept_group).max(blocks + 1);
    }
    Err(PlanError::TooLarge)
}

fn reserved_blocks(blocks: u64, percent: u8) -> u64 {
    blocks * u64::from(percent) / 100
}

/// What the kernel keeps for itself on a filesystem with extents, and does not call available
/// (`ext4_set_resv_clusters`): 2 %, at most 4096 blocks.
fn kernel_reserve(blocks: u64) -> u64 {
    (blocks / 50).min(4096)
}

/// What the groups need written, and what was allocated, in the order of the image.
fn pieces(geometry: &Geometry, contents: &Contents<'_>, allocation: &Allocation) -> Vec<Piece> {
    let mut pieces = allocation.pieces.clone();
    let descriptors = geometry.descriptor_blocks as u32;
    for group in std::iter::once(0).chain(geometry.backups()) {
        let start = geometry.group_blocks(group).start;
        pieces.push(Piece { start: BlockIndex(start), blocks: 1, what: What::Superblock(group) });
        pieces.push(Piece { start: BlockIndex(start + 1), blocks: descriptors, what: What::Descriptors });
    }
    if geometry.reserved_gdt_blocks > 0 {
        let start = BlockIndex(1 + geometry.descriptor_blocks);
        let blocks = geometry.reserved_gdt_blocks as u32;
        pieces.push(Piece { start, blocks, what: What::ReservedDescriptors });
    }
    for (group, tables) in (0..).zip(&geometry.tables) {
        let flags = groups::flags(geometry, contents, allocation, group);
        if !flags.contains(GroupFlags::BLOCK_UNINIT) {
            pieces.push(Piece { start: tables.block_bitmap, blocks: 1, what: What::BlockBitmap(group) });
        }
        if !flags.contains(GroupFlags::INODE_UNINIT) {
            pieces.push(Piece { start: tables.inode_bitmap, blocks: 1, what: What::InodeBitmap(group) });
            let blocks = groups::used_inodes(geometry, contents, group).div_ceil(INODES_PER_BLOCK);
            pieces.push(Piece { start: tables.inode_table, blocks, what: What::InodeTable(group) });
        }
    }
    pieces.sort_unstable_by_key(|piece| piece.start);
    pieces
}
