//! What makes each machine its own must not be in an image that many start from.

use std::collections::BTreeSet;

use rootsmith_tree::Node;
use rootsmith_types::TreePath;

use super::Outcome;
use super::mounts::writes;
use crate::facts::path;
use crate::init::{InitKind, unit_texts};
use crate::view::{View, matches_glob};

/// So many files are named; the rest is counted.
const SHOWN: usize = 5;

/// No folder that a pattern leads into is searched further.
const MAX_MATCHES: usize = 100_000;

const MACHINE_ID: &str = "/etc/machine-id";

pub(super) fn machine_id(view: &View<'_>) -> Outcome {
    let mut wrong = Vec::new();
    if let Some(id) = view.word("systemd.machine_id").filter(|id| *id != "firmware") {
        wrong.push(format!("the kernel command line has `systemd.machine_id={id}`"));
    }
    let text = match view.text(MACHINE_ID) {
        Ok(text) => text,
        Err(reason) => return Outcome::no(reason),
    };
    let id = text.as_deref().map(str::trim);
    match id {
        None | Some("" | "uninitialized") => {}
        Some(id) => wrong.push(format!("`{MACHINE_ID}` has `{}`", short(id))),
    }
    // D-Bus may have a copy of its own.
    const COPY: &str = "/var/lib/dbus/machine-id";
    let copy =
        path(COPY).and_then(|at| view.facts.tree.resolve_parent(&at).ok()).and_then(|at| view.facts.tree.get(&at));
    if let Some(content) = copy.and_then(Node::content).filter(|content| content.size() > 0) {
        wrong.push(format!("`{COPY}` is a file of {} bytes, not a link to `{MACHINE_ID}`", content.size()));
    }
    if !wrong.is_empty() {
        return Outcome::unless(wrong, "");
    }
    match id {
        None => {
            let systemd = matches!(view.init_system().kind, InitKind::Systemd { .. });
            match writes(view, "/etc", false) {
                Some(Err(reason)) if systemd => {
                    Outcome::almost(format!("there is no `{MACHINE_ID}`, and none can be made: {reason}"))
                }
                _ => Outcome::yes(format!("there is no `{MACHINE_ID}`")),
            }
        }
        Some("") => Outcome::yes(format!("`{MACHINE_ID}` is empty")),
        Some(_) => Outcome::yes(format!("`{MACHINE_ID}` has `uninitialized`")),
    }
}

pub(super) fn host_keys(view: &View<'_>) -> Outcome {
    let mut wrong: Vec<String> = ["/etc/ssh/ssh_host_*key*", "/etc/dropbear/dropbear_*_host_key"]
        .iter()
        .flat_map(|pattern| expand(view, pattern))
        .map(|at| format!("`{at}` is there"))
        .collect();
    let Some((by, made)) = server(view) else {
        return Outcome::unless(wrong, "no host key, and no SSH server is started");
    };
    match made {
        Some(Maker { by: maker, first_boot: true }) if !is_first_boot(view) => wrong.push(format!(
            "the SSH server is started ({by}), but {maker} makes keys on the first boot only \
             (`ConditionFirstBoot=`), which `{MACHINE_ID}` must announce with `uninitialized`"
        )),
        Some(Maker { by: maker, .. }) => return Outcome::unless(wrong, format!("no host key; made by {maker}")),
        None => wrong.push(format!("the SSH server is started ({by}), but nothing makes keys for it")),
    }
    Outcome::unless(wrong, "")
}

struct Maker {
    by: String,
    /// Only on a boot that systemd takes for the first.
    first_boot: bool,
}

/// What starts the SSH server, and what makes its keys.
fn server(view: &View<'_>) -> Option<(String, Option<Maker>)> {
    let init = view.init_system();
    let by = init.starts_any(&["ssh", "sshd", "dropbear", "sshd-session"]).or_else(|| {
        let mut commands = init.commands().iter();
        commands.find(|it| matches!(it.program(), "sshd" | "dropbear")).map(|it| it.shown())
    })?;
    let makes = |text: &str| {
        ["ssh-keygen", "sshd-keygen", "dropbearkey", "dpkg-reconfigure openssh-server"]
            .iter()
            .any(|it| text.contains(it))
    };
    let maker = match init.kind {
        InitKind::Systemd { .. } => init.services().find_map(|unit| {
            let texts = unit_texts(view, unit);
            let lines = || texts.iter().flat_map(|(_, text)| text.lines()).map(str::trim);
            let execs = lines().filter_map(|line| line.strip_prefix("ExecStart").and_then(|rest| rest.split_once('=')));
            let made = execs.into_iter().any(|(_, command)| {
                let program = command.trim_start_matches(['-', '@', ':', '+', '!']).split_ascii_whitespace().next();
                makes(command)
                    || (command.contains("dropbear") && command.contains(" -R"))
                    || program.and_then(|program| view.script(program)).is_some_and(|text| makes(&text))
            });
            let first_boot = lines().any(|line| matches!(line, "ConditionFirstBoot=yes" | "ConditionFirstBoot=true"));
            made.then(|| Maker { by: format!("`{unit}`"), first_boot })
        }),
        InitKind::OpenRc | InitKind::Sysvinit => init.services().find_map(|service| {
            let text = view.script(&format!("/etc/init.d/{service}"))?;
            let made = makes(&text) || (service == "dropbear" && text.contains("-R"));
            made.then(|| Maker { by: format!("`/etc/init.d/{service}`"), first_boot: false })
        }),
        _ => None,
    };
    let maker = maker.or_else(|| {
        let mut commands = init.commands().iter();
        let made = commands.find(|command| match command.program() {
            "ssh-keygen" | "dropbearkey" => true,
            "dropbear" => command.words.iter().any(|word| word.starts_with('-') && word.contains('R')),
            _ => false,
        })?;
        Some(Maker { by: made.shown(), first_boot: false })
    });
    // It deletes the keys that are there and makes new ones (`ssh_deletekeys`).
    let maker = maker.or_else(|| init.starts("cloud-init").map(|by| Maker { by, first_boot: false }));
    Some((by, maker))
}

