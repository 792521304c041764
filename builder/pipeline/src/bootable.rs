//! What makes a tree bootable: module index, `fstab`, initramfs, unified kernel image, the EFI system partition's tree.

use rootsmith_assemble::{AssembleError, Assembly, Owner, Package};
use rootsmith_fetch::Cache;
use rootsmith_kernel::config::{Config, check_fragments};
use rootsmith_kernel::{
    InitramfsInput, Kernel, ModuleIndex, UkiSections, check_cgroups, find_kernel, index_modules, initramfs,
    root_modules, uki,
};
use rootsmith_output::DiskIds;
use rootsmith_profile::{BootMethod, Disk, Hierarchy, InitSystem, PartitionKind, Profile};
use rootsmith_tree::{Blobs, Content, Metadata, Node, Tree};
use rootsmith_types::{Arch, Problems, Sha256Digest, TreePath, UnixTime};

use crate::inputs::InputError;

/// No configuration file, release file or stub is larger.
const MAX_TEXT: u64 = 4 << 20;
/// No kernel image or busybox is larger.
const MAX_IMAGE: u64 = 256 << 20;

/// The kernel of a tree, indexed.
pub(crate) struct IndexedKernel {
    pub(crate) kernel: Kernel,
    pub(crate) config: Option<Config>,
    pub(crate) index: ModuleIndex,
}

/// Finds the kernel, checks the profile's fragments against its configuration and puts the module index into the tree.
pub(crate) fn prepare_kernel(
    assembly: &mut Assembly,
    profile: &Profile,
    arch: Arch,
    cache: &Cache,
    date: UnixTime,
) -> Result<Option<IndexedKernel>, Problems> {
    let Some(wanted) = &profile.kernel else { return Ok(None) };
    let kernel = find_kernel(&assembly.tree, cache)?;
    let config = match &kernel.config {
        Some(path) => {
            let text = read(&assembly.tree, cache, path, MAX_TEXT)?;
            let config = Config::parse(&String::from_utf8_lossy(&text));
            let mut problems = Problems(Vec::new());
            for unmet in check_fragments(&config, path, wanted.fragments_for(arch)) {
                problems.push(unmet);
            }
            for missing in check_cgroups(&profile.cgroups, &config, path, &kernel.release) {
                problems.push(missing);
            }
            problems.into_result()?;
            Some(config)
        }
        None => None,
    };
    let index = module_index(&assembly.tree, &kernel, cache)?;
    for (name, data) in index.files() {
        let path = kernel.modules.join(name).map_err(InputError::Path)?;
        assembly
            .tree
            .insert(&path, Node::file(Content::inline(data), Metadata::root(0o644, date)))
            .map_err(tree_error)?;
        assembly.owners.set(path, Owner::Builder("module index"));
    }
    Ok(Some(IndexedKernel { kernel, config, index }))
}

/// The index of the kernel's modules: from the cache, when the same files were indexed before.
fn module_index(tree: &Tree, kernel: &Kernel, cache: &Cache) -> Result<ModuleIndex, Problems> {
    let key = modules_key(tree, kernel, cache)?;
    if let Some(index) = cache.derived(&key).and_then(|data| postcard::from_bytes(&data).ok()) {
        return Ok(index);
    }
    let index = index_modules(tree, cache, &kernel.modules)?;
    // Plain data of strings and numbers: it always encodes.
    if let Ok(data) = postcard::to_stdvec(&index) {
        cache.keep_derived(&key, &data)?;
    }
    Ok(index)
}

/// Everything that an index depends on: every file below the modules' folder by path and digest, and the form of the index.
fn modules_key(tree: &Tree, kernel: &Kernel, cache: &Cache) -> Result<Sha256Digest, Problems> {
    let mut input = b"module index 1\n".to_vec();
    for entry in tree.walk_from(&kernel.modules) {
        input.extend_from_slice(entry.path.as_bytes());
        input.push(0);
        if let Some(content) = entry.node.content() {
            input.extend_from_slice(content.digest(cache).map_err(AssembleError::Store)?.as_bytes());
        }
    }
    Ok(Sha256Digest::of(&input))
}

