//! Tables that other programs made, and tables that nobody should make.

use std::path::Path;
use std::sync::Arc;

use flate2::Crc;
use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::Value;
use tempfile::NamedTempFile;

use super::*;
use crate::FileSource;
use crate::judges::{noise, run};

mod ours;

fn of(image: &[u8]) -> Result<Option<Table>, OpenError> {
    let source: Source = Arc::new(image.to_vec());
    table(&source)
}

fn sound(image: &[u8]) -> Table {
    of(image).unwrap_or_else(|error| panic!("{error}")).expect("a table")
}

fn error(image: &[u8]) -> String {
    of(image).expect_err("not a sound table").to_string()
}

fn places(table: &Table) -> Vec<(u32, u64, u64)> {
    table.partitions.iter().map(|it| (it.index, it.offset, it.size)).collect()
}

// What other programs make.

fn disk_of(size: u64) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    file.as_file().set_len(size).unwrap();
    file
}

fn read(path: &Path) -> Table {
    let source: Source = Arc::new(FileSource::new(std::fs::File::open(path).unwrap()).unwrap());
    table(&source).unwrap_or_else(|error| panic!("{error}")).expect("a table")
}

/// Holds what we read against what `sfdisk --json` reads, extended partitions left out.
fn agrees_with_sfdisk(path: &Path, table: &Table) {
    let Some(json) = run(&["sfdisk", "--json", path.to_str().unwrap()], "") else { return };
    let seen: Value = serde_json::from_str(&json).unwrap();
    let seen = &seen["partitiontable"];
    assert_eq!(seen["label"] == "gpt", table.kind != TableKind::Mbr);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    let theirs: Vec<_> = seen["partitions"].as_array().unwrap().iter().filter(|it| it["type"] != "5").collect();
    assert_eq!(theirs.len(), table.partitions.len());
    for (theirs, ours) in theirs.into_iter().zip(&table.partitions) {
        let index = text(&theirs["node"]).strip_prefix(&path.to_str().unwrap().to_lowercase()).unwrap().to_owned();
        assert_eq!(index.trim_start_matches('p'), ours.index.to_string());
        assert_eq!(
            (theirs["start"].as_u64(), theirs["size"].as_u64()),
            (Some(ours.offset / 512), Some(ours.size / 512))
        );
        assert_eq!(theirs["name"].as_str().unwrap_or_default(), ours.name);
        if table.kind == TableKind::Mbr {
            let id = text(&seen["id"]);
            assert_eq!(format!("{}-{:02x}", &id[2..], ours.index), ours.partuuid);
            assert_eq!(format!("{:x}", ours.mbr_type.unwrap()), text(&theirs["type"]));
        } else {
            assert_eq!(text(&theirs["uuid"]), ours.partuuid);
            assert_eq!(text(&theirs["type"]), ours.type_guid.unwrap().to_string());
        }
    }
}

#[test]
fn a_gpt_and_a_hybrid_as_sgdisk_writes_them() {
    let disk = disk_of(8 << 20);
    let path = disk.path().to_str().unwrap();
    let Some(_) =
        run(&["sgdisk", "-n1:2048:4095", "-t1:ef00", "-c1:esp", "-n3:4096:+1M", "-c3:räksmörgås 🦐", path], "")
    else {
        return;
    };
    let table = read(disk.path());
    assert_eq!((table.kind, table.notes.len()), (TableKind::Gpt, 0), "{:?}", table.notes);
    assert_eq!(places(&table), [(1, 1 << 20, 1 << 20), (3, 2 << 20, 1 << 20)]);
    agrees_with_sfdisk(disk.path(), &table);

    run(&["sgdisk", "-h", "1", path], "").unwrap();
    let hybrid = read(disk.path());
    assert_eq!((hybrid.kind, hybrid.notes.len()), (TableKind::Hybrid, 0), "{:?}", hybrid.notes);
    assert_eq!(hybrid.partitions.iter().map(|it| it.mbr_type).collect::<Vec<_>>(), [Some(0xef), None]);
    agrees_with_sfdisk(disk.path(), &hybrid);
}

