//! Control groups, version 2.

use super::cmdline::disabled;
use super::mounts::{AtBoot, written};
use super::{Met, Outcome};
use crate::Said;
use crate::init::InitKind;
use crate::view::{FoundConfig, View, at_least};

/// systemd's first release that mounts version 2 alone when nobody says otherwise.
const UNIFIED_BY_DEFAULT: u32 = 243;

/// systemd's first release that knows version 2 alone.
const UNIFIED_ONLY: u32 = 258;

/// Ubuntu built systemd with both until this release.
const UNIFIED_ON_UBUNTU: u32 = 248;

/// Where everybody looks.
const POINT: &str = "/sys/fs/cgroup";

/// What is mounted at `/sys/fs/cgroup` when the system is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hierarchy {
    /// Version 2 alone.
    Unified,
    /// Version 1, with version 2 somewhere beside it.
    Hybrid,
    /// Version 1 alone.
    Legacy,
    /// Nothing: why.
    None(String),
}

pub(super) fn mounted(view: &View<'_>) -> Outcome {
    let (hierarchy, mut evidence) = hierarchy(view);
    match hierarchy {
        Hierarchy::Unified => Outcome::all(Vec::new(), evidence),
        Hierarchy::Hybrid | Hierarchy::Legacy => Outcome::all(evidence, Vec::new()),
        Hierarchy::None(reason) => {
            evidence.insert(0, reason);
            Outcome::all(evidence, Vec::new())
        }
    }
}

/// Which hierarchy results, and by what: lower-case phrases, the gravest first.
pub(super) fn hierarchy(view: &View<'_>) -> (Hierarchy, Vec<String>) {
    let init = view.init_system();
    let (mut hierarchy, mut evidence) = match init.kind {
        InitKind::Systemd { release } => by_systemd(view, release),
        InitKind::OpenRc => by_openrc(view),
        InitKind::Sysvinit if init.starts("cgroupfs-mount").is_some() => {
            let by = init.starts("cgroupfs-mount").unwrap_or_default();
            (Hierarchy::Legacy, vec![format!("the service {by} mounts version 1")])
        }
        InitKind::Sysvinit | InitKind::Busybox | InitKind::Script => by_lines(view),
        InitKind::Runit | InitKind::S6 | InitKind::Unknown => {
            (Hierarchy::None(init.unknown().unwrap_or_default()), Vec::new())
        }
    };
    // A controller that version 1 has is gone from version 2.
    for mount in written(view).into_iter().filter(|mount| mount.filesystem == "cgroup") {
        hierarchy = match hierarchy {
            Hierarchy::Unified if mount.point == POINT => Hierarchy::Legacy,
            Hierarchy::Unified => Hierarchy::Hybrid,
            Hierarchy::None(_) => Hierarchy::Legacy,
            other => other,
        };
        evidence.insert(0, format!("version 1 is mounted: {}", mount.evidence));
    }
    (hierarchy, evidence)
}

fn by_systemd(view: &View<'_>, release: Option<u32>) -> (Hierarchy, Vec<String>) {
    let name = &view.init_system().name;
    if release.is_some_and(|release| release >= UNIFIED_ONLY) {
        return (Hierarchy::Unified, vec![format!("{name} knows version 2 alone")]);
    }
    let off = |value: &str| matches!(value, "0" | "no" | "n" | "false" | "f" | "off");
    let mut wrong = Vec::new();
    let key = "systemd.unified_cgroup_hierarchy";
    let said = if view.has_word(key) { Some("yes") } else { view.word(key) };
    if let Some(value) = said.filter(|value| off(value)) {
        wrong.push(format!("the kernel command line has `{key}={value}`"));
    }
    let legacy = "systemd.legacy_systemd_cgroup_controller";
    let alone = view.has_word(legacy) || view.word(legacy).is_some_and(|value| !off(value));
    if alone {
        wrong.push(format!("the kernel command line has `{legacy}`"));
    }
    if wrong.is_empty() {
        if let Some(value) = said {
            return (Hierarchy::Unified, vec![format!("the kernel command line has `{key}={value}`")]);
        }
        if view.word("cgroup_no_v1") == Some("all") {
            return (Hierarchy::Unified, vec!["the kernel command line has `cgroup_no_v1=all`".to_owned()]);
        }
        let ubuntu = ["/etc/os-release", "/usr/lib/os-release"]
            .iter()
            .any(|file| view.text_or_empty(file).lines().any(|line| line.trim().replace('"', "") == "ID=ubuntu"));
        let first = if ubuntu { UNIFIED_ON_UBUNTU } else { UNIFIED_BY_DEFAULT };
        match release {
            Some(release) if release < first => wrong.push(format!("{name} mounts version 1 beside version 2")),
            _ => return (Hierarchy::Unified, vec![format!("{name} mounts version 2 alone")]),
        }
    }
    (if alone { Hierarchy::Legacy } else { Hierarchy::Hybrid }, wrong)
}