/// Writes `fstab` for the disk, and what makes a partition grow.
pub(crate) fn prepare_disk(
    assembly: &mut Assembly,
    init: InitSystem,
    disk: &Disk,
    ids: &DiskIds,
    date: UnixTime,
) -> Result<(), Problems> {
    // BusyBox's mount knows file systems by their own identifiers alone, and has no word for those that may be missing.
    let busybox = init == InitSystem::Busybox;
    let mut fstab = String::from("# <file system> <mount point> <type> <options> <dump> <pass>\n");
    for partition in &disk.partitions {
        match partition.kind.value {
            PartitionKind::Root => {
                let by_systemd = partition.grow && init == InitSystem::Systemd;
                let grow = if by_systemd { ",x-systemd.growfs" } else { "" };
                // Pass 1 needs a checker: without one, some inits stop in a maintenance shell.
                let pass = u8::from(assembly.tree.lookup(&TreePath::literal("/usr/sbin/fsck.ext4")).is_some());
                let device = match busybox {
                    true => format!("UUID={}", ids.root_filesystem),
                    false => format!("PARTUUID={}", ids.root_partition),
                };
                fstab.push_str(&format!("{device} / ext4 errors=remount-ro{grow} 0 {pass}\n"));
                if partition.grow {
                    let (tools, instead) = growing_tools(init);
                    let there = |tool: &&'static str| assembly.tree.lookup(&TreePath::literal(tool)).is_some();
                    if tools.is_empty() || !tools.iter().all(there) {
                        return Err(InputError::NothingGrows { instead, origin: partition.origin.clone() }.into());
                    }
                }
                if by_systemd {
                    // systemd-repart grows a partition that matches a definition to the free space behind it.
                    put(assembly, "/etc/repart.d/50-root.conf", "[Partition]\nType=root\n", date)?;
                }
            }
            PartitionKind::Esp => {
                let (device, nofail) = match busybox {
                    true => (format!("UUID={}", ids.esp_serial()), ""),
                    false => (format!("PARTUUID={}", ids.esp_partition), ",nofail"),
                };
                fstab.push_str(&format!("{device} /boot/efi vfat umask=0077{nofail} 0 0\n"));
                let mount = TreePath::literal("/boot/efi");
                assembly.tree.create_directories(&mount, &Metadata::root(0o755, date)).map_err(tree_error)?;
                assembly.owners.set(mount, Owner::Builder("mount point"));
            }
        }
    }
    put(assembly, "/etc/fstab", &fstab, date)
}

/// What grows a partition and its file system, and what to do where that is not there.
fn growing_tools(init: InitSystem) -> (&'static [&'static str], &'static str) {
    match init {
        InitSystem::Systemd => {
            (&["/usr/bin/systemd-repart"], "add `systemd-repart` to `packages.include`, or take `grow` away")
        }
        InitSystem::Openrc => (
            &["/usr/sbin/sfdisk", "/usr/sbin/resize2fs"],
            "add `fdisk` and `e2fsprogs` to `packages.include`, or take `grow` away",
        ),
        // No applet changes a partition.
        InitSystem::Busybox => {
            (&[], "BusyBox grows nothing: give the partition the size it needs, and take `grow` away")
        }
    }
}

/// Words of the kernel command line: where the root is, then the profile's.
fn cmdline(profile: &Profile, arch: Arch, ids: &DiskIds) -> Vec<String> {
    let kernel = profile.kernel.iter().flat_map(|kernel| kernel.cmdline_for(arch)).map(|word| word.value.clone());
    let root = [format!("root=PARTUUID={}", ids.root_partition), "ro".to_owned()];
    root.into_iter().chain(hierarchy_words(profile)).chain(kernel).collect()
}

/// What tells systemd to mount cgroups of version 1 (systemd(1), "KERNEL COMMAND LINE"); from release 256 on it wants to be
/// asked twice. Other inits have files for it.
fn hierarchy_words(profile: &Profile) -> impl Iterator<Item = String> {
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

/// What the files on the EFI system partition are made from.
pub(crate) struct BootFiles<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) disk: &'a Disk,
    pub(crate) tree: &'a Tree,
    pub(crate) kernel: &'a IndexedKernel,
    /// Packages that are only taken apart.
    pub(crate) packages: &'a [Package],
    pub(crate) ids: &'a DiskIds,
    pub(crate) arch: Arch,
    pub(crate) date: UnixTime,
}

