//! The first sector.

use gpt::disk::LogicalBlockSize;
use gpt::mbr::{PartRecord, ProtectiveMBR};

use super::{BLOCK, FoundPartition, PartitionType, damaged};
use crate::{ReadBackError, Slice};

/// The type of a record that says that there is a GPT.
const GPT_PROTECTIVE: u8 = 0xee;
/// Types of records that hold a chain of logical partitions.
const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];

/// The first sector of a disk, taken apart.
pub(super) struct BootRecord {
    signature: u32,
    /// Those in use, with their numbers.
    records: Vec<(u32, PartRecord)>,
}

impl BootRecord {
    pub(super) fn read(disk: Slice<'_>) -> Result<BootRecord, ReadBackError> {
        let mut sector = [0; BLOCK as usize];
        if disk.length() < BLOCK {
            return Err(damaged("the image is shorter than one sector"));
        }
        disk.read_at(0, &mut sector)?;
        let mbr = ProtectiveMBR::from_bytes(&sector, LogicalBlockSize::Lb512).map_err(damaged)?;
        let records = (1..).zip((0..4).filter_map(|at| mbr.partition(at)));
        let records: Vec<_> = records.filter(|(_, record)| record.os_type != 0).collect();
        for (index, record) in &records {
            if !matches!(record.boot_indicator, 0 | 0x80) {
                let flag = record.boot_indicator;
                return Err(damaged(format_args!("record {index} of the MBR has the unknown flag {flag:02x}")));
            }
            // Two sums of 32 bits.
            if record.lb_start == 0 || record.lb_size == 0 || place(record).1 > disk.length() {
                return Err(damaged(format_args!("partition {index} of the MBR is not on the disk")));
            }
        }
        Ok(BootRecord { signature: u32::from_le_bytes(*mbr.disk_signature()), records })
    }

    pub(super) fn announces_gpt(&self) -> bool {
        self.records.iter().any(|(_, record)| record.os_type == GPT_PROTECTIVE)
    }

    /// The partitions of a disk without a GPT.
    pub(super) fn partitions(&self) -> Result<Vec<FoundPartition>, ReadBackError> {
        let found = self.records.iter().map(|(index, record)| {
            if EXTENDED.contains(&record.os_type) {
                return Err(damaged(format_args!(
                    "partition {index} holds logical partitions, which no image of ours has"
                )));
            }
            let (offset, end) = place(record);
            Ok(FoundPartition {
                index: *index,
                partition_type: PartitionType::Mbr(record.os_type),
                partuuid: format!("{:08x}-{index:02x}", self.signature),
                name: String::new(),
                attributes: 0,
                active: record.boot_indicator == 0x80,
                hybrid: None,
                offset,
                length: end - offset,
            })
        });
        found.collect()
    }

    /// Holds the MBR of a GPT disk against the GPT, and tells in `found` what of it the MBR shows.
    pub(super) fn compare(&self, disk: Slice<'_>, found: &mut [FoundPartition]) -> Result<(), ReadBackError> {
        let is_gpt = |record: &&(u32, PartRecord)| record.1.os_type == GPT_PROTECTIVE;
        let mut announcements = self.records.iter().filter(is_gpt);
        let (Some((_, gpt)), None) = (announcements.next(), announcements.next()) else {
            return Err(damaged("the MBR announces a GPT more than once"));
        };
        if gpt.lb_start != 1 {
            return Err(damaged(
                "the MBR announces a GPT elsewhere than behind itself, and Linux would not look for it",
            ));
        }
        let covered = u32::try_from(disk.length() / BLOCK - 1).unwrap_or(u32::MAX);
        if self.records.len() == 1 && gpt.lb_size != covered {
            return Err(damaged(format_args!("the MBR protects {} sectors instead of {covered}", gpt.lb_size)));
        }
        for (index, record) in self.records.iter().filter(|it| !is_gpt(it)) {
            let (offset, end) = place(record);
            let same = |it: &&mut FoundPartition| (it.offset, it.length) == (offset, end - offset);
            let Some(partition) = found.iter_mut().find(same) else {
                return Err(damaged(format_args!("record {index} of the MBR shows what is no partition of the GPT")));
            };
            if partition.hybrid.is_some() {
                return Err(damaged(format_args!("the MBR shows partition {} twice", partition.index)));
            }
            if offset < place(gpt).1 {
                return Err(damaged(format_args!("record {index} of the MBR overlaps that of the GPT")));
            }
            partition.hybrid = Some(record.os_type);
            partition.active = record.boot_indicator == 0x80;
        }
        Ok(())
    }
}

/// Where it begins and ends, in bytes: a sum of two numbers of 32 bits, times 512, fits.
fn place(record: &PartRecord) -> (u64, u64) {
    let first = u64::from(record.lb_start);
    (first * BLOCK, (first + u64::from(record.lb_size)) * BLOCK)
}
