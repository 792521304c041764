//! Alternatives, as update-alternatives(1) keeps them.
//!
//! `/var/lib/dpkg/alternatives/NAME` holds mode, link, the slaves' names and links up to an empty line, then for each choice
//! its path, priority and slaves' paths (an empty line for one it does not have), and an empty line at the end.

use std::collections::BTreeMap;

use rootsmith_assemble::Owner;
use rootsmith_types::TreePath;

use crate::edit::Edit;

const STATE: &str = "/var/lib/dpkg/alternatives";

/// One choice for a link: `--install LINK NAME PATH PRIORITY [--slave LINK NAME PATH]…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// `/usr/bin/awk`.
    pub(crate) link: String,
    /// `awk`.
    pub(crate) name: String,
    /// `/usr/bin/mawk`.
    pub(crate) path: String,
    /// The highest wins; the first one seen among equals.
    pub(crate) priority: i32,
    /// Name to link and path.
    pub(crate) slaves: BTreeMap<String, (String, String)>,
}

impl Choice {
    /// Reads the arguments of update-alternatives(1).
    pub(crate) fn parse(words: &[&str]) -> Option<Choice> {
        let ["--install", link, name, path, priority, rest @ ..] = words else { return None };
        let mut slaves = BTreeMap::new();
        for slave in rest.chunks(4) {
            let ["--slave", link, name, path] = slave else { return None };
            slaves.insert((*name).to_owned(), ((*link).to_owned(), (*path).to_owned()));
        }
        Some(Choice {
            link: (*link).to_owned(),
            name: (*name).to_owned(),
            path: (*path).to_owned(),
            priority: priority.parse().ok()?,
            slaves,
        })
    }
}

/// What `update-alternatives --query` prints of a group in automatic mode.
pub(crate) fn query(name: &str, choices: &[Choice]) -> String {
    let mut sorted: Vec<&Choice> = choices.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    let Some(best) = sorted.iter().rev().max_by_key(|choice| choice.priority) else { return String::new() };
    let mut text = format!("Name: {name}\nLink: {}\n", best.link);
    let slaves = |choice: &Choice, shown: fn(&(String, String)) -> &String| {
        let lines: String = choice.slaves.iter().map(|(name, slave)| format!(" {name} {}\n", shown(slave))).collect();
        if lines.is_empty() { lines } else { format!("Slaves:\n{lines}") }
    };
    text += &slaves(best, |(link, _)| link);
    text += &format!("Status: auto\nBest: {}\nValue: {}\n", best.path, best.path);
    for choice in sorted {
        text += &format!("\nAlternative: {}\nPriority: {}\n", choice.path, choice.priority);
        text += &slaves(choice, |(_, path)| path);
    }
    text
}

/// Every group of alternatives in automatic mode: the best choice's links, and the books.
pub(crate) fn apply(edit: &mut Edit<'_>, choices: &[(Choice, Owner)]) {
    let mut groups: BTreeMap<&str, Vec<&(Choice, Owner)>> = BTreeMap::new();
    for choice in choices {
        // A choice whose file the profile dropped is none.
        if edit.resolves(&choice.0.path) {
            let group = groups.entry(&choice.0.name).or_default();
            // Installed again, a choice is the later one.
            group.retain(|(before, _)| before.path != choice.0.path);
            group.push(choice);
        }
    }
    for (name, mut group) in groups {
        group.sort_by(|a, b| a.0.path.cmp(&b.0.path));
        let Some((best, owner)) = group.iter().rev().max_by_key(|(choice, _)| choice.priority) else { continue };
        edit.owner = owner.clone();
        link(edit, &best.link, name, &best.path);
        for (slave, (public, path)) in &best.slaves {
            // Manual pages of programs that are left out do not come back as dangling links.
            if edit.resolves(path) {
                link(edit, public, slave, path);
            }
        }
        edit.write(&format!("{STATE}/{name}"), state(name, &group), 0o644);
    }
}

fn link(edit: &mut Edit<'_>, public: &str, name: &str, path: &str) {
    let Ok(at) = TreePath::new(public) else { return };
    if at.parent().is_none_or(|parent| !edit.is_directory(&parent)) {
        return;
    }
    edit.symlink(public, &format!("/etc/alternatives/{name}"));
    edit.symlink(&format!("/etc/alternatives/{name}"), path);
}

fn state(name: &str, group: &[&(Choice, Owner)]) -> String {
    let mut slaves = BTreeMap::new();
    for (choice, _) in group {
        for (slave, (link, _)) in &choice.slaves {
            slaves.entry(slave).or_insert(link);
        }
    }
    debug_assert!(group.iter().all(|(choice, _)| choice.name == name));
    let mut text = format!("auto\n{}\n", group[0].0.link);
    for (slave, link) in &slaves {
        text += &format!("{slave}\n{link}\n");
    }
    text.push('\n');
    for (choice, _) in group {
        text += &format!("{}\n{}\n", choice.path, choice.priority);
        for slave in slaves.keys() {
            text += choice.slaves.get(*slave).map_or("", |(_, path)| path);
            text.push('\n');
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::testing;

    fn choice(line: &str) -> (Choice, Owner) {
        let words: Vec<&str> = line.split(' ').collect();
        (Choice::parse(&words).unwrap(), Owner::Script("iptables".parse().unwrap()))
    }

    #[test]
    fn the_highest_priority_gets_the_links() {
        let mut assembly = testing::assembly(&[
            ("/usr/sbin/legacy", "l"),
            ("/usr/sbin/nft", "n"),
            ("/usr/sbin/nft-save", "s"),
            ("/etc/alternatives/README", ""),
        ]);
        let mut edit = testing::edit(&mut assembly);
        let choices = [
            choice("--install /usr/sbin/iptables iptables /usr/sbin/legacy 90"),
            choice(
                "--install /usr/sbin/iptables iptables /usr/sbin/nft 20 --slave /usr/sbin/save save /usr/sbin/nft-save",
            ),
            choice("--install /usr/sbin/iptables iptables /usr/sbin/legacy 10"),
            choice("--install /usr/sbin/iptables iptables /usr/sbin/missing 30"),
        ];
        apply(&mut edit, &choices);
        assert!(edit.errors.is_empty(), "{:?}", edit.errors);
        let target = |path| testing::target(&assembly, path);
        assert_eq!(target("/usr/sbin/iptables"), "/etc/alternatives/iptables");
        assert_eq!(target("/etc/alternatives/iptables"), "/usr/sbin/nft");
        assert_eq!(target("/etc/alternatives/save"), "/usr/sbin/nft-save");
        assert_eq!(
            testing::text(&assembly, "/var/lib/dpkg/alternatives/iptables"),
            "auto\n/usr/sbin/iptables\nsave\n/usr/sbin/save\n\n/usr/sbin/legacy\n10\n\n/usr/sbin/nft\n20\n/usr/sbin/nft-save\n\n"
        );
    }
}
