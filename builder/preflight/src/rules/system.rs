//! What the init gives to services.

use super::Outcome;
use super::mounts::mounted_at;
use crate::facts::path;
use crate::init::InitKind;
use crate::view::View;

pub(super) fn procfs(view: &View<'_>) -> Outcome {
    let init = view.init_system();
    let mut wrong = Vec::new();
    let mut by = String::new();
    match mounted_at(view, "/proc") {
        Some((kind, evidence)) if kind == "proc" => by = evidence,
        Some((kind, evidence)) => wrong.push(format!("`/proc` is {kind}: {evidence}")),
        None => wrong.push(init.unknown().unwrap_or_else(|| format!("nothing mounts `/proc` under {}", init.name))),
    }
    if view.symbol("PROC_FS") != Some("y") {
        wrong.push("the kernel's configuration does not say `CONFIG_PROC_FS=y`".to_owned());
    }
    if !view.node("/proc").is_some_and(|node| node.is_directory()) {
        wrong.push("there is no folder `/proc` to mount it on".to_owned());
    }
    Outcome::unless(wrong, by)
}

/// systemd 240 and later: 1024 soft, 524288 hard.
const SYSTEMD_DEFAULT: (u64, u64) = (1024, 524_288);

/// What the kernel gives to the first program.
const KERNEL_DEFAULT: (u64, u64) = (1024, 4096);

pub(super) fn open_files(view: &View<'_>, least: u64) -> Outcome {
    let init = view.init_system();
    let ((soft, hard), whose) = match init.kind {
        InitKind::Systemd { release } => by_systemd(view, release),
        InitKind::OpenRc => by_openrc(view),
        _ => by_commands(view),
    };
    let evidence = format!("{whose}: soft {soft}, hard {hard}");
    // Go raises the soft limit to the hard one less one.
    if soft >= least || hard > least { Outcome::yes(evidence) } else { Outcome::no(evidence) }
}

fn by_systemd(view: &View<'_>, release: Option<u32>) -> ((u64, u64), String) {
    let name = &view.init_system().name;
    let own = if release.is_some_and(|release| release < 240) { KERNEL_DEFAULT } else { SYSTEMD_DEFAULT };
    let mut limits = (own, format!("{name}'s own"));
    for file in manager_files(view) {
        for line in view.text_or_empty(&file).lines() {
            if let Some(value) = line.trim().strip_prefix("DefaultLimitNOFILE=")
                && let Some(found) = limit(value.trim())
            {
                limits = (found, format!("`{}` in `{file}`", line.trim()));
            }
        }
    }
    limits
}

/// `rc_ulimit` of `rc.conf`, or of the service of k0s itself, if there is one.
fn by_openrc(view: &View<'_>) -> ((u64, u64), String) {
    let init = view.init_system();
    let own = init.services().filter(|name| name.starts_with("k0s")).find_map(|name| {
        [format!("/etc/conf.d/{name}"), format!("/etc/init.d/{name}")].into_iter().find_map(|file| {
            let text = view.script(&file)?;
            let line = text.lines().map(str::trim).rfind(|line| line.starts_with("rc_ulimit="))?;
            Some((line.to_owned(), file))
        })
    });
    let set = init.setting("rc_ulimit").map(|(value, file)| (format!("rc_ulimit=\"{value}\""), file.to_owned()));
    match own.or(set) {
        Some((line, file)) => {
            let words = line.split(['"', '\'', ' ', '=', '}', ':']).filter(|word| !word.is_empty());
            let words: Vec<&str> = words.collect();
            (ulimit(&words).unwrap_or(KERNEL_DEFAULT), format!("`{line}` in `{file}`"))
        }
        None => (KERNEL_DEFAULT, "OpenRC with no `rc_ulimit` in `/etc/rc.conf` leaves the kernel's".to_owned()),
    }
}

/// `ulimit` in the scripts of the init: what they start has it, too.
fn by_commands(view: &View<'_>) -> ((u64, u64), String) {
    let init = view.init_system();
    let mut limits = (KERNEL_DEFAULT, format!("{} leaves the kernel's", init.name));
    for command in init.commands().iter().filter(|command| command.program() == "ulimit") {
        let words: Vec<&str> = command.words.iter().skip(1).map(String::as_str).collect();
        if let Some(found) = ulimit(&words) {
            limits = (found, command.shown());
        }
    }
    limits
}

/// Options of the shell's `ulimit` about open files: `-n 1048576`, `-Hn unlimited`. Without `S` or `H` both are set.
fn ulimit(words: &[&str]) -> Option<(u64, u64)> {
    let mut found = None;
    for pair in words.windows(2) {
        let Some(flags) = pair[0].trim_start_matches('-').strip_suffix('n').filter(|_| pair[0].contains('-')) else {
            continue;
        };
        let number = if pair[1] == "unlimited" { Some(u64::MAX) } else { pair[1].parse().ok() };
        let Some(number) = number else { continue };
        let (soft, hard) = found.unwrap_or(KERNEL_DEFAULT);
        found = Some(match flags {
            "" | "SH" | "HS" => (number, number),
            "H" => (soft.min(number), number),
            "S" => (number.min(hard), hard),
            _ => continue,
        });
    }
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulimit_is_understood() {
        assert_eq!(ulimit(&["-n", "1048576", "-u", "unlimited"]), Some((1_048_576, 1_048_576)));
        assert_eq!(ulimit(&["-Hn", "70000"]), Some((1024, 70000)));
        assert_eq!(ulimit(&["-Sn", "70000"]), Some((4096, 4096)));
        assert_eq!(ulimit(&["-Hn", "70000", "-Sn", "65536"]), Some((65536, 70000)));
        assert_eq!(ulimit(&["-u", "9"]), None);
    }
}
