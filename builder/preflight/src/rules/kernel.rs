//! The kernel: image, modules, configuration.

use std::collections::BTreeMap;

use rootsmith_kernel::release::kernel_arch;
use rootsmith_kernel::{Kernel, KernelError};
use rootsmith_tree::Node;
use rootsmith_types::Arch;

use super::modules::usable;
use super::{Met, Outcome};
use crate::Said;
use crate::kconfig::Embedded;
use crate::view::{FoundConfig, View, at_least};

/// Without any configuration k0s asks for the symbols at the top, warns of each, and passes over all below them.
const TOP: [&str; 5] = ["CGROUPS", "EXT4_FS", "NAMESPACES", "NET", "PROC_FS"];
/// Enough of a kernel image to tell its architecture.
const HEAD: u64 = 4096;
/// Differing symbols shown.
const SHOWN: usize = 5;

pub(super) fn belongs(view: &View<'_>) -> Outcome {
    match &view.kernel {
        Ok(kernel) => {
            let fine = format!("`{}` and `{}` are of release `{}`", kernel.image, kernel.modules, kernel.release);
            match &view.chosen {
                Some(chosen) => Outcome { met: Met::Almost, evidence: vec![chosen.clone(), fine], said: None },
                None => Outcome::yes(fine),
            }
        }
        Err(error) => Outcome::no(error.to_string()),
    }
}

pub(super) fn linux(view: &View<'_>) -> Outcome {
    match &view.kernel {
        Ok(kernel) => match arch_of(view, kernel) {
            Some(arch) if arch != view.facts.arch => {
                Outcome::no(format!("`{}` is for {arch}, the image for {}", kernel.image, view.facts.arch)).unsaid()
            }
            _ => Outcome::yes(format!("`{}` is Linux {}", kernel.image, kernel.release)),
        },
        Err(error @ KernelError::NoModules { .. }) => Outcome::no(error.to_string()).said(Said::Pass),
        Err(error) => Outcome::no(error.to_string()).unsaid(),
    }
}

fn arch_of(view: &View<'_>, kernel: &Kernel) -> Option<Arch> {
    let content = view.facts.tree.lookup(&kernel.image).and_then(Node::content)?;
    let mut head = vec![0; usize::try_from(content.size().min(HEAD)).ok()?];
    content.read_at(view.facts.blobs, 0, &mut head).ok()?;
    kernel_arch(&head)
}

pub(super) fn release(view: &View<'_>, least: &str) -> Outcome {
    match &view.kernel {
        Ok(kernel) if at_least(&kernel.release, least) => Outcome::yes(format!("the kernel is {}", kernel.release)),
        Ok(kernel) => {
            let outcome = Outcome::no(format!("the kernel is {}", kernel.release));
            if passes_loosely(&kernel.release) { outcome.said(Said::Pass) } else { outcome }
        }
        Err(error @ KernelError::NoModules { release, .. }) if passes_loosely(release) => {
            Outcome::no(error.to_string()).said(Said::Pass)
        }
        Err(error) => Outcome::no(error.to_string()).unsaid(),
    }
}

/// k0s matches `^3\.1[0-9]|[4-9]|[1-9][0-9]`: only the first of the three has to stand at the beginning.
fn passes_loosely(release: &str) -> bool {
    let digits = release.as_bytes();
    let is = |at: usize, range: std::ops::RangeInclusive<u8>| digits.get(at).is_some_and(|b| range.contains(b));
    (release.starts_with("3.1") && is(3, b'0'..=b'9'))
        || (0..digits.len()).any(|at| is(at, b'4'..=b'9') || (is(at, b'1'..=b'9') && is(at + 1, b'0'..=b'9')))
}

pub(super) fn config(view: &View<'_>) -> Outcome {
    let Ok(kernel) = &view.kernel else { return Outcome::no("there is no kernel") };
    let release = &kernel.release;
    match &view.config {
        FoundConfig::None => Outcome::no(format!("none of the files is there, not `/boot/config-{release}` either")),
        FoundConfig::Broken { path, reason } => Outcome::no(format!("programs stop at `{path}`: {reason}")),
        FoundConfig::Found { path, config, .. } if config.iter().next().is_none() => {
            Outcome::no(format!("`{path}` is no kernel configuration"))
        }
        FoundConfig::Found { path, version: None, .. } => {
            Outcome::almost(format!("`{path}` does not say of which kernel it is"))
        }
        FoundConfig::Found { path, version: Some(version), .. } if is_of(release, version) => {
            Outcome::yes(format!("`{path}`"))
        }
        FoundConfig::Found { path, version: Some(version), .. } => {
            Outcome::no(format!("`{path}` is of Linux {version}, the kernel is {release}"))
        }
    }
}

/// Whether a kernel of this release is of this version: `6.12.107+deb13` is of `6.12.107`, not of `6.12.10`. Debian 12 and
/// Ubuntu keep the release of the first of a series: `6.1.0-47-amd64` is of `6.1.170`.
fn is_of(release: &str, version: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_digit());
    if release.strip_prefix(version).is_some_and(ends) {
        return true;
    }
    let series = release.split_once(".0-").map(|(series, _)| series).filter(|series| series.split('.').count() == 2);
    series.is_some_and(|series| version.strip_prefix(series).is_some_and(|rest| rest.starts_with('.')))
}

pub(super) fn symbol(view: &View<'_>, symbol: &str, module: Option<&str>) -> Outcome {
    let outcome = has(view, symbol, module);
    if outcome.met == Met::No { read_by_k0s(view, symbol, outcome) } else { outcome }
}

