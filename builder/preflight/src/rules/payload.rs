//! Every program, library and script of the tree: does it run here?
//!
//! What an image's author brought must run, whatever it is: payloads of the profile, and the programs of `/usr/local`. What a
//! distribution brought must run where services and people find it, in the folders of the PATH; elsewhere lie plug-ins and
//! helpers of things that nobody installed, which is worth a warning. A package's script may be for an interpreter that only
//! some need.

use std::collections::BTreeMap;

use rayon::prelude::*;
use rootsmith_profile::{Payload, PayloadKind};
use rootsmith_tree::{Node, Tree};
use rootsmith_types::{Arch, Origin, TreePath};

use super::{Met, Outcome};
use crate::elf::{Depth, File, Kind, Programs, Trouble, is_executable, is_foreign_library};
use crate::view::View;

/// Findings that a report shows; the rest is counted.
pub(super) const SHOWN: usize = 20;

/// Where firmware, documentation, sources, data and other systems lie: nothing there is run as it is.
const NOT_OURS: &[&str] = &[
    "/boot",
    "/dev",
    "/lib/firmware",
    "/lib/modules",
    "/proc",
    "/sys",
    "/usr/lib/debug",
    "/usr/lib/firmware",
    "/usr/lib/grub",
    "/usr/lib/modules",
    "/usr/share",
    "/usr/src",
    "/var",
];

/// The author's own programs: no package puts anything there.
const LOCAL: &[&str] = &["/usr/local/bin", "/usr/local/sbin"];

/// Where programs lie that programs start.
const LIBEXEC: &str = "/usr/libexec";

/// Whose a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Own,
    Path,
    Elsewhere,
}

/// One thing that is wrong, with every file it stops.
struct Found {
    place: Place,
    kind: Kind,
    /// The first payload of the profile it stops.
    payload: Option<usize>,
    text: String,
    /// The first program that is stopped, when it is not itself to blame, and how many are.
    user: Option<TreePath>,
    users: usize,
    package: Option<String>,
}

/// What is wrong with the programs of an image.
pub(crate) struct Survey {
    /// The gravest first, then by their text.
    found: Vec<Found>,
    looked_at: usize,
}

/// A file to look at.
struct Candidate {
    at: TreePath,
    place: Place,
    payload: Option<usize>,
    /// The payload is this file: its mode is the author's own, not that of an archive, where everything may have x bits.
    single: bool,
    is_executable: bool,
}

/// Whether no file of the image has trouble of a kind.
pub(super) fn judge(view: &View<'_>, kind: Kind) -> Outcome {
    let survey = survey(view);
    let found: Vec<&Found> = survey.found.iter().filter(|found| found.kind == kind).collect();
    let Some(gravest) = found.first() else {
        return Outcome::yes(format!("{} programs, libraries and scripts", survey.looked_at));
    };
    let met = if gravest.is_grave() { Met::No } else { Met::Almost };
    let mut evidence: Vec<String> = found.iter().take(SHOWN).map(|found| found.sentence()).collect();
    if found.len() > SHOWN {
        evidence.push(format!("and {} more", found.len() - SHOWN));
    }
    Outcome { met, evidence, said: None }
}

/// The line of the profile with the first payload that has such trouble: that of its place, or of the archive it was in.
pub(crate) fn payload_line<'a>(view: &View<'a>, kind: Kind) -> Option<&'a Origin> {
    let mut found = survey(view).found.iter().filter(|found| found.kind == kind);
    let payload = view.profile?.payloads.get(found.find_map(|found| found.payload)?)?;
    let source = || payload.source_for(view.facts.arch).map_or(&payload.origin, |source| source.origin());
    Some(if is_single(payload) { &payload.install.origin } else { source() })
}

/// Whether a payload is one file, whose place and mode the profile says.
fn is_single(payload: &Payload) -> bool {
    matches!(payload.kind, PayloadKind::File | PayloadKind::Oci)
}

impl Found {
    fn is_grave(&self) -> bool {
        match self.place {
            Place::Own => true,
            Place::Path => self.kind != Kind::Script,
            Place::Elsewhere => false,
        }
    }

    fn sentence(&self) -> String {
        let mut text = self.text.clone();
        if let Some(user) = &self.user {
            text.push_str(&format!("; it is loaded with `{user}`"));
            if self.users > 1 {
                text.push_str(&format!(" and {} more", self.users - 1));
            }
        }
        if let Some(package) = &self.package {
            text.push_str(&format!("; it is from package {package}"));
        }
        text
    }
}

