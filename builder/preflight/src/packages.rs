//! Which package put a file into a tree: out of the database that the distribution's package manager keeps in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rootsmith_tree::{Blobs, Node, Tree};
use rootsmith_types::TreePath;

/// No list of files is larger.
const MAX_LIST: u64 = 64 << 20;

/// The owners of the files of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packages {
    owners: BTreeMap<TreePath, Arc<str>>,
}

impl Packages {
    /// Reads dpkg's lists (`/var/lib/dpkg/info/*.list`), what distroless images have instead of them
    /// (`/var/lib/dpkg/status.d/*.md5sums`), and apk's database (`/usr/lib/apk/db/installed`, `/lib/apk/db/installed`).
    /// Paths are taken as the tree has them, links to folders followed; folders have no owner.
    pub fn read(tree: &Tree, blobs: &dyn Blobs) -> Packages {
        let mut packages = Packages::default();
        let text = |path: &TreePath| {
            let data = tree.lookup(path).and_then(Node::content)?.read(blobs, MAX_LIST).ok()?;
            Some(String::from_utf8_lossy(&data).into_owned())
        };
        let info = TreePath::literal("/var/lib/dpkg/info");
        for name in tree.children(&info) {
            let Some(package) = std::str::from_utf8(name).ok().and_then(|name| name.strip_suffix(".list")) else {
                continue;
            };
            let package: Arc<str> = package.split(':').next().unwrap_or(package).into();
            let Some(list) = info.join(name).ok().and_then(|path| text(&path)) else { continue };
            list.lines().for_each(|line| packages.take(tree, line, &package));
        }
        let folder = TreePath::literal("/var/lib/dpkg/status.d");
        for name in tree.children(&folder) {
            let Some(package) = std::str::from_utf8(name).ok().and_then(|name| name.strip_suffix(".md5sums")) else {
                continue;
            };
            let Some(list) = folder.join(name).ok().and_then(|path| text(&path)) else { continue };
            // A digest, two spaces, the path without its first slash.
            let paths = list.lines().filter_map(|line| line.split_once("  "));
            paths.for_each(|(_, path)| packages.take(tree, &format!("/{path}"), &package.into()));
        }
        for path in ["/usr/lib/apk/db/installed", "/lib/apk/db/installed"] {
            let Some(list) = TreePath::new(path).ok().and_then(|path| text(&path)) else { continue };
            packages.take_apk(tree, &list);
            break;
        }
        packages
    }

    /// The package that brought the file at `path`, which must be where the tree has it: no links on the way.
    pub fn owner_of(&self, path: &TreePath) -> Option<&str> {
        self.owners.get(path).map(|name| &**name)
    }

    /// apk: `P:` names a package, `F:` a folder, `R:` a file in it.
    fn take_apk(&mut self, tree: &Tree, list: &str) {
        let mut package: Arc<str> = "".into();
        let mut folder = "";
        for line in list.lines() {
            match line.split_once(':') {
                Some(("P", name)) => package = name.into(),
                Some(("F", name)) => folder = name,
                Some(("R", name)) => self.take(tree, &format!("/{folder}/{name}"), &package),
                _ => {}
            }
        }
    }

    fn take(&mut self, tree: &Tree, line: &str, package: &Arc<str>) {
        let Ok(path) = TreePath::new(line) else { return };
        let Ok(path) = tree.resolve_parent(&path) else { return };
        if tree.get(&path).is_some_and(|node| !node.is_directory()) {
            self.owners.insert(path, Arc::clone(package));
        }
    }
}

#[cfg(test)]
mod tests {
    use rootsmith_tree::{Content, Metadata, NoBlobs};

    use super::*;

    fn tree(files: &[(&'static str, &str)]) -> Tree {
        let meta = Metadata::root(0o755, 0);
        let mut tree = Tree::new(meta.clone());
        for (path, text) in files {
            let path = TreePath::literal(path);
            tree.create_directories(&path.parent().unwrap(), &meta).unwrap();
            tree.insert(&path, Node::file(Content::inline(text), meta.clone())).unwrap();
        }
        tree.insert(&TreePath::literal("/bin"), Node::symlink("usr/bin", 0)).unwrap();
        tree
    }

    #[test]
    fn dpkg_distroless_and_apk_know_who_brought_a_file() {
        let list = "/.\n/bin\n/bin/mount\n/usr/bin/gone\n";
        let dpkg = tree(&[("/usr/bin/mount", ""), ("/var/lib/dpkg/info/mount:amd64.list", list)]);
        let packages = Packages::read(&dpkg, &NoBlobs);
        assert_eq!(packages.owner_of(&TreePath::literal("/usr/bin/mount")), Some("mount"));
        assert_eq!(packages.owners.len(), 2, "{packages:?}");

        let digests = "d41d8cd98f00b204e9800998ecf8427e  bin/mount\n";
        let distroless = tree(&[("/usr/bin/mount", ""), ("/var/lib/dpkg/status.d/mount.md5sums", digests)]);
        let packages = Packages::read(&distroless, &NoBlobs);
        assert_eq!(packages.owner_of(&TreePath::literal("/usr/bin/mount")), Some("mount"));

        let apk = tree(&[
            ("/usr/bin/busybox", ""),
            ("/lib/apk/db/installed", "C:Q1\nP:busybox\nV:1\nF:bin\nR:busybox\nZ:Q\n\n"),
        ]);
        let packages = Packages::read(&apk, &NoBlobs);
        assert_eq!(packages.owner_of(&TreePath::literal("/usr/bin/busybox")), Some("busybox"));
    }
}