/// Whether the kernel has the symbol, and can use it.
fn has(view: &View<'_>, symbol: &str, module: Option<&str>) -> Outcome {
    let FoundConfig::Found { path, config, .. } = &view.config else {
        return Outcome::no(format!("`CONFIG_{symbol}` is unknown: there is no kernel configuration"));
    };
    if symbol == "IPV6" && view.word("ipv6.disable") == Some("1") {
        return Outcome::no("the kernel command line has `ipv6.disable=1`");
    }
    match config.get(symbol) {
        Some("y") => Outcome::yes(format!("`CONFIG_{symbol}=y` in `{path}`")),
        Some("m") => match module.map(|name| usable(view, name)) {
            Some(Ok((found, None))) => Outcome::yes(format!("`CONFIG_{symbol}=m` in `{path}`; {found}")),
            Some(Ok((found, Some(doubt)))) => {
                let found = format!("`CONFIG_{symbol}=m` in `{path}`; {found}");
                Outcome { met: Met::Almost, evidence: vec![doubt, found], said: None }
            }
            Some(Err(reason)) => Outcome::no(format!("`CONFIG_{symbol}=m` in `{path}`, but {reason}")),
            None => Outcome::no(format!("`CONFIG_{symbol}=m` in `{path}`, though it cannot be a module")),
        },
        Some("n") => Outcome::no(format!("`CONFIG_{symbol}` is not set in `{path}`")),
        Some(value) => Outcome::no(format!("`CONFIG_{symbol}={value}` in `{path}`")),
        None => Outcome::no(format!("`{path}` does not know `CONFIG_{symbol}`")),
    }
}

/// What k0s says of a symbol: it reads a file, and `m` is enough for it.
fn read_by_k0s(view: &View<'_>, symbol: &str, outcome: Outcome) -> Outcome {
    match &view.config {
        FoundConfig::Found { read, .. } if matches!(read.get(symbol), Some('y' | 'm')) => outcome.said(Said::Pass),
        FoundConfig::Found { .. } => outcome,
        FoundConfig::Broken { .. } => outcome.said(Said::Error),
        FoundConfig::None if view.kernel.is_ok() && TOP.contains(&symbol) => outcome.said(Said::Warning),
        FoundConfig::None => outcome.unsaid(),
    }
}

pub(super) fn extinct(view: &View<'_>, name: &str, module: Option<&str>, gone: &str) -> Outcome {
    match &view.kernel {
        Ok(kernel) if at_least(&kernel.release, gone) => {
            let outcome = Outcome::unknown(format!("no kernel has it since Linux {gone}"));
            match &view.config {
                FoundConfig::Found { read, .. } if matches!(read.get(name), Some('y' | 'm')) => {
                    outcome.said(Said::Pass)
                }
                FoundConfig::Found { .. } => outcome.said(Said::Warning),
                _ => read_by_k0s(view, name, outcome),
            }
        }
        _ => symbol(view, name, module),
    }
}

pub(super) fn any_symbol(view: &View<'_>, symbols: &BTreeMap<String, String>) -> Outcome {
    let mut wrong = Vec::new();
    let mut doubtful = None;
    for (symbol, module) in symbols {
        let outcome = has(view, symbol, Some(module.as_str()).filter(|module| !module.is_empty()));
        match outcome.met {
            Met::Yes => return outcome,
            Met::Almost => doubtful = Some(outcome),
            Met::No | Met::Unknown => wrong.extend(outcome.evidence),
        }
    }
    doubtful.unwrap_or(Outcome { met: Met::No, evidence: wrong, said: None })
}

pub(super) fn embedded(view: &View<'_>) -> Outcome {
    match &view.embedded {
        Embedded::NotExpected => Outcome::unknown("the kernel has none inside, as its configuration says"),
        Embedded::Missing => match &view.config {
            FoundConfig::Found { path, .. } => {
                Outcome::no(format!("`{path}` says `CONFIG_IKCONFIG`, but the kernel has no configuration inside"))
            }
            _ => Outcome::unknown("the kernel has none inside"),
        },
        Embedded::Unreadable(reason) => Outcome::almost(reason.clone()),
        Embedded::Found { place, file: None, .. } => Outcome::yes(format!("`{place}`; no file says otherwise")),
        Embedded::Found { place, file: Some(file), differences } if differences.is_empty() => {
            Outcome::yes(format!("`{file}` is what `{place}` has inside"))
        }
        Embedded::Found { file: Some(file), differences, .. } => {
            let more = differences.len().saturating_sub(SHOWN);
            let mut evidence = vec![format!("`{file}` is not the configuration this kernel was built with")];
            evidence.extend(differences.iter().take(SHOWN).cloned());
            evidence.extend((more > 0).then(|| format!("and {more} more")));
            Outcome { met: Met::No, evidence, said: None }
        }
    }
}

/// With `RT_GROUP_SCHED`, groups have no time for real-time tasks unless somebody gives it to them, and `cpu` cannot be
/// enabled while such tasks run outside of the root group.
pub(super) fn real_time_groups(view: &View<'_>) -> Outcome {
    let FoundConfig::Found { path, .. } = &view.config else {
        return Outcome::unknown("there is no kernel configuration");
    };
    let off_by_default = view.symbol("RT_GROUP_SCHED_DEFAULT_DISABLED") == Some("y");
    match (view.symbol("RT_GROUP_SCHED"), view.word("rt_group_sched")) {
        (Some("y"), Some("0")) => Outcome::yes("the kernel command line has `rt_group_sched=0`"),
        (Some("y"), word) if word == Some("1") || !off_by_default => {
            Outcome::no(format!("`CONFIG_RT_GROUP_SCHED=y` in `{path}`"))
        }
        _ => Outcome::yes(format!("`CONFIG_RT_GROUP_SCHED` is off in `{path}`")),
    }
}
