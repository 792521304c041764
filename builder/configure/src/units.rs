//! Enabling units: systemctl(1) `enable` and `preset`, and the books of deb-systemd-helper(1p).

use std::collections::BTreeSet;

use rootsmith_types::TreePath;

use crate::edit::Edit;

/// Where units lie, the strongest first; without the folders that only exist while a system runs.
const SYSTEM_UNITS: [&str; 2] = ["/etc/systemd/system", "/usr/lib/systemd/system"];
const USER_UNITS: [&str; 2] = ["/etc/systemd/user", "/usr/lib/systemd/user"];

/// Which manager a unit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manager {
    System,
    User,
}

impl Manager {
    fn folders(self) -> [&'static str; 2] {
        match self {
            Manager::System => SYSTEM_UNITS,
            Manager::User => USER_UNITS,
        }
    }

    fn state(self) -> &'static str {
        match self {
            Manager::System => "/var/lib/systemd/deb-systemd-helper-enabled",
            Manager::User => "/var/lib/systemd/deb-systemd-user-helper-enabled",
        }
    }

    fn presets(self) -> [&'static str; 2] {
        match self {
            Manager::System => ["/etc/systemd/system-preset", "/usr/lib/systemd/system-preset"],
            Manager::User => ["/etc/systemd/user-preset", "/usr/lib/systemd/user-preset"],
        }
    }
}

