//! Emits: the superblock, then the levels from the root down.

use std::io;

use rootsmith_ondisk::{Image, Sink};
use rootsmith_types::{NumBytes, Sha256Digest, Uuid};
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use crate::format::{BLOCK, SALT, Superblock};
use crate::hash::{Hasher, hash, level_above};
use crate::plan::Plan;

/// A tree over an image: what is to lie in the partition beside it.
#[derive(Debug, Clone)]
pub struct HashTree {
    plan: Plan,
    /// The level over the data first.
    levels: Vec<Vec<u8>>,
    root: Sha256Digest,
}

impl Plan {
    /// Hashes `data`, which has the planned size, in one pass. Memory holds the tree, a little less than 1 % of it.
    pub fn hash(&self, data: &dyn Image) -> io::Result<HashTree> {
        let size = self.data_blocks * BLOCK as u64;
        if data.size().get() != size {
            return Err(io::Error::other("internal error: a hash tree was planned for another size"));
        }
        let salt = self.options.salt.as_slice();
        if self.levels.is_empty() {
            let mut only = Block([0; BLOCK]);
            data.write(&mut only)?;
            return Ok(HashTree { plan: self.clone(), levels: Vec::new(), root: hash(salt, &only.0) });
        }
        let mut hasher = Hasher::new(salt, self.data_blocks);
        data.write(&mut hasher)?;
        let mut level = hasher.finish(size)?;
        let mut levels = Vec::with_capacity(self.levels.len());
        while level.len() > BLOCK {
            let above = level_above(salt, &level);
            levels.push(std::mem::replace(&mut level, above));
        }
        let root = hash(salt, &level);
        levels.push(level);
        Ok(HashTree { plan: self.clone(), levels, root })
    }
}

impl HashTree {
    /// What vouches for everything: it belongs where nobody can change it, as in a signed kernel image's command line.
    pub fn root_hash(&self) -> Sha256Digest {
        self.root
    }

    /// The UUIDs that the data partition and this one have, so that systemd finds both by the root hash alone: its first
    /// and its last 128 bits (Discoverable Partitions Specification).
    pub fn partition_uuids(&self) -> (Uuid, Uuid) {
        let (first, last) = self.root.as_bytes().split_at(16);
        let uuid = |half: &[u8]| {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(half);
            Uuid::new(bytes)
        };
        (uuid(first), uuid(last))
    }

    /// Whether it is the tree over `data`, which is hashed once more.
    pub fn vouches_for(&self, data: &dyn Image) -> io::Result<bool> {
        Ok(self.plan.hash(data)?.root == self.root)
    }

    /// Its full size.
    pub fn size(&self) -> NumBytes {
        self.plan.size()
    }
}

impl Image for HashTree {
    fn size(&self) -> NumBytes {
        HashTree::size(self)
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        let mut block = [0; BLOCK];
        block[..size_of::<Superblock>()].copy_from_slice(superblock(&self.plan).as_bytes());
        out.write_at(0, &block)?;
        let mut at = BLOCK as u64;
        for level in self.levels.iter().rev() {
            out.write_at(at, level)?;
            at += level.len() as u64;
        }
        Ok(())
    }
}

fn superblock(plan: &Plan) -> Superblock {
    let mut algorithm = [0; 32];
    algorithm[..6].copy_from_slice(b"sha256");
    let mut salt = [0; 256];
    salt[..SALT].copy_from_slice(&plan.options.salt);
    Superblock {
        signature: *b"verity\0\0",
        version: U32::new(1),
        hash_type: U32::new(1),
        uuid: *plan.options.uuid.as_bytes(),
        algorithm,
        data_block_size: U32::new(BLOCK as u32),
        hash_block_size: U32::new(BLOCK as u32),
        data_blocks: U64::new(plan.data_blocks),
        salt_size: U16::new(SALT as u16),
        pad1: [0; 6],
        salt,
        pad2: [0; 168],
    }
}

/// An image of one block, in memory.
struct Block([u8; BLOCK]);

impl Sink for Block {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let place = start.checked_add(data.len()).and_then(|end| self.0.get_mut(start..end));
        place.ok_or(io::ErrorKind::FileTooLarge)?.copy_from_slice(data);
        Ok(())
    }
}
