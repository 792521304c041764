//! Control groups of either version: k0s 1.34 and older take version 1 as well.

use super::cgroup::Hierarchy;
use super::{Met, Outcome, cgroup};
use crate::view::{FoundConfig, View, at_least};

/// Linux 6.12 made the memory controller of version 1 an option of its own.
const MEMCG_V1: &str = "6.12";

pub(super) fn mounted(view: &View<'_>) -> Outcome {
    let unified = cgroup::mounted(view);
    if unified.met != Met::Yes && is_legacy(view) {
        let why = unified.evidence.join("; ");
        return Outcome::yes(format!("version 1: {why}"));
    }
    unified
}

/// `unified`: name, symbols and least release in version 2; `legacy`: name and symbols in version 1.
pub(super) fn controller(
    view: &View<'_>,
    unified: (Option<&str>, &[String], Option<&str>),
    legacy: (&str, &[String]),
) -> Outcome {
    if cgroup::mounted(view).met == Met::Yes || !is_legacy(view) {
        let (name, symbols, least) = unified;
        return cgroup::controller(view, name, symbols, least);
    }
    let (name, symbols) = legacy;
    let mut symbols = symbols.to_vec();
    let splits = view.kernel.as_ref().is_ok_and(|kernel| at_least(&kernel.release, MEMCG_V1));
    // Older configurations do not know the symbol, whatever the release says.
    if name == "memory" && splits && !matches!(view.config, FoundConfig::None) {
        symbols.push("MEMCG_V1".to_owned());
    }
    cgroup::controller(view, Some(name), &symbols, None)
}

/// Whether version 1 is mounted, alone or with version 2 beside it.
fn is_legacy(view: &View<'_>) -> bool {
    matches!(cgroup::hierarchy(view).0, Hierarchy::Hybrid | Hierarchy::Legacy)
}