/// Whether systemd takes the next boot for the first: machine-id(5), "First boot semantics".
fn is_first_boot(view: &View<'_>) -> bool {
    if let Some(value) = view.word("systemd.condition_first_boot") {
        return !matches!(value, "0" | "no" | "n" | "false" | "f" | "off");
    }
    view.text(MACHINE_ID).ok().flatten().is_none_or(|text| text.trim() == "uninitialized")
}

/// Nothing but empty files at these places; with `line`, only files that have a line of that pattern count.
pub(super) fn no_files(view: &View<'_>, paths: &[String], lines: &[String]) -> Outcome {
    let mut found = BTreeSet::new();
    for pattern in paths {
        for at in expand(view, pattern) {
            for entry in view.facts.tree.walk_from(&at) {
                let Some(content) = entry.node.content().filter(|content| content.size() > 0) else { continue };
                if lines.is_empty() {
                    found.insert(format!("`{}`", entry.path));
                    continue;
                }
                // The line itself may be a password, and reports are for many to read.
                match content.read(view.facts.blobs, 1 << 20) {
                    Ok(data) => {
                        let text = String::from_utf8_lossy(&data);
                        let has = |pattern: &&String| text.lines().any(|line| matches_glob(pattern, line.trim()));
                        let has = lines.iter().filter(has);
                        found.extend(has.map(|pattern| format!("`{}` has a line `{pattern}`", entry.path)));
                    }
                    // What cannot be read is not what it should be.
                    Err(error) => _ = found.insert(format!("`{}` cannot be read: {error}", entry.path)),
                }
            }
        }
    }
    if found.is_empty() {
        return Outcome::yes("nothing of that kind is there");
    }
    Outcome::unless(some(found.into_iter().collect()), "")
}

/// Accounts that anybody can use.
pub(super) fn empty_passwords(view: &View<'_>) -> Outcome {
    let mut wrong = Vec::new();
    for (file, name, password) in passwords(view) {
        if password.is_empty() {
            wrong.push(format!("`{name}` has no password in `{file}`: nothing is asked for"));
        }
    }
    Outcome::unless(wrong, "no account is open")
}

/// Passwords that each machine would have.
pub(super) fn baked_passwords(view: &View<'_>) -> Outcome {
    let mut wrong = Vec::new();
    for (file, name, password) in passwords(view) {
        // `*`, `!` and what begins so let nobody in; `x` points from one file to the other.
        if !password.is_empty() && password != "x" && !password.starts_with(['*', '!']) {
            wrong.push(format!("`{name}` has a password in `{file}`: the same on every machine"));
        }
    }
    Outcome::unless(wrong, "no account has a password")
}

/// File, account and what stands in the field of the password.
fn passwords(view: &View<'_>) -> Vec<(&'static str, String, String)> {
    let mut found = Vec::new();
    for file in ["/etc/passwd", "/etc/shadow"] {
        for line in view.text_or_empty(file).lines() {
            let mut fields = line.split(':');
            if let (Some(name), Some(password)) = (fields.next().filter(|name| !name.is_empty()), fields.next()) {
                found.push((file, name.to_owned(), password.to_owned()));
            }
        }
    }
    found
}

/// Everything that a pattern with `*` in any of its components names, sorted.
pub(super) fn expand(view: &View<'_>, pattern: &str) -> Vec<TreePath> {
    let mut found = vec![TreePath::root()];
    for component in pattern.split('/').filter(|component| !component.is_empty()) {
        let mut next = Vec::new();
        for folder in &found {
            let Ok(folder) = view.facts.tree.resolve(folder) else { continue };
            if !component.contains(['*', '?']) {
                next.extend(folder.join(component).ok().filter(|at| view.facts.tree.get(at).is_some()));
                continue;
            }
            let names = view.facts.tree.children(&folder).take(MAX_MATCHES);
            let names = names.filter(|name| matches_glob(component, &String::from_utf8_lossy(name)));
            next.extend(names.filter_map(|name| folder.join(name).ok()));
        }
        next.truncate(MAX_MATCHES);
        found = next;
    }
    found
}

/// The first few, and how many more there are.
pub(super) fn some(mut all: Vec<String>) -> Vec<String> {
    let more = all.len().saturating_sub(SHOWN);
    all.truncate(SHOWN);
    all.extend((more > 0).then(|| format!("and {more} more")));
    all
}

/// What may be shown of something long.
fn short(text: &str) -> String {
    let mut shown: String = text.trim().chars().take(60).collect();
    if text.trim().chars().count() > 60 {
        shown.push('…');
    }
    shown
}
