//! How many sectors go where.

use std::ops::RangeInclusive;

use crate::format::SECTOR;

/// Which of the two a volume is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FatType {
    /// Up to 65 524 clusters.
    Fat16,
    /// From 65 525 clusters on.
    Fat32,
}

impl FatType {
    /// How many clusters a volume of this type may have: 16 away from the border on either side, as the specification asks
    /// for the sake of drivers that are off by a few.
    pub(crate) fn clusters(self) -> RangeInclusive<u64> {
        match self {
            FatType::Fat16 => 4085 + 16..=65_524 - 16,
            FatType::Fat32 => 65_525 + 16..=0x0fff_fff4 - 16,
        }
    }

    /// Bytes of one entry of the table.
    pub(crate) fn entry_size(self) -> u64 {
        match self {
            FatType::Fat16 => 2,
            FatType::Fat32 => 4,
        }
    }
}

/// The parts of a volume, in sectors unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) fat_type: FatType,
    pub(crate) sectors_per_cluster: u64,
    pub(crate) reserved: u64,
    pub(crate) fat_sectors: u64,
    /// The root directory of FAT16; zero for FAT32.
    pub(crate) root_sectors: u64,
    pub(crate) total: u64,
    /// A number of clusters.
    pub(crate) clusters: u64,
}

impl Geometry {
    /// The types and cluster sizes to try, best first. FAT32 wherever it has enough clusters, and with 4 KiB clusters (the
    /// page size of who reads it) where it still has enough then; larger ones only where the table would grow out of
    /// proportion, as Microsoft's own table has it.
    pub(crate) fn candidates(size: u64) -> impl Iterator<Item = (FatType, u64)> {
        const GIB: u64 = 1 << 30;
        let large = match size {
            _ if size > 32 * GIB => 64,
            _ if size > 16 * GIB => 32,
            _ if size > 8 * GIB => 16,
            _ => 8,
        };
        let fat32 = [large, 4, 2, 1].map(|n| (FatType::Fat32, n));
        let fat16 = [1, 2, 4, 8, 16, 32, 64].map(|n| (FatType::Fat16, n));
        fat32.into_iter().chain(fat16)
    }

    /// A volume of `total` sectors; `None` when it would not have the number of clusters its type must have.
    pub(crate) fn of_size(fat_type: FatType, spc: u64, root_sectors: u64, total: u64) -> Option<Geometry> {
        // A larger table leaves fewer clusters, so the smallest that has an entry for each of those it leaves is the one.
        // With no table at all there are too many clusters, which gives the most it can be; after that the least is near.
        let most = fat_sectors(fat_type, total.checked_sub(reserved(fat_type) + root_sectors)? / spc);
        let with_table = |fat_sectors: u64| {
            let reserved = aligned_reserved(fat_type, spc, fat_sectors, root_sectors);
            let clusters = total.checked_sub(reserved + 2 * fat_sectors + root_sectors)? / spc;
            Some(Geometry { fat_type, sectors_per_cluster: spc, reserved, fat_sectors, root_sectors, total, clusters })
        };
        let least = fat_sectors(fat_type, with_table(most)?.clusters);
        let geometry = (least..=most)
            .filter_map(with_table)
            .find(|geometry| fat_sectors(fat_type, geometry.clusters) <= geometry.fat_sectors)?;
        let clusters = geometry.clusters;
        fat_type.clusters().contains(&clusters).then_some(geometry)
    }

    /// The smallest volume with at least `clusters` clusters; `None` when its type cannot have so many.
    pub(crate) fn with_clusters(fat_type: FatType, spc: u64, root_sectors: u64, clusters: u64) -> Option<Geometry> {
        let clusters = clusters.max(*fat_type.clusters().start());
        if clusters > *fat_type.clusters().end() {
            return None;
        }
        let fat_sectors = fat_sectors(fat_type, clusters);
        let reserved = aligned_reserved(fat_type, spc, fat_sectors, root_sectors);
        let total = reserved + 2 * fat_sectors + root_sectors + clusters * spc;
        Some(Geometry { fat_type, sectors_per_cluster: spc, reserved, fat_sectors, root_sectors, total, clusters })
    }