/// The `[Install]` section of a unit.
#[derive(Debug, Default)]
struct Install {
    /// `wants`, `requires`, `upholds` and the unit that pulls this one in, in the order written.
    pulled_in: Vec<(&'static str, String)>,
    aliases: Vec<String>,
    also: Vec<String>,
    default_instance: Option<String>,
}

/// One link of an enabled unit.
struct Link {
    /// Below `/etc/systemd/system`.
    name: String,
    target: String,
}

/// Whether there is such a unit; an instance is there when its template is.
pub(crate) fn exists(edit: &Edit<'_>, unit: &str) -> bool {
    find(edit, Manager::System, unit).is_some()
}

/// The names of all system units, for suggestions.
pub(crate) fn all(edit: &Edit<'_>) -> BTreeSet<String> {
    let folders = SYSTEM_UNITS.iter().filter_map(|folder| TreePath::new(folder).ok());
    let names = folders.flat_map(|folder| edit.assembly.tree.children(&folder).collect::<Vec<_>>());
    names.map(|name| String::from_utf8_lossy(name).into_owned()).filter(|name| is_unit(name)).collect()
}

/// `ssh` is `ssh.service`.
pub(crate) fn with_suffix(name: &str) -> String {
    if is_unit(name) { name.to_owned() } else { format!("{name}.service") }
}

/// `systemctl enable`: the links. Says whether the unit was found.
pub(crate) fn enable(edit: &mut Edit<'_>, manager: Manager, unit: &str) -> bool {
    let Some(links) = links(edit, manager, unit, &mut BTreeSet::new()) else { return false };
    let etc = manager.folders()[0];
    for link in links {
        edit.symlink(&format!("{etc}/{}", link.name), &link.target);
    }
    true
}

/// `systemctl disable`: every link to the unit below `/etc` goes.
pub(crate) fn disable(edit: &mut Edit<'_>, unit: &str) {
    let target = find(edit, Manager::System, unit).map(|(path, _)| path);
    let Ok(etc) = TreePath::new(SYSTEM_UNITS[0]) else { return };
    let doomed: Vec<TreePath> = edit
        .assembly
        .tree
        .walk_from(&etc)
        .filter(|entry| {
            let is_target =
                |link: &[u8]| target.as_ref().is_some_and(|target| link.ends_with(unit_name(target).as_bytes()));
            let in_directory = entry.path.components().count() > 4;
            let named = in_directory && entry.path.name() == Some(unit.as_bytes());
            entry.node.link_target().is_some_and(|link| named || (is_target(link) && !unit.contains('@')))
        })
        .map(|entry| entry.path)
        .collect();
    for path in doomed {
        edit.assembly.tree.remove(&path);
    }
}

/// `deb-systemd-helper enable`: what `systemctl preset` makes of the unit, and the books.
pub(crate) fn helper_enable(edit: &mut Edit<'_>, manager: Manager, unit: &str) -> bool {
    let Some(links) = links(edit, manager, unit, &mut BTreeSet::new()) else { return false };
    if !edit.resolves("/usr/bin/systemctl") {
        // Then it asks for no preset, and finds units under the old name of their folder first.
        for link in &links {
            let target = link.target.strip_prefix("/usr").filter(|rest| rest.starts_with("/lib/"));
            edit.symlink(&format!("{}/{}", manager.folders()[0], link.name), target.unwrap_or(&link.target));
        }
    } else if preset(edit, manager, unit) {
        enable(edit, manager, unit);
    }
    helper_state(edit, manager, unit);
    for link in links {
        let path = format!("{}/{}", manager.state(), link.name);
        edit.write(&path, "", 0o644);
    }
    true
}

/// `deb-systemd-helper disable`: links go, with that they were made and folders that get empty; the list of them stays.
pub(crate) fn helper_disable(edit: &mut Edit<'_>, unit: &str) {
    let manager = Manager::System;
    for link in links(edit, manager, unit, &mut BTreeSet::new()).unwrap_or_default() {
        for folder in [manager.folders()[0], manager.state()] {
            let Ok(path) = TreePath::new(format!("{folder}/{}", link.name)) else { continue };
            let tree = &mut edit.assembly.tree;
            tree.remove(&path);
            if let (Some(above), true) = (path.parent(), link.name.contains('/'))
                && tree.children(&above).next().is_none()
            {
                tree.remove(&above);
            }
        }
    }
}

/// `deb-systemd-helper update-state`: the list of the unit's links.
pub(crate) fn helper_state(edit: &mut Edit<'_>, manager: Manager, unit: &str) -> bool {
    let Some(links) = links(edit, manager, unit, &mut BTreeSet::new()) else { return false };
    let etc = manager.folders()[0];
    let mut listed = BTreeSet::new();
    let mut text = String::new();
    for link in links {
        if listed.insert(link.name.clone()) {
            text += &format!("{etc}/{}\n", link.name);
        }
    }
    edit.write(&format!("{}/{unit}.dsh-also", manager.state()), text, 0o644);
    true
}

/// Whether the preset files say `enable`, as they do of everything that none of them names (systemd.preset(5)).
fn preset(edit: &mut Edit<'_>, manager: Manager, unit: &str) -> bool {
    let [etc, lib] = manager.presets();
    let names = |edit: &Edit<'_>, folder: &str| -> BTreeSet<String> {
        let Ok(folder) = TreePath::new(folder) else { return BTreeSet::new() };
        let names = edit.assembly.tree.children(&folder).map(|name| String::from_utf8_lossy(name).into_owned());
        names.filter(|name| name.ends_with(".preset")).collect()
    };
    let all: BTreeSet<String> = names(edit, etc).into_iter().chain(names(edit, lib)).collect();
    for name in all {
        let text = edit.read(&format!("{etc}/{name}")).or_else(|| edit.read(&format!("{lib}/{name}")));
        for line in text.iter().flat_map(|text| text.lines()) {
            let mut words = line.split_whitespace();
            if let (Some(verb @ ("enable" | "disable")), Some(pattern)) = (words.next(), words.next())
                && matches(pattern.as_bytes(), unit.as_bytes())
            {
                return verb == "enable";
            }
        }
    }
    true
}

/// `*` and `?` as in fnmatch(3).
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

