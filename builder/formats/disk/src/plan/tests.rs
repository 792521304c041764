use std::io::Write;
use std::process::Command;

use rootsmith_ondisk::Memory;
use rootsmith_types::Sha256Digest;

use super::*;
use crate::types;

/// An image of `size` bytes that begins with `text` and ends with it.
struct Marked(u64, &'static str);

impl Image for Marked {
    fn size(&self) -> NumBytes {
        NumBytes::new(self.0)
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        out.write_at(0, self.1.as_bytes())?;
        out.write_at(self.0 - self.1.len() as u64, self.1.as_bytes())
    }
}

/// An image that does not keep to its size.
struct Spills;

impl Image for Spills {
    fn size(&self) -> NumBytes {
        NumBytes::new(512)
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        out.write_at(0, &[1; 513])
    }
}

const ESP: Marked = Marked(3 << 20, "esp");
const ROOT: Marked = Marked((5 << 20) + 512, "root");

fn uuid(n: u8) -> Uuid {
    Uuid::new([n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
}

fn partition<'a>(n: u8, name: &str, image: &'a dyn Image) -> Partition<'a> {
    let type_guid = if name == "esp" { types::ESP } else { types::ROOT_X86_64 };
    Partition { name: name.to_owned(), type_guid, guid: uuid(n), attributes: 0, image }
}

fn disk() -> Vec<u8> {
    let mut root = partition(2, "root", &ROOT);
    root.attributes = types::GROW_FILE_SYSTEM;
    let plan = plan(vec![partition(1, "esp", &ESP), root], &Options::new(uuid(0))).unwrap();
    assert_eq!(plan.partitions(), [(2048, 8191), (8192, 20479)]);
    Memory::of(&plan).unwrap()
}

/// What `tool` says of `disk`, and whether it found nothing wrong; `None` when it is not there.
#[allow(clippy::disallowed_methods, clippy::print_stderr)] // the judge's own switch, and its word when it is missing
fn judge(tool: &str, arguments: &[&str], disk: &[u8]) -> Option<(bool, String)> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(disk).unwrap();
    let Ok(output) = Command::new(tool).args(arguments).arg(file.path()).output() else {
        assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "{tool} not found");
        eprintln!("skipped: {tool} not found");
        return None;
    };
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Some((output.status.success(), text))
}

/// Whether `sgdisk` is content: it may find no problem in the layout and still warn of a checksum.
fn content(said: &str) -> bool {
    said.contains("No problems found") && !said.contains("Warning") && !said.contains("Caution")
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
    if let Some((clean, said)) = judge("sgdisk", &["--verify"], &disk()) {
        assert!(clean && content(&said), "{said}");
    }
    if let Some((clean, said)) = judge("sfdisk", &["--verify"], &disk()) {
        assert!(clean && said.contains("No errors detected"), "{said}");
    }
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
        let read = gpt::GptConfig::new().only_valid_headers(true).open_from_device(io::Cursor::new(disk));
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
    let odd = plan(five, &Options { disk_guid: uuid(0), align: NumBytes::new(4096) }).unwrap();
    let odd = Memory::of(&odd).unwrap();
    assert_eq!(digest(&odd), "a271ee170998e1958324d57d38b60fc6d9dc8c9113427f7df105a7296a6186a0");
}

#[test]
fn a_hundred_and_twenty_eight_partitions_fit() {
    let many = |n: u8| (1..=n).map(|i| partition(i, "x", &Spills)).collect::<Vec<_>>();
    let options = Options { disk_guid: uuid(0), align: NumBytes::new(4096) };
    let disk = plan(many(128), &options).unwrap();
    assert_eq!(disk.partitions()[127], (40 + 127 * 8, 47 + 127 * 8));
    assert_eq!(plan(many(129), &options).err(), Some(PlanError::TooManyPartitions(129)));
}

#[test]
fn what_cannot_be_a_disk_is_refused() {
    let refused = |partitions, align| {
        let options = Options { disk_guid: uuid(0), align: NumBytes::new(align) };
        plan(partitions, &options).err().unwrap()
    };
    assert_eq!(refused(vec![], 1000), PlanError::Alignment(NumBytes::new(1000)));
    assert_eq!(refused(vec![], 256), PlanError::Alignment(NumBytes::new(256)));
    assert_eq!(refused(vec![partition(0, "esp", &ESP)], 512), PlanError::RepeatedGuid(uuid(0)));
    let twice = vec![partition(1, "a", &ESP), partition(1, "b", &ESP)];
    assert_eq!(refused(twice, 512), PlanError::RepeatedGuid(uuid(1)));
    assert_eq!(refused(vec![partition(1, "e", &Marked(0, ""))], 512), PlanError::EmptyPartition("e".to_owned()));
    let long = "é".repeat(37);
    assert_eq!(refused(vec![partition(1, &long, &ESP)], 512), PlanError::NameTooLong(long));
    assert_eq!(refused(vec![partition(1, "x", &Marked(u64::MAX, ""))], 512), PlanError::TooLarge);
}

#[test]
fn an_image_cannot_write_into_its_neighbour() {
    let plan = plan(vec![partition(1, "x", &Spills)], &Options::new(uuid(0))).unwrap();
    assert!(Memory::of(&plan).is_err());
}
