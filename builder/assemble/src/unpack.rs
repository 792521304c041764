//! The packages' files, laid out as dpkg would.
//!
//! Rules, in dpkg's words: a directory that is a symbolic link stays one and files go where it leads (merged `/usr`); a
//! path that two packages bring belongs to the one that `Replaces` the other; directories may be shared, the first package
//! that brings one decides its owner and mode.

use std::collections::BTreeMap;
use std::sync::Arc;

use rootsmith_package::{PackedEntry, PackedKind, Relation, Stanza, Version, parse_relations};
use rootsmith_profile::Profile;
use rootsmith_tree::{Content, Metadata, Mtime, Node, NodeKind, Tree};
use rootsmith_types::{Arch, PackageName, TreePath, UnixTime};

use crate::skeleton::{RELEASE, is_base, skeleton};
use crate::{AssembleError, Assembly, Owner, Owners, Package};

/// Lays out the files of `packages`. `base-files` comes first because it brings the links of merged `/usr`; the others
/// follow by name, so the result depends on the set alone. Without it, folders and links are made, and what it says of the
/// distribution comes from among the packages that are only `taken_apart`.
pub fn unpack(
    profile: &Profile,
    packages: &[Package],
    taken_apart: &[Package],
    arch: Arch,
    date: UnixTime,
) -> Result<Assembly, Vec<AssembleError>> {
    let mut assembly = Assembly { tree: Tree::new(Metadata::root(0o755, date)), owners: Owners::default() };
    let mut order: Vec<&Package> = packages.iter().collect();
    order.sort_by_key(|package| (!is_base(package), package.locked.name.clone()));
    let mut named = None;
    if !order.first().is_some_and(|package| is_base(package)) {
        skeleton(&mut assembly, arch, date);
        named = taken_apart.iter().find(|package| is_base(package));
    }
    let mut layout = Layout {
        assembly,
        replaces: Replaces::read(packages),
        prefer: profile.packages.prefer.iter().map(|(path, winner)| (&path.value, &winner.value)).collect(),
        errors: Vec::new(),
    };
    let whole =
        order.into_iter().flat_map(|package| package.unpacked.entries.iter().map(move |entry| (package, entry)));
    let release = named.into_iter().flat_map(|package| {
        let entries = package.unpacked.entries.iter();
        entries
            .filter(|entry| RELEASE.iter().any(|path| path.as_bytes() == entry.path))
            .map(move |entry| (package, entry))
    });
    for (package, entry) in release.chain(whole) {
        if let Err(reason) = layout.entry(package, entry) {
            layout.errors.push(AssembleError::BadEntry {
                package: package.locked.name.clone(),
                path: String::from_utf8_lossy(&entry.path).into_owned(),
                reason,
            });
        }
    }
    if layout.errors.is_empty() { Ok(layout.assembly) } else { Err(layout.errors) }
}

struct Layout<'a> {
    assembly: Assembly,
    replaces: Replaces,
    prefer: BTreeMap<&'a TreePath, &'a PackageName>,
    errors: Vec<AssembleError>,
}

impl Layout<'_> {
    fn entry(&mut self, package: &Package, entry: &PackedEntry) -> Result<(), String> {
        let Assembly { tree, owners } = &mut self.assembly;
        let named = TreePath::new(&entry.path).map_err(|e| e.to_string())?;
        let path = tree.resolve_parent(&named).map_err(|e| e.to_string())?;
        let there = tree.get(&path);
        if matches!(entry.kind, PackedKind::Directory) {
            match there {
                // The first to bring a directory decides its mode, as dpkg leaves one alone that is there.
                Some(node) if node.is_directory() && !path.is_root() => return Ok(()),
                Some(node) if node.link_target().is_some() && leads_to_directory(tree, &path) => return Ok(()),
                _ => {}
            }
        } else if let Some(node) = there {
            if node.is_directory() {
                // A link in place of a directory that another package brings: merged `/usr` in an older package.
                let same = matches!(&entry.kind, PackedKind::Symlink(_)) && leads_to_directory(tree, &path);
                return if same { Ok(()) } else { Err("another package has a directory there".to_owned()) };
            }
            if let Some(Owner::Package(other)) = owners.exactly(&path).cloned()
                && other != package.locked.name
            {
                let winner = self.prefer.get(&path).map(|winner| (*winner).clone());
                let ours = match winner {
                    Some(winner) => winner == package.locked.name,
                    None if self.replaces.says(&package.locked.name, &other) => true,
                    None if self.replaces.says(&other, &package.locked.name) => false,
                    None => {
                        self.errors.push(AssembleError::TwoOwners {
                            path,
                            first: other,
                            second: package.locked.name.clone(),
                        });
                        return Ok(());
                    }
                };
                if !ours {
                    return Ok(());
                }
            }
        }
        if let PackedKind::HardLink(target) = &entry.kind {
            let target = TreePath::new(target).map_err(|e| e.to_string())?;
            let target = tree.resolve_parent(&target).map_err(|e| e.to_string())?;
            tree.hard_link(&path, &target).map_err(|e| e.to_string())?;
        } else {
            tree.insert(&path, node(package, entry)).map_err(|e| e.to_string())?;
        }
        owners.set(path, Owner::Package(package.locked.name.clone()));
        Ok(())
    }
}

fn leads_to_directory(tree: &Tree, path: &TreePath) -> bool {
    tree.lookup(path).is_some_and(Node::is_directory)
}

fn node(package: &Package, entry: &PackedEntry) -> Node {
    let xattrs = (!entry.xattrs.is_empty()).then(|| Arc::new(entry.xattrs.iter().cloned().collect()));
    let metadata = Metadata {
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        mtime: Mtime { seconds: entry.mtime, nanoseconds: 0 },
        xattrs,
    };
    let kind = match &entry.kind {
        PackedKind::Directory => NodeKind::Directory,
        PackedKind::Symlink(target) => NodeKind::Symlink(target.as_slice().into()),
        PackedKind::CharDevice(major, minor) => NodeKind::CharDevice { major: *major, minor: *minor },
        PackedKind::BlockDevice(major, minor) => NodeKind::BlockDevice { major: *major, minor: *minor },
        PackedKind::Fifo => NodeKind::Fifo,
        // The caller makes hard links; what is left has a content.
        PackedKind::File { .. } | PackedKind::HardLink(_) => {
            NodeKind::File(package.content_of(entry).unwrap_or_else(|| Content::inline([])))
        }
    };
    Node { kind, metadata }
}

/// Which package may take over files of which.
struct Replaces(BTreeMap<PackageName, Vec<PackageName>>);

impl Replaces {
    fn read(packages: &[Package]) -> Replaces {
        let installed: BTreeMap<&str, &str> =
            packages.iter().map(|package| (package.locked.name.as_str(), package.locked.version.as_str())).collect();
        let of = |package: &Package| {
            let field = Stanza::new(&package.unpacked.control.stanza).get("Replaces").unwrap_or_default().to_owned();
            // A field that cannot be read replaces nothing; the resolver has already refused such a package.
            let clauses = parse_relations(&field).unwrap_or_default();
            let accepted = |relation: &Relation<'_>| {
                let version = installed.get(relation.name)?;
                relation.accepts(Version::new(version)).then(|| relation.name.parse().ok()).flatten()
            };
            clauses.iter().flat_map(|clause| &clause.alternatives).filter_map(accepted).collect()
        };
        Replaces(packages.iter().map(|package| (package.locked.name.clone(), of(package))).collect())
    }

    fn says(&self, winner: &PackageName, loser: &PackageName) -> bool {
        self.0.get(winner).is_some_and(|names| names.contains(loser))
    }
}
