//! What takes up the room in an image, by the package that brought it.

use std::collections::BTreeMap;

use rootsmith_tree::{Content, Tree};
use rootsmith_types::{NumBytes, TreePath};
use serde::{Serialize, Serializer};

use crate::Packages;

/// The bytes of an image's files. A file with several names counts once, a hole in a file not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sizes {
    /// All of it.
    #[serde(serialize_with = "bytes")]
    pub total: NumBytes,
    /// How many files.
    pub files: u64,
    /// The largest first.
    pub parts: Vec<Part>,
}

/// Files that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Part {
    /// The package's name, or the folder.
    pub name: String,
    /// Which of the two.
    pub kind: PartKind,
    /// What the files hold.
    #[serde(serialize_with = "bytes")]
    pub size: NumBytes,
    /// How many they are.
    pub files: u64,
}

/// What keeps files together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// A package brought them.
    Package,
    /// No package did; they lie in one folder below the root.
    Folder,
}

impl Sizes {
    /// Measures `tree`. A file with several names is its package's, when one of them is.
    pub fn of(tree: &Tree, packages: &Packages) -> Sizes {
        let mut claims: Vec<Option<Claim>> = vec![None; tree.leaf_slots()];
        for entry in tree.walk() {
            let (Some(leaf), Some(content)) = (entry.leaf, entry.node.content()) else { continue };
            let Some(claim) = claims.get_mut(leaf.index()) else { continue };
            let owner = packages.owner_of(&entry.path);
            if matches!((&claim, owner), (Some((PartKind::Package, ..)), _) | (Some(_), None)) {
                continue;
            }
            *claim = Some(match owner {
                Some(package) => (PartKind::Package, package.to_owned(), data(content)),
                None => (PartKind::Folder, folder(&entry.path), data(content)),
            });
        }
        let mut parts: BTreeMap<(PartKind, String), (u64, u64)> = BTreeMap::new();
        for (kind, name, size) in claims.into_iter().flatten() {
            let (sum, files) = parts.entry((kind, name)).or_default();
            *sum = sum.saturating_add(size);
            *files += 1;
        }
        Sizes::from_parts(parts.into_iter().map(|((kind, name), (size, files))| Part {
            name,
            kind,
            size: NumBytes::new(size),
            files,
        }))
    }

    /// Adds them up and sorts them.
    pub fn from_parts(parts: impl IntoIterator<Item = Part>) -> Sizes {
        let mut parts: Vec<Part> = parts.into_iter().collect();
        parts.sort_by(|a, b| (b.size, a.kind, &a.name).cmp(&(a.size, b.kind, &b.name)));
        let total = parts.iter().fold(0u64, |sum, part| sum.saturating_add(part.size.get()));
        let files = parts.iter().fold(0u64, |sum, part| sum.saturating_add(part.files));
        Sizes { total: NumBytes::new(total), files, parts }
    }
}

/// Whose a file is, and its size.
type Claim = (PartKind, String, u64);

fn data(content: &Content) -> u64 {
    content.data_ranges().iter().fold(0, |sum, range| sum.saturating_add(range.end.saturating_sub(range.start)))
}

/// The first component, or `/` for what lies in the root itself.
fn folder(path: &TreePath) -> String {
    let mut components = path.components();
    match (components.next(), components.next()) {
        (Some(first), Some(_)) => format!("/{}", String::from_utf8_lossy(first)),
        _ => "/".to_owned(),
    }
}

fn bytes<S: Serializer>(size: &NumBytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(size.get())
}

#[cfg(test)]
mod tests {
    use rootsmith_tree::{Metadata, NoBlobs, Node, Run, Sparse};

    use super::*;

    #[test]
    fn files_count_once_and_belong_to_their_package() {
        let meta = Metadata::root(0o755, 0);
        let mut tree = Tree::new(meta.clone());
        let mut put = |path: &'static str, content: Content| {
            let path = TreePath::literal(path);
            tree.create_directories(&path.parent().unwrap(), &meta).unwrap();
            tree.insert(&path, Node::file(content, meta.clone())).unwrap();
        };
        put("/usr/bin/tool", Content::inline([1; 100]));
        put("/opt/agent", Content::inline([1; 30]));
        put(
            "/swap",
            Content::Sparse(Sparse::new(1 << 40, vec![Run { offset: 5, data: [1; 7].into() }]).unwrap().into()),
        );
        put("/var/lib/dpkg/info/tool.list", Content::inline("/usr/bin/tool\n"));
        // The name without an owner comes first.
        tree.hard_link(&TreePath::literal("/opt/tool"), &TreePath::literal("/usr/bin/tool")).unwrap();
        tree.insert(&TreePath::literal("/usr/bin/other"), Node::symlink("tool", 0)).unwrap();

        let sizes = Sizes::of(&tree, &Packages::read(&tree, &NoBlobs));
        let parts: Vec<(&str, PartKind, u64, u64)> =
            sizes.parts.iter().map(|part| (part.name.as_str(), part.kind, part.size.get(), part.files)).collect();
        assert_eq!(
            parts,
            [
                ("tool", PartKind::Package, 100, 1),
                ("/opt", PartKind::Folder, 30, 1),
                ("/var", PartKind::Folder, 14, 1),
                ("/", PartKind::Folder, 7, 1),
            ]
        );
        assert_eq!((sizes.total.get(), sizes.files), (151, 4));
    }
}
