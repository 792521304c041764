//! Decides: how many levels there are, and how large they are together.

use rootsmith_types::{NumBytes, Sha256Digest, Uuid};

use crate::PlanError;
use crate::format::{BLOCK, PER_BLOCK, SALT};

/// What makes a tree another one although the data are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Of the hash device, for `veritysetup` and `blkid`; the tree does not depend on it.
    pub uuid: Uuid,
    /// Goes into every hash, so that nobody can prepare blocks with equal hashes for many images at once. No secret.
    pub salt: [u8; SALT],
}

impl Options {
    /// Those that follow from `seed`, the digest of the lock.
    pub fn derive(seed: &Sha256Digest) -> Options {
        let salt = Sha256Digest::of(&[seed.as_bytes(), b"verity salt".as_slice()].concat());
        Options { uuid: Uuid::derive(seed, "verity"), salt: *salt.as_bytes() }
    }
}

/// A tree of which all but the hashes is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub(crate) options: Options,
    pub(crate) data_blocks: u64,
    /// Blocks of each level, the one over the data first.
    pub(crate) levels: Vec<u64>,
}

/// Plans a tree over `data` bytes.
pub fn plan(data: NumBytes, options: &Options) -> Result<Plan, PlanError> {
    if data.get() == 0 {
        return Err(PlanError::Empty);
    }
    if !data.get().is_multiple_of(BLOCK as u64) {
        return Err(PlanError::Unaligned(data));
    }
    let data_blocks = data.get() / BLOCK as u64;
    let mut levels = Vec::new();
    let mut below = data_blocks;
    // One block of data is its own root: then there is no level.
    while below > 1 {
        below = below.div_ceil(PER_BLOCK as u64);
        levels.push(below);
    }
    Ok(Plan { options: options.clone(), data_blocks, levels })
}

impl Plan {
    /// What the tree takes, its superblock included: a little less than 1 % of the data.
    pub fn size(&self) -> NumBytes {
        NumBytes::new((1 + self.levels.iter().sum::<u64>()) * BLOCK as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_from_the_data() {
        let options = Options::derive(&Sha256Digest::of(b"lock"));
        let levels = |blocks: u64| plan(NumBytes::new(blocks * 4096), &options).unwrap().levels;
        assert_eq!(levels(1), [0; 0]);
        assert_eq!(levels(2), [1]);
        assert_eq!(levels(128), [1]);
        assert_eq!(levels(129), [2, 1]);
        assert_eq!(levels(128 * 128 + 1), [129, 2, 1]);
        assert_eq!(plan(NumBytes::mib(1), &options).unwrap().size(), NumBytes::new(4 * 4096));
        assert_eq!(plan(NumBytes::new(0), &options), Err(PlanError::Empty));
        assert_eq!(plan(NumBytes::new(5000), &options), Err(PlanError::Unaligned(NumBytes::new(5000))));
    }

    #[test]
    fn salt_and_uuid_follow_from_the_seed() {
        let [one, other] = [b"one", b"two"].map(|seed| Options::derive(&Sha256Digest::of(seed)));
        assert_eq!(one, Options::derive(&Sha256Digest::of(b"one")));
        assert!(one.salt != other.salt && one.uuid != other.uuid);
    }
}
