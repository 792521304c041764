//! The root among the file systems of a disk, and the others at the places where its `/etc/fstab` mounts them.

use std::collections::BTreeMap;
use std::io;

use rootsmith_preflight::{PartitionFacts, fstab_field};
use rootsmith_tree::{Blob, Blobs, Content, Metadata, NodeKind, PackId, Tree};
use rootsmith_types::TreePath;

use crate::image::{Found, looks_like_root, text};

/// Where the files of firmware are mounted: they are not part of the system's tree.
const FIRMWARE: [&str; 3] = ["/boot/efi", "/efi", "/boot/firmware"];

/// The root with everything in its place.
pub(crate) struct Mounts {
    pub(crate) tree: Tree,
    /// Of each container of the tree: which volume, and which container there. Empty when nothing was mounted.
    pub(crate) packs: Vec<(usize, PackId)>,
    pub(crate) notes: Vec<String>,
}

/// The root: the first file system that looks like one and has a name that says so, else the first that looks like one.
pub(crate) fn root(volumes: &[Found], partitions: &[PartitionFacts]) -> Option<usize> {
    let candidates: Vec<usize> =
        (0..volumes.len()).filter(|&index| looks_like_root(&volumes[index].volume.tree)).collect();
    let named = candidates.iter().copied().find(|&index| {
        let partition = volumes[index].partition.and_then(|at| partitions.get(at));
        partition.is_some_and(|partition| partition.partlabel.to_ascii_lowercase().starts_with("root"))
    });
    named.or_else(|| candidates.first().copied())
}

/// Puts the other file systems where `/etc/fstab` of the root mounts them.
pub(crate) fn mount(volumes: &[Found], root: usize, partitions: &[PartitionFacts]) -> Mounts {
    let own = &volumes[root].volume;
    let fstab = text(&own.tree, own, &TreePath::literal("/etc/fstab"));
    let mut wanted: Vec<(TreePath, usize)> = Vec::new();
    let mut notes = Vec::new();
    for line in fstab.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let mut fields = line.split_ascii_whitespace();
        let (Some(device), Some(point)) = (fields.next(), fields.next()) else { continue };
        if point == "/" || !point.starts_with('/') || FIRMWARE.contains(&point) {
            continue;
        }
        let Some(partition) = partitions.iter().position(|partition| is(partition, device)) else { continue };
        let Ok(point) = TreePath::new(fstab_field(point)) else { continue };
        match volumes.iter().position(|found| found.partition == Some(partition)) {
            // Once is enough: a table may name one a million times.
            Some(index) if index != root && wanted.iter().all(|(_, there)| *there != index) => {
                wanted.push((point, index))
            }
            Some(_) => {}
            None => {
                let filesystem = partitions[partition].filesystem.as_deref().unwrap_or("unknown");
                notes.push(format!("what is mounted at `{point}` could not be read: it is {filesystem}"));
            }
        }
    }
    // What is mounted below another mount point comes after it.
    wanted.sort_by_key(|(point, _)| point.components().count());
    if wanted.is_empty() {
        return Mounts { tree: own.tree.clone(), packs: Vec::new(), notes };
    }
    let others = wanted.iter().map(|(point, index)| (point, *index, &volumes[*index].volume.tree));
    let (tree, packs) = grafted((root, &own.tree), others);
    Mounts { tree, packs, notes }
}

/// `root`, which is a volume's number and tree, with the others in their places.
fn grafted<'a>(
    root: (usize, &Tree),
    others: impl Iterator<Item = (&'a TreePath, usize, &'a Tree)>,
) -> (Tree, Vec<(usize, PackId)>) {
    let (number, own) = root;
    let mut packs = Packs::default();
    let metadata = own.get(&TreePath::root()).map(|node| node.metadata.clone());
    let mut tree = Tree::new(metadata.unwrap_or_else(|| Metadata::root(0o755, 0)));
    graft(&mut tree, &TreePath::root(), own, number, &mut packs);
    for (point, index, from) in others {
        let point = tree.resolve(point).unwrap_or_else(|_| point.clone());
        graft(&mut tree, &point, from, index, &mut packs);
    }
    (tree, packs.list)
}

