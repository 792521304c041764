//! Whether the root of an image, or another partition, grows on its first boot.

use rootsmith_preflight::PartitionFacts;
use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::TreePath;

use crate::compose;
use crate::image::text;

/// Where OpenRC and System V's init have what they start, a link each.
const STARTED: [&str; 7] = [
    "/etc/runlevels/sysinit",
    "/etc/runlevels/boot",
    "/etc/runlevels/default",
    "/etc/rcS.d",
    "/etc/rc2.d",
    "/etc/rc3.d",
    "/etc/rc5.d",
];
/// What grows a partition, and what grows the file system in it.
const PARTITION: [&str; 4] = ["sfdisk", "growpart", "parted", "sgdisk"];
const FILE_SYSTEM: [&str; 3] = ["resize2fs", "xfs_growfs", "btrfs"];

/// By systemd-repart with a definition for it and growfs, by cloud-init's growpart, or by a script of the init's that calls the
/// tools.
pub(crate) fn root_grows(tree: &Tree, blobs: &dyn Blobs) -> bool {
    by_cloud_init(tree, blobs) || by_systemd(tree, blobs) || by_script(tree, blobs)
}

fn by_cloud_init(tree: &Tree, blobs: &dyn Blobs) -> bool {
    let there = tree.lookup(&TreePath::literal("/usr/bin/growpart")).is_some();
    there && text(tree, blobs, &TreePath::literal("/etc/cloud/cloud.cfg")).contains("growpart")
}

fn by_systemd(tree: &Tree, blobs: &dyn Blobs) -> bool {
    let fstab = text(tree, blobs, &TreePath::literal("/etc/fstab"));
    let growfs = fstab.lines().filter(|line| !line.trim_start().starts_with('#')).any(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        fields.get(1) == Some(&"/") && fields.get(3).is_some_and(|it| it.split(',').any(|it| it == "x-systemd.growfs"))
    });
    let mut definitions = ["/etc/repart.d", "/usr/lib/repart.d"].into_iter().flat_map(|folder| within(tree, folder));
    let repart = definitions.any(|path| {
        let text = text(tree, blobs, &path);
        text.lines().filter_map(|line| line.trim().strip_prefix("Type=")).any(|kind| kind.starts_with("root"))
    });
    growfs && repart && tree.lookup(&TreePath::literal("/usr/bin/systemd-repart")).is_some()
}

/// The partitions, and of each that `/etc/fstab` mounts whether its file system grows: systemd's word stands in its line.
pub(crate) fn with_growth(partitions: &[PartitionFacts], tree: &Tree, blobs: &dyn Blobs) -> Vec<PartitionFacts> {
    let fstab = text(tree, blobs, &TreePath::literal("/etc/fstab"));
    let growing = |partition: &PartitionFacts| {
        fstab.lines().filter(|line| !line.trim_start().starts_with('#')).any(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            fields.first().is_some_and(|device| compose::is(partition, device))
                && fields.get(3).is_some_and(|it| it.split(',').any(|it| it == "x-systemd.growfs"))
        })
    };
    let mut partitions = partitions.to_vec();
    for partition in &mut partitions {
        let grows = growing(partition);
        if let Some(room) = &mut partition.room {
            room.grows = grows;
        }
    }
    partitions
}

fn by_script(tree: &Tree, blobs: &dyn Blobs) -> bool {
    STARTED.into_iter().flat_map(|folder| within(tree, folder)).any(|path| {
        let text = text(tree, blobs, &path);
        let calls = |tools: &[&str]| {
            let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
            lines.flat_map(str::split_ascii_whitespace).any(|word| {
                let name = word.rsplit('/').next().unwrap_or(word);
                tools.contains(&name) && installed(tree, name)
            })
        };
        calls(&PARTITION) && calls(&FILE_SYSTEM)
    })
}

fn installed(tree: &Tree, tool: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        .into_iter()
        .any(|folder| TreePath::literal(folder).join(tool).is_ok_and(|path| tree.lookup(&path).is_some()))
}

fn within(tree: &Tree, folder: &'static str) -> Vec<TreePath> {
    let folder = TreePath::literal(folder);
    tree.children(&folder).filter_map(|name| folder.join(name).ok()).collect()
}

#[cfg(test)]
mod tests {
    use rootsmith_tree::{Content, Metadata, NoBlobs, Node};

    use super::*;

    fn tree(files: &[(&'static str, &str)], links: &[(&'static str, &str)]) -> Tree {
        let mut tree = Tree::new(Metadata::root(0o755, 0));
        let mut put = |path: &'static str, node: Node| {
            let path = TreePath::literal(path);
            tree.create_directories(&path.parent().unwrap(), &Metadata::root(0o755, 0)).unwrap();
            tree.insert(&path, node).unwrap();
        };
        for (path, text) in files {
            put(path, Node::file(Content::inline(text), Metadata::root(0o755, 0)));
        }
        for (path, target) in links {
            put(path, Node::symlink(target, 0));
        }
        tree
    }

    #[test]
    fn a_script_grows_it_that_is_started_and_has_its_tools() {
        let script = "#!/usr/sbin/openrc-run\necho ', +' | sfdisk -N 2 /dev/vda && /usr/sbin/resize2fs /dev/vda2\n";
        let (sfdisk, resize) = (("/usr/sbin/sfdisk", ""), ("/usr/sbin/resize2fs", ""));
        let link = ("/etc/runlevels/sysinit/grow", "/etc/init.d/grow");
        let grows =
            |files: &[(&'static str, &str)], links: &[(&'static str, &str)]| root_grows(&tree(files, links), &NoBlobs);
        assert!(grows(&[("/etc/init.d/grow", script), sfdisk, resize], &[link]));
        assert!(!grows(&[("/etc/init.d/grow", script), sfdisk, resize], &[]), "nobody starts it");
        assert!(!grows(&[("/etc/init.d/grow", script), sfdisk], &[link]), "a tool is missing");
        let spoken_of = "#!/bin/sh\n# sfdisk and resize2fs would do it\n";
        assert!(!grows(&[("/etc/init.d/grow", spoken_of), sfdisk, resize], &[link]), "a comment does nothing");
        let once = ("/etc/rc3.d/S01resize2fs_once", "../init.d/grow");
        assert!(grows(&[("/etc/init.d/grow", script), sfdisk, resize], &[once]));
    }
}
