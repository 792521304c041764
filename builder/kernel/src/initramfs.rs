//! The initramfs: a busybox, the modules that reach the root file system, and `init.sh`.
//!
//! | path             | holds                                                                     |
//! |------------------|---------------------------------------------------------------------------|
//! | `/init`          | `init.sh` beside this file                                                |
//! | `/bin/busybox`   | the distribution's static busybox; the other names are made at boot       |
//! | `/usr/sbin/dmsetup` | where the root has hashes over its blocks: device mapper's tool, with loader and libraries |
//! | `/modules/*.ko`  | modules, decompressed: busybox hands them to the kernel as they are       |
//! | `/modules/order` | their names, one a line, each behind what it needs                        |
//! | `/grow`          | which partition `/init` makes grow, as `root=` names one; empty: the root's |
//!
//! The archive is cpio "newc", compressed as the kernel was built to read: zstd where `CONFIG_RD_ZSTD=y`, else gzip.

use std::collections::BTreeSet;
use std::io::Write;

use rootsmith_tree::{Blobs, Content, DerivedKey, Metadata, Node, NodeKind, Tree};
use rootsmith_types::{TreePath, UnixTime};

use crate::config::Config;
use crate::modules::{Module, decompress};
use crate::{KernelError, ModuleIndex};

const INIT: &str = include_str!("init.sh");

/// Drivers of disks a machine may have its root on, besides its file system. Those that the kernel does not have are left
/// out: which ones a kernel package brings says what hardware it is for.
const DISK_DRIVERS: [&str; 22] = [
    "virtio_pci",
    "virtio_mmio",
    "virtio_blk",
    "virtio_scsi",
    "nvme",
    "ahci",
    "ata_piix",
    "sd_mod",
    "mmc_block",
    "sdhci_pci",
    "sdhci_acpi",
    "sdhci_iproc",
    "bcm2835",
    "dw_mmc_rockchip",
    "sunxi_mmc",
    "xhci_pci",
    "usb_storage",
    "uas",
    "hv_storvsc",
    "vmw_pvscsi",
    "mptspi",
    "xen_blkfront",
];

/// What an initramfs is made of.
#[derive(Clone, Copy)]
pub struct InitramfsInput<'a> {
    /// The tree the modules are in.
    pub tree: &'a Tree,
    /// Its contents.
    pub blobs: &'a dyn Blobs,
    /// The index of the modules folder.
    pub index: &'a ModuleIndex,
    /// The modules folder, `/usr/lib/modules/R`.
    pub folder: &'a TreePath,
    /// The kernel's configuration: how the archive may be compressed.
    pub config: Option<&'a Config>,
    /// A static busybox for the target.
    pub busybox: &'a [u8],
    /// Other programs, and what they need: where each file is to be.
    pub files: &'a [(TreePath, Content)],
    /// Modules wanted, in the order they are loaded in; what they need is added, what is built in left out.
    pub modules: &'a [String],
    /// The partition that is to reach to the end of its disk, named as `root=` does; empty for the root's.
    pub grow: Option<&'a str>,
    /// The time of every entry.
    pub date: UnixTime,
}

/// Modules that reach a root file system of type `filesystem` on any disk the kernel has a driver for, then `extra` ones.
pub fn root_modules(index: &ModuleIndex, filesystem: &str, extra: &[String]) -> Vec<String> {
    let drivers = DISK_DRIVERS.iter().copied().filter(|name| index.module(name).is_some());
    let mut wanted: Vec<String> = drivers.chain([filesystem]).map(str::to_owned).collect();
    wanted.extend_from_slice(extra);
    wanted
}

/// Whether one of the wanted modules has to be loaded: what is built in is there from the start.
pub fn needs_initramfs(index: &ModuleIndex, wanted: &[String]) -> Result<bool, KernelError> {
    Ok(!load_order(index, wanted)?.is_empty())
}

/// Of what is kept: see [`DerivedKey::new`].
const FORM: &str = "initramfs 2";

/// Debian's own level (initramfs-tools): higher ones take twice the time, which a build waits for, for half a percent.
const LEVEL: i32 = 9;

/// Makes the compressed archive, or takes the one that was made of the same files. A wanted module that the kernel has neither as a file
/// nor built in is an error.
pub fn initramfs(input: &InitramfsInput<'_>) -> Result<Vec<u8>, KernelError> {
    let modules = input.wanted()?;
    let is_zstd = input.config.is_some_and(|config| config.is_builtin("RD_ZSTD"));
    let failed = |e: std::io::Error| KernelError::Archive(e.to_string());
    let mut key =
        DerivedKey::new(FORM).with(&[u8::from(is_zstd)]).with(&input.date.to_le_bytes()).with(INIT.as_bytes());
    key = key
        .with(input.busybox)
        .with(input.grow.map_or(&b""[..], str::as_bytes))
        .with(&[u8::from(input.grow.is_some())]);
    for (path, content) in input.files {
        key = key.with(path.as_bytes()).with_content(content, input.blobs).map_err(failed)?;
    }
    // Which are files, and which modules.
    key = key.with(b"");
    for (module, _, content) in &modules {
        key = key.with(module.name.as_bytes()).with_content(content, input.blobs).map_err(failed)?;
    }
    key.derive(input.blobs, || packed(input, &modules, is_zstd))
}