/// Several trees as one. As [`Blobs`] it serves the contents of each.
pub struct Composed<'a> {
    /// All of it.
    pub tree: Tree,
    packs: Vec<(usize, PackId)>,
    blobs: Vec<&'a dyn Blobs>,
}

impl<'a> Composed<'a> {
    /// `root` with the others, each in the place of what is there; what is to lie below another comes after it.
    pub fn new(root: (&Tree, &'a dyn Blobs), others: &[(&TreePath, &Tree, &'a dyn Blobs)]) -> Composed<'a> {
        let numbered = others.iter().enumerate().map(|(at, (point, tree, _))| (*point, at + 1, *tree));
        let (tree, packs) = grafted((0, root.0), numbered);
        let blobs = std::iter::once(root.1).chain(others.iter().map(|(.., blobs)| *blobs)).collect();
        Composed { tree, packs, blobs }
    }
}

impl Blobs for Composed<'_> {
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let &(volume, pack) = self.packs.get(blob.pack.0 as usize).ok_or(io::ErrorKind::NotFound)?;
        self.blobs[volume].read_at(&Blob { pack, ..*blob }, offset, buf)
    }

    fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Whether `/etc/fstab`'s first field names the partition.
pub(crate) fn is(partition: &PartitionFacts, device: &str) -> bool {
    let Some((key, value)) = device.split_once('=') else { return false };
    let value = value.trim_matches('"');
    let same = |there: Option<&str>| there.is_some_and(|there| there.eq_ignore_ascii_case(value));
    match key {
        "UUID" => same(partition.uuid.as_deref()),
        "PARTUUID" => same(Some(&partition.partuuid)),
        "LABEL" => partition.label.as_deref() == Some(value),
        "PARTLABEL" => partition.partlabel == value,
        _ => false,
    }
}

/// Numbers for the containers of several volumes.
#[derive(Default)]
struct Packs {
    list: Vec<(usize, PackId)>,
    known: BTreeMap<(usize, PackId), PackId>,
}

impl Packs {
    fn number(&mut self, volume: usize, pack: PackId) -> Option<PackId> {
        if let Some(number) = self.known.get(&(volume, pack)) {
            return Some(*number);
        }
        let number = PackId(u32::try_from(self.list.len()).ok()?);
        self.list.push((volume, pack));
        self.known.insert((volume, pack), number);
        Some(number)
    }
}

/// Puts all of `from` at `point`, in the place of what is there.
fn graft(tree: &mut Tree, point: &TreePath, from: &Tree, volume: usize, packs: &mut Packs) {
    if !point.is_root() {
        tree.remove(point);
    }
    let mut names: BTreeMap<usize, TreePath> = BTreeMap::new();
    for entry in from.walk() {
        let path = if entry.path.is_root() { Ok(point.clone()) } else { point.join(entry.path.relative()) };
        // Longer than a path may be: nobody could open it either.
        let Ok(path) = path else { continue };
        if path.is_root() {
            continue;
        }
        let first = entry.leaf.and_then(|leaf| names.get(&leaf.index()));
        // What cannot be put there lies below something that could not: a folder on the way that is none.
        let _ = match first {
            Some(first) => tree.hard_link(&path, first),
            None => {
                let mut node = entry.node.clone();
                if let NodeKind::File(Content::Blob(blob)) = &node.kind {
                    let Some(pack) = packs.number(volume, blob.pack) else { continue };
                    node.kind = NodeKind::File(Content::Blob(Blob { pack, ..*blob }));
                }
                if let Some(leaf) = entry.leaf {
                    names.insert(leaf.index(), path.clone());
                }
                if let Some(parent) = path.parent() {
                    let _ = tree.create_directories(&parent, &entry.node.metadata);
                }
                tree.insert(&path, node)
            }
        };
    }
}
