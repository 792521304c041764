//! The partition that firmware reads: kernel, initramfs and what names them, for each way the disk boots.
//!
//! | way            | files                                                                                   |
//! |----------------|-----------------------------------------------------------------------------------------|
//! | `uki`          | `/EFI/BOOT/BOOT<ARCH>.EFI`: kernel, initramfs and command line in one                   |
//! | `systemd-boot` | `/EFI/BOOT/BOOT<ARCH>.EFI`, `/loader/loader.conf`, `/loader/entries/linux.conf`         |
//! | both           | systemd-boot, `/loader/loader.conf`, and the image in `/EFI/Linux`                      |
//! | `extlinux`     | `/extlinux/extlinux.conf`, `/dtbs/…`                                                    |
//! | `grub`         | `/grub/grub.cfg`; what reads it lies outside of this partition                          |
//! | `raspberry-pi` | `/config.txt`, `/cmdline.txt`, device trees by their names alone                        |
//!
//! All but `uki` name the same `/vmlinuz` and `/initrd.img`, so that a disk may boot in several ways with one kernel. What systemd-boot
//! starts may carry the number of its tries: `linux+3.conf`. A kernel that has all that its root needs built in gets no initramfs, and
//! finds its root by the identifier of its partition.

mod extlinux;
mod grub;
mod pieces;
mod raspberry_pi;
mod secure_boot;
mod uefi;

pub(crate) use grub::core_image;
pub(crate) use pieces::{blobs, boot_packages};
pub(crate) use uefi::linux_image;

use std::collections::BTreeSet;

use rootsmith_assemble::{AssembleError, Package};
use rootsmith_kbuild::Processes;
use rootsmith_kernel::{Drivers, InitramfsInput, initramfs, needs_initramfs, root_modules, storage_drivers};
use rootsmith_output::{DiskIds, partuuid};
use rootsmith_preflight::portable;
use rootsmith_profile::{BootMethod, Disk, Hierarchy, InitSystem, PartitionKind, Profile, RootFilesystem};
use rootsmith_tree::{Blobs, Content, Metadata, Node, Tree};
use rootsmith_types::{Arch, Located, Problems, Sha256Digest, Sources, TreePath, UnixTime};

use crate::bootable::{IndexedKernel, MAX_TEXT, tree_error};
use crate::inputs::InputError;
use crate::partitions;

/// No kernel image, stub or busybox is larger.
pub(crate) const MAX_IMAGE: u64 = 256 << 20;

/// What the files are made from.
#[derive(Clone, Copy)]
pub(crate) struct BootFiles<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) disk: &'a Disk,
    pub(crate) tree: &'a Tree,
    /// Of the hashes over the root, where it has some.
    pub(crate) root_hash: Option<Sha256Digest>,
    pub(crate) kernel: &'a IndexedKernel,
    /// Packages that are only taken apart.
    pub(crate) packages: &'a [Package],
    pub(crate) ids: &'a DiskIds,
    pub(crate) arch: Arch,
    pub(crate) date: UnixTime,
    pub(crate) sources: &'a dyn Sources,
    pub(crate) processes: &'a dyn Processes,
}

/// The tree of the partition that firmware reads.
pub(crate) fn boot_tree(files: &BootFiles<'_>, blobs: &dyn Blobs) -> Result<Tree, Problems> {
    let initrd = initrd(files, blobs)?;
    let tree = Tree::new(Metadata::root(0o755, files.date));
    let mut boot = Partition { tree, date: files.date, cmdline: cmdline(files, initrd.is_some()), initrd };
    if !files.disk.boot.iter().all(|method| files.disk.starts_image(method.value)) {
        boot.put(KERNEL, content(files.tree, &files.kernel.kernel.image)?)?;
        if let Some(initrd) = &boot.initrd {
            let content = stored(initrd.clone(), blobs)?;
            boot.put(INITRD, content)?;
        }
    }
    for method in &files.disk.boot {
        match method.value {
            BootMethod::Uki => uefi::uki(files, &mut boot, blobs)?,
            BootMethod::SystemdBoot => uefi::systemd_boot(files, &mut boot)?,
            BootMethod::Extlinux => extlinux::write(files, &mut boot)?,
            BootMethod::Grub => grub::write(files, &mut boot)?,
            BootMethod::RaspberryPi => raspberry_pi::write(files, &mut boot)?,
        }
    }
    for file in &files.profile.firmware {
        boot.put(&file.install.to_string(), pieces::content(&file.content, files.packages, files.sources, blobs)?)?;
    }
    if let Some(secure_boot) = &files.profile.secure_boot {
        secure_boot::sign(files, secure_boot, &mut boot, blobs)?;
    }
    Ok(boot.tree)
}

/// In Debian's package of the same name, which comes along.
const DMSETUP: &str = "/usr/sbin/dmsetup";

const KERNEL: &str = "/vmlinuz";
const INITRD: &str = "/initrd.img";

