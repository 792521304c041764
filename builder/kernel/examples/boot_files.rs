//! Makes what a kernel needs to boot out of an unpacked root, beside the build: to compare with other tools' results.
//!
//! `boot_files ROOT BUSYBOX STUB CMDLINE OUT` leaves the eleven `modules.*` files, `initrd` and `uki.efi` in OUT.

use std::error::Error;
use std::fs;
use std::path::Path;

use rootsmith_kernel::config::Config;
use rootsmith_kernel::{InitramfsInput, UkiSections, find_kernel, index_modules, initramfs, root_modules, uki};
use rootsmith_tree::{Content, Metadata, NoBlobs, Node, Tree};
use rootsmith_types::TreePath;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, busybox, stub, cmdline, out] = arguments.as_slice() else {
        return Err("usage: boot_files ROOT BUSYBOX STUB CMDLINE OUT".into());
    };
    let mut tree = Tree::new(Metadata::root(0o755, 0));
    for folder in ["boot", "usr/lib/modules"] {
        take(&mut tree, Path::new(root), Path::new(folder))?;
    }
    let kernel = find_kernel(&tree, &NoBlobs)?;
    let index = index_modules(&tree, &NoBlobs, &kernel.modules)?;
    for (name, data) in index.files() {
        fs::write(Path::new(out).join(name), data)?;
    }
    let read = |path: &TreePath| -> Result<Vec<u8>, Box<dyn Error>> {
        let content = tree.lookup(path).and_then(Node::content).ok_or("no such file")?;
        Ok(content.read(&NoBlobs, u64::MAX)?.to_vec())
    };
    let config = match &kernel.config {
        Some(path) => Some(Config::parse(&String::from_utf8(read(path)?)?)),
        None => None,
    };
    let initrd = initramfs(&InitramfsInput {
        grow: None,
        tree: &tree,
        blobs: &NoBlobs,
        index: &index,
        folder: &kernel.modules,
        config: config.as_ref(),
        files: &[],
        busybox: &fs::read(busybox)?,
        modules: &root_modules(&index, "ext4", &[]),
        date: 0,
    })?;
    fs::write(Path::new(out).join("initrd"), &initrd)?;
    let image = uki(
        &fs::read(stub)?,
        &UkiSections {
            osrel: &fs::read(Path::new(root).join("usr/lib/os-release"))?,
            cmdline,
            uname: &kernel.release,
            initrd: Some(&initrd),
            linux: tree.lookup(&kernel.image).and_then(Node::content).ok_or("no kernel")?,
            path: &kernel.image,
            blobs: &NoBlobs,
        },
    )?;
    fs::write(Path::new(out).join("uki.efi"), image)?;
    Ok(())
}

fn take(tree: &mut Tree, root: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let path = TreePath::new(folder.as_os_str().as_encoded_bytes())?;
    tree.create_directories(&path, &Metadata::root(0o755, 0))?;
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let below = folder.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            take(tree, root, &below)?;
        } else if kind.is_file() && !entry.file_name().as_encoded_bytes().starts_with(b"initrd") {
            let content = Content::inline(fs::read(entry.path())?);
            tree.insert(
                &TreePath::new(below.as_os_str().as_encoded_bytes())?,
                Node::file(content, Metadata::root(0o644, 0)),
            )?;
        }
    }
    Ok(())
}