#[test]
fn more_entries_than_usual_as_sgdisk_writes_them() {
    let disk = disk_of(8 << 20);
    let path = disk.path().to_str().unwrap();
    let Some(_) = run(&["sgdisk", "-S", "1024", "-n1000:4096:5119", path], "") else { return };
    let table = read(disk.path());
    assert_eq!((places(&table), table.notes.len()), (vec![(1000, 2 << 20, 512 << 10)], 0), "{:?}", table.notes);
    run(&["sgdisk", "-S", "2048", path], "").unwrap();
    let image = std::fs::read(disk.path()).unwrap();
    assert_snapshot!(error(&image), @"the GPT uses 2048 entries of 128 bytes, which cannot be read");
}

#[test]
fn a_gpt_with_sectors_of_4096_bytes_as_fdisk_writes_it() {
    let disk = disk_of(64 << 20);
    let path = disk.path().to_str().unwrap();
    let Some(_) = run(&["fdisk", "-b", "4096", path], "g\nn\n1\n\n+8M\nn\n2\n\n\nw\n") else { return };
    let table = read(disk.path());
    assert_eq!((table.kind, table.notes.len()), (TableKind::Gpt, 0), "{:?}", table.notes);
    let listed = run(&["fdisk", "-b", "4096", "-o", "Start,Sectors,UUID", "-l", path], "").unwrap();
    let ours: Vec<String> = (table.partitions.iter())
        .map(|it| format!("{} {} {}", it.offset / 4096, it.size / 4096, it.partuuid.to_uppercase()))
        .collect();
    let lines = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let theirs: Vec<String> = lines.skip_while(|line| !line.starts_with("Start")).skip(1).collect();
    assert_eq!(ours, theirs);
}

#[test]
fn logical_partitions_as_sfdisk_writes_them() {
    let disk = disk_of(8 << 20);
    let script = "label: dos\nlabel-id: 0x0234abcd\nstart=64,size=2000,type=c,bootable\nstart=4096,size=10000,type=5\n\
                  start=15000,size=100,type=83\nstart=4160,size=1000,type=83\nstart=6208,size=2000,type=82\n";
    let Some(_) = run(&["sfdisk", "-q", disk.path().to_str().unwrap()], script) else { return };
    let table = read(disk.path());
    assert_eq!((table.kind, table.notes.len()), (TableKind::Mbr, 0), "{:?}", table.notes);
    assert_eq!(table.partitions.iter().map(|it| it.index).collect::<Vec<_>>(), [1, 3, 5, 6]);
    assert_eq!(table.partitions[3].partuuid, "0234abcd-06");
    agrees_with_sfdisk(disk.path(), &table);
}

#[test]
fn an_extended_partition_without_a_logical_one_is_empty() {
    let disk = disk_of(8 << 20);
    let script = "label: dos\nstart=64,size=2000,type=c\nstart=4096,size=10000,type=5\n";
    let Some(_) = run(&["sfdisk", "-q", disk.path().to_str().unwrap()], script) else { return };
    assert_eq!(places(&read(disk.path())), [(1, 64 * 512, 2000 * 512)]);
}

#[test]
fn file_systems_without_a_table_have_none() {
    for make in [
        &["mkfs.fat", "-I"][..],
        &["mkfs.fat", "-I", "--mbr=y"],
        &["mkfs.fat", "-I", "-F", "32", "-s", "1"],
        &["mke2fs", "-q", "-F", "-t", "ext4"],
    ] {
        let disk = disk_of(40 << 20);
        let command = [make, &[disk.path().to_str().unwrap()]].concat();
        if run(&command, "").is_none() {
            continue;
        }
        let source: Source = Arc::new(FileSource::new(disk.reopen().unwrap()).unwrap());
        assert_eq!(table(&source).unwrap(), None, "{make:?}");
    }
}

// What nobody should make.

/// A disk with a GPT of four entries; its partitions are given by their first and last LBA.
struct Gpt {
    sector: usize,
    entry: usize,
    partitions: Vec<(u64, u64)>,
    sectors: usize,
}

impl Gpt {
    fn new(partitions: &[(u64, u64)]) -> Gpt {
        Gpt { sector: 512, entry: 128, partitions: partitions.to_vec(), sectors: 128 }
    }