/// A boot partition that is being filled.
struct Partition {
    tree: Tree,
    date: UnixTime,
    /// Of the kernel.
    cmdline: String,
    /// None where the kernel reaches its root by itself.
    initrd: Option<Vec<u8>>,
}

impl Partition {
    /// A file, with the folders above it.
    fn put(&mut self, path: &str, content: Content) -> Result<(), Problems> {
        let path = TreePath::new(path).map_err(InputError::Path)?;
        let meta = Metadata::root(0o755, self.date);
        if let Some(folder) = path.parent() {
            self.tree.create_directories(&folder, &meta).map_err(tree_error)?;
        }
        self.tree.insert(&path, Node::file(content, meta)).map_err(tree_error)?;
        Ok(())
    }
}

/// Words of the kernel command line: where the root is, then the profile's. A kernel that looks for its root by itself has to be
/// told that the disk may come later.
fn cmdline(files: &BootFiles<'_>, initramfs: bool) -> String {
    let BootFiles { profile, disk, ids, arch, root_hash, .. } = *files;
    let kernel = profile.kernel.iter().flat_map(|kernel| kernel.cmdline_for(arch)).map(|word| word.value.clone());
    // systemd's word (systemd-veritysetup-generator(8)): both partitions are found by the hash.
    let root = match root_hash {
        Some(hash) => format!("roothash={hash}"),
        // The loader of profiles demands that there is one.
        None => {
            format!("root=PARTUUID={}", partuuid(disk, ids, disk.position(PartitionKind::Root).unwrap_or_default()))
        }
    };
    let root = [root, "ro".to_owned()];
    let filesystem = match disk.root_filesystem() {
        RootFilesystem::Ext4 => None,
        other => Some(format!("rootfstype={}", other.name())),
    };
    let volatile = disk.is_volatile().then(|| VOLATILE.to_owned());
    let state = disk.has_state().then(|| format!("{STATE_WORD}={}", partitions::STATE));
    let wait = (!initramfs).then(|| "rootwait".to_owned());
    let root = root.into_iter().chain(filesystem).chain(volatile).chain(state).chain(wait);
    let kernel: Vec<String> = kernel.collect();
    // What does not come up has to make place for the other slot.
    let panics = disk.slots().is_some() && !kernel.iter().any(|word| word.starts_with("panic="));
    let panic = panics.then(|| PANIC.to_owned());
    let words: Vec<String> = root.chain(hierarchy_words(profile)).chain(panic).chain(kernel).collect();
    words.join(" ")
}

/// The machine starts again so many seconds after a panic; an initramfs that finds no root makes one.
const PANIC: &str = "panic=10";

/// systemd's word (kernel-command-line(7)) for what an initramfs is to do; ours knows it under every init.
const VOLATILE: &str = "systemd.volatile=overlay";

/// Our initramfs's own word, see `kernel/src/init.sh`.
const STATE_WORD: &str = "rootsmith.state";

/// What tells systemd to mount cgroups of version 1 (systemd(1), "KERNEL COMMAND LINE"); from release 256 on it wants to be
/// asked twice. Other inits have files for it.
pub(crate) fn hierarchy_words(profile: &Profile) -> impl Iterator<Item = String> {
    let words: &[&str] = match (profile.init.system.value, profile.cgroups.hierarchy.value) {
        (InitSystem::Systemd, Hierarchy::Hybrid) => &[
            "systemd.unified_cgroup_hierarchy=0",
            "systemd.legacy_systemd_cgroup_controller=0",
            "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
        ],
        (InitSystem::Systemd, Hierarchy::Legacy) => &[
            "systemd.unified_cgroup_hierarchy=0",
            "systemd.legacy_systemd_cgroup_controller=1",
            "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
        ],
        _ => &[],
    };
    words.iter().map(|word| (*word).to_owned())
}

/// The initramfs: where a module is needed to reach the root, or something is to be done before it is mounted.
pub(crate) fn initrd(files: &BootFiles<'_>, blobs: &dyn Blobs) -> Result<Option<Vec<u8>>, Problems> {
    let BootFiles { profile, tree, kernel, packages, date, .. } = *files;
    let asked = profile.kernel.iter().flat_map(|kernel| &kernel.initramfs_modules);
    let mut modules = storage_modules(files, blobs)?;
    modules.extend(asked.map(|module| module.value.clone()));
    let volatile = files.disk.is_volatile();
    let state = files.disk.has_state();
    modules.extend((volatile || state).then(|| "overlay".to_owned()));
    modules.extend(state.then(|| "ext4".to_owned()));
    // The hash function may be a module that nothing names.
    let verity = files.root_hash.map(|_| ["dm_verity", "sha256_generic"]).into_iter().flatten();
    modules
        .extend(verity.filter(|name| kernel.index.module(name).is_some() || *name == "dm_verity").map(str::to_owned));
    let modules = root_modules(&kernel.index, files.disk.root_filesystem().name(), &modules);
    let grow = partitions::to_grow(profile.init.system.value, files.disk, files.ids);
    let files = match files.root_hash {
        Some(_) => verity_files(files, blobs)?,
        None => Vec::new(),
    };
    if grow.is_none() && !volatile && !state && files.is_empty() && !needs_initramfs(&kernel.index, &modules)? {
        return Ok(None);
    }
    let busybox = pieces::boot_file(packages, "busybox-static", "/usr/bin/busybox")
        .or_else(|_| pieces::boot_file(packages, "busybox-static", "/bin/busybox"))?;
    let input = InitramfsInput {
        tree,
        blobs,
        index: &kernel.index,
        folder: &kernel.kernel.modules,
        config: kernel.config.as_ref(),
        busybox: &busybox.read(blobs, MAX_IMAGE).map_err(AssembleError::Store)?,
        files: &files,
        modules: &modules,
        grow: grow.as_deref(),
        date,
    };
    Ok(Some(initramfs(&input)?))
}

