//! A tree as layers of a container image, so that images with packages in common have layers in common.
//!
//! The largest packages get a layer each, the others share one, and what no package brought is in the last: accounts, caches, overlays,
//! payloads, what the profile declares. A layer of packages is the same in every image that has these packages in these versions and configures
//! none of their files.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rootsmith_assemble::{Owner, Owners};
use rootsmith_tree::{Tree, TreeError};
use rootsmith_types::{PackageName, TreePath};

/// At most `count` layers, which is two at least; laid over each other they are `tree`.
pub(crate) fn layers(tree: &Tree, owners: &Owners, count: usize) -> Result<Vec<Tree>, TreeError> {
    let package = |path: &TreePath| match owners.exactly(path) {
        Some(Owner::Package(name)) => Some(name),
        _ => None,
    };
    let mut sizes: BTreeMap<&PackageName, u64> = BTreeMap::new();
    for entry in tree.walk().filter(|entry| entry.leaf.is_some()) {
        if let Some(name) = package(&entry.path) {
            *sizes.entry(name).or_default() += entry.node.content().map_or(0, |content| content.size());
        }
    }
    let mut largest: Vec<(&PackageName, u64)> = sizes.into_iter().collect();
    largest.sort_by_key(|(name, size)| (Reverse(*size), *name));
    let alone: BTreeMap<&PackageName, usize> =
        largest.iter().take(count.saturating_sub(2)).enumerate().map(|(at, (name, _))| (*name, at)).collect();
    let (shared, last) = (alone.len(), alone.len() + 1);
    let layer_of = |path: &TreePath| package(path).map_or(last, |name| alone.get(name).copied().unwrap_or(shared));

    let root = tree.get(&TreePath::root()).map(|node| node.metadata.clone());
    let root = root.ok_or_else(|| TreeError::NotFound(TreePath::root()))?;
    let mut layers: Vec<Tree> = (0..=last).map(|_| Tree::new(root.clone())).collect();
    // A hard link cannot lead to another layer.
    let mut links: BTreeMap<usize, (usize, TreePath)> = BTreeMap::new();
    for entry in tree.walk() {
        let Some(leaf) = entry.leaf else {
            put_folders(tree, &mut layers[last], &entry.path)?;
            continue;
        };
        match links.get(&leaf.index()) {
            Some((at, first)) => {
                folders_above(tree, &mut layers[*at], &entry.path)?;
                layers[*at].hard_link(&entry.path, first)?;
            }
            None => {
                let at = layer_of(&entry.path);
                folders_above(tree, &mut layers[at], &entry.path)?;
                layers[at].insert(&entry.path, entry.node.clone())?;
                links.insert(leaf.index(), (at, entry.path));
            }
        }
    }
    let rest = layers.split_off(last);
    layers.retain(|layer| layer.walk().any(|entry| entry.leaf.is_some()));
    layers.extend(rest);
    Ok(layers)
}

fn folders_above(tree: &Tree, layer: &mut Tree, path: &TreePath) -> Result<(), TreeError> {
    path.parent().map_or(Ok(()), |parent| put_folders(tree, layer, &parent))
}

/// The folder `path` and those above it, as `tree` has them.
fn put_folders(tree: &Tree, layer: &mut Tree, path: &TreePath) -> Result<(), TreeError> {
    if layer.get(path).is_some() {
        return Ok(());
    }
    folders_above(tree, layer, path)?;
    let node = tree.get(path).ok_or_else(|| TreeError::NotFound(path.clone()))?;
    layer.insert(path, node.clone())
}

#[cfg(test)]
mod tests {
    use rootsmith_tree::{Content, Metadata, Node};

    use super::*;

    fn path(text: &'static str) -> TreePath {
        TreePath::literal(text)
    }