fn by_openrc(view: &View<'_>) -> (Hierarchy, Vec<String>) {
    let init = view.init_system();
    let Some(by) = init.starts("cgroups") else {
        let reason = "OpenRC mounts them with the service `cgroups`, which is in no runlevel and needed by nothing";
        return by_written(view).unwrap_or_else(|| (Hierarchy::None(reason.to_owned()), Vec::new()));
    };
    let service = format!("the service {by}");
    let (mode, whose) = match init.setting("rc_cgroup_mode") {
        Some((mode, file)) => (mode.to_owned(), format!("`{file}` has `rc_cgroup_mode=\"{mode}\"`")),
        None => openrc_default(view),
    };
    let hierarchy = match mode.as_str() {
        "unified" => Hierarchy::Unified,
        "hybrid" => Hierarchy::Hybrid,
        "legacy" => Hierarchy::Legacy,
        _ => Hierarchy::None(format!("{whose}, which mounts nothing")),
    };
    (hierarchy, vec![whose, service])
}

/// Without a setting the service's own script decides: `${rc_cgroup_mode:-unified}` since OpenRC 0.51, hybrid before.
fn openrc_default(view: &View<'_>) -> (String, String) {
    const MARK: &str = "rc_cgroup_mode:-";
    for file in ["/etc/init.d/cgroups", "/usr/libexec/rc/sh/rc-cgroup.sh", "/lib/rc/sh/rc-cgroup.sh"] {
        let text = view.script(file).unwrap_or_default();
        // The last one is in the function that mounts; before 0.52 an earlier one could say something else.
        if let Some(at) = text.rfind(MARK).and_then(|at| at.checked_add(MARK.len())) {
            let mode: String = text[at..].chars().take_while(char::is_ascii_alphanumeric).collect();
            return (mode.clone(), format!("`rc_cgroup_mode` is not set, and `{file}` takes `{mode}`"));
        }
    }
    ("unified".to_owned(), "`rc_cgroup_mode` is not set: taken to be `unified`, as since OpenRC 0.51".to_owned())
}

fn by_lines(view: &View<'_>) -> (Hierarchy, Vec<String>) {
    let name = &view.init_system().name;
    by_written(view).unwrap_or_else(|| (Hierarchy::None(format!("nothing mounts `{POINT}` under {name}")), Vec::new()))
}

/// What lines of `/etc/fstab` and of scripts mount.
fn by_written(view: &View<'_>) -> Option<(Hierarchy, Vec<String>)> {
    let below = |mount: &&AtBoot| mount.point == POINT || mount.point.starts_with("/sys/fs/cgroup/");
    let mounts = written(view);
    let v2 = mounts.iter().filter(below).rfind(|mount| mount.filesystem == "cgroup2");
    let v1 = mounts.iter().filter(below).rfind(|mount| mount.filesystem == "cgroup");
    match (v2, v1) {
        (Some(v2), None) if v2.point == POINT => Some((Hierarchy::Unified, vec![v2.evidence.clone()])),
        (Some(v2), None) => {
            let reason = format!("version 2 is mounted at `{}`, not at `{POINT}`", v2.point);
            Some((Hierarchy::None(reason), vec![v2.evidence.clone()]))
        }
        (Some(v2), Some(_)) => Some((Hierarchy::Hybrid, vec![v2.evidence.clone()])),
        (None, Some(_)) => Some((Hierarchy::Legacy, Vec::new())),
        (None, None) => None,
    }
}

pub(super) fn controller(view: &View<'_>, name: Option<&str>, symbols: &[String], least: Option<&str>) -> Outcome {
    let mut wrong = Vec::new();
    // Whoever disables a controller wants to read of that first.
    wrong.extend(name.into_iter().flat_map(|name| disabled(view, name)));
    let switched_off = !wrong.is_empty();
    match &view.config {
        FoundConfig::Found { path, .. } => {
            for symbol in symbols.iter().filter(|symbol| view.symbol(symbol) != Some("y")) {
                wrong.push(format!("`CONFIG_{symbol}=y` is not in `{path}`"));
            }
        }
        _ => wrong.push("there is no kernel configuration".to_owned()),
    }
    if let (Some(least), Ok(kernel)) = (least, &view.kernel)
        && !at_least(&kernel.release, least)
    {
        wrong.push(format!("the kernel is {}, it takes {least}", kernel.release));
    }
    let list: Vec<String> = symbols.iter().map(|symbol| format!("`CONFIG_{symbol}=y`")).collect();
    let outcome = Outcome::unless(wrong, format!("{}, not disabled", list.join(", ")));
    match &view.config {
        _ if switched_off || outcome.met == Met::Yes => outcome,
        // The kernel answers `ENOSYS` to the program that is to be attached: no verdict of the probe's.
        FoundConfig::Found { .. } if symbols.iter().any(|it| it == "BPF_SYSCALL" && view.symbol(it) != Some("y")) => {
            outcome.said(Said::Error)
        }
        FoundConfig::Found { .. } => outcome,
        // Whoever asks the running kernel needs no configuration.
        _ => outcome.unsaid(),
    }
}
