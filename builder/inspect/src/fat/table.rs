//! The file allocation table: which cluster follows which, and which are free.
//!
//! Specification: "Microsoft Extensible Firmware Initiative FAT32 File System Specification", 1.03. Integers are little-endian.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::ReadAt;
use crate::broken::{Broken, Result, broken};

/// Entries read at once when all are counted.
const AT_ONCE: u64 = 16 << 10;

/// The BIOS parameter block: what the first sector says of the whole.
#[derive(FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct BootSector {
    pub(crate) bs_jmp_boot: [u8; 3],
    pub(crate) bs_oem_name: [u8; 8],
    pub(crate) bpb_byts_per_sec: U16,
    pub(crate) bpb_sec_per_clus: u8,
    pub(crate) bpb_rsvd_sec_cnt: U16,

    pub(crate) bpb_num_fats: u8,
    pub(crate) bpb_root_ent_cnt: U16,
    pub(crate) bpb_tot_sec_16: U16,
    pub(crate) bpb_media: u8,
    pub(crate) bpb_fat_sz_16: U16,
    pub(crate) bpb_sec_per_trk: U16,
    pub(crate) bpb_num_heads: U16,
    pub(crate) bpb_hidd_sec: U32,

    pub(crate) bpb_tot_sec_32: U32,
    /// FAT32 alone: in the others, other things begin here.
    pub(crate) bpb_fat_sz_32: U32,
}
const _: () = assert!(size_of::<BootSector>() == 40);

/// How many bits a table's entry has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Fat12,
    Fat16,
    Fat32,
}

/// Where everything lies.
#[derive(Debug, Clone)]
pub(crate) struct Geometry {
    pub(crate) width: Width,
    /// Where the table begins, and where the clusters do.
    table: u64,
    data: u64,
    pub(crate) cluster_size: u64,
    /// They are numbered from 2 on.
    pub(crate) clusters: u64,
    /// Of the whole file system.
    pub(crate) size: u64,
}

/// Neighbouring clusters of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// From the beginning of the image.
    pub(crate) start: u64,
    pub(crate) length: u64,
}

impl Geometry {
    /// What the boot sector says; `None` when it is not one.
    pub(crate) fn read(source: &dyn ReadAt) -> Option<Geometry> {
        let mut sector = [0; 512];
        source.read_at(0, &mut sector).ok()?;
        let (boot, _) = BootSector::ref_from_prefix(&sector).ok()?;
        let jump = matches!(boot.bs_jmp_boot, [0xEB, _, 0x90] | [0xE9, _, _]);
        let sector_size = u64::from(boot.bpb_byts_per_sec.get());
        let per_cluster = u64::from(boot.bpb_sec_per_clus);
        let sound = matches!(sector_size, 512 | 1024 | 2048 | 4096)
            && per_cluster.is_power_of_two()
            && (1..=2).contains(&boot.bpb_num_fats)
            && boot.bpb_rsvd_sec_cnt.get() > 0
            && (boot.bpb_media == 0xF0 || boot.bpb_media >= 0xF8);
        if !jump || sector[510..] != [0x55, 0xAA] || !sound {
            return None;
        }
        let or = |small: U16, large: U32| match small.get() {
            0 => u64::from(large.get()),
            small => u64::from(small),
        };
        let table_sectors = or(boot.bpb_fat_sz_16, boot.bpb_fat_sz_32);
        let sectors = or(boot.bpb_tot_sec_16, boot.bpb_tot_sec_32);
        let reserved = u64::from(boot.bpb_rsvd_sec_cnt.get());
        let root_sectors = (u64::from(boot.bpb_root_ent_cnt.get()) * 32).div_ceil(sector_size);
        // None of these has more than 33 bits.
        let before = reserved + u64::from(boot.bpb_num_fats) * table_sectors + root_sectors;
        let clusters = sectors.checked_sub(before)? / per_cluster;
        if clusters == 0 {
            return None;
        }
        let width = match clusters {
            _ if boot.bpb_fat_sz_16.get() == 0 => Width::Fat32,
            ..4085 => Width::Fat12,
            _ => Width::Fat16,
        };
        Some(Geometry {
            width,
            table: reserved * sector_size,
            data: before * sector_size,
            cluster_size: per_cluster * sector_size,
            // A table may be shorter than the clusters it should speak of.
            clusters: clusters.min((table_sectors * sector_size * 8 / width.bits()).saturating_sub(2)),
            size: sectors * sector_size,
        })
    }

