//! What a BIOS starts: GRUB's core image, and its `grub.cfg` (GNU GRUB manual, 6 and 16).
//!
//! The core image has all modules in it that `grub.cfg` needs, and a few that help whoever stands before its prompt; there are
//! no others on the disk. It finds its folder on the disk it was started from, so a second disk with the same image is no
//! trouble.

use rootsmith_assemble::AssembleError;
use rootsmith_grub::{CoreImage, Parts, with_dependencies};
use rootsmith_profile::{BootMethod, Disk, Kernel, PartitionKind, PartitionTable};
use rootsmith_tree::{Blobs, Content};
use rootsmith_types::{Arch, Problems};

use super::{BootFiles, INITRD, KERNEL, Partition, pieces};

/// The package that the parts are in.
pub(super) const PACKAGE: &str = "grub-pc-bin";
/// Where it has them.
const PARTS: &str = "/usr/lib/grub/i386-pc";
/// No part is larger.
const MAX_PART: u64 = 4 << 20;
/// Where `grub.cfg` is.
const FOLDER: &str = "/grub";
/// Beside the one for the table: what `grub.cfg` needs, then what helps people.
const MODULES: [&str; 11] =
    ["biosdisk", "fat", "normal", "linux", "serial", "terminal", "ls", "cat", "search", "reboot", "halt"];
/// The speed of a serial line where the kernel is told none.
const SPEED: &str = "115200";

/// `grub.cfg`. The menu is not shown: there is one entry, and a key pressed at the start still brings it up.
pub(super) fn write(files: &BootFiles<'_>, boot: &mut Partition) -> Result<(), Problems> {
    let (name, release) = (&files.profile.image.name.value, &files.kernel.kernel.release);
    let serial = files.profile.kernel.as_ref().and_then(|kernel| serial(kernel, files.arch)).unwrap_or_default();
    let words: Vec<String> = boot.cmdline.split(' ').map(quoted).collect();
    let initrd = if boot.initrd.is_some() { format!("  initrd {INITRD}\n") } else { String::new() };
    let text = format!(
        "{serial}set timeout_style=hidden\nset timeout=0\n\nmenuentry '{name} {release}' {{\n  linux {KERNEL} {}\n{initrd}}}\n",
        words.join(" ")
    );
    boot.put(&format!("{FOLDER}/grub.cfg"), Content::inline(text))
}

/// The core image, for disks that a BIOS starts.
pub(crate) fn core_image(files: &BootFiles<'_>, blobs: &dyn Blobs) -> Result<Option<CoreImage>, Problems> {
    if !files.disk.boots_by(BootMethod::Grub) {
        return Ok(None);
    }
    let part = |name: &str| -> Result<Vec<u8>, Problems> {
        let content = pieces::boot_file(files.packages, PACKAGE, &format!("{PARTS}/{name}"))?;
        Ok(content.read(blobs, MAX_PART).map_err(AssembleError::Store)?.to_vec())
    };
    let list = part("moddep.lst")?;
    let (table, prefix) = place(files.disk);
    let modules = with_dependencies(&String::from_utf8_lossy(&list), &[&[table], &MODULES[..]].concat())?;
    let parts = Parts {
        boot: part("boot.img")?,
        diskboot: part("diskboot.img")?,
        decompressor: part("lzma_decompress.img")?,
        kernel: part("kernel.img")?,
        modules: modules.iter().map(|name| part(&format!("{name}.mod"))).collect::<Result<_, _>>()?,
    };
    Ok(Some(CoreImage::assemble(&parts, &prefix)?))
}

/// The module for the partition table, and [`FOLDER`] with its partition on the disk that was started from: `(,gpt2)/grub`.
fn place(disk: &Disk) -> (&'static str, String) {
    let read = |kind| matches!(kind, PartitionKind::Esp | PartitionKind::Firmware);
    // The loader of profiles demands that there is one.
    let at = disk.partitions.iter().position(|partition| read(partition.kind.value)).unwrap_or_default();
    let (module, name) = match disk.table.value {
        PartitionTable::Mbr => ("part_msdos", "msdos"),
        PartitionTable::Gpt | PartitionTable::Hybrid => ("part_gpt", "gpt"),
    };
    (module, format!("(,{name}{}){FOLDER}", at + 1))
}

/// GRUB speaks where the kernel will: on the screen, and on the last serial line that the kernel is told of. A machine without
/// such a line has the screen.
fn serial(kernel: &Kernel, arch: Arch) -> Option<String> {
    let words = kernel.cmdline_for(arch).filter_map(|word| word.value.strip_prefix("console=ttyS"));
    let (unit, options) = words.last().map(|word| word.split_once(',').unwrap_or((word, SPEED)))?;
    let unit: u8 = unit.parse().ok()?;
    // `115200n8`: parity and bits follow.
    let speed: String = options.chars().take_while(char::is_ascii_digit).collect();
    let speed = if speed.is_empty() { SPEED } else { &speed };
    Some(format!(
        "if serial --unit={unit} --speed={speed}; then\n  terminal_input console serial\n  terminal_output console serial\nfi\n"
    ))
}

/// A word as GRUB reads it (manual, 6.2.2); the loader of profiles lets through none with a quote in it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_=.,:/@%+-".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}
