//! MBRs and hybrids, held against what `sfdisk` and `sgdisk` write.

use std::io::{Read, Seek};
use std::os::unix::fs::FileExt;

use super::*;

/// A card for a board that starts what is in sector 16, with a FAT partition for its loader.
fn card(size: Size) -> Vec<u8> {
    let boot = Partition { mbr_type: types::MBR_FAT, active: true, ..partition(1, "boot", &ESP) };
    let options = Options { size, ..options(Table::Mbr) };
    let blobs = vec![blob("u-boot", 8192, &UBOOT)];
    let plan = plan(vec![boot, partition(2, "root", &ROOT)], blobs, &options).unwrap();
    assert_eq!(plan.partitions(), [(2048, 8191), (8192, 20479)]);
    assert_eq!((plan.blobs().len(), &plan.blobs()[0]), (1, &(8192..708_192)));
    Memory::of(&plan).unwrap()
}

/// A card for a board that looks for FAT in the first record of the MBR.
fn hybrid(names: &[&str]) -> Vec<u8> {
    let parts = [("esp", &ESP), ("root", &ROOT), ("data", &ESP)];
    let partitions = (1..)
        .zip(parts)
        .map(|(n, (name, image))| Partition { hybrid: names.contains(&name), ..partition(n, name, image) });
    let options = Options { first: NumBytes::mib(16), ..options(Table::Hybrid) };
    let blobs = vec![blob("u-boot.itb", 16384 * 512, &UBOOT), blob("idbloader.img", 64 * 512, &LOADER)];
    let plan = plan(partitions.collect(), blobs, &options).unwrap();
    assert_eq!(plan.partitions()[0].0, 32768);
    Memory::of(&plan).unwrap()
}

/// The first sector of a disk of `size` bytes that begins with `start`, after a tool wrote a table on it.
fn sector_of(size: u64, start: &[u8], tool: &str, arguments: &[&str], script: &str) -> Option<Vec<u8>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().write_all_at(start, 0).unwrap();
    file.as_file().set_len(size).unwrap();
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(script.as_bytes()).unwrap();
    input.rewind().unwrap();
    let (clean, said) = run(tool, Command::new(tool).args(arguments).arg(file.path()).stdin(input))?;
    assert!(clean, "{said}");
    let mut sector = vec![0; 512];
    file.reopen().unwrap().read_exact(&mut sector).unwrap();
    Some(sector)
}

#[test]
fn an_mbr_is_what_sfdisk_writes() {
    let disk = card(Size::Minimal);
    assert_eq!(disk.len(), 10 << 20);
    let script =
        "label: dos\nlabel-id: 0x1234abcd\nstart=2048, size=6144, type=c, bootable\nstart=8192, size=12288, type=83\n";
    if let Some(theirs) = sector_of(10 << 20, &[], "sfdisk", &["-q"], script) {
        assert_eq!(disk[..512], theirs);
    }
    verify(&disk);
    if let Some((_, said)) = judge("sfdisk", &["--json"], &disk) {
        let text: String = said.split_whitespace().collect();
        assert!(text.contains(r#""label":"dos","id":"0x1234abcd""#), "{said}");
        assert!(text.contains(r#""start":2048,"size":6144,"type":"c","bootable":true"#), "{said}");
        assert!(text.contains(r#""start":8192,"size":12288,"type":"83""#), "{said}");
    }
}

#[test]
fn partitions_and_boot_code_lie_where_the_plan_says() {
    let disk = card(Size::Minimal);
    for (at, text) in [(8192, "u-boot"), (708_192 - 6, "u-boot"), (1 << 20, "esp"), (4 << 20, "root")] {
        assert_eq!(&disk[at..at + text.len()], text.as_bytes(), "byte {at}");
    }
    // An MBR has nothing at the end.
    assert!(disk[disk.len() - (1 << 20)..].iter().skip(512).all(|byte| *byte == 0));
}

#[test]
fn addresses_past_eight_gigabytes_are_what_sfdisk_writes() {
    let large = Marked(9 << 30, "");
    let disk = plan(vec![partition(1, "a", &ESP), partition(2, "b", &large)], vec![], &options(Table::Mbr)).unwrap();
    let script =
        "label: dos\nlabel-id: 0x1234abcd\nstart=2048, size=6144, type=83\nstart=8192, size=18874368, type=83\n";
    if let Some(theirs) = sector_of(disk.size().get(), &[], "sfdisk", &["-q"], script) {
        assert_eq!(disk.head, theirs);
    }
}

#[test]
fn a_hybrid_shows_what_sgdisk_shows() {
    for (names, numbers) in
        [(&["esp"][..], "1:EE"), (&["esp", "root"], "1:2:EE"), (&["esp", "root", "data"], "1:2:3:EE")]
    {
        let disk = hybrid(names);
        verify(&disk);
        if let Some((_, said)) = judge("gdisk", &["-l"], &disk) {
            assert!(
                said.contains("MBR: hybrid") && said.contains("Found valid GPT with hybrid MBR; using GPT."),
                "{said}"
            );
        }
        if let Some((_, said)) = judge("sfdisk", &["--json"], &disk) {
            assert!(said.contains("\"label\": \"gpt\""), "{said}");
        }
        // It makes the same of the GPT alone, but for the signature.
        let mut plain = disk.clone();
        plain[..512].copy_from_slice(&crate::mbr::protective((disk.len() / 512 - 1) as u64));
        if let Some(theirs) = sector_of(plain.len() as u64, &plain, "sgdisk", &["-h", numbers], "") {
            assert_eq!(disk[446..512], theirs[446..], "{numbers}");
        }
    }
}

#[test]
fn a_hybrid_lists_its_partitions_before_the_gpt() {
    let disk = hybrid(&["esp"]);
    assert_eq!(disk[440..444], [0xcd, 0xab, 0x34, 0x12]);
    assert_eq!((disk[446 + 4], disk[462 + 4], disk[478 + 4]), (types::MBR_ESP, 0xee, 0));
    // From LBA 1 up to the partition.
    assert_eq!(disk[462 + 8..478], [1, 0, 0, 0, 0xff, 0x7f, 0, 0]);
}

#[test]
fn a_partition_that_overlaps_the_gpts_record_is_noticed() {
    let mut disk = hybrid(&["esp"]);
    disk[462 + 13] = 0x80;
    if let Some((_, said)) = judge("sgdisk", &["--verify"], &disk) {
        assert!(!content(&said), "{said}");
    }
}

#[test]
fn a_card_for_qemu_is_a_power_of_two() {
    let disk = card(Size::PowerOfTwo);
    assert_eq!(disk.len(), 16 << 20);
    assert_eq!(disk[..10 << 20], card(Size::Minimal));
    verify(&disk);
}
