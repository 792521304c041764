//! The tools themselves as judges.
//!
//! `ROOTSMITH_ORACLE=DIR cargo nextest run -p rootsmith-configure oracle` compares with the files in DIR, a root that dpkg
//! made; without it, small trees are given to the tools of this machine where it has them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rootsmith_tree::{Content, Metadata, NoBlobs, Node, NodeKind, Tree};
use rootsmith_types::{Arch, TreePath};

use super::*;

/// A root made by dpkg, if one is given.
#[allow(clippy::disallowed_methods, reason = "a test that is asked for by hand")]
fn given_root() -> Option<PathBuf> {
    std::env::var_os("ROOTSMITH_ORACLE").map(PathBuf::from)
}

/// The tool `name` of this machine. Without it a test is skipped, or fails where `REQUIRE_ORACLES` is set.
#[allow(clippy::disallowed_methods, clippy::print_stderr, reason = "tests look for their judges")]
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Not every user has the administrator's folders on the path.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("skipped: {name} not found");
        assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "{name} not found");
    }
    found
}

/// A temporary folder, given to a tool as its root.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, with the folders it needs.
    pub(crate) fn write(&self, path: &str, content: &[u8]) -> PathBuf {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }
}

/// A tree of these files.
pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::new(Metadata::root(0o755, 0));
    for (path, content) in files {
        add(&mut tree, path, content);
    }
    tree
}

/// Puts a file into a tree, with the folders it needs.
pub(super) fn add(tree: &mut Tree, path: &str, content: impl AsRef<[u8]>) {
    let path = TreePath::new(path).unwrap();
    tree.create_directories(&path.parent().unwrap(), &Metadata::root(0o755, 0)).unwrap();
    tree.insert(&path, Node::file(Content::inline(content), Metadata::root(0o644, 0))).unwrap();
}

/// The parts of a folder that generators look at, without what they make.
fn load(root: &Path) -> Tree {
    let mut tree = Tree::new(Metadata::root(0o755, 0));
    let wanted = [
        "bin",
        "lib",
        "sbin",
        "lib64",
        "etc/ld.so.conf",
        "etc/ld.so.conf.d",
        "etc/udev",
        "usr/lib",
        "usr/local",
        "usr/sbin",
        "usr/share/ca-certificates",
        "usr/share/debianutils",
        "usr/share/pam",
        "usr/share/pam-configs",
        "usr/bin",
    ];
    for part in wanted {
        let path = TreePath::new(part).unwrap();
        let metadata = Metadata::root(0o755, 0);
        tree.create_directories(&path.parent().unwrap(), &metadata).unwrap();
        load_below(&mut tree, root, &path);
    }
    tree
}

fn load_below(tree: &mut Tree, root: &Path, path: &TreePath) {
    let host = root.join(OsStr::from_bytes(path.relative()));
    let Ok(metadata) = host.symlink_metadata() else { return };
    let meta = Metadata::root((metadata.permissions().mode() & 0o7777) as u16, 0);
    if metadata.is_symlink() {
        let target = std::fs::read_link(&host).unwrap();
        tree.insert(path, Node::symlink(target.as_os_str().as_bytes(), 0)).unwrap();
    } else if metadata.is_dir() {
        tree.insert(path, Node::directory(meta)).unwrap();
        for entry in std::fs::read_dir(&host).unwrap() {
            load_below(tree, root, &path.join(entry.unwrap().file_name().as_bytes()).unwrap());
        }
    } else if metadata.is_file() && !path.as_bytes().ends_with(b".ko.xz") {
        let content = Content::inline(std::fs::read(&host).unwrap());
        tree.insert(path, Node::file(content, meta)).unwrap();
    }
}

fn at(root: &Path, path: &str) -> Vec<u8> {
    std::fs::read(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fails with the first difference instead of megabytes.
fn assert_same(what: &str, ours: &[u8], theirs: &[u8]) {
    if let Some(i) = ours.iter().zip(theirs).position(|(a, b)| a != b) {
        let around = |bytes: &[u8]| bytes[i.saturating_sub(40)..(i + 40).min(bytes.len())].escape_ascii().to_string();
        panic!("{what}: differs at byte {i}\n ours:   {}\n theirs: {}", around(ours), around(theirs));
    }
    assert_eq!(ours.len(), theirs.len(), "{what}: length");
}

#[test]
fn a_root_made_by_dpkg_has_the_same_files() {
    let Some(root) = given_root() else { return };
    let tree = load(&root);
    let cache = ld_so_cache(&tree, &NoBlobs, Arch::Amd64).unwrap();
    assert_same("ld.so.cache", &cache.cache, &at(&root, "etc/ld.so.cache"));
    assert_eq!(cache.links, []);
    let catalog = journal_catalog(&tree, &NoBlobs).unwrap().unwrap();
    assert_same("catalog", &catalog, &at(&root, "var/lib/systemd/catalog/database"));
    for (path, ours) in [shells(&tree, &NoBlobs).unwrap(), pam_common(&tree, &NoBlobs).unwrap()].concat() {
        let path = String::from_utf8(path.relative().to_vec()).unwrap();
        assert_same(&path, &ours, &at(&root, &path));
    }
    let started = std::time::Instant::now();
    let hwdb = hwdb_bin(&tree, &NoBlobs).unwrap().unwrap();
    let took = started.elapsed();
    let hwdb = hwdb.read(&NoBlobs, u64::MAX).unwrap();
    assert_same("hwdb.bin", &hwdb, &at(&root, "usr/lib/udev/hwdb.bin"));
    assert!(took.as_secs_f64() < 3.0, "hwdb.bin took {took:?}");

    let made = ca_certificates(&tree, &NoBlobs).unwrap();
    assert_same("ca-certificates.conf", &made.conf, &at(&root, "etc/ca-certificates.conf"));
    assert_same("ca-certificates.crt", &made.bundle, &at(&root, "etc/ssl/certs/ca-certificates.crt"));
    let links: BTreeMap<_, _> =
        made.links.into_iter().map(|(path, target)| (path.name().unwrap().to_vec(), target)).collect();
    let mut theirs = BTreeMap::new();
    for entry in std::fs::read_dir(root.join("etc/ssl/certs")).unwrap().map(Result::unwrap) {
        if let Ok(target) = std::fs::read_link(entry.path()) {
            theirs.insert(entry.file_name().as_bytes().to_vec(), target.as_os_str().as_bytes().to_vec());
        }
    }
    assert_eq!(links, theirs);
    assert!(matches!(tree.get(&TreePath::literal("/lib")).unwrap().kind, NodeKind::Symlink(_)));
}
