//! The two copies of a GPT, made in memory by the `gpt` crate.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use gpt::partition_types::{OperatingSystem, Type};

use crate::{Partition, PlanError};

/// Bytes before the first usable one: MBR, header, 128 entries of 128 bytes.
const HEAD: usize = 34 * 512;
/// Bytes after the last usable one: the same without the MBR.
const TAIL: usize = 33 * 512;

/// The blocks of a disk that hold its tables. What lies between reads as zeros and cannot be written.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    /// From the first byte of the disk on; the place of the MBR is zeros.
    pub(crate) head: Vec<u8>,
    /// Up to the last.
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
        let blank = Tables { head: vec![0; HEAD], tail: vec![0; TAIL], size, at: 0 };
        let mut disk = gpt::GptConfig::new()
            .writable(true)
            .create_from_device(blank, Some(foreign(disk_guid)))
            .map_err(|error| failed(&error))?;
        disk.update_partitions(entries).map_err(|error| failed(&error))?;
        disk.write().map_err(|error| failed(&error))
    }

    /// The stored bytes from the current place on, with the number of bytes until they begin.
    fn here(&mut self) -> (u64, &mut [u8]) {
        // A disk is never smaller than its tables.
        let tail = self.size.saturating_sub(wide(TAIL));
        if self.at < wide(HEAD) {
            (0, rest(&mut self.head, self.at))
        } else if self.at < tail {
            (tail.saturating_sub(self.at), &mut [])
        } else {
            let from = self.at.saturating_sub(tail);
            (0, rest(&mut self.tail, from))
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
        self.at = self.at.saturating_add(wide(n));
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
        self.at = self.at.saturating_add(wide(n));
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

/// What of `bytes` lies at `from` and behind.
fn rest(bytes: &mut [u8], from: u64) -> &mut [u8] {
    let from = usize::try_from(from).map_or(bytes.len(), |from| from.min(bytes.len()));
    &mut bytes[from..]
}

/// A length in memory, which 64 bits always hold.
pub(crate) fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn foreign(uuid: rootsmith_types::Uuid) -> uuid::Uuid {
    uuid::Uuid::from_bytes(*uuid.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Table;

    #[test]
    fn the_tables_are_as_large_as_the_plan_takes_them_for() {
        for table in [Table::Gpt, Table::Hybrid] {
            assert_eq!((table.head().get(), table.tail().get()), (wide(HEAD), wide(TAIL)));
        }
    }
}