    /// Bytes in a cluster.
    pub(crate) fn cluster_size(&self) -> u64 {
        self.sectors_per_cluster * SECTOR
    }

    /// Where table `n` (0 or 1) begins, in bytes.
    pub(crate) fn fat_offset(&self, n: u64) -> u64 {
        (self.reserved + n * self.fat_sectors) * SECTOR
    }

    /// Where FAT16's root directory begins, in bytes.
    pub(crate) fn root_offset(&self) -> u64 {
        self.fat_offset(2)
    }

    /// Where a cluster begins, in bytes. The first has number 2.
    pub(crate) fn cluster_offset(&self, cluster: u64) -> u64 {
        self.root_offset() + self.root_sectors * SECTOR + (cluster - 2) * self.cluster_size()
    }
}

/// Sectors before the first table, before alignment: FAT32 keeps its backup boot sector at 6.
fn reserved(fat_type: FatType) -> u64 {
    match fat_type {
        FatType::Fat16 => 1,
        FatType::Fat32 => 32,
    }
}

/// The same, filled up so that clusters lie at multiples of their size, or of 4 KiB when they are larger.
fn aligned_reserved(fat_type: FatType, spc: u64, fat_sectors: u64, root_sectors: u64) -> u64 {
    let rest = 2 * fat_sectors + root_sectors;
    (reserved(fat_type) + rest).next_multiple_of(spc.min(8)) - rest
}

/// The two first entries stand for no cluster.
fn fat_sectors(fat_type: FatType, clusters: u64) -> u64 {
    ((clusters + 2) * fat_type.entry_size()).div_ceil(SECTOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(size: u64) -> Option<Geometry> {
        Geometry::candidates(size).find_map(|(fat_type, spc)| {
            let root = if fat_type == FatType::Fat16 { 32 } else { 0 };
            Geometry::of_size(fat_type, spc, root, size / SECTOR)
        })
    }

    #[test]
    fn type_follows_from_the_size() {
        let kind = |mib: u64| best(mib << 20).map(|it| (it.fat_type, it.sectors_per_cluster));
        assert_eq!(kind(2), None);
        assert_eq!(kind(3), Some((FatType::Fat16, 1)));
        assert_eq!(kind(31), Some((FatType::Fat16, 1)));
        assert_eq!(kind(33), Some((FatType::Fat32, 1)));
        assert_eq!(kind(64), Some((FatType::Fat32, 1)));
        assert_eq!(kind(128), Some((FatType::Fat32, 2)));
        assert_eq!(kind(512), Some((FatType::Fat32, 8)));
        assert_eq!(kind(20 << 10), Some((FatType::Fat32, 32)));
    }

    #[test]
    fn every_size_has_room_for_its_parts() {
        for sectors in (4200..200_000).step_by(7) {
            let Some(it) = best(sectors * SECTOR) else { panic!("{sectors} sectors have no layout") };
            assert!(it.fat_type.clusters().contains(&it.clusters));
            assert!((it.clusters + 2) * it.fat_type.entry_size() <= it.fat_sectors * SECTOR, "{it:?}");
            assert!(it.cluster_offset(it.clusters + 2) <= sectors * SECTOR, "{it:?}");
            assert_eq!(it.cluster_offset(2) % it.cluster_size().min(4096), 0);
        }
    }

    #[test]
    fn smallest_volume_has_the_clusters_asked_for() {
        for clusters in [1, 4101, 5000, 65_508] {
            let it = Geometry::with_clusters(FatType::Fat16, 1, 32, clusters).unwrap();
            assert_eq!(Geometry::of_size(FatType::Fat16, 1, 32, it.total).unwrap().clusters, clusters.max(4101));
        }
        assert_eq!(Geometry::with_clusters(FatType::Fat16, 1, 32, 65_509), None);
    }
}