fn survey<'v>(view: &'v View<'_>) -> &'v Survey {
    view.survey.get_or_init(|| {
        let candidates = candidates(view);
        let (programs, tree, arch) = (&view.programs, view.facts.tree, view.facts.arch);
        let looked = candidates.par_iter().map(|candidate| candidate.look(programs, tree, arch));
        // In the candidates' order, whichever thread was first.
        let looked: Vec<Option<Vec<Trouble>>> = looked.collect();
        let looked_at = looked.iter().flatten().count();
        let mut found: BTreeMap<(Kind, String), Found> = BTreeMap::new();
        for (candidate, troubles) in candidates.iter().zip(looked) {
            for Trouble { kind, text, culprit } in troubles.into_iter().flatten() {
                let there = found.entry((kind, text.clone())).or_insert_with(|| Found {
                    place: candidate.place,
                    kind,
                    payload: None,
                    text,
                    user: None,
                    users: 0,
                    package: programs.owner_of(&culprit).map(str::to_owned),
                });
                there.place = there.place.min(candidate.place);
                there.payload = there.payload.or(candidate.payload);
                if culprit != candidate.at {
                    there.user.get_or_insert_with(|| candidate.at.clone());
                    there.users += 1;
                }
            }
        }
        let mut found: Vec<Found> = found.into_values().collect();
        found.sort_by_key(|found| (!found.is_grave(), found.place));
        Survey { found, looked_at }
    })
}

impl Candidate {
    /// What is wrong with it; `None` when it is nothing that would be run.
    fn look(&self, programs: &Programs<'_>, tree: &Tree, arch: Arch) -> Option<Vec<Trouble>> {
        if tree.get(&self.at).and_then(Node::content).is_none() {
            let text = format!("the payload `{}` is not there", self.at);
            return Some(vec![Trouble { kind: Kind::Machine, text, culprit: self.at.clone() }]);
        }
        let own = self.place != Place::Elsewhere;
        let looked_at = match &*programs.file(&self.at) {
            File::Elf(program) if !own => {
                matches!(program.elf.kind, 2 | 3) && !is_foreign_library(&program.elf, arch, &self.at)
            }
            File::Elf(_) | File::Broken(_) => true,
            File::Script(_) => self.is_executable,
            File::Other => self.single && self.is_executable,
        };
        let depth = if own { Depth::Symbols } else { Depth::Libraries };
        looked_at.then(|| programs.troubles(&self.at, depth))
    }
}

/// Payloads, files with an x bit, and libraries; each once, under its first name.
fn candidates(view: &View<'_>) -> Vec<Candidate> {
    let tree = view.facts.tree;
    let mut payloads = view.brought.cloned().unwrap_or_default();
    let of_profile = view.profile.map(|profile| profile.payloads.as_slice()).unwrap_or_default();
    for (index, payload) in of_profile.iter().enumerate().filter(|(_, payload)| is_single(payload)) {
        let install = &payload.install.value;
        payloads.entry(tree.resolve(install).unwrap_or_else(|_| install.clone())).or_insert(index);
    }
    let single = |index: usize| of_profile.get(index).is_some_and(is_single);
    let mut candidates: Vec<Candidate> = Vec::new();
    for (at, index) in &payloads {
        let node = tree.get(at);
        // A payload that nobody may execute is data, unless it is a library.
        if node.is_none_or(|node| is_executable(node) || is_library(at)) {
            let is_executable = node.is_some_and(is_executable);
            let (payload, single) = (Some(*index), single(*index));
            candidates.push(Candidate { at: at.clone(), place: Place::Own, payload, single, is_executable });
        }
    }
    let skipped: Vec<TreePath> = NOT_OURS.iter().filter_map(|folder| crate::facts::path(folder)).collect();
    let (path, libexec) = (view.programs.path_folders(), TreePath::literal(LIBEXEC));
    let mut seen = vec![false; tree.leaf_slots()];
    for entry in tree.walk() {
        let Some(leaf) = entry.leaf else { continue };
        let executable = is_executable(entry.node);
        if !may_be_run(&entry.path, entry.node) {
            continue;
        }
        if payloads.contains_key(&entry.path) || skipped.iter().any(|folder| entry.path.starts_with(folder)) {
            continue;
        }
        if std::mem::replace(&mut seen[leaf.index()], true) {
            continue;
        }
        let place = match entry.path.parent() {
            _ if !executable => Place::Elsewhere,
            Some(folder) if LOCAL.iter().any(|local| local.as_bytes() == folder.as_bytes()) => Place::Own,
            Some(folder) if path.contains(&folder) => Place::Path,
            // A debugger has helpers for every machine that it debugs.
            _ if entry.path.starts_with(&libexec) && !view.programs.is_guest(&entry.path) => Place::Path,
            _ => Place::Elsewhere,
        };
        let (payload, single) = (None, false);
        candidates.push(Candidate { at: entry.path, place, payload, single, is_executable: executable });
    }
    candidates
}

/// Whether a file is something that would be run, or loaded by what is.
pub fn may_be_run(at: &TreePath, node: &Node) -> bool {
    node.content().is_some() && (is_executable(node) || is_library(at))
}

/// `libz.so`, `libz.so.1`.
fn is_library(at: &TreePath) -> bool {
    let name = at.name().unwrap_or_default();
    name.ends_with(b".so") || name.windows(4).any(|part| part == b".so.")
}