/// All links of a unit and of those it names with `Also=`: aliases first, as the helper lists them.
fn links(edit: &mut Edit<'_>, manager: Manager, unit: &str, seen: &mut BTreeSet<String>) -> Option<Vec<Link>> {
    let (target, file) = find(edit, manager, unit)?;
    seen.insert(unit.to_owned());
    let install = read_install(&edit.read(&file)?);
    let mut links = Vec::new();
    for also in &install.also {
        if !seen.contains(also) {
            links.extend(self::links(edit, manager, also, seen).unwrap_or_default());
        }
    }
    for alias in install.aliases.iter().filter(|alias| *alias != unit) {
        links.push(Link { name: alias.clone(), target: target.clone() });
    }
    let name = match (&install.default_instance, unit.split_once("@.")) {
        (Some(instance), Some((template, suffix))) => format!("{template}@{instance}.{suffix}"),
        _ => unit.to_owned(),
    };
    for (kind, by) in &install.pulled_in {
        links.push(Link { name: format!("{by}.{kind}/{name}"), target: target.clone() });
    }
    Some(links)
}

/// A unit's path as links to it name it, and the file its text is in.
fn find(edit: &Edit<'_>, manager: Manager, unit: &str) -> Option<(String, String)> {
    let template = match (unit.split_once('@'), unit.rsplit_once('.')) {
        (Some((before, _)), Some((_, suffix))) => Some(format!("{before}@.{suffix}")),
        _ => None,
    };
    let names = [Some(unit.to_owned()), template];
    let mut found = None;
    for name in names.into_iter().flatten().filter(|name| is_unit(name) && !name.contains('/')) {
        for folder in manager.folders() {
            let path = format!("{folder}/{name}");
            let at = TreePath::new(&path).ok()?;
            if found.is_none() && edit.assembly.tree.lookup(&at).is_some_and(|node| node.content().is_some()) {
                found = Some((path.clone(), path));
            }
        }
    }
    found
}

fn unit_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn is_unit(name: &str) -> bool {
    const SUFFIXES: [&str; 9] =
        [".service", ".socket", ".timer", ".target", ".path", ".mount", ".automount", ".swap", ".slice"];
    SUFFIXES.iter().any(|suffix| name.len() > suffix.len() && name.ends_with(suffix))
}

