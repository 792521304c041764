//! What differs between the tree that was wanted and the one that was found.

use std::collections::BTreeMap;
use std::fmt;

use rootsmith_tree::{Blobs, Content, Entry, LeafId, Metadata, Mtime, Node, NodeKind, Tree};
use rootsmith_types::{Blame, ContentDigest, Explain, Subject, TreePath};

use crate::{Kind, ReadBack, ReadBackError, Seen, Times};

/// One difference, at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub path: TreePath,
    /// What.
    pub what: What,
}

/// How two entries differ, or two trees. Wanted comes first, found second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It was wanted and not found.
    Missing,
    /// It was found and not wanted.
    Additional,
    /// Type letters as `ls -l` has them.
    Kind(char, char),
    /// Permission bits.
    Mode(u16, u16),
    /// User and group.
    Owner((u32, u32), (u32, u32)),
    /// Time of last modification, as far as the format holds it.
    Mtime(Mtime, Mtime),
    /// Length of a content.
    Size(u64, u64),
    /// Digest of a content.
    Content(ContentDigest, ContentDigest),
    /// Target of a symbolic link.
    Target(Vec<u8>, Vec<u8>),
    /// Major and minor number.
    Device((u32, u32), (u32, u32)),
    /// The extended attribute with this name.
    Xattr(Vec<u8>),
    /// The first name of the same file.
    HardLink(TreePath, TreePath),
    /// Entries in all; so that two walks which met nothing can never pass for two equal trees.
    Count(usize, usize),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        let time = |time: &Mtime| format!("{}.{:09}", time.seconds, time.nanoseconds);
        match &self.what {
            What::Missing => write!(f, "`{path}` is missing"),
            What::Additional => write!(f, "`{path}` should not be there"),
            What::Kind(wanted, found) => write!(f, "`{path}` is of type `{found}` instead of `{wanted}`"),
            What::Mode(wanted, found) => write!(f, "`{path}` has mode {found:04o} instead of {wanted:04o}"),
            What::Owner((user, group), (found_user, found_group)) => {
                write!(f, "`{path}` belongs to {found_user}:{found_group} instead of {user}:{group}")
            }
            What::Mtime(wanted, found) => {
                write!(f, "`{path}` was modified at {} instead of {}", time(found), time(wanted))
            }
            What::Size(wanted, found) => write!(f, "`{path}` has {found} bytes instead of {wanted}"),
            What::Content(wanted, found) => write!(f, "`{path}` has digest {found} instead of {wanted}"),
            What::Target(wanted, found) => {
                write!(f, "`{path}` leads to `{}` instead of `{}`", found.escape_ascii(), wanted.escape_ascii())
            }
            What::Device((major, minor), (found_major, found_minor)) => {
                write!(f, "`{path}` is device {found_major}:{found_minor} instead of {major}:{minor}")
            }
            What::Xattr(name) => write!(f, "`{path}` has another extended attribute `{}`", name.escape_ascii()),
            What::HardLink(wanted, found) => write!(f, "`{path}` is one file with `{found}` instead of `{wanted}`"),
            What::Count(wanted, found) => write!(f, "{found} entries were compared instead of {wanted}"),
        }
    }
}

impl std::error::Error for Difference {}

impl Explain for Difference {
    fn subject(&self) -> Subject {
        Subject::Path(self.path.clone())
    }

    fn blame(&self) -> Blame {
        Blame::Ours
    }
}

/// Every difference that the reader could see, in the order of paths. `blobs` holds the wanted contents; only those without
/// a known digest are read.
pub fn compare(wanted: &Tree, blobs: &dyn Blobs, found: &ReadBack<'_>) -> Result<Vec<Difference>, ReadBackError> {
    let mut differences = compare_seen((wanted, blobs), (&found.tree, found), &found.seen)?;
    differences.retain(|difference| difference.what != What::Additional || !is_lost_and_found(&difference.path, found));
    Ok(differences)
}

/// The same for a tree that another reader found, which sees what `seen` says.
pub fn compare_seen(
    (wanted, blobs): (&Tree, &dyn Blobs),
    (found, found_blobs): (&Tree, &dyn Blobs),
    seen: &Seen,
) -> Result<Vec<Difference>, ReadBackError> {
    let mut differences = Vec::new();
    let mut compared = 0;
    let mut first_wanted = FirstNames::new(wanted);
    let mut first_found = FirstNames::new(found);
    for entry in wanted.walk() {
        let mut differs = |what| differences.push(Difference { path: entry.path.clone(), what });
        let Some(node) = found.get(&entry.path) else {
            differs(What::Missing);
            continue;
        };
        compared += 1;
        compare_metadata(&entry, node, seen, &mut differs);
        compare_kinds(entry.node, node, seen, (blobs, found_blobs), &mut differs)?;
        if seen.hard_links {
            let (leaf, found_leaf) = (entry.leaf, found.leaf_id(&entry.path));
            if first_wanted.are_several(leaf) || first_found.are_several(found_leaf) {
                let names = (first_wanted.of(leaf, &entry.path), first_found.of(found_leaf, &entry.path));
                if let (Some(wanted), Some(found)) = names
                    && wanted != found
                {
                    differs(What::HardLink(wanted, found));
                }
            }
        }
    }
    let mut in_both = 0;
    for entry in found.walk() {
        if wanted.get(&entry.path).is_some() {
            in_both += 1;
        } else {
            differences.push(Difference { path: entry.path, what: What::Additional });
        }
    }
    // Counted from either side, by different means; both must have met every wanted entry.
    let count = wanted.walk().count();
    let missing = differences.iter().filter(|difference| difference.what == What::Missing).count();
    for met in [compared, in_both] {
        if met + missing != count || met == 0 {
            differences.push(Difference { path: TreePath::root(), what: What::Count(count, met) });
        }
    }
    differences.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(differences)
}

