//! The two copies of the table, made in memory by the `gpt` crate.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use gpt::mbr::ProtectiveMBR;
use gpt::partition_types::{OperatingSystem, Type};

use crate::plan::BLOCK;
use crate::{Partition, PlanError};

/// Blocks before the first usable one: protective MBR, header, 128 entries of 128 bytes.
pub(crate) const HEAD_BLOCKS: u64 = 34;
/// Blocks after the last usable one: the same without the MBR.
pub(crate) const TAIL_BLOCKS: u64 = 33;

/// The blocks of a disk that hold its tables. What lies between reads as zeros and cannot be written.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    pub(crate) head: Vec<u8>,
    pub(crate) tail: Vec<u8>,
    size: u64,
    at: u64,
}

impl Tables {
    /// The tables of a disk of `size` bytes (a multiple of the block size) whose partitions lie at `places`, first and last
    /// LBA each.
    pub(crate) fn new(
        partitions: &[Partition<'_>],
        places: &[(u64, u64)],
        disk_guid: rootsmith_types::Uuid,
        size: u64,
    ) -> Result<Tables, PlanError> {
        let failed = |error: &dyn std::fmt::Display| PlanError::Tables(error.to_string());
        let entries: BTreeMap<u32, gpt::partition::Partition> = (1..)
            .zip(partitions.iter().zip(places))
            .map(|(number, (partition, &(first_lba, last_lba)))| {
                let entry = gpt::partition::Partition {
                    part_type_guid: Type { guid: foreign(partition.type_guid), os: OperatingSystem::None },
                    part_guid: foreign(partition.guid),
                    first_lba,
                    last_lba,
                    flags: partition.attributes,
                    name: partition.name.clone(),
                };
                (number, entry)
            })
            .collect();
        let blank = |blocks: u64| vec![0; (blocks * BLOCK) as usize];
        let blank = Tables { head: blank(HEAD_BLOCKS), tail: blank(TAIL_BLOCKS), size, at: 0 };
        let mut disk = gpt::GptConfig::new()
            .writable(true)
            .create_from_device(blank, Some(foreign(disk_guid)))
            .map_err(|error| failed(&error))?;
        disk.update_partitions(entries).map_err(|error| failed(&error))?;
        let mut tables = disk.write().map_err(|error| failed(&error))?;
        // Its one record covers the whole disk, or as much of it as 32 bits can say.
        let covered = u32::try_from(size / BLOCK - 1).unwrap_or(u32::MAX);
        ProtectiveMBR::with_lb_size(covered).overwrite_lba0(&mut tables).map_err(|error| failed(&error))?;
        Ok(tables)
    }

    /// Where the second copy begins.
    pub(crate) fn tail_offset(&self) -> u64 {
        self.size - self.tail.len() as u64
    }

    /// The stored bytes from the current place on, with the number of bytes until they begin.
    fn here(&mut self) -> (u64, &mut [u8]) {
        let tail = self.tail_offset();
        if self.at < self.head.len() as u64 {
            (0, &mut self.head[self.at as usize..])
        } else if self.at < tail {
            (tail - self.at, &mut [])
        } else {
            let from = (self.at - tail).min(self.tail.len() as u64);
            (0, &mut self.tail[from as usize..])
        }
    }
}

impl Read for Tables {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (gap, data) = self.here();
        let n = if gap > 0 {
            let n = buf.len().min(usize::try_from(gap).unwrap_or(usize::MAX));
            buf[..n].fill(0);
            n
        } else {
            let n = buf.len().min(data.len());
            buf[..n].copy_from_slice(&data[..n]);
            n
        };
        self.at += n as u64;
        Ok(n)
    }
}

impl Write for Tables {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let (_, data) = self.here();
        let n = buf.len().min(data.len());
        if n == 0 && !buf.is_empty() {
            return Err(io::Error::other("a partition table was written outside its place"));
        }
        data[..n].copy_from_slice(&buf[..n]);
        self.at += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Tables {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

fn foreign(uuid: rootsmith_types::Uuid) -> uuid::Uuid {
    uuid::Uuid::from_bytes(*uuid.as_bytes())
}
