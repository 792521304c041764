//! Tables by other hands than ours: GPTs by the `gpt` crate, MBRs by hand as `sfdisk` writes them.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::os::unix::fs::FileExt;

use ::gpt::mbr::ProtectiveMBR;

use super::*;

const MIB: u64 = 1 << 20;

fn store(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn read(bytes: &[u8]) -> Result<Vec<FoundPartition>, ReadBackError> {
    partitions(&store(bytes))
}

fn error(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

/// A disk of 4 MiB with two partitions of one MiB each.
fn gpt() -> Vec<u8> {
    let config = ::gpt::GptConfig::new().writable(true);
    let guid = |n: u8| uuid::Uuid::from_bytes([n; 16]);
    let mut disk = config.create_from_device(Cursor::new(vec![0; 4 << 20]), Some(guid(9))).unwrap();
    let entry = |n: u8, first_lba, last_lba, name: &str| ::gpt::partition::Partition {
        part_type_guid: ::gpt::partition_types::LINUX_FS,
        part_guid: guid(n),
        first_lba,
        last_lba,
        flags: 1 << 59,
        name: name.to_owned(),
    };
    let entries = BTreeMap::from([(1, entry(0xa1, 2048, 4095, "esp")), (2, entry(0xa2, 4096, 6143, "root"))]);
    disk.update_partitions(entries).unwrap();
    let mut disk = disk.write().unwrap();
    ProtectiveMBR::with_lb_size(8191).overwrite_lba0(&mut disk).unwrap();
    disk.into_inner()
}

/// Writes record `index` of an MBR: flag, type, first sector, sectors.
fn set(disk: &mut [u8], index: usize, (flag, os_type, first, sectors): (u8, u8, u32, u32)) {
    let record = &mut disk[430 + 16 * index..446 + 16 * index];
    record.fill(0);
    (record[0], record[4]) = (flag, os_type);
    record[8..12].copy_from_slice(&first.to_le_bytes());
    record[12..].copy_from_slice(&sectors.to_le_bytes());
}

fn mbr(records: &[(u8, u8, u32, u32)]) -> Vec<u8> {
    let mut disk = vec![0; 4 << 20];
    disk[440..444].copy_from_slice(&0x0234_abcd_u32.to_le_bytes());
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    (1..).zip(records).for_each(|(index, record)| set(&mut disk, index, *record));
    disk
}

/// The GPT, and an MBR that shows its first partition.
fn hybrid() -> Vec<u8> {
    let mut disk = gpt();
    set(&mut disk, 1, (0x80, 0xef, 2048, 2048));
    set(&mut disk, 2, (0, 0xee, 1, 2047));
    disk
}

#[test]
fn partitions_are_found_where_a_gpt_has_them() {
    let found = read(&gpt()).unwrap();
    let places: Vec<_> = found.iter().map(|it| (it.index, it.name.as_str(), it.offset, it.length)).collect();
    assert_eq!(places, [(1, "esp", MIB, MIB), (2, "root", 2 * MIB, MIB)]);
    assert_eq!(found[1].partuuid, "a2a2a2a2-a2a2-a2a2-a2a2-a2a2a2a2a2a2");
    let PartitionType::Guid(guid) = found[1].partition_type else { panic!("{found:?}") };
    assert_eq!(guid.to_string(), "0fc63daf-8483-4772-8e79-3d69d8477de4");
    assert_eq!((found[1].attributes, found[1].active, found[1].hybrid), (1 << 59, false, None));
}

#[test]
fn partitions_are_found_where_an_mbr_has_them() {
    let found = read(&mbr(&[(0x80, 0x0c, 2048, 2048), (0, 0, 0, 0), (0, 0x83, 4096, 4096)])).unwrap();
    let seen: Vec<_> = found.iter().map(|it| (it.partuuid.as_str(), it.partition_type, it.active)).collect();
    let (fat, linux) = (PartitionType::Mbr(0x0c), PartitionType::Mbr(0x83));
    assert_eq!(seen, [("0234abcd-01", fat, true), ("0234abcd-03", linux, false)]);
    assert_eq!((found[1].index, found[1].offset, found[1].length), (3, 2 * MIB, 2 * MIB));
    assert_eq!((found[1].name.as_str(), found[1].attributes, found[1].hybrid), ("", 0, None));
    assert_eq!(read(&mbr(&[])).unwrap(), []);
}

#[test]
fn a_hybrid_is_its_gpt_with_what_the_mbr_shows() {
    let found = read(&hybrid()).unwrap();
    let mut plain = read(&gpt()).unwrap();
    (plain[0].hybrid, plain[0].active) = (Some(0xef), true);
    assert_eq!(found, plain);
}

#[test]
fn a_flipped_byte_in_either_table_is_noticed() {
    let disk = gpt();
    let end = disk.len();
    for at in [510, 446, 458, 512, 512 + 56, 2 * 512 + 40, end - 512 + 80, end - 33 * 512 + 32] {
        let mut flipped = disk.clone();
        flipped[at] ^= 1;
        assert!(read(&flipped).is_err(), "byte {at}");
    }
    assert!(read(&disk[..end - 512]).is_err());
}

#[test]
fn an_mbr_that_cannot_be_is_refused() {
    for (records, reason) in [
        (&[(1, 0x83, 2048, 2048)][..], "record 1 of the MBR has the unknown flag 01"),
        (&[(0, 0x83, 0, 2048)], "partition 1 of the MBR is not on the disk"),
        (&[(0, 0x83, 2048, 0)], "partition 1 of the MBR is not on the disk"),
        (&[(0, 0x83, 2048, 2048), (0, 0x83, 4096, 4097)], "partition 2 of the MBR is not on the disk"),
        (&[(0, 0x83, u32::MAX, u32::MAX)], "partition 1 of the MBR is not on the disk"),
        (&[(0, 0x83, 2048, 2049), (0, 0x83, 4096, 1)], "partitions overlap"),
        (&[(0, 0x0f, 2048, 2048)], "partition 1 holds logical partitions, which no image of ours has"),
    ] {
        assert_eq!(error(&mbr(records)), format!("partition table is damaged: {reason}"));
    }
    assert!(error(&[0; 511]).contains("shorter than one sector"));
    assert!(error(&[0; 512]).contains("signature"));
    // It announces a GPT that is not there.
    assert!(read(&mbr(&[(0, 0xee, 1, 8191)])).is_err());
}

#[test]
fn the_mbr_of_a_gpt_has_to_fit_it() {
    for (index, record, reason) in [
        (
            2,
            (0, 0xee, 2, 2046),
            "the MBR announces a GPT elsewhere than behind itself, and Linux would not look for it",
        ),
        (2, (0, 0xee, 1, 2048), "record 1 of the MBR overlaps that of the GPT"),
        (3, (0, 0xee, 1, 2047), "the MBR announces a GPT more than once"),
        (3, (0, 0x83, 4096, 2047), "record 3 of the MBR shows what is no partition of the GPT"),
        (3, (0, 0x83, 2048, 2048), "the MBR shows partition 1 twice"),
        // No longer a hybrid, and its one record does not protect the disk.
        (1, (0, 0, 0, 0), "the MBR protects 2047 sectors instead of 8191"),
    ] {
        let mut disk = hybrid();
        set(&mut disk, index, record);
        assert_eq!(error(&disk), format!("partition table is damaged: {reason}"));
    }
}

/// Whatever is in the first sector: an answer, and no partition outside the disk.
#[test]
fn any_first_sector_has_an_answer() {
    for disk in [gpt(), hybrid(), mbr(&[(0x80, 0x0c, 2048, 2048), (0, 0x83, 4096, 4096)])] {
        for at in 440..512 {
            for value in [0, 1, 0x05, 0x7f, 0x80, 0x83, 0xee, 0xff] {
                let mut changed = disk[..34 * 512].to_vec();
                changed[at] = value;
                let (file, backup) = (store(&changed), disk.len() - 33 * 512);
                file.write_all_at(&disk[backup..], backup as u64).unwrap();
                for it in partitions(&file).unwrap_or_default() {
                    assert!(it.length > 0 && it.offset > 0 && it.offset + it.length <= disk.len() as u64, "{it:?}");
                }
            }
        }
    }
}

#[test]
fn what_lies_between_partitions_is_read_as_a_slice() {
    let mut disk = mbr(&[(0, 0x83, 2048, 2048)]);
    disk[8192..8196].copy_from_slice(b"eGON");
    let file = store(&disk);
    let mut magic = [0; 4];
    Slice::new(&file, 8192, 4).read_at(0, &mut magic).unwrap();
    assert_eq!(&magic, b"eGON");
    assert!(Slice::new(&file, 8192, 4).read_at(1, &mut magic).is_err());
}