fn read_install(text: &str) -> Install {
    let mut install = Install::default();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[Install]";
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| inside && !line.starts_with(['#', ';'])) else {
            continue;
        };
        let values = || value.split_whitespace().map(|value| value.trim_matches(['"', '\'']).to_owned());
        match key.trim() {
            "WantedBy" => install.pulled_in.extend(values().map(|by| ("wants", by))),
            "RequiredBy" => install.pulled_in.extend(values().map(|by| ("requires", by))),
            "UpheldBy" => install.pulled_in.extend(values().map(|by| ("upholds", by))),
            "Alias" => install.aliases.extend(values()),
            "Also" => install.also.extend(values()),
            "DefaultInstance" => install.default_instance = values().next(),
            _ => {}
        }
    }
    install
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::testing;

    const SSH: &str =
        "[Unit]\nAlias=no.service\n[Install]\nWantedBy=multi-user.target\nAlias=sshd.service\nAlso=key.service\n";

    fn tree() -> rootsmith_assemble::Assembly {
        testing::assembly(&[
            ("/usr/bin/systemctl", ""),
            ("/usr/lib/systemd/system/ssh.service", SSH),
            (
                "/usr/lib/systemd/system/key.service",
                "[Install]\nRequiredBy=\"ssh.service\" ssh@.service\nAlso=ssh.service\n",
            ),
            ("/usr/lib/systemd/system/getty@.service", "[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n"),
            ("/usr/lib/systemd/system/net.service", "[Install]\nWantedBy=multi-user.target\n"),
            (
                "/usr/lib/systemd/system-preset/90-systemd.preset",
                "enable getty@.service\ndisable net.*\nenable net.service\n",
            ),
        ])
    }

    #[test]
    fn enabling_makes_the_links_and_keeps_the_books() {
        let mut assembly = tree();
        let mut edit = testing::edit(&mut assembly);
        assert!(helper_enable(&mut edit, Manager::System, "ssh.service"));
        assert!(helper_enable(&mut edit, Manager::System, "net.service"));
        assert!(enable(&mut edit, Manager::System, "getty@tty1.service"));
        assert!(enable(&mut edit, Manager::System, "getty@.service"));
        assert!(!enable(&mut edit, Manager::System, "nothing.service"));
        let links: Vec<String> = assembly
            .tree
            .walk_from(&TreePath::literal("/etc"))
            .filter_map(|entry| Some(format!("{} {}", entry.path, entry.node.link_target()?.escape_ascii())))
            .collect();
        assert_eq!(
            links,
            [
                "/etc/systemd/system/getty.target.wants/getty@tty1.service /usr/lib/systemd/system/getty@.service",
                "/etc/systemd/system/multi-user.target.wants/ssh.service /usr/lib/systemd/system/ssh.service",
                "/etc/systemd/system/ssh.service.requires/key.service /usr/lib/systemd/system/key.service",
                "/etc/systemd/system/ssh@.service.requires/key.service /usr/lib/systemd/system/key.service",
                "/etc/systemd/system/sshd.service /usr/lib/systemd/system/ssh.service",
            ]
        );
        let state = "/var/lib/systemd/deb-systemd-helper-enabled";
        assert_eq!(
            testing::text(&assembly, &format!("{state}/ssh.service.dsh-also")),
            "/etc/systemd/system/ssh.service.requires/key.service\n/etc/systemd/system/ssh@.service.requires/key.service\n\
             /etc/systemd/system/sshd.service\n/etc/systemd/system/multi-user.target.wants/ssh.service\n"
        );
        assert_eq!(testing::text(&assembly, &format!("{state}/multi-user.target.wants/ssh.service")), "");
        // A preset that says no keeps the books without the links.
        assert_eq!(testing::text(&assembly, &format!("{state}/multi-user.target.wants/net.service")), "");
    }

    #[test]
    fn without_systemctl_the_helper_links_by_itself() {
        let mut assembly = tree();
        assembly.tree.remove(&TreePath::literal("/usr/bin/systemctl"));
        let mut edit = testing::edit(&mut assembly);
        assert!(helper_enable(&mut edit, Manager::System, "net.service"));
        let link = "/etc/systemd/system/multi-user.target.wants/net.service";
        assert_eq!(testing::target(&assembly, link), "/lib/systemd/system/net.service", "whatever the preset says");
    }

    #[test]
    fn the_helper_disables_what_it_enabled_and_keeps_its_list() {
        let mut assembly = tree();
        let mut edit = testing::edit(&mut assembly);
        let state = "/var/lib/systemd/deb-systemd-helper-enabled";
        let left = |edit: &Edit<'_>| {
            let tree = &edit.assembly.tree;
            let made = ["/etc/systemd/system", state].map(TreePath::literal);
            let entries = made.iter().flat_map(|folder| tree.walk_from(folder));
            entries.map(|entry| entry.path.to_string()).collect::<Vec<_>>()
        };
        assert!(helper_enable(&mut edit, Manager::System, "ssh.service"));
        assert!(left(&edit).len() > 8);
        helper_disable(&mut edit, "ssh.service");
        assert_eq!(left(&edit), ["/etc/systemd/system", state, &format!("{state}/ssh.service.dsh-also")]);
    }

    #[test]
    fn disabling_takes_every_link_away() {
        let mut assembly = tree();
        let mut edit = testing::edit(&mut assembly);
        enable(&mut edit, Manager::System, "ssh.service");
        enable(&mut edit, Manager::System, "getty@tty1.service");
        disable(&mut edit, "ssh.service");
        disable(&mut edit, "getty@tty1.service");
        let left: Vec<String> = assembly
            .tree
            .walk_from(&TreePath::literal("/etc"))
            .filter(|entry| !entry.node.is_directory())
            .map(|entry| entry.path.to_string())
            .collect();
        let key = "/etc/systemd/system/ssh.service.requires/key.service";
        assert_eq!(left, [key, "/etc/systemd/system/ssh@.service.requires/key.service"]);
    }

    #[test]
    fn preset_patterns_match_as_fnmatch_does() {
        for (pattern, text, expected) in [
            ("*", "a.service", true),
            ("getty@.service", "getty@.service", true),
            ("a*.s?rvice", "abc.service", true),
            ("a*b", "aXc", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
