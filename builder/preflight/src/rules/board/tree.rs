//! Whether the device tree is there, and came with the kernel.

use rootsmith_kernel::DeviceTree;
use rootsmith_tree::Content;
use rootsmith_types::TreePath;

use super::{Board, board, over};
use crate::entries::MAX_DEVICE_TREE;
use crate::facts::path;
use crate::rules::Outcome;
use crate::view::View;
use crate::{BootEntry, HandedTree, TreeSource};

pub(in crate::rules) fn device_tree(view: &View<'_>) -> Outcome {
    if let Some(boot) = view.facts.boot
        && let Some(entry) = boot.default_entry(view.facts.arch)
        && let Some(reason) = missing(entry)
    {
        return Outcome::no(reason);
    }
    match board(view) {
        Board::Trees(entry, trees) => over(trees, |tree| belongs(view, entry, tree)),
        Board::Fine(reason) => Outcome::yes(reason),
        Board::Unknown(reason) => Outcome::unknown(reason),
    }
}

/// That what the entry names is not there.
fn missing(entry: &BootEntry) -> Option<String> {
    let own = &entry.path;
    match &entry.device_tree {
        TreeSource::File(file) if entry.missing.contains(file) => {
            Some(format!("`{own}` names the device tree `{file}`, which is not there"))
        }
        TreeSource::Folder(folder, 0) => Some(format!("`{own}` names `{folder}`, in which there is no device tree")),
        TreeSource::Model if entry.device_trees.is_empty() => {
            Some(format!("beside `{own}` there is no device tree for any model"))
        }
        _ => None,
    }
}

/// Whether it is, byte by byte, the one that came with the kernel.
fn belongs(view: &View<'_>, entry: &BootEntry, tree: &HandedTree) -> Outcome {
    if let Err(error) = DeviceTree::read(&tree.data) {
        return Outcome::no(format!("`{}`: {error}", tree.path));
    }
    let release = entry.release.as_deref().or_else(|| view.kernel.as_ref().ok().map(|kernel| kernel.release.as_str()));
    let Some(release) = release else {
        return Outcome::unknown(format!("which kernel `{}` starts is not known", entry.path));
    };
    let Some(folder) =
        FOLDERS.iter().map(|folder| folder.replace("RELEASE", release)).find(|it| view.node(it).is_some())
    else {
        return Outcome::unknown(format!("kernel {release} left no device trees to compare with"));
    };
    let name = tree.path.rsplit('/').next().unwrap_or_default();
    let own = copies(view, &folder, name);
    let same = |(_, content): &&(TreePath, &Content)| {
        content.read(view.facts.blobs, MAX_DEVICE_TREE).is_ok_and(|data| data == tree.data)
    };
    match (own.iter().find(same), own.first()) {
        (Some((at, _)), _) => Outcome::yes(format!("`{}` is `{at}`", tree.path)),
        (None, Some((at, _))) => Outcome::no(format!("`{}` differs from `{at}` of the kernel that boots", tree.path)),
        (None, None) => Outcome::almost(format!(
            "kernel {release} has no device tree `{name}`: whether `{}` fits is not known",
            tree.path
        )),
    }
}

/// Where distributions keep the device trees of a kernel.
const FOLDERS: [&str; 5] = [
    "/usr/lib/linux-image-RELEASE",
    "/usr/lib/firmware/RELEASE/device-tree",
    "/usr/lib/modules/RELEASE/dtb",
    "/boot/dtbs/RELEASE",
    "/boot/dtb-RELEASE",
];

/// The files of this name, whatever vendor's folder they are in.
fn copies<'a>(view: &View<'a>, folder: &str, name: &str) -> Vec<(TreePath, &'a Content)> {
    let tree = view.facts.tree;
    let folder = path(folder).and_then(|at| tree.resolve(&at).ok());
    let entries = folder.iter().flat_map(|folder| tree.walk_from(folder));
    let own = entries.filter(|entry| entry.path.name().is_some_and(|it| it.eq_ignore_ascii_case(name.as_bytes())));
    own.filter_map(|entry| entry.node.content().map(|content| (entry.path.clone(), content))).collect()
}
