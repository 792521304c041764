//! Control groups, version 2.

use super::cmdline::disabled;
use super::{Met, Outcome};
use crate::Said;
use crate::view::{FoundConfig, View, at_least};

/// systemd's first release that mounts version 2 alone when nobody says otherwise.
const UNIFIED_BY_DEFAULT: u32 = 243;

pub(super) fn mounted(view: &View<'_>) -> Outcome {
    let mut wrong = Vec::new();
    match view.systemd() {
        None => {
            wrong.push(format!("the init `{}` is not systemd, and nothing else is known to mount them", view.init()))
        }
        Some(Some(release)) if release < UNIFIED_BY_DEFAULT => {
            wrong.push(format!("systemd {release} mounts version 1 beside version 2"));
        }
        Some(_) => {}
    }
    let off = |value: &str| matches!(value, "0" | "no" | "n" | "false" | "f" | "off");
    if let Some(value) = view.word("systemd.unified_cgroup_hierarchy").filter(|value| off(value)) {
        wrong.push(format!("the kernel command line has `systemd.unified_cgroup_hierarchy={value}`"));
    }
    let legacy = "systemd.legacy_systemd_cgroup_controller";
    if view.has_word(legacy) || view.word(legacy).is_some_and(|value| !off(value)) {
        wrong.push(format!("the kernel command line has `{legacy}`"));
    }
    for line in view.text_or_empty("/etc/fstab").lines().filter(|line| !line.trim_start().starts_with('#')) {
        if line.split_ascii_whitespace().nth(2) == Some("cgroup") {
            wrong.push(format!("`/etc/fstab` mounts version 1: `{}`", line.trim()));
        }
    }
    Outcome::unless(wrong, "systemd mounts version 2 alone")
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
