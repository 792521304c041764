//! Archives among the payloads: what is chosen of them, under which path it lands, and whose it is.
//!
//! As `tar --no-same-owner --no-same-permissions` unpacks: files belong to whom the profile says, and keep their mode without
//! setuid, setgid, sticky and what group and others may write.

use std::collections::{BTreeMap, BTreeSet};

use rootsmith_package::{PackedEntry, PackedKind};
use rootsmith_profile::{Payload, Unpacking};
use rootsmith_tree::{Blob, Content, Metadata, Mtime, Node, NodeKind, PackId};
use rootsmith_types::TreePath;

use crate::AssembleError;
use crate::payload::Embedding;

/// How many paths of an archive a message shows.
const SHOWN: usize = 5;

impl Embedding<'_> {
    /// Unpacks what is chosen of an archive.
    pub(crate) fn archive(&mut self, payload: &Payload, unpacking: &Unpacking, members: &[PackedEntry], pack: PackId) {
        let Some((uid, gid)) = self.owner(payload) else { return };
        let origin = payload.source_for(self.arch).map_or(&payload.origin, |source| source.origin()).clone();
        let bad = |entry: &PackedEntry, reason| AssembleError::BadMember {
            name: payload.name.value.clone(),
            origin: origin.clone(),
            member: shown(&entry.path),
            reason,
        };
        let mut chosen = Chosen::new(unpacking);
        let firsts = firsts(members);
        let (files, places) = (BTreeMap::new(), BTreeSet::new());
        let mut unpacked = Unpacked { payload, firsts, pack, uid, gid, files, places };
        for entry in members {
            let placed = chosen.place(entry).and_then(|below| match below {
                Some(below) => self.member(&mut unpacked, entry, &below),
                None => Ok(()),
            });
            if let Err(reason) = placed {
                // What follows is probably no better.
                return self.errors.push(bad(entry, reason));
            }
        }
        for member in chosen.missing() {
            self.errors.push(AssembleError::NoMember {
                name: payload.name.value.clone(),
                origin: member.path.origin.clone(),
                member: shown(member.path.value.as_bytes()),
                there: there(members),
            });
        }
        if unpacked.places.is_empty() && chosen.missing().next().is_none() {
            self.errors.push(AssembleError::PayloadPlace {
                name: payload.name.value.clone(),
                origin: payload.install.origin.clone(),
                reason: match unpacking.strip {
                    0 => "the archive is empty".to_owned(),
                    strip => format!("`strip = {strip}` leaves nothing of it"),
                },
            });
        }
    }

    /// Puts one member at `below`, seen from the payload's folder.
    fn member(&mut self, unpacked: &mut Unpacked<'_>, entry: &PackedEntry, below: &TreePath) -> Result<(), String> {
        let Unpacked { payload, .. } = *unpacked;
        let path = payload.install.value.join(below.relative()).map_err(|e| e.to_string())?;
        let is_directory = matches!(entry.kind, PackedKind::Directory);
        if is_directory && self.assembly.tree.lookup(&path).is_some_and(Node::is_directory) {
            return Ok(());
        }
        if !unpacked.places.insert(path.clone()) && !is_directory {
            return Err(format!("another member of it goes to `{path}`, too"));
        }
        let metadata = Metadata {
            uid: unpacked.uid,
            gid: unpacked.gid,
            mtime: Mtime { seconds: entry.mtime, nanoseconds: 0 },
            ..Metadata::root(mode(payload, entry), self.date)
        };
        let kind = match &entry.kind {
            PackedKind::Directory => NodeKind::Directory,
            PackedKind::Symlink(target) => NodeKind::Symlink(target.as_slice().into()),
            PackedKind::File { .. } => NodeKind::File(unpacked.content(entry)),
            PackedKind::HardLink(_) => {
                let first = *unpacked.firsts.get(entry.path.as_slice()).ok_or("it is a hard link to nothing")?;
                if let Some(there) = unpacked.files.get(first.path.as_slice()) {
                    let tree = &self.assembly.tree;
                    let existing = tree.resolve_parent(there).map_err(|e| e.to_string())?;
                    return self.link(&path, &existing, payload);
                }
                // The first name was not chosen: this one is the file then.
                NodeKind::File(unpacked.content(first))
            }
            PackedKind::CharDevice(..) | PackedKind::BlockDevice(..) => return Err("it is a device".to_owned()),
            PackedKind::Fifo => return Err("it is a named pipe".to_owned()),
        };
        if let (NodeKind::File(_), Some(first)) = (&kind, unpacked.firsts.get(entry.path.as_slice())) {
            unpacked.files.insert(&first.path, path.clone());
        }
        self.put(&path, Node { kind, metadata }, &payload.origin)
    }
}

