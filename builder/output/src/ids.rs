//! Identifiers of a disk and of what is on it: all derived from the lock, none drawn.

use rootsmith_profile::{Disk, Partition, PartitionKind, PartitionTable};
use rootsmith_types::{Sha256Digest, Uuid};
use rootsmith_verity::HashTree;

/// Identifiers of one disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskIds {
    /// What all others follow from.
    seed: Sha256Digest,
    /// Of the disk.
    pub disk: Uuid,
    /// Of the disk, where its table is an MBR.
    pub signature: u32,
    /// Of the partitions of the root and of the hashes over it, where those are not derived from the seed.
    of_version: Option<(Uuid, Uuid)>,
}

/// Identifiers of one partition and of the file system in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionIds {
    /// Of the partition, in a GPT.
    pub partition: Uuid,
    /// Of the file system.
    pub filesystem: Uuid,
    /// Seed of its directory hashes.
    pub hash_seed: Uuid,
    /// Of a FAT, whose identifier is shorter.
    pub volume: u32,
}

impl DiskIds {
    /// The identifiers that follow from `seed`.
    pub fn derive(seed: &Sha256Digest) -> DiskIds {
        let disk = Uuid::derive(seed, "disk");
        // 0 is what a disk without a signature has.
        let signature = short(Uuid::derive(seed, "disk signature")).max(1);
        DiskIds { seed: *seed, disk, signature, of_version: None }
    }

    /// Those of a disk with two slots: what is in a slot has identifiers of its version, the rest follows from `lasting`.
    pub fn of_slots(lasting: &Sha256Digest, version: &Sha256Digest) -> DiskIds {
        let of = |purpose| Uuid::derive(version, purpose);
        DiskIds { of_version: Some((of("root partition"), of("root verity partition"))), ..DiskIds::derive(lasting) }
    }

    /// The same, but for a root with hashes (Discoverable Partitions Specification).
    pub fn with_hashes(self, hashes: &HashTree) -> DiskIds {
        DiskIds { of_version: Some(hashes.partition_uuids()), ..self }
    }

    /// Of the root file system, on a disk or on its own.
    pub fn root_filesystem(&self) -> Uuid {
        PartitionIds::derive(&self.seed, "root").filesystem
    }

    /// Those of the partition at `at` in the list of `disk`.
    pub fn partition(&self, disk: &Disk, at: usize) -> PartitionIds {
        let partition = &disk.partitions[at];
        let ids = PartitionIds::derive(&self.seed, &purpose(partition));
        match (partition.kind.value, self.of_version) {
            (PartitionKind::Root, Some((root, _))) => PartitionIds { partition: root, ..ids },
            (PartitionKind::RootVerity, Some((_, hashes))) => PartitionIds { partition: hashes, ..ids },
            _ => ids,
        }
    }
}

impl PartitionIds {
    fn derive(seed: &Sha256Digest, purpose: &str) -> PartitionIds {
        let of = |what: &str| Uuid::derive(seed, &format!("{purpose} {what}"));
        PartitionIds {
            partition: of("partition"),
            filesystem: of("file system"),
            hash_seed: of("hash seed"),
            volume: short(of("volume")),
        }
    }

    /// The serial number of a FAT, as `blkid` prints it: `1234-ABCD`.
    pub fn serial(&self) -> String {
        format!("{:04X}-{:04X}", self.volume >> 16, self.volume & 0xffff)
    }
}

/// What a partition's identifiers are derived for. The words stay as they are, `esp` for any that firmware reads: others would give
/// every image other identifiers.
fn purpose(partition: &Partition) -> String {
    match partition.kind.value {
        PartitionKind::Root => "root".to_owned(),
        PartitionKind::RootVerity => "root verity".to_owned(),
        PartitionKind::SpareRoot => "spare root".to_owned(),
        PartitionKind::SpareVerity => "spare verity".to_owned(),
        PartitionKind::Esp | PartitionKind::Firmware => "esp".to_owned(),
        PartitionKind::BiosBoot => "bios boot".to_owned(),
        // No disk has two of one name.
        PartitionKind::Data => format!("data `{}`", partition.name()),
        PartitionKind::State => "state".to_owned(),
        PartitionKind::Swap => format!("swap `{}`", partition.name()),
    }
}

fn short(uuid: Uuid) -> u32 {
    let [a, b, c, d, ..] = *uuid.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// `PARTUUID` of the partition at `at` in the list of `disk`, as Linux spells it.
pub fn partuuid(disk: &Disk, ids: &DiskIds, at: usize) -> String {
    match disk.table.value {
        PartitionTable::Gpt | PartitionTable::Hybrid => ids.partition(disk, at).partition.to_string(),
        PartitionTable::Mbr => format!("{:08x}-{:02x}", ids.signature, at + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images that are there already keep their identifiers: fstab and kernel command line of machines in the field name them.
    #[test]
    fn identifiers_are_those_of_their_purposes() {
        let seed = Sha256Digest::of(b"lock");
        let ids = PartitionIds::derive(&seed, "root");
        let of = |purpose| Uuid::derive(&seed, purpose);
        assert_eq!(ids.partition, of("root partition"));
        assert_eq!(ids.filesystem, of("root file system"));
        assert_eq!(ids.hash_seed, of("root hash seed"));
        let esp = PartitionIds::derive(&seed, "esp");
        assert_eq!((esp.partition, esp.volume), (of("esp partition"), short(of("esp volume"))));
        assert_eq!(esp.serial().len(), 9);
    }
}
