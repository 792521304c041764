//! What makes a tree bootable: the kernel's module index, `fstab`, what makes a partition grow.

use rootsmith_assemble::{AssembleError, Assembly, Owner};
use rootsmith_fetch::Cache;
use rootsmith_kernel::config::{Config, check_fragments};
use rootsmith_kernel::{Kernel, ModuleIndex, check_cgroups, find_kernel, index_modules};
use rootsmith_output::{DiskIds, partuuid};
use rootsmith_profile::{Disk, InitSystem, Partition, PartitionKind, PartitionTable, Profile};
use rootsmith_tree::{Blobs, Bytes, Content, Metadata, Node, Tree};
use rootsmith_types::{Arch, Problems, Sha256Digest, TreePath, UnixTime};

use crate::inputs::InputError;
use crate::partitions;

/// No configuration file, release file or stub is larger.
pub(crate) const MAX_TEXT: u64 = 4 << 20;

/// What a table of file systems begins with.
pub(crate) const FSTAB: &str = "# <file system> <mount point> <type> <options> <dump> <pass>\n";

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
    indexed: Option<Indexed>,
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
    let key = modules_key(&assembly.tree, &kernel, cache)?;
    let index = match indexed {
        Some(indexed) if indexed.key == key => indexed.kernel.index,
        _ => module_index(&key, &assembly.tree, &kernel, cache)?,
    };
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

/// The kernel of a tree, to be indexed while the rest of the tree is worked on.
pub(crate) struct Ahead {
    kernel: Kernel,
    config: Option<Content>,
    modules: Tree,
}

/// A kernel that was indexed ahead.
pub(crate) struct Indexed {
    /// Of what the index follows from.
    key: Sha256Digest,
    pub(crate) kernel: IndexedKernel,
    /// The tree of its modules alone.
    pub(crate) modules: Tree,
}

/// What can be indexed ahead, where the profile has a kernel: with all that is wrong with it, it comes again when its turn is.
pub(crate) fn ahead(tree: &Tree, profile: &Profile, cache: &Cache) -> Option<Ahead> {
    profile.kernel.as_ref()?;
    let kernel = find_kernel(tree, cache).ok()?;
    let config = kernel.config.as_ref().and_then(|path| tree.lookup(path)).and_then(Node::content).cloned();
    let metadata = Metadata::root(0o755, 0);
    let mut modules = Tree::new(metadata.clone());
    modules.create_directories(&kernel.modules.parent()?, &metadata).ok()?;
    for entry in tree.walk_from(&kernel.modules) {
        modules.insert(&entry.path, entry.node.clone()).ok()?;
    }
    Some(Ahead { kernel, config, modules })
}

impl Ahead {
    /// The indexed kernel, where nothing is wrong.
    pub(crate) fn index(self, cache: &Cache) -> Option<Indexed> {
        let Ahead { kernel, config, modules } = self;
        let key = modules_key(&modules, &kernel, cache).ok()?;
        let index = module_index(&key, &modules, &kernel, cache).ok()?;
        let config = config.and_then(|config| config.read(cache, MAX_TEXT).ok());
        let config = config.map(|text| Config::parse(&String::from_utf8_lossy(&text)));
        Some(Indexed { key, kernel: IndexedKernel { kernel, config, index }, modules })
    }
}

/// The image of a kernel of which it is known that no configuration is in it: the one beside it came out of the same archive, and denies it.
pub(crate) fn without_config<'a>(tree: &'a Tree, indexed: &IndexedKernel) -> Option<&'a Content> {
    let IndexedKernel { kernel, config, .. } = indexed;
    let content = |path: &TreePath| tree.lookup(path).and_then(Node::content);
    let image = content(&kernel.image)?;
    let together = match (image, content(kernel.config.as_ref()?)?) {
        (Content::Blob(image), Content::Blob(config)) => image.pack == config.pack,
        _ => false,
    };
    let denied = config.as_ref().is_some_and(|config| config.get("IKCONFIG").unwrap_or("n") == "n");
    (together && denied).then_some(image)
}

/// The index of the kernel's modules: from the cache, when the same files were indexed before.
fn module_index(key: &Sha256Digest, tree: &Tree, kernel: &Kernel, cache: &Cache) -> Result<ModuleIndex, Problems> {
    if let Some(index) = cache.derived(key).and_then(|data| postcard::from_bytes(&data).ok()) {
        return Ok(index);
    }
    let index = index_modules(tree, cache, &kernel.modules)?;
    // Plain data of strings and numbers: it always encodes.
    if let Ok(data) = postcard::to_stdvec(&index) {
        cache.keep_derived(key, &data)?;
    }
    Ok(index)
}

