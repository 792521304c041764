//! What can be started on a disk: found by reading what firmware and boot loaders read.
//!
//! | kind                        | where                                                            | specification                |
//! |-----------------------------|------------------------------------------------------------------|------------------------------|
//! | unified kernel images       | `/EFI/BOOT`, `/EFI/Linux` of the EFI system partition            | UAPI.5                       |
//! | boot loader entries         | `/loader/entries/*.conf` there or on `/boot`                     | UAPI.1                       |
//! | GRUB for a BIOS             | the first sector, and what that loads                            | `formats/grub`               |
//! | GRUB                        | `grub.cfg` on `/boot` or the EFI system partition                | GNU GRUB manual, 6           |
//! | extlinux                    | `extlinux.conf` on any partition                                 | U-Boot, `doc/README.distro`  |
//! | Raspberry Pi                | `config.txt`, `cmdline.txt` on a FAT partition                   | Raspberry Pi documentation   |

mod bios;
mod extlinux;
mod grub;
mod loader;
mod raspberry;
mod uki;

use rootsmith_kernel::{initramfs_files, release::kernel_release};
use rootsmith_tree::{Blobs, Content, Node, Tree};
use rootsmith_types::TreePath;

use crate::{BootEntry, DeviceTree, EntryKind, HandedTree, Remembered, TreeSource};

pub(crate) use uki::read as read_uki;

/// No kernel, initramfs or unified kernel image is larger.
pub(crate) const MAX_IMAGE: u64 = 1 << 30;
/// No configuration of a boot loader is larger.
const MAX_TEXT: u64 = 4 << 20;
/// A device tree has some 100 KiB.
pub(crate) const MAX_DEVICE_TREE: u64 = 1 << 20;
/// As many boards of one family may be told apart by a firmware; more are all that a kernel has.
const MAX_HANDED: usize = 48;
/// More entries nobody offers.
const MAX_ENTRIES: usize = 256;

/// A file system that firmware or a boot loader may read.
#[derive(Clone, Copy)]
pub struct BootVolume<'a> {
    /// Its files; for the root with what `/etc/fstab` mounts below it.
    pub tree: &'a Tree,
    /// Their contents.
    pub blobs: &'a dyn Blobs,
    /// Whether it is FAT: names without case, and firmware looks here first.
    pub is_fat: bool,
}