fn packed(input: &InitramfsInput<'_>, modules: &[Wanted<'_>], is_zstd: bool) -> Result<Vec<u8>, KernelError> {
    let tree = contents(input, modules)?;
    let failed = |e: &dyn std::fmt::Display| KernelError::Archive(e.to_string());
    let mut archive = Vec::new();
    rootsmith_cpio::write(&tree, input.blobs, &mut archive).map_err(|e| failed(&e))?;
    if is_zstd {
        return zstd::encode_all(archive.as_slice(), LEVEL).map_err(|e| failed(&e));
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&archive).and_then(|()| encoder.finish()).map_err(|e| failed(&e))
}

fn contents(input: &InitramfsInput<'_>, modules: &[Wanted<'_>]) -> Result<Tree, KernelError> {
    let failed = |e: rootsmith_tree::TreeError| KernelError::Archive(e.to_string());
    let meta = |mode| Metadata::root(mode, input.date);
    let path = TreePath::literal;
    let mut tree = Tree::new(meta(0o755));
    for folder in ["/bin", "/dev", "/modules", "/proc", "/run", "/sys", "/sysroot"] {
        tree.insert(&path(folder), Node::directory(meta(0o755))).map_err(failed)?;
    }
    // Before devtmpfs is mounted, messages need a console.
    let console = Node { kind: NodeKind::CharDevice { major: 5, minor: 1 }, metadata: meta(0o600) };
    tree.insert(&path("/dev/console"), console).map_err(failed)?;
    tree.insert(&path("/init"), Node::file(Content::inline(INIT), meta(0o755))).map_err(failed)?;
    tree.insert(&path("/bin/busybox"), Node::file(Content::inline(input.busybox), meta(0o755))).map_err(failed)?;

    for (at, content) in input.files {
        if let Some(folder) = at.parent() {
            tree.create_directories(&folder, &meta(0o755)).map_err(failed)?;
        }
        tree.insert(at, Node::file(content.clone(), meta(0o755))).map_err(failed)?;
    }
    if let Some(partition) = input.grow {
        tree.insert(&path("/grow"), Node::file(Content::inline(partition), meta(0o644))).map_err(failed)?;
    }
    let mut order = String::new();
    for (module, file, content) in modules {
        let data = read_module(input, file, content)?;
        let name = format!("{}.ko", module.name);
        let at = TreePath::new(format!("/modules/{name}")).map_err(|e| KernelError::Archive(e.to_string()))?;
        tree.insert(&at, Node::file(Content::inline(data), meta(0o644))).map_err(failed)?;
        order.push_str(&name);
        order.push('\n');
    }
    tree.insert(&path("/modules/order"), Node::file(Content::inline(order), meta(0o644))).map_err(failed)?;
    Ok(tree)
}

/// A module, its file and the content of that.
type Wanted<'a> = (&'a Module, TreePath, &'a Content);

impl<'a> InitramfsInput<'a> {
    /// The modules in the order they are loaded in.
    fn wanted(&self) -> Result<Vec<Wanted<'a>>, KernelError> {
        let of = |module: &'a Module| {
            let path = self.folder.join(&module.file).map_err(|e| KernelError::Archive(e.to_string()))?;
            match self.tree.lookup(&path).and_then(Node::content) {
                Some(content) => Ok((module, path, content)),
                None => Err(KernelError::Unreadable { path, reason: "does not exist".to_owned() }),
            }
        };
        load_order(self.index, self.modules)?.into_iter().map(of).collect()
    }
}

fn read_module(input: &InitramfsInput<'_>, file: &TreePath, content: &Content) -> Result<Vec<u8>, KernelError> {
    let data = content.read(input.blobs, 128 << 20);
    let data = data.map_err(|e| KernelError::Unreadable { path: file.clone(), reason: e.to_string() })?;
    decompress(file.as_bytes(), &data).map_err(|reason| KernelError::BadModule { path: file.clone(), reason })
}

/// The wanted modules and all they need, each once, each behind what it needs.
fn load_order<'a>(index: &'a ModuleIndex, wanted: &[String]) -> Result<Vec<&'a Module>, KernelError> {
    let mut order = LoadOrder { index, expanded: BTreeSet::new(), placed: BTreeSet::new(), modules: Vec::new() };
    for name in wanted {
        match index.module(name) {
            Some(module) => order.add(module),
            None if index.is_builtin(name) => {}
            None => return Err(KernelError::MissingModule { name: name.clone(), release: index.release().to_owned() }),
        }
    }
    Ok(order.modules)
}