    /// Files by path, owner and size, and a link of the first to `/usr/bin/link`.
    fn tree(files: &[(&'static str, Option<&str>, usize)]) -> (Tree, Owners) {
        let mut tree = Tree::new(Metadata::root(0o755, 0));
        let mut owners = Owners::default();
        for (at, owner, size) in files {
            let at = path(at);
            tree.create_directories(&at.parent().unwrap(), &Metadata::root(0o750, 7)).unwrap();
            tree.insert(&at, Node::file(Content::inline(vec![b'x'; *size]), Metadata::root(0o644, 0))).unwrap();
            if let Some(owner) = owner {
                owners.set(at, Owner::Package(owner.parse().unwrap()));
            }
        }
        tree.create_directories(&path("/empty"), &Metadata::root(0o700, 0)).unwrap();
        tree.create_directories(&path("/usr/bin"), &Metadata::root(0o750, 7)).unwrap();
        tree.hard_link(&path("/usr/bin/link"), &path(files[0].0)).unwrap();
        owners.set(path("/usr/bin/link"), Owner::Package(files[0].1.unwrap().parse().unwrap()));
        (tree, owners)
    }

    fn names(layer: &Tree) -> Vec<String> {
        layer.walk().filter(|entry| entry.leaf.is_some()).map(|entry| entry.path.to_string()).collect()
    }

    /// What layers make when one is laid over the other; their links stay within them.
    fn together(layers: &[Tree]) -> String {
        let mut whole = Tree::new(Metadata::root(0o755, 0));
        let mut first: BTreeMap<(usize, usize), TreePath> = BTreeMap::new();
        for (number, layer) in layers.iter().enumerate() {
            for entry in layer.walk() {
                match entry.leaf.and_then(|leaf| first.get(&(number, leaf.index()))) {
                    Some(there) => whole.hard_link(&entry.path, there).unwrap(),
                    None => whole.insert(&entry.path, entry.node.clone()).unwrap(),
                }
                if let Some(leaf) = entry.leaf {
                    first.entry((number, leaf.index())).or_insert(entry.path);
                }
            }
        }
        whole.dump()
    }

    const FILES: [(&str, Option<&str>, usize); 5] = [
        ("/usr/lib/big", Some("big"), 900),
        ("/usr/lib/small", Some("small"), 5),
        ("/usr/lib/tiny", Some("tiny"), 1),
        ("/usr/share/middle", Some("middle"), 50),
        ("/etc/passwd", None, 10),
    ];

    #[test]
    fn the_largest_packages_are_alone_and_the_layers_are_the_tree() {
        let (tree, owners) = tree(&FILES);
        for count in 2..9 {
            let layers = layers(&tree, &owners, count).unwrap();
            assert_eq!(layers.len(), count.min(5), "{count}");
            assert_eq!(together(&layers), tree.dump(), "{count}");
        }
        let layers = layers(&tree, &owners, 4).unwrap();
        let names: Vec<Vec<String>> = layers.iter().map(names).collect();
        assert_eq!(names[0], ["/usr/bin/link", "/usr/lib/big"]);
        assert_eq!(names[1], ["/usr/share/middle"]);
        assert_eq!(names[2], ["/usr/lib/small", "/usr/lib/tiny"]);
        assert_eq!(names[3], ["/etc/passwd"]);
    }

    #[test]
    fn another_profile_with_the_same_packages_has_the_same_layers_but_the_last() {
        let (one, owners) = tree(&FILES);
        let mut other = one.clone();
        other.insert(&path("/etc/passwd"), Node::file(Content::inline("other"), Metadata::root(0o600, 3))).unwrap();
        other.insert(&path("/etc/more"), Node::file(Content::inline("more"), Metadata::root(0o600, 3))).unwrap();
        let dumps = |tree: &Tree| -> Vec<String> { layers(tree, &owners, 4).unwrap().iter().map(Tree::dump).collect() };
        let (one, other) = (dumps(&one), dumps(&other));
        assert_eq!(one[..3], other[..3]);
        assert_ne!(one[3], other[3]);
    }
}
