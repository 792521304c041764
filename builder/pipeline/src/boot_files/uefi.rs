//! What UEFI starts: a unified kernel image, or systemd-boot with an entry or an image (UAPI.1, Boot Loader Specification, type
//! 1 and type 2).

use rootsmith_kernel::{UkiSections, uki as assemble};
use rootsmith_profile::{BootMethod, Disk, Profile};
use rootsmith_tree::{Blobs, Content};
use rootsmith_types::{Problems, TreePath};

use super::{BootFiles, INITRD, KERNEL, MAX_IMAGE, Partition, content, pieces, stored};
use crate::bootable::{MAX_TEXT, read};
use crate::inputs::{BLESS, InputError};

/// UEFI 2.10, 3.5.1.1.
fn removable(files: &BootFiles<'_>) -> String {
    format!("/EFI/BOOT/BOOT{}.EFI", files.arch.efi().to_uppercase())
}

pub(super) fn uki(files: &BootFiles<'_>, boot: &mut Partition, blobs: &dyn Blobs) -> Result<(), Problems> {
    let path = format!("/usr/lib/systemd/boot/efi/linux{}.efi.stub", files.arch.efi());
    let stub = pieces::boot_file(files.packages, "systemd-boot-efi", &path)?;
    let stub = stub.read(blobs, MAX_IMAGE).map_err(rootsmith_assemble::AssembleError::Store)?;
    let path = &files.kernel.kernel.image;
    let linux = &content(files.tree, path)?;
    let osrel = read(files.tree, blobs, &TreePath::literal("/etc/os-release"), MAX_TEXT)?;
    let (cmdline, initrd) = (boot.cmdline.as_str(), boot.initrd.as_deref());
    let uname = &files.kernel.kernel.release;
    let sections = UkiSections { osrel: &osrel, cmdline, uname, initrd, linux, path, blobs };
    let image = stored(assemble(&stub, &sections)?, blobs)?;
    let path = match files.disk.boots_by(BootMethod::SystemdBoot) {
        true => linux_image(files.profile, files.disk),
        false => removable(files),
    };
    boot.put(&path, image)
}

/// The unified kernel image that systemd-boot starts; where there will be others, named after its version.
pub(crate) fn linux_image(profile: &Profile, disk: &Disk) -> String {
    let name = match disk.slots() {
        Some(_) => profile.image.slot_name(),
        None => profile.image.name.value.clone(),
    };
    format!("/EFI/Linux/{name}{}.efi", tries(disk))
}

/// What a file's name says of its tries (systemd-boot(7), "BOOT COUNTING"): `+3`.
fn tries(disk: &Disk) -> String {
    disk.boot_tries.as_ref().map_or_else(String::new, |tries| format!("+{}", tries.value))
}

/// The menu is not shown: there is one entry, and a key pressed at the start still brings it up.
pub(super) fn systemd_boot(files: &BootFiles<'_>, boot: &mut Partition) -> Result<(), Problems> {
    let path = format!("/usr/lib/systemd/boot/efi/systemd-boot{}.efi", files.arch.efi());
    let loader = pieces::boot_file(files.packages, "systemd-boot-efi", &path)?;
    boot.put(&removable(files), loader.clone())?;
    // Where `bootctl update` looks for the one it may replace.
    boot.put(&format!("/EFI/systemd/systemd-boot{}.efi", files.arch.efi()), loader)?;
    if let Some(tries) = &files.disk.boot_tries
        && files.tree.lookup(&TreePath::literal(BLESS)).is_none()
    {
        return Err(InputError::NothingBlesses { origin: tries.origin.clone() }.into());
    }
    let (name, release) = (&files.profile.image.name.value, &files.kernel.kernel.release);
    // Names change while tries are counted, and an update puts another beside it.
    let default = match files.disk.boots_by(BootMethod::Uki) {
        true if files.disk.slots().is_some() => format!("{name}_*"),
        true => format!("{name}*"),
        false if files.disk.boot_tries.is_some() => "linux*".to_owned(),
        false => "linux.conf".to_owned(),
    };
    boot.put("/loader/loader.conf", Content::inline(format!("timeout 0\ndefault {default}\n")))?;
    if files.disk.boots_by(BootMethod::Uki) {
        return Ok(());
    }
    let initrd = if boot.initrd.is_some() { format!("initrd {INITRD}\n") } else { String::new() };
    let cmdline = &boot.cmdline;
    let entry = format!("title {name}\nversion {release}\nlinux {KERNEL}\n{initrd}options {cmdline}\n");
    boot.put(&format!("/loader/entries/linux{}.conf", tries(files.disk)), Content::inline(entry))
}