/// The tree of the EFI system partition: one unified kernel image under the name firmware looks for.
pub(crate) fn esp_tree(files: &BootFiles<'_>, blobs: &dyn Blobs) -> Result<Tree, Problems> {
    let BootFiles { profile, disk, tree, kernel, packages, ids, arch, date } = *files;
    let BootMethod::Uki = disk.boot.value;
    let stub_path = format!("/usr/lib/systemd/boot/efi/linux{}.efi.stub", arch.efi());
    let stub = boot_file(packages, "systemd-boot-efi", &stub_path, blobs)?;
    let busybox = boot_file(packages, "busybox-static", "/usr/bin/busybox", blobs)
        .or_else(|_| boot_file(packages, "busybox-static", "/bin/busybox", blobs))?;
    let asked = profile.kernel.iter().flat_map(|kernel| &kernel.initramfs_modules);
    let asked: Vec<String> = asked.map(|module| module.value.clone()).collect();
    let input = InitramfsInput {
        tree,
        blobs,
        index: &kernel.index,
        folder: &kernel.kernel.modules,
        config: kernel.config.as_ref(),
        busybox: &busybox,
        modules: &root_modules(&kernel.index, "ext4", &asked),
        date,
    };
    let initrd = initramfs(&input)?;
    let linux = read(tree, blobs, &kernel.kernel.image, MAX_IMAGE)?;
    let osrel = read(tree, blobs, &TreePath::literal("/etc/os-release"), MAX_TEXT)?;
    let cmdline = cmdline(profile, arch, ids).join(" ");
    let image = uki(
        &stub,
        &UkiSections {
            osrel: &osrel,
            cmdline: &cmdline,
            uname: &kernel.kernel.release,
            initrd: &initrd,
            linux: &linux,
        },
    )?;
    let blob = blobs.insert(&mut image.as_slice()).map_err(AssembleError::Store)?;
    let mut esp = Tree::new(Metadata::root(0o755, date));
    let folder = TreePath::literal("/EFI/BOOT");
    esp.create_directories(&folder, &Metadata::root(0o755, date)).map_err(tree_error)?;
    let name = format!("BOOT{}.EFI", arch.efi().to_uppercase());
    let path = folder.join(name).map_err(InputError::Path)?;
    esp.insert(&path, Node::file(Content::Blob(blob), Metadata::root(0o755, date))).map_err(tree_error)?;
    Ok(esp)
}

fn boot_file(packages: &[Package], name: &str, path: &str, blobs: &dyn Blobs) -> Result<Vec<u8>, Problems> {
    let package = packages.iter().find(|package| package.locked.name == *name);
    let content = package.and_then(|package| package.content(path.as_bytes()));
    let content = content.ok_or_else(|| InputError::NoBootFile {
        // Names in our own source.
        name: name.parse().expect("a literal package name is valid"),
        path: path.to_owned(),
    })?;
    Ok(content.read(blobs, MAX_IMAGE).map_err(AssembleError::Store)?.to_vec())
}

fn put(assembly: &mut Assembly, path: &'static str, text: &str, date: UnixTime) -> Result<(), Problems> {
    let path = TreePath::literal(path);
    if let Some(parent) = path.parent() {
        assembly.tree.create_directories(&parent, &Metadata::root(0o755, date)).map_err(tree_error)?;
    }
    assembly.tree.insert(&path, Node::file(Content::inline(text), Metadata::root(0o644, date))).map_err(tree_error)?;
    assembly.owners.set(path, Owner::Builder("disk layout"));
    Ok(())
}

pub(crate) fn read(
    tree: &Tree,
    blobs: &dyn Blobs,
    path: &TreePath,
    limit: u64,
) -> Result<std::sync::Arc<[u8]>, Problems> {
    let content = tree.lookup(path).and_then(Node::content);
    let content = content.ok_or_else(|| tree_error(rootsmith_tree::TreeError::NotFound(path.clone())))?;
    Ok(content.read(blobs, limit).map_err(AssembleError::Store)?)
}

pub(crate) fn tree_error(error: rootsmith_tree::TreeError) -> Problems {
    InputError::Tree(error).into()
}
