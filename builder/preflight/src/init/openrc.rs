//! What OpenRC starts: its runlevels, and what the services in them need.

use std::collections::{BTreeMap, VecDeque};

use super::shell::{Command, Reader, assignments};
use crate::view::View;

/// Services that mount by words that a simple reading does not understand; what they do is known (`rules/mounts.rs`).
const KNOWN: [&str; 7] = ["cgroups", "devfs", "localmount", "procfs", "root", "swap", "sysfs"];

/// Scripts that say `provide net` for every interface they can be linked for, or for routes alone.
const NO_NETWORK: [&str; 4] = ["loopback", "net.lo", "net.lo0", "staticroute"];

/// No system has more services.
const MAX_SERVICES: usize = 10_000;

#[derive(Default)]
pub(super) struct OpenRc {
    pub(super) services: BTreeMap<String, String>,
    pub(super) provided: BTreeMap<String, String>,
    pub(super) settings: BTreeMap<String, (String, String)>,
    pub(super) commands: Vec<Command>,
}

pub(super) fn read(view: &View<'_>) -> OpenRc {
    let mut found = OpenRc { settings: settings(view), ..OpenRc::default() };
    let default = view.word("softlevel").or_else(|| Some(found.settings.get("rc_default_runlevel")?.0.as_str()));
    let mut runlevels: VecDeque<String> = ["sysinit", "boot", default.unwrap_or("default")].map(str::to_owned).into();
    let mut seen: Vec<String> = Vec::new();
    let mut todo = VecDeque::new();
    while let Some(runlevel) = runlevels.pop_front() {
        if seen.contains(&runlevel) || seen.len() >= MAX_SERVICES {
            continue;
        }
        for name in view.list(&format!("/etc/runlevels/{runlevel}")) {
            let at = format!("/etc/runlevels/{runlevel}/{name}");
            match view.node(&at) {
                // A folder in a runlevel stacks another one under it (rc-update(8), `--stack`).
                Some(node) if node.is_directory() => runlevels.push_back(name),
                Some(_) => todo.push_back((name, format!("`{at}`"))),
                None => {}
            }
        }
        seen.push(runlevel);
    }
    while let Some((name, by)) = todo.pop_front() {
        if found.services.contains_key(&name) || found.services.len() >= MAX_SERVICES {
            continue;
        }
        let script = view.text_or_empty(&format!("/etc/init.d/{name}"));
        let conf = view.text_or_empty(&format!("/etc/conf.d/{name}"));
        for line in script.lines().map(str::trim) {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("need" | "want") => {
                    for needed in words.filter(|needed| view.node(&format!("/etc/init.d/{needed}")).is_some()) {
                        todo.push_back((needed.to_owned(), format!("`{line}` in `/etc/init.d/{name}`")));
                    }
                }
                Some("provide") => {
                    for what in words.filter(|what| *what != "net" || !NO_NETWORK.contains(&name.as_str())) {
                        found.provided.entry(what.to_owned()).or_insert_with(|| name.clone());
                    }
                }
                _ => {}
            }
        }
        let settings = assignments(&conf);
        for what in settings.get("rc_provide").into_iter().flat_map(|list| list.split_ascii_whitespace()) {
            found.provided.entry(what.to_owned()).or_insert_with(|| name.clone());
        }
        if let Some(needs) = settings.get("rc_need") {
            for needed in needs.split_ascii_whitespace() {
                todo.push_back((needed.to_owned(), format!("`rc_need` in `/etc/conf.d/{name}`")));
            }
        }
        found.services.insert(name, by);
    }
    let mut reader = Reader::new(view);
    for name in found.services.keys().filter(|name| !KNOWN.contains(&name.as_str()) && *name != "local") {
        reader.file(&format!("/etc/init.d/{name}"));
    }
    if found.services.contains_key("local") {
        for name in view.list("/etc/local.d").iter().filter(|name| name.ends_with(".start")) {
            reader.file(&format!("/etc/local.d/{name}"));
        }
    }
    found.commands = reader.commands;
    found
}

/// `rc.conf`, then its snippets by name; the last one that says something counts.
fn settings(view: &View<'_>) -> BTreeMap<String, (String, String)> {
    let mut files = vec!["/etc/rc.conf".to_owned()];
    let snippets = view.list("/etc/rc.conf.d").into_iter().filter(|name| name.ends_with(".conf"));
    files.extend(snippets.map(|name| format!("/etc/rc.conf.d/{name}")));
    let mut settings = BTreeMap::new();
    for file in files {
        let found = assignments(&view.text_or_empty(&file));
        settings.extend(found.into_iter().map(|(name, value)| (name, (value, file.clone()))));
    }
    settings
}