    fn image(&self) -> Vec<u8> {
        let Gpt { sector, entry, sectors, .. } = *self;
        let mut image = vec![0; sector * sectors];
        protect(&mut image);
        let mut entries = vec![0; 4 * entry];
        for (slot, (first, last)) in entries.chunks_exact_mut(entry).zip(&self.partitions) {
            slot[..16].copy_from_slice(b"type-of-the-part");
            slot[16..32].copy_from_slice(&noise(*first, 16));
            slot[32..40].copy_from_slice(&first.to_le_bytes());
            slot[40..48].copy_from_slice(&last.to_le_bytes());
            slot[56] = b'a';
        }
        let last = sectors as u64 - 1;
        for (at, other, array) in [(1, last, 2), (last, 1, last - 4)] {
            let place = at as usize * sector;
            let array_place = array as usize * sector;
            image[array_place..array_place + entries.len()].copy_from_slice(&entries);
            let header = &mut image[place..place + 92];
            header[..16].copy_from_slice(b"EFI PART\0\0\x01\0\x5c\0\0\0");
            header[24..32].copy_from_slice(&at.to_le_bytes());
            header[32..40].copy_from_slice(&other.to_le_bytes());
            header[40..48].copy_from_slice(&6u64.to_le_bytes());
            header[48..56].copy_from_slice(&(last - 5).to_le_bytes());
            header[72..80].copy_from_slice(&array.to_le_bytes());
            header[80..84].copy_from_slice(&4u32.to_le_bytes());
            header[84..88].copy_from_slice(&(entry as u32).to_le_bytes());
            header[88..92].copy_from_slice(&crc(&entries).to_le_bytes());
            seal(&mut image, place);
        }
        image
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Makes the header at a byte right again.
fn seal(image: &mut [u8], place: usize) {
    let header = &mut image[place..place + 92];
    header[16..20].fill(0);
    let sum = crc(header);
    header[16..20].copy_from_slice(&sum.to_le_bytes());
}

fn entry(image: &mut [u8], place: usize, os_type: u8, first: u32, sectors: u32) {
    image[place + 4] = os_type;
    image[place + 8..place + 12].copy_from_slice(&first.to_le_bytes());
    image[place + 12..place + 16].copy_from_slice(&sectors.to_le_bytes());
}

fn protect(image: &mut [u8]) {
    entry(image, 446, 0xee, 1, u32::MAX);
    image[510..512].copy_from_slice(&[0x55, 0xaa]);
}

/// The sector of a boot record, and its entries: type, first sector, count of sectors.
type Records<'a> = &'a [(usize, &'a [(u8, u32, u32)])];

/// A disk of 64 KiB with an MBR.
fn mbr(tables: Records<'_>) -> Vec<u8> {
    let mut image = vec![0; 128 * 512];
    image[440..444].copy_from_slice(&0xfeed_0001_u32.to_le_bytes());
    for (sector, entries) in tables {
        let base = sector * 512;
        image[base + 510..base + 512].copy_from_slice(&[0x55, 0xaa]);
        for (slot, (os_type, first, sectors)) in entries.iter().enumerate() {
            entry(&mut image, base + 446 + slot * 16, *os_type, *first, *sectors);
        }
    }
    image
}

const TWO: &[(u64, u64)] = &[(10, 19), (20, 99)];

#[test]
fn unused_entries_and_those_of_no_sector_are_skipped() {
    let table = sound(&Gpt::new(&[(10, 19), (30, 29), (20, 20)]).image());
    assert_eq!(places(&table), [(1, 5120, 5120), (3, 10240, 512)]);
    assert_eq!((table.partitions[0].name.as_str(), table.notes), ("a", vec![]));
    assert_eq!(table.partitions[0].type_guid.unwrap().to_string(), "65707974-6f2d-2d66-7468-652d70617274");
}

#[test]
fn the_backup_stands_in_for_a_damaged_primary() {
    let image = Gpt::new(TWO).image();
    let wanted = sound(&image).partitions;
    let mut notes = String::new();
    // A bit of the header, a bit of the entries, all of the header, both of them gone.
    for (range, value) in [(512 + 40..513 + 40, 7), (1024 + 32..1024 + 33, 11), (512..1024, 0), (512..2048, 0x55)] {
        let mut image = image.clone();
        image[range].fill(value);
        let table = sound(&image);
        assert_eq!(table.partitions, wanted);
        notes += &(table.notes.join("\n") + "\n");
    }
    assert_snapshot!(notes, @"
    the primary table at byte 512 is damaged (the CRC-32 of its header is `2fb98f6e`, it says `46757363`); its backup at byte 65024 was read
    the primary table at byte 512 is damaged (the CRC-32 of its entries is `70a6bb9d`, it says `b27a7ffa`); its backup at byte 65024 was read
    the primary table at byte 512 is damaged (it has no signature `EFI PART`); its backup at byte 65024 was read
    the primary table at byte 512 is damaged (it has no signature `EFI PART`); its backup at byte 65024 was read
    ");
}

#[test]
fn a_cut_or_grown_image_lacks_its_backup() {
    let image = Gpt::new(TWO).image();
    let wanted = sound(&image).partitions;
    let mut notes = String::new();
    let mut grown = image.clone();
    grown.resize(image.len() + 5120, 0);
    let mut without = image.clone();
    without[127 * 512..].fill(0);
    let mut other = image.clone();
    other[127 * 512 + 56] = 1;
    seal(&mut other, 127 * 512);
    for image in [&image[..127 * 512], &image[..100 * 512], &grown, &without, &other] {
        let table = sound(image);
        assert_eq!(table.partitions, wanted);
        notes += &(table.notes.join("\n") + "\n");
    }
    assert_snapshot!(notes, @"
    the backup table should be at byte 65024, the image ends at byte 65024: it was cut
    the backup table should be at byte 65024, the image ends at byte 51200: it was cut
    the table calls LBA 122 usable, which is behind the image's end: Linux refuses the table
    the backup table is at byte 65024, not at the end at byte 70656: the image has grown
    the backup table at byte 65024 is damaged: it has no signature `EFI PART`
    the backup table at byte 65024 has other partitions than the primary one
    ");
}

#[test]
fn two_damaged_copies_are_an_error_that_names_both() {
    let image = Gpt::new(TWO).image();
    let mut bits = image.clone();
    bits[512 + 40] ^= 1;
    bits[123 * 512] ^= 1;
    let mut gone = image.clone();
    gone[512..].fill(0);
    let mut elsewhere = image.clone();
    for place in [512, 127 * 512] {
        elsewhere[place + 24] = 3;
        seal(&mut elsewhere, place);
    }
    let texts = [&bits[..], &gone, &elsewhere, &image[..600], &image[..512]].map(error).join("\n");
    assert_snapshot!(texts, @"
    the GPT is damaged: its primary copy at byte 512: the CRC-32 of its header is `2fb98f6e`, it says `46757363`; its backup copy at byte 65024: the CRC-32 of its entries is `a208a4d2`, it says `b27a7ffa`
    the GPT is damaged: its primary copy at byte 512: it has no signature `EFI PART`; its backup copy at byte 65024: it has no signature `EFI PART`
    the GPT is damaged: its primary copy at byte 512: its header says that it is at LBA 3, and is at 1; its backup copy at byte 65024: its header says that it is at LBA 3, and is at 127
    the GPT is damaged: its primary copy at byte 512: the image ends at byte 600
    the GPT is damaged: its primary copy at byte 512: the image ends at byte 512
    ");
}

#[test]
fn partitions_that_cannot_be_are_errors() {
    let texts = [
        error(&Gpt::new(TWO).image()[..50 * 512]),
        error(&Gpt::new(&[(10, 19), (19, 30)]).image()),
        error(&Gpt::new(&[(10, 90), (20, 30)]).image()),
        error(&Gpt::new(&[(30, 20)]).image()),
        error(&Gpt::new(&[(30, u64::MAX)]).image()),
        error(&Gpt::new(&[(30, u64::MAX - 1)]).image()),
        error(&Gpt::new(&[(30, 1 << 40)]).image()),
    ];
    assert_snapshot!(texts.join("\n"), @"
    the GPT is damaged: the image ends at byte 25600, partition 2 ends at byte 51200: truncated?
    the GPT is damaged: partition 1 and partition 2 overlap, from byte 9728 to byte 10240
    the GPT is damaged: partition 1 and partition 2 overlap, from byte 10240 to byte 15872
    the GPT is damaged at partition 1: it begins at LBA 30 and ends at LBA 20
    the GPT is damaged at partition 1: it begins at LBA 30 and ends at LBA 18446744073709551615
    the GPT is damaged at partition 1: LBA 18446744073709551614 is beyond any disk
    the GPT is damaged: the image ends at byte 65536, partition 1 ends at byte 562949953421824: truncated?
    ");
}

#[test]
fn larger_entries_and_sectors_are_read() {
    let large = sound(&Gpt { entry: 256, ..Gpt::new(TWO) }.image());
    assert_eq!(places(&large), [(1, 5120, 5120), (2, 10240, 40960)]);
    assert_snapshot!(large.notes.join("\n"), @"its entries have 256 bytes, and Linux reads only those of 128");
    let gpt = Gpt { sector: 4096, ..Gpt::new(TWO) };
    let mut image = gpt.image();
    let table = sound(&image);
    assert_eq!((places(&table), table.notes.len()), (vec![(1, 40960, 40960), (2, 81920, 80 * 4096)], 0));
    image[4096 + 50] ^= 1;
    assert_eq!(sound(&image).partitions, table.partitions);
}

#[test]
fn a_gpt_that_the_mbr_does_not_announce() {
    let image = Gpt::new(TWO).image();
    let mut bare = image.clone();
    bare[..512].fill(0);
    let mut empty = image.clone();
    empty[446..510].fill(0);
    let mut other = image.clone();
    entry(&mut other, 446, 0x83, 10, 20);
    // What is left of a table counts for nothing.
    let mut remains = bare.clone();
    remains[1024] ^= 1;
    assert_eq!(of(&remains).unwrap(), None);
    let notes =
        [&bare, &empty, &other].map(|image| format!("{:?}: {}", sound(image).kind, sound(image).notes.join(", ")));
    assert_snapshot!(notes.join("\n"), @"
    Gpt: there is no protective MBR, so Linux does not look for partitions
    Gpt: the MBR has no entry for the GPT, so Linux does not look for partitions
    Mbr: there is a GPT, too, and Linux does not look at it: the MBR has no entry for it
    ");
}

#[test]
fn a_hybrid_that_shows_what_is_not_there() {
    let mut image = Gpt::new(TWO).image();
    entry(&mut image, 446, 0x0c, 10, 10);
    entry(&mut image, 462, 0x83, 21, 5);
    entry(&mut image, 478, 0xee, 2, 5);
    let table = sound(&image);
    assert_eq!(table.kind, TableKind::Hybrid);
    assert_eq!(table.partitions.iter().map(|it| it.mbr_type).collect::<Vec<_>>(), [Some(0x0c), None]);
    assert_snapshot!(table.notes.join("\n"), @"
    entry 2 of the MBR shows byte 10752 to 13312, and no partition of the GPT is there
    the protective entry 3 of the MBR begins at sector 2, not 1
    ");
}

#[test]
fn logical_partitions_are_followed_within_bounds() {
    let chain = mbr(&[
        (0, &[(0x83, 1, 9), (0x0f, 20, 80)]),
        (20, &[(0x83, 1, 5), (0x05, 10, 20)]),
        // Counted from the extended partition, so sector 60.
        (30, &[(0x82, 2, 3), (0x05, 40, 20)]),
        (60, &[(0, 0, 0), (0x83, 1, 1)]),
    ]);
    let table = sound(&chain);
    assert_eq!(places(&table), [(1, 512, 9 * 512), (5, 21 * 512, 5 * 512), (6, 32 * 512, 3 * 512), (7, 61 * 512, 512)]);
    assert_eq!(table.partitions[2].partuuid, "feed0001-06");

    let texts = [
        error(&chain[..70 * 512]),
        error(&mbr(&[
            (0, &[(0x05, 20, 80)]),
            (20, &[(0x83, 1, 5), (0x05, 10, 9)]),
            (30, &[(0x83, 1, 5), (0x05, 0, 9)]),
        ])),
        error(&mbr(&[(0, &[(0x05, 20, 80)]), (20, &[(0x83, 1, 5), (0x05, 10, 9)])])),
        error(&mbr(&[(0, &[(0x05, 20, 80)]), (20, &[(0x83, 1, 5), (0x05, 900, 9)])])),
        error(&mbr(&[(0, &[(0x05, 20, 80)]), (20, &[(0x83, 1, 900)])])),
        error(&mbr(&[(0, &[(0x05, 20, 80)]), (20, &[(0x83, 1, 5), (0x83, 4, 5)])])),
        error(&mbr(&[(0, &[(0x05, 20, 80), (0x83, 90, 20)])])),
        error(&mbr(&[(0, &[(0x83, 0, 80)])])),
        error(&mbr(&[(0, &[(0x83, u32::MAX, u32::MAX)])])),
    ];
    assert_snapshot!(texts.join("\n"), @"
    the MBR is damaged: the image ends at byte 35840, the extended partition 2 ends at byte 51200: truncated?
    the MBR is damaged at byte 10240: the chain of logical partitions goes in a circle
    the MBR is damaged at byte 15360: the chain of logical partitions lacks its signature `55aa`
    the MBR is damaged at byte 471040: the chain of logical partitions leaves the image: truncated?
    the MBR is damaged: the image ends at byte 65536, partition 5 ends at byte 471552: truncated?
    the MBR is damaged: partition 5 and partition 6 overlap, from byte 12288 to byte 13312
    the MBR is damaged: the extended partition 1 and partition 2 overlap, from byte 46080 to byte 51200
    the MBR is damaged at partition 1: it begins at sector 0, where the table is
    the MBR is damaged: the image ends at byte 65536, partition 1 ends at byte 4398046510080: truncated?
    ");
}

#[test]
fn an_endless_chain_ends() {
    let mut image = mbr(&[(0, &[(0x05, 1, 127)])]);
    image.resize(600 * 512, 0);
    entry(&mut image, 446, 0x05, 1, 599);
    for at in 1..600usize {
        image[at * 512 + 510..at * 512 + 512].copy_from_slice(&[0x55, 0xaa]);
        entry(&mut image, at * 512 + 446 + 16, 0x05, at as u32, 1);
    }
    assert_snapshot!(error(&image), @"the MBR is damaged at byte 131584: the chain of logical partitions has more than 256 links");
}

#[test]
fn an_mbr_without_partitions_is_no_table() {
    assert_eq!(of(&mbr(&[(0, &[])])).unwrap(), None);
    assert_eq!(of(&mbr(&[(0, &[(0x83, 10, 0), (0, 10, 10)])])).unwrap(), None);
    let mut program = mbr(&[(0, &[(0x83, 1, 9)])]);
    program[446 + 16] = 0xeb;
    assert_eq!(of(&program).unwrap(), None);
    for length in [0, 1, 511, 512, 513, 1024] {
        assert_eq!(of(&vec![0; length]).unwrap(), None);
    }
}

#[test]
fn sectors_of_4096_bytes_in_an_mbr_are_known_by_what_is_in_its_partitions() {
    let mut image = mbr(&[(0, &[(0x0c, 4, 4), (0x83, 8, 8)])]);
    image[8 * 4096 + 1080..8 * 4096 + 1082].copy_from_slice(&[0x53, 0xef]);
    let table = sound(&image);
    assert_eq!(places(&table), [(1, 16384, 16384), (2, 32768, 32768)]);
    assert_eq!(table.notes.len(), 1);
    image[8 * 512 + 1080..8 * 512 + 1082].copy_from_slice(&[0x53, 0xef]);
    assert_eq!(places(&sound(&image)), [(1, 2048, 2048), (2, 4096, 4096)]);
}

/// Whatever the bytes are: an answer, and every partition lies in the image.
fn answers(image: &[u8]) {
    for partition in of(image).ok().flatten().map(|table| table.partitions).unwrap_or_default() {
        assert!(partition.size > 0 && partition.offset + partition.size <= image.len() as u64, "{partition:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_have_an_answer(mut image in proptest::collection::vec(any::<u8>(), 0..4096), signed: bool) {
        if signed && image.len() >= 512 {
            image[510..512].copy_from_slice(&[0x55, 0xaa]);
            (0..4).for_each(|slot| image[446 + slot * 16] &= 0x80);
        }
        answers(&image);
    }

    #[test]
    fn changed_tables_have_an_answer(
        changes in proptest::collection::vec((0usize..12, 0usize..512, any::<u8>()), 1..6),
        which in 0usize..3,
        sealed: bool,
    ) {
        let mut image = match which {
            0 => Gpt::new(TWO).image(),
            1 => Gpt { sector: 4096, ..Gpt::new(TWO) }.image(),
            _ => mbr(&[(0, &[(0x83, 1, 1), (0x05, 2, 80)]), (2, &[(0x83, 1, 1), (0x05, 2, 20)]), (4, &[(0x83, 1, 1)])]),
        };
        for (sector, byte, value) in changes {
            image[sector * 512 + byte] = value;
        }
        if sealed && which < 2 {
            let entries = crc(&image[1024..1024 + 512]);
            image[600..604].copy_from_slice(&entries.to_le_bytes());
            seal(&mut image, 512);
        }
        answers(&image);
    }
}