struct LoadOrder<'a> {
    index: &'a ModuleIndex,
    /// Modules whose soft dependencies were looked at, or are being: those may lead in circles.
    expanded: BTreeSet<&'a str>,
    placed: BTreeSet<&'a str>,
    modules: Vec<&'a Module>,
}

impl<'a> LoadOrder<'a> {
    fn add(&mut self, module: &'a Module) {
        let mut needed = self.index.dependencies(&module.name).unwrap_or_default();
        needed.push(module);
        // Soft ones first, so that the hard ones stay together in their order.
        for part in &needed {
            if self.expanded.insert(&part.name) {
                self.index.loaded_before(part).into_iter().for_each(|soft| self.add(soft));
            }
        }
        for part in needed {
            if self.placed.insert(&part.name) {
                self.modules.push(part);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rootsmith_tree::NoBlobs;

    use super::*;
    use crate::modules::tests::{index, module_file, sample, tree};

    fn wanted(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn input<'a>(
        tree: &'a Tree,
        index: &'a ModuleIndex,
        folder: &'a TreePath,
        modules: &'a [String],
    ) -> InitramfsInput<'a> {
        InitramfsInput {
            tree,
            blobs: &NoBlobs,
            index,
            folder,
            config: None,
            busybox: b"busybox",
            files: &[],
            modules,
            grow: None,
            date: 1,
        }
    }

    #[test]
    fn modules_come_decompressed_and_behind_what_they_need() {
        let (tree, folder) = (sample(), TreePath::literal("/usr/lib/modules/6.1-x"));
        let index = index(&tree).unwrap();
        let modules = root_modules(&index, "ext4", &wanted(&["fuse", "virtio-blk"]));
        assert_eq!(modules, ["virtio_blk", "ext4", "fuse", "virtio-blk"]);
        let input = input(&tree, &index, &folder, &modules);
        let contents = contents(&input, &input.wanted().unwrap()).unwrap();
        let read =
            |path| contents.get(&TreePath::literal(path)).unwrap().content().unwrap().read(&NoBlobs, 1 << 20).unwrap();
        assert_eq!(&*read("/modules/order"), b"virtio_core.ko\nvirtio_blk.ko\nfuse.ko\n");
        assert!(read("/modules/virtio_blk.ko").starts_with(b"\x7fELF"));
        assert_eq!(&*read("/init"), INIT.as_bytes());
        assert!(contents.walk().all(|entry| entry.node.metadata.mtime.seconds == 1));
    }

    #[test]
    fn what_is_built_in_needs_no_initramfs() {
        let index = index(&sample()).unwrap();
        assert!(needs_initramfs(&index, &wanted(&["ext4", "fuse"])).unwrap());
        // `ext4` is in the image.
        assert!(!needs_initramfs(&index, &root_modules(&index, "ext4", &[])[1..]).unwrap());
        assert!(needs_initramfs(&index, &wanted(&["no_such"])).is_err());
    }

    #[test]
    fn a_module_the_kernel_does_not_have_is_named() {
        let (tree, folder) = (sample(), TreePath::literal("/usr/lib/modules/6.1-x"));
        let index = index(&tree).unwrap();
        let modules = wanted(&["ext4", "no_such"]);
        let error = initramfs(&input(&tree, &index, &folder, &modules)).unwrap_err();
        assert_eq!(error, KernelError::MissingModule { name: "no_such".to_owned(), release: "6.1-x".to_owned() });
    }

    #[test]
    fn soft_dependencies_are_loaded_first_also_by_alias_and_in_circles() {
        let tree = tree(&[
            ("kernel/a.ko", module_file(&["softdep=pre: crypto-crc32c gone post: late"], &[], &["b"])),
            ("kernel/b.ko", module_file(&["softdep=pre: a"], &["b"], &[])),
            ("kernel/crc32c_generic.ko", module_file(&["alias=crypto-crc32c"], &[], &[])),
            ("kernel/late.ko", module_file(&[], &[], &[])),
        ]);
        let index = index(&tree).unwrap();
        let order: Vec<&str> = load_order(&index, &wanted(&["a"])).unwrap().iter().map(|m| m.name.as_str()).collect();
        assert_eq!(order, ["crc32c_generic", "b", "a"]);
    }

    #[test]
    fn compression_follows_the_kernel() {
        let (tree, folder) = (sample(), TreePath::literal("/usr/lib/modules/6.1-x"));
        let index = index(&tree).unwrap();
        let zstd = Config::parse("CONFIG_RD_ZSTD=y\n");
        let made = |config| initramfs(&InitramfsInput { config, ..input(&tree, &index, &folder, &[]) }).unwrap();
        assert!(made(Some(&zstd)).starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
        assert!(made(None).starts_with(&[0x1f, 0x8b]));
        assert_eq!(made(Some(&zstd)), made(Some(&zstd)));
    }
}