/// Everything that an index depends on: every file below the modules' folder by path and digest, and the form of the index.
fn modules_key(tree: &Tree, kernel: &Kernel, cache: &Cache) -> Result<Sha256Digest, Problems> {
    let mut input = b"module index 3\n".to_vec();
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
    let mut fstab = String::from(FSTAB);
    for (at, partition) in disk.partitions.iter().enumerate() {
        let partuuid = || format!("PARTUUID={}", partuuid(disk, ids, at));
        match partition.kind.value {
            PartitionKind::Root if partition.filesystem.is_read_only() => {
                // Where memory lies over it, a line would mount that again, with the options of what it hides; where state is kept, a
                // later root would find the name of another in it. BusyBox's mount does not know it by an identifier, and leaves
                // what is mounted as it is. One with hashes is mounted from a device that is not a partition.
                if partition.writable.is_none() && partition.verity.is_none() && !busybox {
                    fstab.push_str(&format!("{} / {} ro 0 0\n", partuuid(), partition.filesystem.name()));
                }
            }
            PartitionKind::Root => {
                let by_systemd = partition.grow && init == InitSystem::Systemd;
                let grow = if by_systemd { ",x-systemd.growfs" } else { "" };
                // Pass 1 needs a checker: without one, some inits stop in a maintenance shell.
                let pass = u8::from(assembly.tree.lookup(&TreePath::literal("/usr/sbin/fsck.ext4")).is_some());
                let device = match busybox {
                    true => format!("UUID={}", ids.partition(disk, at).filesystem),
                    false => partuuid(),
                };
                fstab.push_str(&format!("{device} / ext4 errors=remount-ro{grow} 0 {pass}\n"));
                if partition.grow {
                    let (tools, instead) = growing_tools(init, disk);
                    must_be_there(assembly, tools, instead, partition)?;
                }
                if by_systemd && !grown_by_initramfs(init, disk) {
                    // systemd-repart grows a partition that matches a definition to the free space behind it.
                    put(assembly, "/etc/repart.d/50-root.conf", "[Partition]\nType=root\n", date)?;
                }
            }
            // Below, in the order in which they can be mounted.
            PartitionKind::Data | PartitionKind::State | PartitionKind::Swap => {}
            PartitionKind::BiosBoot
            | PartitionKind::RootVerity
            | PartitionKind::SpareRoot
            | PartitionKind::SpareVerity => {}
            kind @ (PartitionKind::Esp | PartitionKind::Firmware) => {
                let (device, nofail) = match busybox {
                    true => (format!("UUID={}", ids.partition(disk, at).serial()), ""),
                    false => (partuuid(), ",nofail"),
                };
                // Where Debian's own tools for each look for it.
                let place = if kind == PartitionKind::Esp { "/boot/efi" } else { "/boot/firmware" };
                fstab.push_str(&format!("{device} {place} vfat umask=0077{nofail} 0 0\n"));
                let mount = TreePath::literal(place);
                assembly.tree.create_directories(&mount, &Metadata::root(0o755, date)).map_err(tree_error)?;
                assembly.owners.set(mount, Owner::Builder("mount point"));
            }
        }
    }
    partitions::prepare(assembly, init, disk, ids, date, &mut fstab)?;
    if disk.boot_tries.is_some() {
        // Nothing waits for a mount that may fail, and the name that carries the count is on this one.
        let wait = "[Unit]\nRequiresMountsFor=/boot/efi\n";
        put(assembly, "/etc/systemd/system/systemd-bless-boot.service.d/50-esp.conf", wait, date)?;
    }
    put(assembly, "/etc/fstab", &fstab, date)
}

