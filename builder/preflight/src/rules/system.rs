//! What the init gives to services.

use super::Outcome;
use crate::facts::path;
use crate::view::View;

pub(super) fn procfs(view: &View<'_>) -> Outcome {
    let mut wrong = Vec::new();
    if view.systemd().is_none() {
        wrong.push(format!("the init `{}` is not systemd, and nothing else is known to mount it", view.init()));
    }
    if view.symbol("PROC_FS") != Some("y") {
        wrong.push("the kernel's configuration does not say `CONFIG_PROC_FS=y`".to_owned());
    }
    if !view.node("/proc").is_some_and(|node| node.is_directory()) {
        wrong.push("there is no folder `/proc` to mount it on".to_owned());
    }
    Outcome::unless(wrong, "systemd mounts it")
}

/// systemd 240 and later: 1024 soft, 524288 hard.
const SYSTEMD_DEFAULT: (u64, u64) = (1024, 524_288);

pub(super) fn open_files(view: &View<'_>, least: u64) -> Outcome {
    match view.systemd() {
        None => {
            return Outcome::no(format!("the init `{}` is not systemd: the kernel's 1024 and 4096 hold", view.init()));
        }
        Some(Some(release)) if release < 240 => {
            return Outcome::no(format!("systemd {release} gives services 1024 and 4096"));
        }
        Some(_) => {}
    }
    let mut limits = (SYSTEMD_DEFAULT, "systemd's own".to_owned());
    for file in manager_files(view) {
        for line in view.text_or_empty(&file).lines() {
            if let Some(value) = line.trim().strip_prefix("DefaultLimitNOFILE=")
                && let Some(found) = limit(value.trim())
            {
                limits = (found, format!("`{file}`"));
            }
        }
    }
    let ((soft, hard), whose) = limits;
    let evidence = format!("{whose}: soft {soft}, hard {hard}");
    // Go raises the soft limit to the hard one less one.
    if soft >= least || hard > least { Outcome::yes(evidence) } else { Outcome::no(evidence) }
}

/// `system.conf`, then the snippets by name, wherever they are; the last one that says something counts.
fn manager_files(view: &View<'_>) -> Vec<String> {
    let mut snippets = Vec::new();
    for folder in ["/usr/lib/systemd/system.conf.d", "/etc/systemd/system.conf.d"] {
        let names = path(folder).into_iter().flat_map(|folder| view.facts.tree.children(&folder));
        let names = names.filter_map(|name| std::str::from_utf8(name).ok()).filter(|name| name.ends_with(".conf"));
        snippets.extend(names.map(|name| (name.to_owned(), format!("{folder}/{name}"))));
    }
    // A snippet in `/etc` hides the one of its name in `/usr/lib`; read after it, it has the last word all the same.
    snippets.sort_by(|a, b| a.0.cmp(&b.0));
    let main = if view.node("/etc/systemd/system.conf").is_some() { "/etc" } else { "/usr/lib" };
    let mut files = vec![format!("{main}/systemd/system.conf")];
    files.extend(snippets.into_iter().map(|(_, file)| file));
    files
}

/// `SOFT:HARD` or one number for both; `infinity` is the most there is.
fn limit(value: &str) -> Option<(u64, u64)> {
    let number = |text: &str| if text == "infinity" { Some(u64::MAX) } else { text.parse().ok() };
    match value.split_once(':') {
        Some((soft, hard)) => Some((number(soft)?, number(hard)?)),
        None => number(value).map(|both| (both, both)),
    }
}