/// The mode of a member.
fn mode(payload: &Payload, entry: &PackedEntry) -> u16 {
    match entry.kind {
        PackedKind::Directory => entry.mode & 0o755 | 0o700,
        PackedKind::Symlink(_) => 0o777,
        _ => payload.mode.unwrap_or(entry.mode & 0o755),
    }
}

/// An archive that is being unpacked.
struct Unpacked<'a> {
    payload: &'a Payload,
    /// Of archives with hard links: the file that each path stands for.
    firsts: BTreeMap<&'a [u8], &'a PackedEntry>,
    pack: PackId,
    uid: u32,
    gid: u32,
    /// Where files were put, by their first path in the archive.
    files: BTreeMap<&'a [u8], TreePath>,
    /// Every path that was given away.
    places: BTreeSet<TreePath>,
}

impl Unpacked<'_> {
    fn content(&self, entry: &PackedEntry) -> Content {
        match entry.kind {
            PackedKind::File { offset, size, digest } if size > 0 => {
                Content::Blob(Blob { digest: Some(digest), size, pack: self.pack, offset })
            }
            _ => Content::inline([]),
        }
    }
}

/// The file that each path of an archive stands for: a hard link is another name of one that came before, which may be such a
/// link itself. Empty where there is no hard link.
fn firsts(members: &[PackedEntry]) -> BTreeMap<&[u8], &PackedEntry> {
    let mut firsts: BTreeMap<&[u8], &PackedEntry> = BTreeMap::new();
    if !members.iter().any(|entry| matches!(entry.kind, PackedKind::HardLink(_))) {
        return firsts;
    }
    for entry in members {
        let first = match &entry.kind {
            PackedKind::File { .. } => Some(entry),
            PackedKind::HardLink(target) => firsts.get(target.as_slice()).copied(),
            _ => None,
        };
        firsts.extend(first.map(|first| (entry.path.as_slice(), first)));
    }
    firsts
}

/// What the profile chose of an archive.
struct Chosen<'a> {
    unpacking: &'a Unpacking,
    /// Whether each of the chosen members was met.
    met: Vec<bool>,
}

impl<'a> Chosen<'a> {
    fn new(unpacking: &'a Unpacking) -> Chosen<'a> {
        Chosen { unpacking, met: vec![false; unpacking.members.as_ref().map_or(0, Vec::len)] }
    }

    /// Where an entry goes, seen from the payload's folder; `None` when nobody wants it.
    fn place(&mut self, entry: &PackedEntry) -> Result<Option<TreePath>, String> {
        let path = TreePath::new(&entry.path).map_err(|e| e.to_string())?;
        let Some(members) = &self.unpacking.members else { return Ok(stripped(&path, self.unpacking.strip)) };
        let mut place = None;
        for (member, met) in members.iter().zip(&mut self.met) {
            if !path.starts_with(&member.path.value) {
                continue;
            }
            *met = true;
            if place.is_some() {
                continue;
            }
            place = match &member.to {
                // The member itself has nothing behind its own path.
                Some(to) => {
                    let rest = path.as_bytes().get(member.path.value.as_bytes().len()..).unwrap_or_default();
                    Some(to.join(rest).map_err(|e| e.to_string())?)
                }
                None => stripped(&path, self.unpacking.strip),
            };
        }
        Ok(place)
    }

    fn missing(&self) -> impl Iterator<Item = &'a rootsmith_profile::Member> {
        let members = self.unpacking.members.iter().flatten();
        members.zip(&self.met).filter(|(_, met)| !**met).map(|(member, _)| member)
    }
}

/// `path` without its first components; `None` when nothing is left.
fn stripped(path: &TreePath, strip: usize) -> Option<TreePath> {
    let left: Vec<&[u8]> = path.components().skip(strip).collect();
    // A shorter path of the same components is a path.
    if left.is_empty() { None } else { TreePath::new(left.join(&b'/')).ok() }
}

/// The first few files of an archive.
fn there(members: &[PackedEntry]) -> Vec<String> {
    let files = members.iter().filter(|entry| !matches!(entry.kind, PackedKind::Directory));
    let mut paths: Vec<String> = files.clone().take(SHOWN).map(|entry| shown(&entry.path)).collect();
    let n = files.count();
    if n > SHOWN {
        paths.push(format!("… {} more", n - SHOWN));
    }
    paths
}

/// A path as the archive has it.
fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path.strip_prefix(b"/").unwrap_or(path)).escape_debug().to_string()
}
