//! What an attacker would be glad of.

use std::collections::BTreeSet;

use rootsmith_tree::NodeKind;

use super::Outcome;
use super::identity::some;
use crate::view::{FoundConfig, View, matches_glob};

pub(super) fn kconfig_off(view: &View<'_>, symbol: &str) -> Outcome {
    let FoundConfig::Found { path, .. } = &view.config else {
        return Outcome::no("there is no kernel configuration");
    };
    match view.symbol(symbol) {
        Some(value) if value != "n" => Outcome::no(format!("`{path}` has `CONFIG_{symbol}={value}`")),
        _ => Outcome::yes(format!("`CONFIG_{symbol}` is off in `{path}`")),
    }
}

/// Root's, and no permission beyond `most`.
pub(super) fn file_mode(view: &View<'_>, path: &str, most: &str) -> Outcome {
    let Ok(most) = u16::from_str_radix(most, 8) else {
        return Outcome::no(format!("the check itself is wrong: `{most}` is no mode"));
    };
    let Some(node) = view.node(path) else { return Outcome::yes(format!("there is no `{path}`")) };
    let mode = node.metadata.mode;
    let mut wrong = Vec::new();
    if mode & !most != 0 {
        wrong.push(format!("`{path}` has mode {mode:04o}, more than {most:04o}"));
    }
    if node.metadata.uid != 0 {
        wrong.push(format!("`{path}` belongs to user {}, not to root", node.metadata.uid));
    }
    Outcome::unless(wrong, format!("`{path}` has mode {mode:04o}"))
}

/// Files and folders that everybody may write, folders where only owners delete excepted.
pub(super) fn world_writable(view: &View<'_>) -> Outcome {
    let mut wrong = Vec::new();
    for entry in view.facts.tree.walk() {
        let mode = entry.node.metadata.mode;
        let counts = match entry.node.kind {
            NodeKind::Symlink(_) | NodeKind::CharDevice { .. } | NodeKind::BlockDevice { .. } => false,
            NodeKind::Directory => mode & 0o1000 == 0,
            _ => true,
        };
        if counts && mode & 0o002 != 0 {
            wrong.push(format!("`{}` has mode {mode:04o}", entry.path));
        }
    }
    Outcome::unless(some(wrong), "none")
}

/// Files whose user or group the image does not know.
pub(super) fn unowned(view: &View<'_>) -> Outcome {
    let ids = |file: &str| -> BTreeSet<u32> {
        let text = view.text_or_empty(file);
        // Root needs no line to be there.
        text.lines().filter_map(|line| line.split(':').nth(2)?.trim().parse().ok()).chain([0]).collect()
    };
    let (users, groups) = (ids("/etc/passwd"), ids("/etc/group"));
    let mut wrong = Vec::new();
    for entry in view.facts.tree.walk() {
        let metadata = &entry.node.metadata;
        if !users.contains(&metadata.uid) {
            wrong.push(format!("`{}` belongs to user {}, whom `/etc/passwd` does not know", entry.path, metadata.uid));
        } else if !groups.contains(&metadata.gid) {
            wrong.push(format!("`{}` belongs to group {}, which `/etc/group` does not know", entry.path, metadata.gid));
        }
    }
    Outcome::unless(some(wrong), "none")
}

/// Folders for everybody in which only owners delete.
pub(super) fn sticky(view: &View<'_>, paths: &[String]) -> Outcome {
    let mut wrong = Vec::new();
    for path in paths {
        let Some(node) = view.node(path).filter(|node| node.is_directory()) else { continue };
        let mode = node.metadata.mode;
        if mode & 0o002 != 0 && mode & 0o1000 == 0 {
            wrong.push(format!("`{path}` has mode {mode:04o}, without the sticky bit"));
        }
    }
    Outcome::unless(wrong, format!("`{}`", paths.join("`, `")))
}

const SSHD_CONFIG: &str = "/etc/ssh/sshd_config";

/// The value that holds for everybody: the first one, outside of `Match` (sshd_config(5)).
pub(super) fn sshd_option(view: &View<'_>, option: &str, values: &[String], unset: &str) -> Outcome {
    let mut main = SSHD_CONFIG;
    if view.node(main).is_none() {
        // Distributions with their defaults in `/usr` (openSUSE).
        main = "/usr/etc/ssh/sshd_config";
    }
    if view.node(main).is_none() {
        return Outcome::yes("there is no configuration of an SSH server");
    }
    let (value, shown) = match first_value(view, main, option, 0) {
        Some(found) => found,
        None => (unset.to_owned(), format!("`{main}` does not say `{option}`: `{unset}` holds")),
    };
    if values.iter().any(|good| good.eq_ignore_ascii_case(&value)) { Outcome::yes(shown) } else { Outcome::no(shown) }
}

/// sshd itself goes 16 deep.
const MAX_INCLUDES: usize = 16;

fn first_value(view: &View<'_>, file: &str, option: &str, depth: usize) -> Option<(String, String)> {
    if depth >= MAX_INCLUDES {
        return None;
    }
    for line in view.text_or_empty(file).lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let (key, rest) = line.split_once(|c: char| c.is_ascii_whitespace() || c == '=').unwrap_or((line, ""));
        let rest = rest.trim_matches(|c: char| c.is_ascii_whitespace() || c == '=');
        if key.eq_ignore_ascii_case("Match") {
            // What follows is for some users only, to the end of the file.
            return None;
        }
        if key.eq_ignore_ascii_case("Include") {
            for pattern in rest.split_ascii_whitespace() {
                let pattern = pattern.trim_matches('"');
                let absolute =
                    if pattern.starts_with('/') { pattern.to_owned() } else { format!("/etc/ssh/{pattern}") };
                let Some((folder, name)) = absolute.rsplit_once('/') else { continue };
                for there in view.list(folder).into_iter().filter(|there| matches_glob(name, there)) {
                    let found = first_value(view, &format!("{folder}/{there}"), option, depth.saturating_add(1));
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        if key.eq_ignore_ascii_case(option) {
            let value = rest.split_ascii_whitespace().next().unwrap_or_default().trim_matches('"');
            return Some((value.to_owned(), format!("`{line}` in `{file}`")));
        }
    }
    None
}

/// `UMASK` of login.defs(5), which `pam_umask` and `useradd` go by: nobody else may write.
pub(super) fn umask(view: &View<'_>) -> Outcome {
    const FILES: [&str; 2] = ["/etc/login.defs", "/usr/etc/login.defs"];
    let Some(file) = FILES.into_iter().find(|file| view.node(file).is_some()) else {
        return Outcome::yes("there is no `/etc/login.defs`: 022 holds");
    };
    let text = view.text_or_empty(file);
    let mut lines = text.lines().map(str::split_ascii_whitespace);
    let value = lines
        .find_map(|mut words| (words.next() == Some("UMASK")).then(|| words.next().unwrap_or_default().to_owned()));
    let Some(value) = value else { return Outcome::yes(format!("`{file}` has no `UMASK`: 022 holds")) };
    let shown = format!("`{file}` has `UMASK {value}`");
    match u16::from_str_radix(&value, 8) {
        Ok(mask) if mask & 0o022 == 0o022 => Outcome::yes(shown),
        _ => Outcome::no(format!("{shown}: others may write what is made")),
    }
}
