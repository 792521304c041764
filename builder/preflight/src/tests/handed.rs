//! Which device trees boot loaders hand on, and which files the firmware of a Raspberry Pi is told of: read off volumes.

use rootsmith_tree::{Metadata, NoBlobs, Tree};

use super::fixture::*;
use crate::*;

fn volume() -> Image {
    Image { tree: Tree::new(Metadata::root(0o755, 0)), boot: good().boot }
}

fn found(root: &Image, fat: &Image) -> (Vec<BootEntry>, Vec<String>) {
    let volumes = [
        BootVolume { tree: &root.tree, blobs: &NoBlobs, is_fat: false },
        BootVolume { tree: &fat.tree, blobs: &NoBlobs, is_fat: true },
    ];
    (find_entries(&volumes, 0, &Remembered::default()), find_firmware_files(&volumes))
}

/// What `config.txt` names and what of it is not there.
fn gone(entry: &BootEntry) -> Vec<&str> {
    let named = entry.config.iter().flat_map(|config| &config.named);
    named.filter(|(_, _, there)| !there).map(|(_, file, _)| file.as_str()).collect()
}

#[test]
fn the_firmware_of_a_raspberry_pi_takes_what_lies_beside_its_configuration() {
    let mut fat = volume();
    let config = "kernel=vmlinuz\ninitramfs initrd.img followkernel\ndtoverlay=disable-bt\nupstream_kernel=1\n";
    fat.put("/CONFIG.TXT", 0o644, config);
    for name in ["vmlinuz", "bcm2711-rpi-4-b.dtb", "bcm2837-rpi-3-b.dtb", "other.dtb", "start4.elf"] {
        fat.put(&format!("/{name}"), 0o644, name);
    }
    fat.put("/cmdline.txt", 0o644, "console=ttyS1 root=LABEL=root\nnot read\n");
    let (entries, firmware) = found(&volume(), &fat);
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(entry.device_tree, TreeSource::Model);
    let trees: Vec<(&str, &[u8])> = entry.device_trees.iter().map(|tree| (tree.path.as_str(), &*tree.data)).collect();
    assert_eq!(
        trees,
        [("/bcm2711-rpi-4-b.dtb", b"bcm2711-rpi-4-b.dtb".as_slice()), ("/bcm2837-rpi-3-b.dtb", b"bcm2837-rpi-3-b.dtb")]
    );
    assert_eq!(entry.cmdline.as_deref(), Some("console=ttyS1 root=LABEL=root"));
    assert_eq!(gone(entry), ["initrd.img", "overlays/disable-bt.dtbo"]);
    assert!(entry.config.as_ref().is_some_and(|config| config.upstream && config.overlays));
    assert!(firmware.contains(&"config.txt".to_owned()) && firmware.contains(&"start4.elf".to_owned()));

    // A folder for one system, an overlay that is there, and the one file that is meant.
    fat.put("/new/vmlinuz", 0o644, "x");
    fat.put("/new/x.dtb", 0o644, "x");
    fat.put("/overlays/disable-bt.dtbo", 0o644, "x");
    fat.put(
        "/CONFIG.TXT",
        0o644,
        "os_prefix=new/\nkernel=vmlinuz\ndevice_tree=x.dtb\ndtoverlay=disable-bt\ncmdline=no.txt\n",
    );
    let (entries, _) = found(&volume(), &fat);
    assert_eq!(entries[0].device_tree, TreeSource::File("new/x.dtb".to_owned()));
    assert_eq!(gone(&entries[0]), ["new/no.txt"]);
    assert!(entries[0].missing.is_empty() && entries[0].linux);
}

#[test]
fn u_boot_is_told_a_file_or_a_folder() {
    let mut root = volume();
    let entry = |root: &Image, lines: &str| {
        let mut root = root.clone();
        root.put("/boot/extlinux/extlinux.conf", 0o644, format!("label a\n linux /vmlinuz\n{lines}"));
        found(&root, &volume()).0.remove(0)
    };
    root.put("/vmlinuz", 0o644, "x");
    root.put("/usr/lib/linux-image-1/rockchip/rk.dtb", 0o644, "tree");
    root.put("/usr/lib/linux-image-1/rockchip/overlay.dtbo", 0o644, "no tree of its own");
    root.link("/usr/lib/dtbs", "linux-image-1");
    let named = entry(&root, " fdt /usr/lib/linux-image-1/rockchip/rk.dtb\n");
    assert_eq!((named.device_trees.len(), named.missing.len()), (1, 0));
    let named = entry(&root, " fdt /gone.dtb\n");
    assert_eq!((named.device_trees.len(), named.missing), (0, vec!["/gone.dtb".to_owned()]));
    let folder = entry(&root, " fdtdir /usr/lib/dtbs/\n");
    assert_eq!(folder.device_tree, TreeSource::Folder("/usr/lib/dtbs/".to_owned(), 1));
    assert_eq!(folder.device_trees[0].path, "/usr/lib/linux-image-1/rockchip/rk.dtb");
    assert_eq!(entry(&root, " fdtdir /gone\n").device_tree, TreeSource::Folder("/gone".to_owned(), 0));
    assert_eq!(entry(&root, "").device_tree, TreeSource::Firmware);
    // As many as a kernel has: which one it is knows U-Boot only, and none is held.
    for number in 0..60 {
        root.put(&format!("/usr/lib/linux-image-1/vendor/{number}.dtb"), 0o644, "tree");
    }
    let folder = entry(&root, " fdtdir /usr/lib/dtbs\n");
    assert_eq!(folder.device_tree, TreeSource::Folder("/usr/lib/dtbs".to_owned(), 61));
    assert!(folder.device_trees.is_empty());
}
