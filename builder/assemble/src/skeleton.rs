//! What `base-files` brings to every system, for an image in which it is not installed: the folders, the links of merged
//! `/usr`, and the name of the distribution.

use rootsmith_tree::{Metadata, Node};
use rootsmith_types::{Arch, TreePath, UnixTime};

use crate::{Assembly, Owner, Package};

/// The folders, each behind the one it is in.
const FOLDERS: [(&str, u16); 26] = [
    ("/boot", 0o755),
    ("/dev", 0o755),
    ("/etc", 0o755),
    ("/home", 0o755),
    ("/media", 0o755),
    ("/mnt", 0o755),
    ("/opt", 0o755),
    ("/proc", 0o755),
    ("/root", 0o700),
    ("/run", 0o755),
    ("/srv", 0o755),
    ("/sys", 0o755),
    ("/tmp", 0o1777),
    ("/usr", 0o755),
    ("/usr/bin", 0o755),
    ("/usr/lib", 0o755),
    ("/usr/sbin", 0o755),
    ("/usr/share", 0o755),
    ("/usr/local", 0o755),
    ("/usr/local/bin", 0o755),
    ("/var", 0o755),
    ("/var/cache", 0o755),
    ("/var/lib", 0o755),
    ("/var/log", 0o755),
    ("/var/spool", 0o755),
    ("/var/tmp", 0o1777),
];

const LINKS: [(&str, &str); 5] =
    [("/bin", "usr/bin"), ("/lib", "usr/lib"), ("/sbin", "usr/sbin"), ("/var/lock", "/run/lock"), ("/var/run", "/run")];

/// What `/etc/os-release` leads to, and itself: taken out of `base-files` as they are.
pub(crate) const RELEASE: [&str; 2] = ["/usr/lib/os-release", "/etc/os-release"];

/// Whether `package` is the one that would bring all this.
pub(crate) fn is_base(package: &Package) -> bool {
    package.locked.name == *"base-files"
}

/// Lays out folders and links in a tree that has nothing yet.
pub(crate) fn skeleton(assembly: &mut Assembly, arch: Arch, date: UnixTime) {
    let folders = FOLDERS.iter().map(|(path, mode)| (*path, Node::directory(Metadata::root(*mode, date))));
    let links = LINKS.iter().map(|(path, target)| (*path, Node::symlink(*target, date)));
    // Where the psABI of x86-64 looks for the loader of programs; other architectures have theirs in `/lib`.
    let amd64 = (arch == Arch::Amd64).then(|| {
        let folder = Node::directory(Metadata::root(0o755, date));
        [("/usr/lib64", folder), ("/lib64", Node::symlink("usr/lib64", date))]
    });
    for (path, node) in folders.chain(links).chain(amd64.into_iter().flatten()) {
        let path = TreePath::literal(path);
        // Each stands behind its parent, and none is there twice.
        assembly.tree.insert(&path, node).expect("the tree is empty");
        assembly.owners.set(path, Owner::Builder("skeleton"));
    }
}
