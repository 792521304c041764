//! What systemd starts: everything that is reached from `default.target` (systemd.unit(5)).

use std::collections::{BTreeMap, VecDeque};

use rootsmith_tree::Node;

use crate::facts::path;
use crate::view::View;

/// Where units are, the first that has one wins.
const UNIT_FOLDERS: [&str; 4] =
    ["/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// No system has more units.
const MAX_UNITS: usize = 20_000;

/// Pulled in by every unit with default dependencies.
const ALWAYS: [&str; 7] = [
    "sysinit.target",
    "basic.target",
    "sockets.target",
    "timers.target",
    "paths.target",
    "local-fs.target",
    "swap.target",
];

/// The units that are started, each with what pulls it in.
pub(super) fn started(view: &View<'_>) -> BTreeMap<String, String> {
    let mut todo: VecDeque<(String, String)> = ALWAYS.iter().map(|unit| entry(unit, "always")).collect();
    match (view.word("systemd.unit"), default_target(view)) {
        (Some(unit), _) => todo.push_back(entry(unit, "the kernel command line")),
        (None, Some(unit)) => todo.push_back(entry(&unit, "`default.target`")),
        // Without the link it is `graphical.target`, which wants the other.
        (None, None) => todo.extend([entry("graphical.target", "always"), entry("multi-user.target", "always")]),
    }
    let mut started = BTreeMap::new();
    while let Some((unit, by)) = todo.pop_front() {
        if started.contains_key(&unit) || started.len() >= MAX_UNITS {
            continue;
        }
        let file = unit_file(view, &unit);
        match &file {
            UnitFile::Masked => continue,
            UnitFile::None if !unit.ends_with(".target") => continue,
            UnitFile::None => {}
            UnitFile::Found { alias_of, .. } => {
                todo.extend(alias_of.iter().map(|name| (name.clone(), format!("its alias `{unit}`, {by}"))));
            }
        }
        for folder in UNIT_FOLDERS {
            for kind in ["wants", "requires", "upholds"] {
                let folder = format!("{folder}/{unit}.{kind}");
                todo.extend(view.list(&folder).into_iter().map(|name| {
                    let by = format!("`{folder}/{name}`");
                    (name, by)
                }));
            }
        }
        for (at, text) in unit_texts(view, &unit) {
            for line in text.lines().map(str::trim) {
                let Some((key, names)) = line.split_once('=') else { continue };
                if matches!(key.trim_end(), "Wants" | "Requires" | "BindsTo" | "Upholds") {
                    let by = format!("`{line}` in `{at}`");
                    todo.extend(names.split_ascii_whitespace().map(|name| (name.to_owned(), by.clone())));
                }
            }
        }
        started.insert(unit, by);
    }
    started
}

/// The texts that make up a unit: its file, then its drop-ins by name.
pub(crate) fn unit_texts(view: &View<'_>, unit: &str) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    if let UnitFile::Found { at, .. } = unit_file(view, unit) {
        texts.push((at.clone(), view.text_or_empty(&at)));
    }
    let mut snippets = BTreeMap::new();
    for folder in UNIT_FOLDERS.iter().rev() {
        for name in view.list(&format!("{folder}/{unit}.d")).into_iter().filter(|name| name.ends_with(".conf")) {
            snippets.insert(name.clone(), format!("{folder}/{unit}.d/{name}"));
        }
    }
    texts.extend(snippets.into_values().map(|at| (at.clone(), view.text_or_empty(&at))));
    texts
}

enum UnitFile {
    Found { at: String, alias_of: Option<String> },
    Masked,
    None,
}

fn unit_file(view: &View<'_>, unit: &str) -> UnitFile {
    // `getty@tty1.service` comes from `getty@.service`.
    let template = unit.split_once('@').and_then(|(name, rest)| {
        let (_, suffix) = rest.rsplit_once('.')?;
        Some(format!("{name}@.{suffix}"))
    });
    for name in [Some(unit), template.as_deref()].into_iter().flatten() {
        for folder in UNIT_FOLDERS {
            let at = format!("{folder}/{name}");
            let Some(here) = path(&at).and_then(|at| view.facts.tree.resolve_parent(&at).ok()) else { continue };
            let Some(node) = view.facts.tree.get(&here) else { continue };
            let Some(target) = node.link_target() else {
                return match node.content() {
                    Some(content) if content.size() == 0 => UnitFile::Masked,
                    Some(_) => UnitFile::Found { at, alias_of: None },
                    None => UnitFile::None,
                };
            };
            if target == b"/dev/null" {
                return UnitFile::Masked;
            }
            let other = String::from_utf8_lossy(target.rsplit(|&b| b == b'/').next().unwrap_or_default()).into_owned();
            return match view.node(&at).and_then(Node::content) {
                Some(_) => UnitFile::Found { at, alias_of: Some(other).filter(|other| other != name) },
                None => UnitFile::None,
            };
        }
    }
    UnitFile::None
}

fn default_target(view: &View<'_>) -> Option<String> {
    UNIT_FOLDERS.iter().find_map(|folder| {
        let here = view.facts.tree.resolve_parent(&path(&format!("{folder}/default.target"))?).ok()?;
        let target = view.facts.tree.get(&here)?.link_target()?;
        let name = target.rsplit(|&b| b == b'/').next()?;
        Some(String::from_utf8_lossy(name).into_owned())
    })
}

fn entry(unit: &str, by: &str) -> (String, String) {
    (unit.to_owned(), by.to_owned())
}
