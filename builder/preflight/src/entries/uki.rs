//! Programs for UEFI: unified kernel images, and boot loaders.

use std::sync::Arc;

use rootsmith_kernel::{initramfs_files, read_uki, release::kernel_release};
use rootsmith_tree::Bytes;
use rootsmith_types::Arch;

use super::BootVolume;
use crate::{BootEntry, EntryKind, HandedTree, Remembered, TreeSource};

/// Every `.efi` below `/EFI/BOOT` and `/EFI/Linux`, by path.
pub(super) fn entries(volume: BootVolume<'_>, remembered: &Remembered) -> Vec<BootEntry> {
    let mut entries = Vec::new();
    for entry in volume.tree.walk() {
        let path = String::from_utf8_lossy(entry.path.as_bytes()).to_ascii_uppercase();
        let Some(content) = entry.node.content() else { continue };
        let folder = ["/EFI/BOOT/", "/EFI/LINUX/"].iter().any(|folder| path.starts_with(folder));
        if folder && path.ends_with(".EFI") {
            let known = remembered.image(content, volume.blobs, &path, |image| read(&path, image));
            // What cannot be read is an entry that nothing is known of: the checks say so.
            entries.push(known.map_or_else(|| read(&path, &[]), Arc::unwrap_or_clone));
        }
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    entries
}

/// Looks into a PE file. One with a kernel or a command line in it is a unified kernel image, whole or not.
pub(crate) fn read(path: &str, image: &[u8]) -> BootEntry {
    let sections = read_uki(image).unwrap_or_default();
    let section = |name: &str| sections.iter().find(|(there, _)| there == name).map(|(_, data)| *data);
    // The command line may be closed by a NUL or a line's end.
    let text = |name| {
        let text = String::from_utf8_lossy(section(name)?).into_owned();
        Some(text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_owned())
    };
    let is_loader = !sections.is_empty() && section(".linux").is_none() && section(".cmdline").is_none();
    let tree = section(".dtb").filter(|tree| !tree.is_empty());
    let place = || format!("{path}: .dtb");
    BootEntry {
        kind: if is_loader { EntryKind::Loader } else { EntryKind::Uki },
        missing: Vec::new(),
        path: path.to_ascii_uppercase(),
        machine: machine(image),
        release: text(".uname").or_else(|| kernel_release(section(".linux")?).ok()),
        cmdline: text(".cmdline"),
        linux: section(".linux").is_some_and(|kernel| !kernel.is_empty()),
        initramfs: section(".initrd").and_then(|initrd| initramfs_files(initrd).ok()),
        device_tree: tree.map_or(TreeSource::Firmware, |_| TreeSource::File(place())),
        device_trees: tree
            .map(|tree| HandedTree { path: place(), data: Bytes::copy_from_slice(tree) })
            .into_iter()
            .collect(),
        config: None,
    }
}

/// `Machine` of the COFF header (PE Format, "Machine Types"), behind the offset at 0x3c. Kernels with an EFI stub have one.
pub(super) fn machine(image: &[u8]) -> Option<Arch> {
    let at = u32::from_le_bytes(image.get(0x3c..0x40)?.try_into().ok()?) as usize;
    let header = image.get(at..at.checked_add(6)?)?;
    if !image.starts_with(b"MZ") || !header.starts_with(b"PE\0\0") {
        return None;
    }
    match u16::from_le_bytes([header[4], header[5]]) {
        0x8664 => Some(Arch::Amd64),
        0xaa64 => Some(Arch::Arm64),
        0x01c2 | 0x01c4 => Some(Arch::Armhf),
        0x5064 => Some(Arch::Riscv64),
        _ => None,
    }
}
