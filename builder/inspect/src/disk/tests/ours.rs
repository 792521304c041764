//! Disks of our own, read by both readers: this one, and the foreign one that every build ends with.

use std::io::{self, Write};

use rootsmith_disk::{Blob, Options, Partition, Table as Kind, types};
use rootsmith_ondisk::{Image, Memory, Sink};
use rootsmith_types::NumBytes;
use rootsmith_verify::PartitionType;

use super::*;

struct Bytes(usize, &'static [u8]);

impl Image for Bytes {
    fn size(&self) -> NumBytes {
        NumBytes::new(self.0 as u64)
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        out.write_at(0, self.1)
    }
}

const BOOT: Bytes = Bytes(2 << 20, b"boot");
const ROOT: Bytes = Bytes(3 << 20, b"root");
const SPL: Bytes = Bytes(30_000, b"eGON.BT0");
const UBOOT: Bytes = Bytes(500_000, b"u-boot");

/// A disk with boot code at two places. Only the MBR has room at sector 16.
fn disk(table: Kind) -> Vec<u8> {
    let guid = |n| Uuid::new([n; 16]);
    let boot = Partition {
        name: "boot".to_owned(),
        type_guid: types::ESP,
        mbr_type: types::MBR_FAT,
        guid: guid(1),
        attributes: 0,
        active: true,
        hybrid: true,
        image: &BOOT,
    };
    let root = Partition {
        name: "root".to_owned(),
        type_guid: types::ROOT_ARM64,
        mbr_type: types::MBR_LINUX,
        guid: guid(2),
        attributes: types::GROW_FILE_SYSTEM,
        active: false,
        hybrid: false,
        image: &ROOT,
    };
    let at = |sector: u64| NumBytes::new(sector * 512);
    let spl = if table == Kind::Mbr { at(16) } else { at(256) };
    let blobs = vec![
        Blob { name: "u-boot.img".to_owned(), offset: at(768), image: &UBOOT },
        Blob { name: "SPL".to_owned(), offset: spl, image: &SPL },
    ];
    let options = Options { table, signature: 0x0234_abcd, first: NumBytes::mib(4), ..Options::new(guid(9)) };
    let plan = rootsmith_disk::plan(vec![boot, root], blobs, &options).unwrap();
    Memory::of(&plan).unwrap()
}

/// What both readers see of a disk, the same from either.
fn seen(image: &[u8]) -> Table {
    let table = sound(image);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(image).unwrap();
    let theirs = rootsmith_verify::partitions(&file).unwrap();
    assert_eq!(theirs.len(), table.partitions.len());
    for (ours, theirs) in table.partitions.iter().zip(&theirs) {
        assert_eq!((ours.index, &ours.partuuid, &ours.name), (theirs.index, &theirs.partuuid, &theirs.name));
        assert_eq!((ours.offset, ours.size), (theirs.offset, theirs.length));
        let types = match theirs.partition_type {
            PartitionType::Guid(guid) => (Some(guid), theirs.hybrid),
            PartitionType::Mbr(mbr_type) => (None, Some(mbr_type)),
        };
        assert_eq!((ours.type_guid, ours.mbr_type), types);
    }
    table
}

#[test]
fn our_disks_are_read_as_what_they_are() {
    for kind in Kind::ALL {
        let image = disk(kind);
        let table = seen(&image);
        let wanted = match kind {
            Kind::Gpt => TableKind::Gpt,
            Kind::Mbr => TableKind::Mbr,
            Kind::Hybrid => TableKind::Hybrid,
        };
        assert_eq!((table.kind, &table.notes), (wanted, &vec![]));
        assert_eq!(places(&table), [(1, 4 << 20, 2 << 20), (2, 6 << 20, 3 << 20)]);
        for (partition, start) in table.partitions.iter().zip([BOOT.1, ROOT.1]) {
            assert!(image[partition.offset as usize..].starts_with(start));
        }
        // Boot code is where the board looks for it, and no partition.
        let spl = if kind == Kind::Mbr { 8192 } else { 131_072 };
        assert!(image[spl..].starts_with(SPL.1) && image[768 * 512..].starts_with(UBOOT.1));
    }
}

#[test]
fn our_tables_say_what_each_kind_can() {
    let types = |kind| seen(&disk(kind)).partitions.iter().map(|it| (it.type_guid, it.mbr_type)).collect::<Vec<_>>();
    let (esp, root) = (Some(types::ESP), Some(types::ROOT_ARM64));
    assert_eq!(types(Kind::Gpt), [(esp, None), (root, None)]);
    assert_eq!(types(Kind::Hybrid), [(esp, Some(0x0c)), (root, None)]);
    assert_eq!(types(Kind::Mbr), [(None, Some(0x0c)), (None, Some(0x83))]);
    assert_eq!(seen(&disk(Kind::Mbr)).partitions[1].partuuid, "0234abcd-02");
    assert_eq!(seen(&disk(Kind::Hybrid)).partitions[1].partuuid, "02020202-0202-0202-0202-020202020202");
}
