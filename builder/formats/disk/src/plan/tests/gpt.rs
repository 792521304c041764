use rootsmith_types::Sha256Digest;

use super::*;

fn disk() -> Vec<u8> {
    let mut root = partition(2, "root", &ROOT);
    root.attributes = types::GROW_FILE_SYSTEM;
    let plan = plan(vec![partition(1, "esp", &ESP), root], vec![], &Options::new(uuid(0))).unwrap();
    assert_eq!(plan.partitions(), [(2048, 8191), (8192, 20479)]);
    Memory::of(&plan).unwrap()
}

#[test]
fn disk_is_laid_out_as_promised() {
    let disk = disk();
    assert_eq!(disk.len(), 11 << 20);
    assert_eq!(&disk[510..512], [0x55, 0xaa]);
    assert_eq!(&disk[512..520], b"EFI PART");
    assert_eq!(&disk[1 << 20..][..3], b"esp");
    assert_eq!(&disk[4 << 20..][..4], b"root");
    assert_eq!(&disk[disk.len() - 512..][..8], b"EFI PART");
}

#[test]
fn sgdisk_and_sfdisk_find_nothing_wrong() {
    verify(&disk());
    if let Some((_, said)) = judge("sgdisk", &["--info=2"], &disk()) {
        assert!(said.contains("Partition unique GUID: 02010203-0405-0607-0809-0A0B0C0D0E0F"), "{said}");
        assert!(said.contains("Partition GUID code: 4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"), "{said}");
        assert!(said.contains("Attribute flags: 0800000000000000"), "{said}");
        assert!(said.contains("Partition name: 'root'"), "{said}");
    }
}

#[test]
fn a_flipped_byte_in_a_table_is_noticed() {
    for at in [512 + 60, 2 * 512 + 33, (11 << 20) - 512 + 60] {
        let mut disk = disk();
        disk[at] ^= 1;
        if let Some((_, said)) = judge("sgdisk", &["--verify"], &disk) {
            assert!(!content(&said), "byte {at}: {said}");
        }
        let read = ::gpt::GptConfig::new().only_valid_headers(true).open_from_device(io::Cursor::new(disk));
        assert!(read.is_err(), "byte {at}");
    }
}

#[test]
fn two_runs_give_the_same_bytes() {
    assert!(disk() == disk());
}

/// Images that exist must come out of a build as they did: such a change needs a reason, and this test a new digest.
#[test]
fn gpt_disks_are_the_bytes_they_always_were() {
    let digest = |disk: &[u8]| Sha256Digest::of(disk).to_string();
    assert_eq!(digest(&disk()), "b9cdec06abb147ef4547ae498b39944943e6ca29b94bcc208448e9b505114d85");
    let five: Vec<_> = (1..=5).map(|i| partition(i, "x", &ROOT)).collect();
    let options = Options { align: NumBytes::new(4096), ..Options::new(uuid(0)) };
    let odd = plan(five, vec![], &options).unwrap();
    let odd = Memory::of(&odd).unwrap();
    assert_eq!(digest(&odd), "a271ee170998e1958324d57d38b60fc6d9dc8c9113427f7df105a7296a6186a0");
}

#[test]
fn a_hundred_and_twenty_eight_partitions_fit() {
    let many = (1..=128).map(|i| partition(i, "x", &Spills)).collect();
    let disk = plan(many, vec![], &Options { align: NumBytes::new(4096), ..Options::new(uuid(0)) }).unwrap();
    assert_eq!(disk.partitions()[127], (40 + 127 * 8, 47 + 127 * 8));
}

#[test]
fn a_disk_for_a_cloud_is_whole_units_and_its_backup_at_the_end() {
    let two = || vec![partition(1, "esp", &ESP), partition(2, "root", &ROOT)];
    for size in [Size::Minimal, Size::PowerOfTwo] {
        let options = Options { size, unit: NumBytes::mib(64), ..options(Table::Gpt) };
        let plan = plan(two(), vec![], &options).unwrap();
        assert_eq!(plan.size(), NumBytes::mib(64));
        let disk = Memory::of(&plan).unwrap();
        assert_eq!(&disk[(64 << 20) - 512..][..8], b"EFI PART");
        verify(&disk);
    }
}

#[test]
fn a_disk_for_qemu_is_a_power_of_two_and_its_backup_at_the_end() {
    let options = Options { size: Size::PowerOfTwo, ..options(Table::Gpt) };
    let plan = plan(vec![partition(1, "esp", &ESP), partition(2, "root", &ROOT)], vec![], &options).unwrap();
    assert_eq!(plan.size(), NumBytes::mib(16));
    let disk = Memory::of(&plan).unwrap();
    assert_eq!(&disk[(16 << 20) - 512..][..8], b"EFI PART");
    verify(&disk);
}