/// `mke2fs` and every other maker of ext4 leave an empty `/lost+found` for `e2fsck`.
fn is_lost_and_found(path: &TreePath, found: &ReadBack<'_>) -> bool {
    found.kind == Kind::Ext4
        && path.as_bytes() == b"/lost+found"
        && found.tree.get(path).is_some_and(Node::is_directory)
        && found.tree.children(path).next().is_none()
}

fn compare_metadata(wanted: &Entry<'_>, found: &Node, seen: &Seen, differs: &mut dyn FnMut(What)) {
    let (meta, found) = (&wanted.node.metadata, &found.metadata);
    if seen.mode && meta.mode != found.mode {
        differs(What::Mode(meta.mode, found.mode));
    }
    if seen.owner && (meta.uid, meta.gid) != (found.uid, found.gid) {
        differs(What::Owner((meta.uid, meta.gid), (found.uid, found.gid)));
    }
    let mtime = match seen.mtime {
        Times::Exact => Some(meta.mtime),
        Times::Seconds => Some(Mtime { nanoseconds: 0, ..meta.mtime }),
        Times::EvenSeconds if wanted.path.is_root() => None,
        Times::EvenSeconds => Some(even(meta.mtime)),
    };
    if let Some(mtime) = mtime
        && mtime != found.mtime
    {
        differs(What::Mtime(mtime, found.mtime));
    }
    if seen.xattrs {
        compare_xattrs(meta, found, differs);
    }
}

fn compare_xattrs(wanted: &Metadata, found: &Metadata, differs: &mut dyn FnMut(What)) {
    let value = |meta: &Metadata, name: &[u8]| meta.xattrs.as_ref().and_then(|xattrs| xattrs.get(name).cloned());
    for (name, wanted) in wanted.xattrs() {
        if value(found, name).as_deref() != Some(wanted) {
            differs(What::Xattr(name.to_vec()));
        }
    }
    for (name, _) in found.xattrs() {
        if value(wanted, name).is_none() {
            differs(What::Xattr(name.to_vec()));
        }
    }
}

fn compare_kinds(
    wanted: &Node,
    found: &Node,
    seen: &Seen,
    (blobs, found_blobs): (&dyn Blobs, &dyn Blobs),
    differs: &mut dyn FnMut(What),
) -> Result<(), ReadBackError> {
    match (&wanted.kind, &found.kind) {
        (NodeKind::File(wanted), NodeKind::File(found)) => {
            if wanted.size() != found.size() {
                differs(What::Size(wanted.size(), found.size()));
            } else if !same_bytes(wanted, found) {
                let digests = (wanted.digest(blobs)?, found.digest(found_blobs)?);
                if digests.0 != digests.1 {
                    differs(What::Content(digests.0, digests.1));
                }
            }
        }
        (NodeKind::Symlink(wanted), NodeKind::Symlink(found)) if wanted != found => {
            differs(What::Target(wanted.to_vec(), found.to_vec()));
        }
        (NodeKind::CharDevice { major, minor }, NodeKind::CharDevice { major: found_major, minor: found_minor })
        | (NodeKind::BlockDevice { major, minor }, NodeKind::BlockDevice { major: found_major, minor: found_minor })
            if seen.devices && (major, minor) != (found_major, found_minor) =>
        {
            differs(What::Device((*major, *minor), (*found_major, *found_minor)));
        }
        _ if wanted.letter() != found.letter() => differs(What::Kind(wanted.letter(), found.letter())),
        _ => {}
    }
    Ok(())
}

/// Whether both are in memory and equal, which needs no digest.
fn same_bytes(wanted: &Content, found: &Content) -> bool {
    matches!((wanted, found), (Content::Inline(wanted), Content::Inline(found)) if wanted == found)
}

/// As FAT keeps times: 1980 to 2107, rounded down to an even second.
fn even(mtime: Mtime) -> Mtime {
    let seconds = mtime.seconds.clamp(315_532_800, 4_354_819_198);
    Mtime { seconds: seconds - seconds.rem_euclid(2), nanoseconds: 0 }
}

/// The first name, in the order of paths, of each file with several. Of the others nothing is kept: there may be millions.
struct FirstNames<'a> {
    tree: &'a Tree,
    met: BTreeMap<LeafId, TreePath>,
}

impl FirstNames<'_> {
    fn new(tree: &Tree) -> FirstNames<'_> {
        FirstNames { tree, met: BTreeMap::new() }
    }

    /// Whether this leaf has other names.
    fn are_several(&self, leaf: Option<LeafId>) -> bool {
        leaf.is_some_and(|leaf| self.tree.links(leaf) > 1)
    }

    /// The first name under which this leaf was met; names come in the order of paths.
    fn of(&mut self, leaf: Option<LeafId>, path: &TreePath) -> Option<TreePath> {
        match leaf? {
            leaf if self.are_several(Some(leaf)) => Some(self.met.entry(leaf).or_insert_with(|| path.clone()).clone()),
            _ => Some(path.clone()),
        }
    }
}