/// Everything that can be started from `volumes`, of which one is the root: firmware's own first, then each boot loader's
/// in its order, its default first.
pub fn find_entries(volumes: &[BootVolume<'_>], root: usize, remembered: &Remembered) -> Vec<BootEntry> {
    let files = Files { volumes, root, remembered };
    let mut entries = Vec::new();
    for volume in volumes.iter().filter(|volume| volume.is_fat) {
        entries.extend(uki::entries(*volume, remembered));
    }
    for find in [loader::entries, grub::entries, extlinux::entries, raspberry::entries] {
        for own in 0..volumes.len() {
            entries.extend(find(&files, own));
        }
    }
    entries.truncate(MAX_ENTRIES);
    entries
}

/// The device trees that a boot loader may hand on: those on FAT partitions, with what they put on the command line.
pub fn find_device_trees(volumes: &[BootVolume<'_>], bootargs: impl Fn(&[u8]) -> Option<String>) -> Vec<DeviceTree> {
    let mut found = Vec::new();
    for volume in volumes.iter().filter(|volume| volume.is_fat) {
        for entry in volume.tree.walk() {
            let path = String::from_utf8_lossy(entry.path.as_bytes()).into_owned();
            if !is_tree(&path) || found.len() >= 4096 {
                continue;
            }
            let Some(data) = entry.node.content().and_then(|it| it.read(volume.blobs, MAX_DEVICE_TREE).ok()) else {
                continue;
            };
            found.push(DeviceTree { bootargs: bootargs(&data), path });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The names in the root folder of the first FAT file system, in small letters.
pub fn find_firmware_files(volumes: &[BootVolume<'_>]) -> Vec<String> {
    let first = volumes.iter().find(|volume| volume.is_fat);
    let names = first.into_iter().flat_map(|volume| volume.tree.children(&TreePath::root()));
    names.map(|name| String::from_utf8_lossy(name).to_ascii_lowercase()).take(4096).collect()
}

/// The files a boot loader can reach.
pub(crate) struct Files<'a> {
    volumes: &'a [BootVolume<'a>],
    root: usize,
    remembered: &'a Remembered,
}

/// What an entry of a boot loader names.
#[derive(Debug, Default)]
struct Named {
    linux: Option<String>,
    initrds: Vec<String>,
    device_tree: Option<String>,
    /// Where U-Boot looks for the device tree of its board.
    device_trees: Option<String>,
    cmdline: String,
}

impl<'a> Files<'a> {
    /// The text of a file of one volume.
    fn text(&self, own: usize, path: &str) -> Option<String> {
        let volume = &self.volumes[own];
        let content = find(volume, path)?;
        let data = content.read(volume.blobs, MAX_TEXT).ok()?;
        Some(String::from_utf8_lossy(&data).into_owned())
    }

    /// The names in a folder of one volume, sorted.
    fn names(&self, own: usize, folder: &str) -> Vec<String> {
        let volume = &self.volumes[own];
        let Some(folder) = place(volume, folder) else { return Vec::new() };
        volume.tree.children(&folder).filter_map(|name| String::from_utf8(name.to_vec()).ok()).collect()
    }

    /// A file that an entry on volume `own` names: there, else on the root, else below its `/boot`, else anywhere. Which
    /// device a boot loader would have asked is known to its own commands only.
    fn named(&self, own: usize, path: &str) -> Option<(&'a BootVolume<'a>, &'a Content)> {
        let rooted = format!("/{}", path.trim_start_matches('/'));
        let below_boot = format!("/boot{rooted}");
        let order = [own, self.root].into_iter().chain(0..self.volumes.len());
        order.flat_map(|index| [(index, &rooted), (index, &below_boot)]).find_map(|(index, path)| {
            let volume = &self.volumes[index];
            find(volume, path).map(|content| (volume, content))
        })
    }

    /// The entry, with what is in the files it names.
    fn entry(&self, own: usize, kind: EntryKind, path: String, named: &Named) -> BootEntry {
        let mut entry = BootEntry { kind, path, cmdline: Some(named.cmdline.clone()), ..BootEntry::default() };
        let mut part = |path: &str, name: &str, look: fn(&[u8]) -> BootEntry| match self.named(own, path) {
            Some((volume, content)) => self.remembered.image(content, volume.blobs, name, look),
            None => {
                entry.missing.push(path.to_owned());
                None
            }
        };
        let kernel = named.linux.as_deref().and_then(|path| part(path, "kernel", of_kernel));
        let initrds: Vec<_> = named.initrds.iter().filter_map(|path| part(path, "initrd", of_initrd)).collect();
        if let Some(kernel) = kernel {
            (entry.linux, entry.machine, entry.release) = (kernel.linux, kernel.machine, kernel.release.clone());
        }
        for names in initrds.iter().filter_map(|initrd| initrd.initramfs.as_ref()) {
            entry.initramfs.get_or_insert_default().extend_from_slice(names);
        }
        if let Some(path) = &named.device_tree {
            entry.device_tree = TreeSource::File(path.clone());
            match self.named(own, path) {
                Some((volume, content)) => entry.device_trees.extend(handed(volume, path, content)),
                None => entry.missing.push(path.clone()),
            }
        } else if let Some(folder) = &named.device_trees {
            let found = self.trees_below(own, folder);
            entry.device_tree = TreeSource::Folder(folder.clone(), found.len());
            if found.len() <= MAX_HANDED {
                entry.device_trees = found.iter().filter_map(|(volume, path, it)| handed(volume, path, it)).collect();
            }
        }
        entry
    }

    /// The device trees below a folder of volume `own`, else of the root.
    fn trees_below(&self, own: usize, folder: &str) -> Vec<(&'a BootVolume<'a>, String, &'a Content)> {
        let mut found = Vec::new();
        for index in [own, self.root] {
            let volume = &self.volumes[index];
            let folder = place(volume, folder).and_then(|at| volume.tree.resolve(&at).ok());
            for entry in folder.iter().flat_map(|folder| volume.tree.walk_from(folder)).take(65_536) {
                let path = String::from_utf8_lossy(entry.path.as_bytes()).into_owned();
                if let Some(content) = entry.node.content().filter(|_| is_tree(&path)) {
                    found.push((volume, path, content));
                }
            }
            if !found.is_empty() {
                break;
            }
        }
        found
    }
}

/// The entry, as far as its kernel tells.
fn of_kernel(image: &[u8]) -> BootEntry {
    let (machine, release) = (uki::machine(image), kernel_release(image).ok());
    BootEntry { linux: !image.is_empty(), machine, release, ..BootEntry::default() }
}

/// The entry, as far as its initramfs tells.
fn of_initrd(archive: &[u8]) -> BootEntry {
    BootEntry { initramfs: initramfs_files(archive).ok(), ..BootEntry::default() }
}

fn handed(volume: &BootVolume<'_>, path: &str, content: &Content) -> Option<HandedTree> {
    let data = content.read(volume.blobs, MAX_DEVICE_TREE).ok()?;
    Some(HandedTree { path: path.to_owned(), data })
}

fn is_tree(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".dtb")
}

fn find<'a>(volume: &BootVolume<'a>, path: &str) -> Option<&'a Content> {
    volume.tree.lookup(&place(volume, path)?).and_then(Node::content)
}

/// Where `path` is, on FAT whatever the case of its letters.
fn place(volume: &BootVolume<'_>, path: &str) -> Option<TreePath> {
    let wanted = TreePath::new(path).ok()?;
    if !volume.is_fat || volume.tree.lookup(&wanted).is_some() {
        return Some(wanted);
    }
    let mut at = TreePath::root();
    for component in wanted.components() {
        let name = volume.tree.children(&at).find(|name| name.eq_ignore_ascii_case(component))?;
        at = at.join(name).ok()?;
    }
    Some(at)
}
