//! Modules made by hand: ELF files of the least that depmod reads.

use rootsmith_tree::{Metadata, NoBlobs, Node};

use super::*;

/// A 64-bit relocatable ELF file with `.modinfo`, the checksums of exported symbols, and undefined symbols.
pub(crate) fn module_file(modinfo: &[&str], exports: &[&str], needs: &[&str]) -> Vec<u8> {
    let info: Vec<u8> = modinfo.iter().flat_map(|entry| [entry.as_bytes(), b"\0"].concat()).collect();
    let mut names = vec![0];
    let mut symbols = vec![0; 24];
    let crcs = exports.iter().map(|name| (format!("__crc_{name}"), 0xfff1u16));
    for (name, section) in crcs.chain(needs.iter().map(|name| ((*name).to_owned(), 0))) {
        symbols.extend_from_slice(&(names.len() as u32).to_le_bytes());
        // Global, without type; visibility; section (absolute or undefined); value and size.
        symbols.extend_from_slice(&[0x10, 0]);
        symbols.extend_from_slice(&section.to_le_bytes());
        symbols.extend_from_slice(&[0; 16]);
        names.extend_from_slice(name.as_bytes());
        names.push(0);
    }
    let titles = b"\0.modinfo\0.symtab\0.strtab\0.shstrtab\0";
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(64, 0);
    let mut headers = vec![0; 64];
    // Name, type, link, content: SHT_PROGBITS 1, SHT_SYMTAB 2 (its strings in section 3), SHT_STRTAB 3.
    let sections: [(u32, u32, u32, &[u8]); 4] =
        [(1, 1, 0, &info), (10, 2, 3, &symbols), (18, 3, 0, &names), (26, 3, 0, titles)];
    for (name, kind, link, content) in sections {
        file.resize(file.len().next_multiple_of(8), 0);
        headers.extend_from_slice(&name.to_le_bytes());
        headers.extend_from_slice(&kind.to_le_bytes());
        headers.extend_from_slice(&[0; 16]);
        headers.extend_from_slice(&(file.len() as u64).to_le_bytes());
        headers.extend_from_slice(&(content.len() as u64).to_le_bytes());
        headers.extend_from_slice(&link.to_le_bytes());
        headers.extend_from_slice(&[0; 12]);
        headers.extend_from_slice(&(if kind == 2 { 24u64 } else { 0 }).to_le_bytes());
        file.extend_from_slice(content);
    }
    file.resize(file.len().next_multiple_of(8), 0);
    let table = file.len() as u64;
    file.extend_from_slice(&headers);
    file[16..20].copy_from_slice(&[1, 0, 62, 0]);
    file[20..24].copy_from_slice(&1u32.to_le_bytes());
    file[40..48].copy_from_slice(&table.to_le_bytes());
    file[52..54].copy_from_slice(&64u16.to_le_bytes());
    file[58..64].copy_from_slice(&[64, 0, 5, 0, 4, 0]);
    file
}

pub(crate) fn tree(files: &[(&str, Vec<u8>)]) -> Tree {
    let meta = Metadata::root(0o755, 0);
    let mut tree = Tree::new(meta.clone());
    for (path, data) in files {
        let path = TreePath::new(format!("/usr/lib/modules/6.1-x/{path}")).unwrap();
        tree.create_directories(&path.parent().unwrap(), &meta).unwrap();
        tree.insert(&path, Node::file(Content::inline(data), Metadata::root(0o644, 0))).unwrap();
    }
    tree
}

pub(crate) fn index(tree: &Tree) -> Result<ModuleIndex, KernelError> {
    index_modules(tree, &NoBlobs, &TreePath::literal("/usr/lib/modules/6.1-x"))
}