    /// Clusters nobody has.
    pub(crate) fn free(&self, source: &dyn ReadAt) -> Result<u64> {
        let mut free = 0;
        let mut first = 2;
        let end = self.clusters + 2;
        while first < end {
            // An even number of entries, so that those of 12 bits end with a byte.
            let count = (end - first).min(AT_ONCE);
            let mut bytes = vec![0; (count * self.width.bits()).div_ceil(8) as usize];
            source.read_at(self.table + first * self.width.bits() / 8, &mut bytes)?;
            free += (0..count).filter(|&index| self.width.entry(&bytes, index as usize) == 0).count() as u64;
            first += count;
        }
        Ok(free)
    }

    /// Where the first `size` bytes of a chain lie.
    pub(crate) fn runs(&self, source: &dyn ReadAt, first: u32, size: u64) -> Result<Vec<Run>> {
        let mut runs: Vec<Run> = Vec::new();
        let mut left = size.div_ceil(self.cluster_size);
        // A chain that is longer than there are clusters goes round.
        if left > self.clusters {
            return broken("it is longer than the file system");
        }
        let mut cluster = u64::from(first);
        while left > 0 {
            if !(2..self.clusters + 2).contains(&cluster) {
                return broken("its chain of clusters ends before it does");
            }
            let start = self.data + (cluster - 2) * self.cluster_size;
            match runs.last_mut() {
                Some(run) if run.start + run.length == start => run.length += self.cluster_size,
                _ => runs.push(Run { start, length: self.cluster_size }),
            }
            left -= 1;
            if left > 0 {
                cluster = self.next(source, cluster)?;
            }
        }
        Ok(runs)
    }

    fn next(&self, source: &dyn ReadAt, cluster: u64) -> Result<u64> {
        let bits = self.width.bits();
        // Of two entries of 12 bits, the second begins within a byte.
        let even = cluster & !1;
        let mut bytes = vec![0; (bits * 2 / 8) as usize];
        let at = self.table + even * bits / 8;
        let length = match cluster == even {
            true => bits.div_ceil(8) as usize,
            false => bytes.len(),
        };
        source.read_at(at, &mut bytes[..length])?;
        Ok(u64::from(self.width.entry(&bytes, (cluster - even) as usize)))
    }
}

impl Width {
    fn bits(self) -> u64 {
        match self {
            Width::Fat12 => 12,
            Width::Fat16 => 16,
            Width::Fat32 => 32,
        }
    }

    /// Entry `index` of a piece of the table that begins with a whole entry.
    fn entry(self, bytes: &[u8], index: usize) -> u32 {
        let byte = |at: usize| u32::from(bytes.get(at).copied().unwrap_or(0));
        let two = |at: usize| byte(at) | byte(at + 1) << 8;
        match self {
            Width::Fat12 if index.is_multiple_of(2) => two(index / 2 * 3) & 0xFFF,
            Width::Fat12 => two(index / 2 * 3 + 1) >> 4,
            Width::Fat16 => two(index * 2),
            // The upper four bits are nobody's.
            Width::Fat32 => (two(index * 4) | two(index * 4 + 2) << 16) & 0x0FFF_FFFF,
        }
    }
}

impl From<hadris_fat::Error> for Broken {
    fn from(error: hadris_fat::Error) -> Broken {
        Broken(error.to_string())
    }
}
