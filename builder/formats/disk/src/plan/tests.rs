use std::io::Write;
use std::process::Command;

use rootsmith_ondisk::Memory;
use rootsmith_types::Explain;

use super::*;
use crate::types;

mod blobs;
mod gpt;
mod mbr;
mod refusals;

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
const LOADER: Marked = Marked(192_512, "loader");
const UBOOT: Marked = Marked(700_000, "u-boot");

fn uuid(n: u8) -> Uuid {
    Uuid::new([n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
}

fn partition<'a>(n: u8, name: &str, image: &'a dyn Image) -> Partition<'a> {
    let (type_guid, mbr_type) =
        if name == "esp" { (types::ESP, types::MBR_ESP) } else { (types::ROOT_X86_64, types::MBR_LINUX) };
    let (active, hybrid) = (false, name == "esp");
    Partition { name: name.to_owned(), type_guid, mbr_type, guid: uuid(n), attributes: 0, active, hybrid, image }
}

fn blob<'a>(name: &str, offset: u64, image: &'a dyn Image) -> Blob<'a> {
    Blob { name: name.to_owned(), offset: NumBytes::new(offset), image }
}

fn options(table: Table) -> Options {
    Options { table, signature: 0x1234_abcd, ..Options::new(uuid(0)) }
}

/// What `tool` says of `disk`, and whether it found nothing wrong; `None` when it is not there.
fn judge(tool: &str, arguments: &[&str], disk: &[u8]) -> Option<(bool, String)> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(disk).unwrap();
    let mut command = Command::new(tool);
    command.args(arguments).arg(file.path());
    run(tool, &mut command)
}

#[allow(clippy::disallowed_methods, clippy::print_stderr)] // the judges' own switch, and their word when one is missing
fn run(tool: &str, command: &mut Command) -> Option<(bool, String)> {
    let Ok(output) = command.env("LC_ALL", "C").output() else {
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

/// Lets `sgdisk` and `sfdisk` look at a disk.
fn verify(disk: &[u8]) {
    if let Some((clean, said)) = judge("sfdisk", &["--verify"], disk) {
        assert!(clean && said.contains("No errors detected"), "{said}");
    }
    // It would turn an MBR into a GPT.
    if &disk[512..520] == b"EFI PART"
        && let Some((clean, said)) = judge("sgdisk", &["--verify"], disk)
    {
        assert!(clean && content(&said), "{said}");
    }
}

#[test]
fn boot_code_changes_nothing_else() {
    for table in Table::ALL {
        let made = |boot_code| {
            let options = Options { boot_code, ..options(table) };
            Memory::of(&plan(vec![partition(1, "esp", &ESP), partition(2, "root", &ROOT)], vec![], &options).unwrap())
        };
        let (without, with) = (made([0; BOOT_CODE]).unwrap(), made([0xa5; BOOT_CODE]).unwrap());
        assert!(with[..BOOT_CODE] == [0xa5; BOOT_CODE] && with[BOOT_CODE..] == without[BOOT_CODE..], "{table}");
        verify(&with);
    }
}

#[test]
fn an_image_cannot_write_into_its_neighbour() {
    let plan = plan(vec![partition(1, "x", &Spills)], vec![], &Options::new(uuid(0))).unwrap();
    assert!(Memory::of(&plan).is_err());
}
