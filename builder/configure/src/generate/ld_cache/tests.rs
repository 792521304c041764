use std::process::{Command, Stdio};

use proptest::prelude::*;
use rootsmith_tree::{Metadata, NoBlobs, Node};

use super::*;
use crate::generate::oracle::{Folder, add, tool, tree};

const LIB: &str = "usr/lib/x86_64-linux-gnu";

/// A shared library of nothing but a header, two segments and a dynamic section: 64-bit x86.
fn elf(soname: Option<&str>) -> Vec<u8> {
    let soname_text = soname.unwrap_or_default().as_bytes();
    let size = 64 + 2 * 56 + 3 * 16 + 1 + soname_text.len() as u64 + 1;
    let mut out = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    out.extend([3u16, 62].iter().flat_map(|field| field.to_le_bytes()));
    out.extend(1u32.to_le_bytes());
    out.extend([0u64, 64, 0].iter().flat_map(|field| field.to_le_bytes()));
    out.extend(0u32.to_le_bytes());
    out.extend([64u16, 56, 2, 64, 0, 0].iter().flat_map(|field| field.to_le_bytes()));
    for (kind, offset, length) in [(1u32, 0u64, size), (2, 176, 48)] {
        out.extend([kind, 4].iter().flat_map(|field| field.to_le_bytes()));
        out.extend([offset, offset, offset, length, length, 8].iter().flat_map(|field| field.to_le_bytes()));
    }
    // DT_STRTAB, DT_SONAME (or a second, harmless DT_FLAGS), DT_NULL.
    let second = if soname.is_some() { 14u64 } else { 30 };
    out.extend([5u64, 224, second, 1, 0, 0].iter().flat_map(|field| field.to_le_bytes()));
    out.push(0);
    out.extend_from_slice(soname_text);
    out.push(0);
    assert_eq!(out.len() as u64, size);
    out
}

/// The pairs of soname and path in a cache, in its order.
fn listed(cache: &[u8]) -> Vec<(String, String)> {
    let number = |at: usize| u32::from_le_bytes(cache[at..at + 4].try_into().unwrap()) as usize;
    let text = |at: usize| cache[at..].split(|&b| b == 0).next().unwrap().escape_ascii().to_string();
    (0..number(20)).map(|i| 48 + i * 24).map(|at| (text(number(at + 4)), text(number(at + 8)))).collect()
}

#[test]
fn the_higher_version_has_the_soname_and_gets_its_link() {
    let mut tree = tree(&[]);
    add(&mut tree, &format!("{LIB}/libx.so.1.9"), elf(Some("libx.so.1")));
    add(&mut tree, &format!("{LIB}/libx.so.1.10"), elf(Some("libx.so.1")));
    add(&mut tree, &format!("{LIB}/libplain.so"), elf(None));
    add(&mut tree, &format!("{LIB}/libtext.so"), "INPUT(libx.so.1)");
    tree.insert(&TreePath::literal("/lib"), Node::symlink("usr/lib", 0)).unwrap();
    let made = ld_so_cache(&tree, &NoBlobs, Arch::Amd64).unwrap();
    let path = |name: &str| (name.to_owned(), format!("/lib/x86_64-linux-gnu/{name}"));
    assert_eq!(listed(&made.cache), [path("libx.so.1"), path("libplain.so")]);
    assert_eq!(made.links, [(TreePath::new(format!("{LIB}/libx.so.1")).unwrap(), b"libx.so.1.10".to_vec())]);
    // Nothing of another architecture.
    assert_eq!(listed(&ld_so_cache(&tree, &NoBlobs, Arch::Arm64).unwrap().cache), []);
}

#[test]
fn includes_that_lead_back_are_refused() {
    let tree = tree(&[("/etc/ld.so.conf", "include ld.so.conf\n")]);
    assert_eq!(ld_so_cache(&tree, &NoBlobs, Arch::Amd64).unwrap_err().kind(), io::ErrorKind::InvalidData);
}

/// The same files for the tool and for us. The tool's own program is among them: its version ends up in the cache.
struct Both {
    folder: Folder,
    tree: Tree,
}

impl Both {
    fn file(&mut self, path: &str, content: &[u8]) {
        self.folder.write(path, content);
        add(&mut self.tree, path, content);
    }

    fn link(&mut self, path: &str, target: &str) {
        let host = self.folder.path().join(path);
        std::fs::create_dir_all(host.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, host).unwrap();
        let path = TreePath::new(path).unwrap();
        self.tree.create_directories(&path.parent().unwrap(), &Metadata::root(0o755, 0)).unwrap();
        self.tree.insert(&path, Node::symlink(target, 0)).unwrap();
    }

