//! From the firmware to the init.

use super::Outcome;
use super::fstab::find;
use crate::elf::runnable;
use crate::facts::{default_path, found_by_hash, path};
use crate::view::View;
use crate::{BiosStart, BootEntry, BootFacts, EntryKind, PartitionRole};

pub(super) fn init(view: &View<'_>) -> Outcome {
    let name = view.init();
    let Some(at) = path(name).filter(|_| name.starts_with('/')) else {
        return Outcome::no(format!("`init={name}` is no absolute path"));
    };
    match runnable(view, &at) {
        Ok(file) => Outcome::yes(format!("`{at}` is `{file}`")),
        Err(reason) => Outcome::no(reason),
    }
}

pub(super) fn entry(view: &View<'_>) -> Outcome {
    let Some(boot) = view.facts.boot else { return Outcome::unknown("there is no disk to start from") };
    let mut wrong = Vec::new();
    match started_by(view, boot) {
        Ok(_) => {}
        Err(reasons) => wrong.extend(reasons),
    }
    let Some(entry) = boot.default_entry(view.facts.arch) else {
        if wrong.is_empty() {
            wrong.push("there is a boot loader, but no entry for it that could be found".to_owned());
        }
        wrong.extend(by_bios(boot).err());
        return Outcome::unless(wrong, "");
    };
    wrong.extend(unstartable(view, entry));
    let mut evidence = format!("`{}`", entry.path);
    match by_bios(boot) {
        Ok(Some(other)) if other.path != entry.path => {
            wrong.extend(unstartable(view, other));
            if root_of(other) != root_of(entry) {
                wrong.push(format!("`{}` and `{}` have different roots", entry.path, other.path));
            }
            evidence.push_str(&format!("; from a BIOS `{}`", other.path));
        }
        Ok(_) => {}
        Err(reason) => wrong.push(reason),
    }
    Outcome::unless(wrong, evidence)
}

/// What is wrong with an entry by itself.
fn unstartable(view: &View<'_>, entry: &BootEntry) -> Vec<String> {
    let (arch, path) = (view.facts.arch, &entry.path);
    let missing = entry.missing.iter().map(|file| format!("`{path}` names `{file}`, which is not there"));
    let mut wrong: Vec<String> = missing.collect();
    // Of a program for UEFI that is named by a boot loader, only kernels with an EFI stub say what they are for.
    if let Some(machine) = entry.machine.filter(|machine| *machine != arch) {
        wrong.push(format!("`{path}` is for {machine}, the image for {arch}"));
    }
    if entry.kind == EntryKind::Uki && entry.machine.is_none() {
        wrong.push(format!("`{path}` is no program for UEFI, the image for {arch}"));
    }
    if !entry.linux && entry.missing.is_empty() {
        wrong.push(format!("`{path}` has no kernel in it"));
    }
    if let (Some(release), Ok(kernel)) = (&entry.release, &view.kernel)
        && *release != kernel.release
    {
        wrong.push(format!("`{path}` has kernel {release}, the tree {}", kernel.release));
    }
    wrong
}

/// What GRUB starts when a BIOS starts it; nothing where no code is, or code that nobody here knows.
fn by_bios(boot: &BootFacts) -> Result<Option<&BootEntry>, String> {
    let (config, prefix) = match &boot.bios {
        BiosStart::Nothing | BiosStart::Unknown => return Ok(None),
        BiosStart::Broken(reason) => return Err(format!("the boot sector is GRUB's, and would not start: {reason}")),
        BiosStart::Grub { config, prefix } => (config, prefix),
    };
    let mut entries = boot.entries.iter().filter(|entry| entry.kind == EntryKind::Grub);
    // `(,gpt2)/grub`; commands in the core image may lead elsewhere.
    let folder = prefix.as_deref().filter(|_| config.is_none()).and_then(|prefix| prefix.split_once(')'));
    let Some((_, folder)) = folder else { return Ok(entries.next()) };
    let file = format!("{folder}/grub.cfg");
    let found = entries.find(|entry| entry.path.strip_prefix(&file).is_some_and(|rest| rest.starts_with(':')));
    found.map(Some).ok_or_else(|| format!("a BIOS starts GRUB, for which `{file}` has no entry"))
}

/// The last word counts.
fn root_of(entry: &BootEntry) -> Option<&str> {
    entry.words().filter(|word| word.starts_with("root=") || word.starts_with("roothash=")).last()
}

/// What starts the entry: UEFI, firmware of a board, or a BIOS. `Err` says what each would have needed.
fn started_by(view: &View<'_>, boot: &BootFacts) -> Result<(), Vec<String>> {
    let arch = view.facts.arch;
    let default = default_path(arch);
    let is = |kind: EntryKind| boot.entries.iter().any(|entry| entry.kind == kind);
    let esp = boot.partitions.iter().any(|partition| partition.role == PartitionRole::Esp);
    match boot.removable(arch) {
        Some(loader) if loader.kind == EntryKind::Loader && loader.machine != Some(arch) => {
            let found = loader.machine.map_or_else(|| "no program for UEFI".to_owned(), |it| format!("for {it}"));
            return Err(vec![format!("`{default}` is {found}, the image for {arch}")]);
        }
        Some(_) if esp => return Ok(()),
        _ => {}
    }
    let by_code = matches!(boot.bios, BiosStart::Unknown | BiosStart::Grub { .. });
    // Firmware that reads no partition of type ESP: a Raspberry Pi's, or U-Boot; or a BIOS that runs the first sector.
    if is(EntryKind::RaspberryPi) || is(EntryKind::Extlinux) || (by_code && is(EntryKind::Grub)) {
        return Ok(());
    }
    let mut wrong = Vec::new();
    if !esp {
        wrong.push("there is no EFI system partition".to_owned());
    }
    if boot.removable(arch).is_none() {
        wrong.push(format!("there is no `{default}` on the EFI system partition"));
    }
    Err(wrong)
}

