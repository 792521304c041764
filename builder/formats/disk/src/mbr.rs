//! The first sector: what it says of the partitions, or of the GPT that does.
//!
//! | table  | records                                                                                       |
//! |--------|-----------------------------------------------------------------------------------------------|
//! | GPT    | type EE from LBA 1 to the end of the disk (UEFI 2.10, 5.2.3)                                  |
//! | MBR    | the partitions                                                                                |
//! | hybrid | the partitions marked for it, then type EE from LBA 1 to the first of them                    |
//!
//! In a hybrid the partitions come first, because boot ROMs without a word for GPT look into the first record alone
//! (Raspberry Pi 3); Linux takes the disk for a GPT wherever EE stands, if it begins at LBA 1 (`block/partitions/efi.c`).

use zerocopy::IntoBytes;

use crate::BOOT_CODE;
use crate::format::{ACTIVE, CYLINDERS, GPT_PROTECTIVE, HEADS, Mbr, Record, SECTORS, SIGNATURE};

/// An address that has no cylinder, head and sector: the last one that has, as `sfdisk` and `sgdisk` write it.
const BEYOND: [u8; 3] = [0xfe, 0xff, 0xff];
const UNUSED: Record = Record {
    boot_indicator: 0,
    starting_chs: [0; 3],
    os_type: 0,
    ending_chs: [0; 3],
    starting_lba: ZERO,
    size_in_lba: ZERO,
};
const ZERO: zerocopy::little_endian::U32 = zerocopy::little_endian::U32::ZERO;

/// One partition in an MBR.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    pub(crate) active: bool,
    pub(crate) os_type: u8,
    /// First and last LBA; what is planned fits.
    pub(crate) first: u32,
    pub(crate) last: u32,
}

/// A whole MBR that shows `partitions`.
pub(crate) fn of(signature: u32, partitions: &[Shown]) -> Vec<u8> {
    sector(signature, partitions.iter().map(record))
}

/// A whole MBR that shows `partitions`, at least one, and that there is a GPT.
pub(crate) fn hybrid(signature: u32, partitions: &[Shown]) -> Vec<u8> {
    let before = partitions.iter().map(|it| it.first).min().unwrap_or(u32::MAX).saturating_sub(1);
    let gpt = Shown { active: false, os_type: GPT_PROTECTIVE, first: 1, last: before };
    sector(signature, partitions.iter().chain([&gpt]).map(record))
}

/// The MBR of a GPT disk whose last LBA is `last`: one record over the whole disk, or as much of it as 32 bits can say.
pub(crate) fn protective(last: u64) -> Vec<u8> {
    let whole = Record {
        starting_chs: [0x00, 0x02, 0x00],
        os_type: GPT_PROTECTIVE,
        ending_chs: [0xff; 3],
        starting_lba: 1.into(),
        size_in_lba: u32::try_from(last).unwrap_or(u32::MAX).into(),
        ..UNUSED
    };
    sector(0, [whole])
}

fn sector(signature: u32, records: impl IntoIterator<Item = Record>) -> Vec<u8> {
    let mut partition_record = [UNUSED; 4];
    for (place, record) in partition_record.iter_mut().zip(records) {
        *place = record;
    }
    let mbr = Mbr {
        boot_code: [0; BOOT_CODE],
        unique_mbr_disk_signature: signature.into(),
        unknown: 0.into(),
        partition_record,
        signature: SIGNATURE,
    };
    mbr.as_bytes().to_vec()
}

fn record(shown: &Shown) -> Record {
    Record {
        boot_indicator: if shown.active { ACTIVE } else { 0 },
        starting_chs: chs(shown.first),
        os_type: shown.os_type,
        ending_chs: chs(shown.last),
        starting_lba: shown.first.into(),
        // Nothing begins at LBA 0, so there is room for the one.
        size_in_lba: shown.last.saturating_sub(shown.first).saturating_add(1).into(),
    }
}

/// Cylinder, head and sector of an LBA. 2048 is 0/32/33: 32 tracks of 63 sectors, then 32 more, counted from 1.
fn chs(lba: u32) -> [u8; 3] {
    let track = lba / SECTORS;
    let (cylinder, head, sector) = (track / HEADS, track % HEADS, (lba % SECTORS).saturating_add(1));
    if cylinder >= CYLINDERS {
        return BEYOND;
    }
    let [low, high, ..] = cylinder.to_le_bytes();
    let [head, ..] = head.to_le_bytes();
    let [sector, ..] = sector.to_le_bytes();
    [head, sector | high << 6, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protective_mbr_is_that_of_the_gpt_crate() {
        for last in [20, 1 << 20, u64::from(u32::MAX), 1 << 40] {
            let theirs = gpt::mbr::ProtectiveMBR::with_lb_size(u32::try_from(last).unwrap_or(u32::MAX));
            assert_eq!(protective(last), theirs.to_bytes());
        }
    }

    #[test]
    fn addresses_count_sectors_then_heads_then_cylinders() {
        assert_eq!(chs(0), [0, 1, 0]);
        assert_eq!(chs(62), [0, 63, 0]);
        assert_eq!(chs(63), [1, 1, 0]);
        assert_eq!(chs(2048), [32, 33, 0]);
        assert_eq!(chs(255 * 63), [0, 1, 1]);
        assert_eq!(chs(256 * 255 * 63), [0, 1 | 0x40, 0]);
        assert_eq!(chs(1024 * 255 * 63 - 1), [254, 63 | 0xc0, 255]);
        assert_eq!(chs(1024 * 255 * 63), BEYOND);
        assert_eq!(chs(u32::MAX), BEYOND);
    }

    #[test]
    fn the_gpt_is_announced_behind_the_partitions_and_before_their_place() {
        let shown = |first, last| Shown { active: false, os_type: 0x0c, first, last };
        let sector = hybrid(7, &[shown(4096, 8191), shown(2048, 4095)]);
        let records: Vec<&[u8]> = sector[446..510].chunks(16).collect();
        assert_eq!((records[0][4], records[1][4], records[2][4], records[3][4]), (0x0c, 0x0c, 0xee, 0));
        assert_eq!(records[2][8..], [1, 0, 0, 0, 0xff, 7, 0, 0]);
    }
}