/// What makes `partition` grow, or what to do `instead`.
pub(crate) fn must_be_there(
    assembly: &Assembly,
    tools: &[&'static str],
    instead: &'static str,
    partition: &Partition,
) -> Result<(), Problems> {
    let there = |tool: &&'static str| assembly.tree.lookup(&TreePath::literal(tool)).is_some();
    if tools.iter().all(there) {
        return Ok(());
    }
    Err(InputError::NothingGrows { instead, origin: partition.origin.clone() }.into())
}

/// Whether the initramfs grows the root partition: that of an MBR, which systemd-repart cannot read, and any under BusyBox, which
/// has nothing that changes a partition.
pub(crate) fn grown_by_initramfs(init: InitSystem, disk: &Disk) -> bool {
    (disk.table.value == PartitionTable::Mbr || init == InitSystem::Busybox)
        && disk.partitions.iter().any(|partition| partition.kind.value == PartitionKind::Root && partition.grow)
}

/// What grows the file system and, where the initramfs does not, its partition; and what to do where that is not there.
fn growing_tools(init: InitSystem, disk: &Disk) -> (&'static [&'static str], &'static str) {
    match (init, grown_by_initramfs(init, disk)) {
        (InitSystem::Systemd, false) => {
            (&["/usr/bin/systemd-repart"], "add `systemd-repart` to `packages.include`, or take `grow` away")
        }
        (InitSystem::Systemd, true) => {
            (&["/usr/lib/systemd/systemd-growfs"], "add `systemd` to `packages.include`, or take `grow` away")
        }
        (InitSystem::Openrc, _) => (
            &["/usr/sbin/sfdisk", "/usr/sbin/resize2fs"],
            "add `fdisk` and `e2fsprogs` to `packages.include`, or take `grow` away",
        ),
        (InitSystem::Busybox, _) => (
            &["/usr/sbin/resize2fs"],
            "add `e2fsprogs` and the libraries it needs to `packages.include`, or take `grow` away",
        ),
    }
}

pub(crate) fn put(assembly: &mut Assembly, path: &'static str, text: &str, date: UnixTime) -> Result<(), Problems> {
    let path = TreePath::literal(path);
    if let Some(parent) = path.parent() {
        assembly.tree.create_directories(&parent, &Metadata::root(0o755, date)).map_err(tree_error)?;
    }
    assembly.tree.insert(&path, Node::file(Content::inline(text), Metadata::root(0o644, date))).map_err(tree_error)?;
    assembly.owners.set(path, Owner::Builder("disk layout"));
    Ok(())
}

pub(crate) fn read(tree: &Tree, blobs: &dyn Blobs, path: &TreePath, limit: u64) -> Result<Bytes, Problems> {
    let content = tree.lookup(path).and_then(Node::content);
    let content = content.ok_or_else(|| tree_error(rootsmith_tree::TreeError::NotFound(path.clone())))?;
    Ok(content.read(blobs, limit).map_err(AssembleError::Store)?)
}

pub(crate) fn tree_error(error: rootsmith_tree::TreeError) -> Problems {
    InputError::Tree(error).into()
}

#[cfg(test)]
mod tests {
    use rootsmith_tree::{Blob, NoBlobs, PackId};

    use super::*;

    /// What is believed where the image lies in container 1 and the configuration, which says `text`, in `pack`.
    fn believed(pack: u32, text: &str) -> bool {
        let meta = Metadata::root(0o755, 0);
        let mut tree = Tree::new(meta.clone());
        let blob = |pack| Content::Blob(Blob { digest: None, size: 9, pack: PackId(pack), offset: 0 });
        let [image, config, modules] = ["/boot/vmlinuz-6.12", "/boot/config-6.12", "/usr/lib/modules/6.12"];
        let [image, config, modules] = [image, config, modules].map(TreePath::literal);
        for folder in ["/boot", "/usr/lib/modules/6.12"].map(TreePath::literal) {
            tree.create_directories(&folder, &meta).unwrap();
        }
        tree.insert(&image, Node::file(blob(1), meta.clone())).unwrap();
        tree.insert(&config, Node::file(blob(pack), meta)).unwrap();
        let index = index_modules(&tree, &NoBlobs, &modules).unwrap();
        let kernel = Kernel { release: "6.12".to_owned(), image, config: Some(config), modules };
        without_config(&tree, &IndexedKernel { kernel, config: Some(Config::parse(text)), index }).is_some()
    }

    #[test]
    fn a_configuration_is_believed_that_came_with_the_kernel_and_denies_another_inside() {
        assert!(believed(1, "CONFIG_SMP=y\n# CONFIG_IKCONFIG is not set\n"));
        assert!(believed(1, "CONFIG_SMP=y\n"));
        assert!(!believed(1, "CONFIG_IKCONFIG=y\n"));
        assert!(!believed(1, "CONFIG_IKCONFIG=m\n"));
        assert!(!believed(2, "CONFIG_SMP=y\n"));
    }
}