pub(super) fn root_device(view: &View<'_>) -> Outcome {
    let Some(boot) = view.facts.boot else { return Outcome::unknown("there is no disk to start from") };
    if let Some(hash) = view.word("roothash") {
        return by_hash(boot, hash);
    }
    let Some(root) = view.cmdline.iter().flatten().rev().find_map(|word| word.strip_prefix("root=")) else {
        return Outcome::no("the kernel command line has no `root=`");
    };
    if root.starts_with("/dev/") {
        return Outcome::almost(format!("`root={root}`: the name depends on the machine"));
    }
    let found = root.split_once('=').and_then(|(key, value)| find(boot, key, value));
    match found {
        Some(partition) if partition.role == PartitionRole::Root => {
            Outcome::yes(format!("`root={root}` is partition `{}`", partition.partlabel))
        }
        Some(partition) => Outcome::no(format!("`root={root}` is partition `{}`, not the root", partition.partlabel)),
        None => {
            let known = boot.partitions.iter().map(|partition| partition.partuuid.clone());
            let known: Vec<String> = known.collect();
            Outcome::no(format!("`root={root}` is no partition of this disk, which has {}", known.join(", ")))
        }
    }
}

/// A root is found by the hash that vouches for it, and so is what is hashed in between.
fn by_hash(boot: &BootFacts, hash: &str) -> Outcome {
    let Some(halves) = found_by_hash(hash) else {
        return Outcome::no(format!("`roothash={hash}` is no SHA-256 in hexadecimal digits"));
    };
    let [root, hashes] = halves.each_ref().map(|half| find(boot, "PARTUUID", half));
    match (root, hashes) {
        (Some(root), Some(hashes)) if root.role == PartitionRole::Root => Outcome::yes(format!(
            "`roothash=` leads to partition `{}` and its hashes on `{}`",
            root.partlabel, hashes.partlabel
        )),
        (Some(root), Some(_)) => {
            Outcome::no(format!("`roothash=` leads to partition `{}`, not the root", root.partlabel))
        }
        (None, _) => Outcome::no(format!("`roothash=` leads to a partition {}, which this disk has not", halves[0])),
        (_, None) => Outcome::no(format!("the hashes are on a partition {}, which this disk has not", halves[1])),
    }
}

pub(super) fn root_driver(view: &View<'_>, disks: &[String]) -> Outcome {
    let Some(boot) = view.facts.boot else { return Outcome::unknown("there is no disk to start from") };
    let initramfs = boot.default_entry(view.facts.arch).and_then(|entry| entry.initramfs.as_deref());
    let loaded: Vec<String> = initramfs
        .unwrap_or_default()
        .iter()
        .filter(|file| file.contains(".ko"))
        .filter_map(|file| rootsmith_kernel::module_name(file.as_bytes()))
        .collect();
    let has = |name: &str| view.is_builtin(name) || loaded.iter().any(|there| there == name);
    let mut wrong = Vec::new();
    let filesystem = boot.root.filesystem.as_str();
    if !has(filesystem) {
        wrong.push(format!("`{filesystem}` is neither in the kernel image nor in the initramfs"));
    }
    if view.word("systemd.volatile") == Some("overlay") && !has("overlay") {
        wrong.push(
            "`overlay`, which is to lie over the root, is neither in the kernel image nor in the initramfs".to_owned(),
        );
    }
    if view.word("roothash").is_some() && !has("dm_verity") {
        wrong
            .push("`dm_verity`, which checks the root, is neither in the kernel image nor in the initramfs".to_owned());
    }
    for needed in ["overlay", "ext4"].into_iter().filter(|_| view.word("rootsmith.state").is_some()) {
        if !has(needed) {
            wrong.push(format!(
                "`{needed}`, which keeps what is written, is neither in the kernel image nor in the initramfs"
            ));
        }
    }
    let there: Vec<&str> = disks.iter().map(String::as_str).filter(|name| has(name)).collect();
    if there.is_empty() {
        wrong.push("no driver for a disk is in the kernel image or in the initramfs".to_owned());
    }
    if initramfs.is_none()
        && view.word("root").is_some_and(|root| !root.starts_with("PARTUUID=") && !root.starts_with("/dev/"))
    {
        wrong.push(
            "without an initramfs the kernel finds its root by `PARTUUID=` or a name below `/dev` only".to_owned(),
        );
    }
    Outcome::unless(wrong, format!("{filesystem}; {}", there.join(", ")))
}
