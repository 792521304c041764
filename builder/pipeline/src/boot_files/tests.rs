//! A kernel whose modules are all built in, on disks that boot in several ways.

use std::io;
use std::path::Path;

use rootsmith_kbuild::Programs;
use rootsmith_kernel::{Kernel, index_modules};
use rootsmith_profile::OutputKind;
use rootsmith_tree::NoBlobs;
use rootsmith_types::{Sha256Digest, SourceEntry};

use super::*;

pub(crate) struct Files(pub(crate) &'static str);

impl Sources for Files {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == Path::new("p.toml") { Ok(self.0.into()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn open(&self, _: &Path) -> io::Result<Box<dyn io::Read + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<SourceEntry>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

const PROFILE: &str = "
schema = 1
image = { name = 'small', arch = ['arm64'] }
distribution = { id = 'debian', suite = 'trixie' }
init = { system = 'systemd' }
kernel = { source = 'linux-source-6.12', base = 'tinyconfig', cmdline = ['quiet'] }
[[output]]
kind = 'disk'
table = 'gpt'
boot = 'extlinux'
partitions = [{ type = 'boot', size = '64MiB' }, { type = 'root', size = 'minimal' }]
";

/// The boot partition of a kernel with `builtin` in its image, as text files and names.
fn boot(profile: &'static str, builtin: &str) -> Result<Tree, Problems> {
    let sources = Files(profile);
    let profile = rootsmith_profile::load(Path::new("p.toml"), &sources).unwrap();
    let OutputKind::Disk(disk) = &profile.outputs[0].kind else { panic!("no disk") };
    let meta = Metadata::root(0o755, 0);
    let mut tree = Tree::new(meta.clone());
    let modules = TreePath::literal("/usr/lib/modules/6.12.118");
    for (path, text) in [
        ("/boot/vmlinuz-6.12.118", "kernel"),
        ("/usr/lib/modules/6.12.118/modules.builtin", builtin),
        ("/usr/lib/modules/6.12.118/modules.order", ""),
    ] {
        let path = TreePath::literal(path);
        tree.create_directories(&path.parent().unwrap(), &meta).unwrap();
        tree.insert(&path, Node::file(Content::inline(text), meta.clone())).unwrap();
    }
    let index = index_modules(&tree, &NoBlobs, &modules).unwrap();
    let image = TreePath::literal("/boot/vmlinuz-6.12.118");
    let kernel = Kernel { release: "6.12.118".to_owned(), image, config: None, modules };
    let kernel = IndexedKernel { kernel, config: None, index };
    let ids = DiskIds::derive(&Sha256Digest::of(b"small"));
    let files = BootFiles {
        profile: &profile,
        disk,
        tree: &tree,
        root_hash: None,
        kernel: &kernel,
        packages: &[],
        ids: &ids,
        arch: profile.image.arch[0].value,
        date: 0,
        sources: &sources,
        processes: &Programs::new(""),
    };
    boot_tree(&files, &NoBlobs)
}

#[test]
fn a_kernel_that_has_all_its_root_needs_gets_no_initramfs() {
    let boot = boot(PROFILE, "kernel/fs/ext4/ext4.ko\nkernel/drivers/block/virtio_blk.ko\n").unwrap();
    let names: Vec<String> = boot.walk().map(|entry| entry.path.to_string()).collect();
    assert_eq!(names, ["/", "/extlinux", "/extlinux/extlinux.conf", "/vmlinuz"]);
    let text = content(&boot, &TreePath::literal("/extlinux/extlinux.conf")).unwrap().read(&NoBlobs, 4096).unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(!text.contains("initrd"), "{text}");
    let append = text.lines().find_map(|line| line.strip_prefix("  append ")).unwrap();
    // The only identifier that the kernel itself understands, of a disk that may come late.
    assert!(append.starts_with("root=PARTUUID=") && append.ends_with(" ro rootwait quiet"), "{append}");
}

/// What an initramfs is made of is not there: so it is seen that one is wanted.
#[test]
fn a_driver_that_is_nowhere_or_a_root_that_grows_before_it_is_mounted_needs_one() {
    let error = boot(PROFILE, "kernel/drivers/block/virtio_blk.ko\n").unwrap_err();
    assert_eq!(error.to_string(), "kernel `6.12.118` has no module `ext4`, neither as a file nor built in");
    const GROWS: &str = "
schema = 1
image = { name = 'small', arch = ['arm64'] }
distribution = { id = 'debian', suite = 'trixie' }
init = { system = 'systemd' }
kernel = { source = 'linux-source-6.12', base = 'tinyconfig' }
[[output]]
kind = 'disk'
table = 'mbr'
boot = 'extlinux'
partitions = [{ type = 'boot', size = '64MiB' }, { type = 'root', size = 'minimal', grow = true }]
";
    let error = boot(GROWS, "kernel/fs/ext4/ext4.ko\n").unwrap_err();
    assert!(error.to_string().contains("busybox"), "{error}");
}

#[test]
fn a_read_only_root_is_named_and_memory_over_it_is_the_initramfs_s_to_lay() {
    const BUILTIN: &str = "\
kernel/fs/squashfs/squashfs.ko
kernel/fs/erofs/erofs.ko
kernel/fs/overlayfs/overlay.ko
kernel/drivers/block/virtio_blk.ko
";
    const SQUASHFS: &str = "
schema = 1
image = { name = 'small', arch = ['arm64'] }
distribution = { id = 'debian', suite = 'trixie' }
init = { system = 'systemd' }
kernel = { source = 'linux-source-6.12', base = 'tinyconfig' }
[[output]]
kind = 'disk'
table = 'gpt'
boot = 'extlinux'
partitions = [{ type = 'boot', size = '64MiB' }, { type = 'root', filesystem = 'squashfs', size = 'minimal' }]
";
    const VOLATILE: &str = "
schema = 1
image = { name = 'small', arch = ['arm64'] }
distribution = { id = 'debian', suite = 'trixie' }
init = { system = 'systemd' }
kernel = { source = 'linux-source-6.12', base = 'tinyconfig' }
[[output]]
kind = 'disk'
table = 'gpt'
boot = 'extlinux'
partitions = [{ type = 'boot', size = '64MiB' }, { type = 'root', filesystem = 'squashfs', size = '1GiB', writable = 'volatile' }]
";
    for filesystem in ["squashfs", "erofs"] {
        let boot_of = boot(SQUASHFS.replace("squashfs", filesystem).leak(), BUILTIN).unwrap();
        let conf = content(&boot_of, &TreePath::literal("/extlinux/extlinux.conf")).unwrap();
        let text = String::from_utf8_lossy(&conf.read(&NoBlobs, 4096).unwrap()).into_owned();
        assert!(text.contains(&format!(" ro rootfstype={filesystem} rootwait\n")), "{text}");
        let error = boot(VOLATILE.replace("squashfs", filesystem).leak(), BUILTIN).unwrap_err();
        assert!(error.to_string().contains("busybox"), "{error}");
    }
}

#[test]
fn grub_starts_the_kernel_with_the_same_words_and_speaks_where_it_will() {
    const GRUB: &str = "
schema = 1
image = { name = 'small', arch = ['amd64'] }
distribution = { id = 'debian', suite = 'trixie' }
init = { system = 'systemd' }
[kernel]
source = 'linux-source-6.12'
base = 'tinyconfig'
cmdline = ['console=ttyS0', 'console=ttyS1,9600n8', 'a=$b;{c}', 'console=tty0']
[[output]]
kind = 'disk'
table = 'mbr'
boot = 'grub'
partitions = [{ type = 'boot', size = '64MiB' }, { type = 'root', size = 'minimal' }]
";
    let boot = boot(GRUB, "kernel/fs/ext4/ext4.ko\nkernel/drivers/block/virtio_blk.ko\n").unwrap();
    let text = content(&boot, &TreePath::literal("/grub/grub.cfg")).unwrap().read(&NoBlobs, 4096).unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    let signature = DiskIds::derive(&Sha256Digest::of(b"small")).signature;
    let wanted = format!(
        "if serial --unit=1 --speed=9600; then\n  terminal_input console serial\n  terminal_output console serial\nfi\n\
         set timeout_style=hidden\nset timeout=0\n\nmenuentry 'small 6.12.118' {{\n  linux /vmlinuz root=PARTUUID={signature:08x}-02 ro \
         rootwait console=ttyS0 console=ttyS1,9600n8 'a=$b;{{c}}' console=tty0\n}}\n"
    );
    assert_eq!(text, wanted);
}
