//! Settings of the kernel as the boot leaves them (sysctl.d(5), sysctl.conf(5)).

use std::collections::BTreeMap;

use super::Outcome;
use crate::init::InitKind;
use crate::view::{View, matches_glob};

/// One setting: the key with dots, its value, where it was found.
struct Setting {
    key: String,
    value: String,
    at: String,
}

/// Folders of snippets, the first that has a name hides the others.
const FOLDERS: [&str; 4] = ["/etc/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];

pub(super) fn holds(
    view: &View<'_>,
    keys: &[String],
    least: Option<i64>,
    most: Option<i64>,
    unset: Option<i64>,
) -> Outcome {
    let (settings, unread) = settings(view);
    let by_kernel = |key: &str| unset.map(|unset| kernels_own(view, &settings, key).unwrap_or(unset));
    let (mut wrong, mut fine) = (Vec::new(), Vec::new());
    for key in keys {
        let found = settings.iter().rev().find(|setting| matches_glob(&setting.key, key));
        let (value, shown) = match (found, by_kernel(key)) {
            (Some(setting), _) => {
                let shown = format!("`{key} = {}` in `{}`", setting.value, setting.at);
                (setting.value.split_ascii_whitespace().next().and_then(|number| number.parse().ok()), shown)
            }
            (None, Some(unset)) => (Some(unset), format!("nothing sets `{key}`: the kernel's {unset} holds")),
            (None, None) => (None, format!("nothing sets `{key}`")),
        };
        let enough =
            value.is_some_and(|value: i64| least.is_none_or(|it| value >= it) && most.is_none_or(|it| value <= it));
        if enough { fine.push(shown) } else { wrong.push(shown) }
    }
    if !wrong.is_empty() {
        wrong.extend(unread);
    }
    Outcome::all(wrong, fine)
}

/// What the kernel has when nothing sets it, where that is not what every kernel has.
fn kernels_own(view: &View<'_>, settings: &[Setting], key: &str) -> Option<i64> {
    // Debian's patches: restrictions of links by default, Yama by request.
    let debian = view.kernel.as_ref().is_ok_and(|kernel| kernel.release.contains("+deb"));
    match key {
        "fs.protected_hardlinks" | "fs.protected_symlinks" if debian => Some(1),
        "kernel.yama.ptrace_scope" if debian => Some(0),
        // A router takes no redirects: switching forwarding on switches this off (`inet_forward_change` of devinet.c).
        "net.ipv4.conf.all.accept_redirects" => {
            let forwards = ["net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"];
            let last = settings.iter().rev().find(|setting| forwards.iter().any(|key| matches_glob(&setting.key, key)));
            last.filter(|setting| setting.value != "0").map(|_| 0)
        }
        _ => None,
    }
}

/// All settings in the order in which they are made, and why files are not read, if they are not.
fn settings(view: &View<'_>) -> (Vec<Setting>, Option<String>) {
    let init = view.init_system();
    let mut found = Vec::new();
    // The kernel sets these before the first program runs.
    for word in view.cmdline.iter().flatten() {
        if let Some((key, value)) = word.strip_prefix("sysctl.").and_then(|word| word.split_once('=')) {
            let at = "the kernel command line".to_owned();
            found.push(Setting { key: dotted(key), value: value.to_owned(), at });
        }
    }
    let (service, conf) = match init.kind {
        InitKind::Systemd { .. } => ("systemd-sysctl.service", false),
        // Debian's OpenRC runs Debian's own script.
        InitKind::OpenRc if init.starts("procps").is_some() => ("procps", true),
        InitKind::OpenRc => ("sysctl", true),
        InitKind::Sysvinit => ("procps", true),
        _ => {
            by_commands(view, &mut found);
            return (found, None);
        }
    };
    if init.starts(service).is_none() && init.starts_any(&["procps.sh"]).is_none() {
        by_commands(view, &mut found);
        return (found, Some(format!("no file is read: {} does not start the service `{service}`", init.name)));
    }
    read_system(view, conf, &mut found);
    by_commands(view, &mut found);
    (found, None)
}

/// `sysctl --system`; systemd's own reader does not know `/etc/sysctl.conf`.
fn read_system(view: &View<'_>, conf: bool, found: &mut Vec<Setting>) {
    let mut files = BTreeMap::new();
    for folder in FOLDERS.iter().rev() {
        for name in view.list(folder).into_iter().filter(|name| name.ends_with(".conf")) {
            files.insert(name.clone(), format!("{folder}/{name}"));
        }
    }
    for file in files.into_values().chain(conf.then(|| "/etc/sysctl.conf".to_owned())) {
        read(view, &file, found);
    }
}

fn read(view: &View<'_>, file: &str, found: &mut Vec<Setting>) {
    for line in view.text_or_empty(file).lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        // A dash before the key: errors do not matter.
        let Some((key, value)) = line.trim_start_matches('-').split_once('=') else { continue };
        found.push(Setting { key: dotted(key.trim()), value: value.trim().to_owned(), at: file.to_owned() });
    }
}

/// `sysctl -w key=value`, `sysctl -p file`, `sysctl --system`, `echo value > /proc/sys/key`.
fn by_commands(view: &View<'_>, found: &mut Vec<Setting>) {
    for command in view.init_system().commands() {
        let words: Vec<&str> = command.words.iter().skip(1).map(String::as_str).collect();
        match command.program() {
            "sysctl" if words.contains(&"--system") => read_system(view, true, found),
            "sysctl" if words.iter().any(|word| word.starts_with('-') && word.contains('p')) => {
                let file = words.iter().find(|word| word.starts_with('/')).copied();
                read(view, file.unwrap_or("/etc/sysctl.conf"), found);
            }
            "sysctl" => {
                for (key, value) in words.iter().filter_map(|word| word.split_once('=')) {
                    found.push(Setting { key: dotted(key), value: value.to_owned(), at: command.file.clone() });
                }
            }
            "echo" => {
                let target = words.iter().position(|word| *word == ">").and_then(|at| words.get(at.saturating_add(1)));
                let key = target.and_then(|target| target.strip_prefix("/proc/sys/"));
                if let (Some(key), Some(value)) = (key, words.iter().find(|word| !word.starts_with('-'))) {
                    found.push(Setting { key: dotted(key), value: (*value).to_owned(), at: command.file.clone() });
                }
            }
            _ => {}
        }
    }
}

/// A key with slashes as one with dots. What comes first is the separator (sysctl.d(5)).
fn dotted(key: &str) -> String {
    match key.find(['.', '/']).and_then(|at| key[at..].chars().next()) {
        Some('/') => key
            .chars()
            .map(|c| {
                if c == '/' {
                    '.'
                } else if c == '.' {
                    '/'
                } else {
                    c
                }
            })
            .collect(),
        _ => key.to_owned(),
    }
}
