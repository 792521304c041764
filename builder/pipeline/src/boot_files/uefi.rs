//! What UEFI starts: a unified kernel image, or systemd-boot with an entry (UAPI.1, Boot Loader Specification).

use rootsmith_kernel::{UkiSections, uki as assemble};
use rootsmith_tree::{Blobs, Content};
use rootsmith_types::Problems;

use super::{BootFiles, INITRD, KERNEL, MAX_IMAGE, Partition, pieces, stored, text};
use crate::bootable::read;

/// UEFI 2.10, 3.5.1.1.
fn removable(files: &BootFiles<'_>) -> String {
    format!("/EFI/BOOT/BOOT{}.EFI", files.arch.efi().to_uppercase())
}

pub(super) fn uki(files: &BootFiles<'_>, boot: &mut Partition, blobs: &dyn Blobs) -> Result<(), Problems> {
    let path = format!("/usr/lib/systemd/boot/efi/linux{}.efi.stub", files.arch.efi());
    let stub = pieces::boot_file(files.packages, "systemd-boot-efi", &path)?;
    let stub = stub.read(blobs, MAX_IMAGE).map_err(rootsmith_assemble::AssembleError::Store)?;
    let linux = read(files.tree, blobs, &files.kernel.kernel.image, MAX_IMAGE)?;
    let osrel = text(files, "/etc/os-release", blobs)?;
    let (cmdline, initrd) = (boot.cmdline.as_str(), boot.initrd.as_deref());
    let uname = &files.kernel.kernel.release;
    let sections = UkiSections { osrel: &osrel, cmdline, uname, initrd, linux: &linux };
    let image = stored(&assemble(&stub, &sections)?, blobs)?;
    boot.put(&removable(files), image)
}

/// The menu is not shown: there is one entry, and a key pressed at the start still brings it up.
pub(super) fn systemd_boot(files: &BootFiles<'_>, boot: &mut Partition) -> Result<(), Problems> {
    let path = format!("/usr/lib/systemd/boot/efi/systemd-boot{}.efi", files.arch.efi());
    boot.put(&removable(files), pieces::boot_file(files.packages, "systemd-boot-efi", &path)?)?;
    boot.put("/loader/loader.conf", Content::inline("timeout 0\ndefault linux.conf\n"))?;
    let (name, release) = (&files.profile.image.name.value, &files.kernel.kernel.release);
    let initrd = if boot.initrd.is_some() { format!("initrd {INITRD}\n") } else { String::new() };
    let cmdline = &boot.cmdline;
    let entry = format!("title {name}\nversion {release}\nlinux {KERNEL}\n{initrd}options {cmdline}\n");
    boot.put("/loader/entries/linux.conf", Content::inline(entry))
}