    fn judge(&self, tool: &std::path::Path) {
        let root = self.folder.path();
        let status = Command::new(tool).arg("-r").arg(root).stderr(Stdio::null()).status().unwrap();
        assert!(status.success());
        let theirs = std::fs::read(root.join("etc/ld.so.cache")).unwrap();
        let ours = ld_so_cache(&self.tree, &NoBlobs, Arch::Amd64).unwrap();
        assert_eq!(ours.cache.escape_ascii().to_string(), theirs.escape_ascii().to_string());
        for (link, target) in ours.links {
            let made = std::fs::read_link(root.join(std::str::from_utf8(link.relative()).unwrap())).unwrap();
            assert_eq!(made.as_os_str().as_encoded_bytes(), target);
        }
    }
}

#[test]
fn ldconfig_makes_the_same() {
    let Some(tool) = tool("ldconfig") else { return };
    let mut both = Both { folder: Folder::new(), tree: tree(&[]) };
    both.file("sbin/ldconfig", &std::fs::read(&tool).unwrap());
    both.file(
        "etc/ld.so.conf",
        b"include /etc/ld.so.conf.d/*.conf\n # none\n/opt/a/lib/ # twice\n/opt/a/lib\nhwcap 0 x\n",
    );
    both.file("etc/ld.so.conf.d/b.conf", b"/opt/b/lib\n");
    both.file("etc/ld.so.conf.d/a.conf", b"/opt/missing\n/opt/link");
    both.file("etc/ld.so.conf.d/.hidden.conf", b"/opt/hidden\n");
    both.file("opt/hidden/libhidden.so.1", &elf(None));
    both.link("opt/link", "a/lib");
    both.link("lib", "usr/lib");
    for (path, soname) in [
        ("opt/a/lib/libx.so.1.2", Some("libx.so.1")),
        ("opt/a/lib/libx.so.1.10", Some("libx.so.1")),
        ("opt/a/lib/liby.so.2", Some("liby.so.2")),
        ("opt/b/lib/libx.so.1", Some("libx.so.1")),
        ("opt/b/lib/libno-soname.so", None),
        ("opt/b/lib/notalib.so", Some("notalib.so")),
        ("usr/lib/x86_64-linux-gnu/libc.so.6", Some("libc.so.6")),
        ("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", Some("ld-linux-x86-64.so.2")),
        ("usr/lib/x86_64-linux-gnu/libdev.so.4.5", Some("libdev.so.4")),
        ("usr/lib/libc.so.6", Some("libc.so.6")),
        ("usr/lib/glibc-hwcaps/x86-64-v3/libc.so.6", Some("libc.so.6")),
        ("usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v2/libq.so.1.1", Some("libq.so.1")),
        ("usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v4/README", None),
    ] {
        both.file(path, &elf(soname));
    }
    both.file("usr/lib/libscript.so", b"/* GNU ld script */ INPUT(libc.so.6)");
    both.link("usr/lib/x86_64-linux-gnu/libdev.so.4", "libdev.so.4.5");
    both.link("usr/lib/x86_64-linux-gnu/libdev.so", "libdev.so.4.5");
    both.link("usr/lib/x86_64-linux-gnu/libalias.so.9", "libdev.so.4.5");
    both.link("usr/lib/x86_64-linux-gnu/libgone.so.1", "nowhere");
    both.judge(&tool);
}

proptest! {
    #[test]
    fn names_are_ordered_as_by_glibc(a in "(lib)?[a-c.0-9]{0,6}", b in "(lib)?[a-c.0-9]{0,6}", c in "(lib)?[a-c.0-9]{0,6}") {
        let order = |a: &String, b: &String| compare_names(a.as_bytes(), b.as_bytes());
        prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
        if order(&a, &b).is_lt() && order(&b, &c).is_lt() {
            prop_assert!(order(&a, &c).is_lt());
        }
    }

    #[test]
    fn a_damaged_library_is_passed_over(at in 0usize..240, value: u8) {
        let mut library = elf(Some("libx.so.1"));
        if let Some(byte) = library.get_mut(at) {
            *byte = value;
        }
        let mut tree = tree(&[]);
        add(&mut tree, "usr/lib/libx.so.1", library);
        let made = ld_so_cache(&tree, &NoBlobs, Arch::Amd64).unwrap();
        prop_assert!(listed(&made.cache).len() <= 1);
    }
}

#[test]
fn digits_count_as_numbers() {
    let mut names = ["libx.so.10", "libx.so.9", "libx.so", "libx-1.so", "libx.so.9a"];
    names.sort_by(|a, b| compare_names(a.as_bytes(), b.as_bytes()));
    assert_eq!(names, ["libx-1.so", "libx.so", "libx.so.9", "libx.so.9a", "libx.so.10"]);
}

#[test]
fn what_package_managers_unpack_is_no_library_yet() {
    for name in ["libx.so", "libx.so.1", "ld-linux-x86-64.so.2", "ld.so.1", "ld64.so.2"] {
        assert!(is_library_name(name.as_bytes()), "{name}");
    }
    let others =
        ["x.so", "libx.a", "libx.so.1.dpkg-new", "libx.so.1.dpkg-tmp", "libx.so.1;6543", "libx.so.#prelink#.abcdef"];
    for name in others {
        assert!(!is_library_name(name.as_bytes()), "{name}");
    }
}