fn gz(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn xz(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn sample() -> Tree {
    tree(&[
        (
            "kernel/drivers/block/virtio_blk.ko.xz",
            xz(&module_file(&["alias=virtio:d00000002v*", "license=GPL"], &[], &["register_virtio", "printk"])),
        ),
        (
            "kernel/drivers/virtio/virtio-core.ko.zst",
            zstd::encode_all(&module_file(&["softdep=pre: x y"], &["register_virtio"], &[])[..], 1).unwrap(),
        ),
        (
            "kernel/fs/fuse/fuse.ko.gz",
            gz(&module_file(&["alias=devname:fuse", "alias=char-major-10-229", "weakdep=z"], &[], &[])),
        ),
        ("kernel/fs/plain.ko", module_file(&[], &["a", "b"], &["register_virtio"])),
        (
            "modules.order",
            b"kernel/fs/plain.ko\nkernel/drivers/block/virtio_blk.ko\nkernel/drivers/virtio/virtio-core.ko\n".to_vec(),
        ),
        ("modules.builtin", b"kernel/fs/ext4/ext4.ko\n".to_vec()),
        ("modules.builtin.modinfo", b"ext4.alias=fs-ext4\0".to_vec()),
    ])
}

fn text(index: &ModuleIndex, name: &str) -> String {
    let (_, data) = index.files().iter().find(|(there, _)| there == name).unwrap();
    String::from_utf8(data.clone()).unwrap()
}

#[test]
fn every_compression_is_read_and_the_indexes_name_the_files() {
    let index = index(&sample()).unwrap();
    assert_eq!(
        text(&index, "modules.dep"),
        "kernel/fs/plain.ko: kernel/drivers/virtio/virtio-core.ko.zst\n\
         kernel/drivers/block/virtio_blk.ko.xz: kernel/drivers/virtio/virtio-core.ko.zst\n\
         kernel/drivers/virtio/virtio-core.ko.zst:\n\
         kernel/fs/fuse/fuse.ko.gz:\n"
    );
    assert_eq!(
        text(&index, "modules.alias"),
        "# Aliases extracted from modules themselves.\nalias virtio:d00000002v* virtio_blk\nalias devname:fuse fuse\n\
         alias char-major-10-229 fuse\n"
    );
    assert!(text(&index, "modules.softdep").ends_with("softdep virtio_core pre: x y\n"));
    assert!(text(&index, "modules.weakdep").ends_with("weakdep fuse z\n"));
    assert!(text(&index, "modules.devname").ends_with("fuse fuse c10:229\n"));
    let symbols = text(&index, "modules.symbols");
    assert_eq!(symbols.lines().count(), 4);
    assert!(symbols.contains("alias symbol:register_virtio virtio_core\n"));
}

#[test]
fn modules_are_found_by_either_spelling() {
    let index = index(&sample()).unwrap();
    assert_eq!(index.release(), "6.1-x");
    let names: Vec<&str> =
        index.dependencies("virtio-blk").unwrap().iter().map(|module| module.name.as_str()).collect();
    assert_eq!(names, ["virtio_core"]);
    assert_eq!(index.module("virtio-core"), index.module("virtio_core"));
    assert!(index.is_builtin("ext4") && !index.is_builtin("fuse") && index.module("ext4").is_none());
    assert_eq!(index.builtin().collect::<Vec<_>>(), ["ext4"]);
}

#[test]
fn updates_take_the_place_of_what_the_kernel_ships() {
    let file = module_file(&[], &[], &[]);
    let tree = tree(&[
        ("kernel/a/x.ko", file.clone()),
        ("kernel/b/x.ko", file.clone()),
        ("updates/x.ko", file.clone()),
        ("build/y.ko", file),
    ]);
    assert_eq!(text(&index(&tree).unwrap(), "modules.dep"), "updates/x.ko:\n");
}

#[test]
fn damaged_modules_are_named() {
    let whole = module_file(&["alias=x"], &["a"], &["b"]);
    for bad in [
        Vec::new(),
        b"text".to_vec(),
        whole[..whole.len() - 70].to_vec(),
        [&whole[..40], &[0xff; 24], &whole[64..]].concat(),
    ] {
        let error = index(&tree(&[("kernel/x.ko", bad)])).unwrap_err();
        assert!(matches!(error, KernelError::BadModule { ref path, .. } if path.name() == Some(b"x.ko")), "{error}");
    }
    let error = index(&tree(&[("kernel/x.ko.xz", whole)])).unwrap_err();
    assert!(error.to_string().contains("cannot be decompressed"), "{error}");
}