/// What lays dm-verity over a root: device mapper's tool, out of the image that it will vouch for.
fn verity_files(files: &BootFiles<'_>, blobs: &dyn Blobs) -> Result<Vec<(TreePath, Content)>, Problems> {
    let asked = || files.disk.verity().cloned().unwrap_or_else(|| files.profile.image.name.origin.clone());
    let placed = portable(files.tree, blobs, files.arch, DMSETUP)
        .map_err(|reason| InputError::NoDmsetup { origin: asked(), reason })?;
    placed.into_iter().map(|(place, at)| Ok((place, content(files.tree, &at)?))).collect()
}

/// What the device trees of the board wait for before its disks can be read; preflight says when nothing drives them.
fn storage_modules(files: &BootFiles<'_>, blobs: &dyn Blobs) -> Result<Vec<String>, Problems> {
    let trees = device_trees(files)?;
    if trees.is_empty() {
        return Ok(Vec::new());
    }
    let drivers = Drivers::of_folder(files.tree, blobs, &files.kernel.kernel.modules)?;
    let mut modules = BTreeSet::new();
    for (_, content) in trees {
        let data = content.read(blobs, MAX_TEXT).map_err(AssembleError::Store)?;
        modules.extend(storage_drivers(&data, &drivers)?.needed.into_iter().map(|needed| needed.module));
    }
    Ok(modules.into_iter().collect())
}

/// The board's device trees: as the board names each, and its bytes.
fn device_trees<'a>(files: &BootFiles<'a>) -> Result<Vec<(&'a Located<String>, Content)>, Problems> {
    let mut problems = Problems(Vec::new());
    let mut found = Vec::new();
    let folder = device_tree_folder(&files.kernel.kernel.release)?;
    for name in files.profile.board.iter().flat_map(|board| &board.device_trees) {
        let path = folder.join(&name.value).map_err(InputError::Path)?;
        match files.tree.lookup(&path).and_then(Node::content) {
            Some(content) => found.push((name, content.clone())),
            None => problems.push(InputError::NoDeviceTree {
                origin: name.origin.clone(),
                name: name.value.clone(),
                folder: folder.clone(),
                near: near(files.tree, &folder, &name.value),
            }),
        }
    }
    problems.into_result()?;
    Ok(found)
}

/// Where Debian's kernel packages have their device trees; on arm64 and riscv64 in a folder for each vendor.
fn device_tree_folder(release: &str) -> Result<TreePath, Problems> {
    Ok(TreePath::new(format!("/usr/lib/linux-image-{release}")).map_err(InputError::Path)?)
}

/// Names beside `name` that begin like it: what a person may have meant.
fn near(tree: &Tree, folder: &TreePath, name: &str) -> Vec<String> {
    let (vendor, file) = name.rsplit_once('/').map_or(("", name), |(vendor, file)| (vendor, file));
    let begin: String = file.chars().take_while(|c| *c != '-').collect();
    let Ok(folder) = folder.join(vendor) else { return Vec::new() };
    let names = tree.children(&folder).map(|child| String::from_utf8_lossy(child).into_owned());
    names.filter(|child| child.starts_with(&begin) && child.ends_with(".dtb")).take(8).collect()
}

fn content(tree: &Tree, path: &TreePath) -> Result<Content, Problems> {
    let content = tree.lookup(path).and_then(Node::content).cloned();
    content.ok_or_else(|| tree_error(rootsmith_tree::TreeError::NotFound(path.clone())))
}

/// What is made for booting and takes at most this stays in memory until it is written.
const KEPT: usize = 32 << 20;

fn stored(data: Vec<u8>, blobs: &dyn Blobs) -> Result<Content, Problems> {
    if data.len() <= KEPT {
        return Ok(data.into());
    }
    Ok(Content::Blob(blobs.insert(&mut data.as_slice()).map_err(AssembleError::Store)?))
}

#[cfg(test)]
pub(crate) mod tests;
