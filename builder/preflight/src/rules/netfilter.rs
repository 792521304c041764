//! The two backends of iptables: the old tables, and nftables behind the old commands.

use super::Outcome;
use super::modules::usable;
use crate::elf::find_in_path;
use crate::view::{FoundConfig, View};

/// A backend: its name in the alternatives, the symbols it takes and their modules.
pub(crate) type Backend = (&'static str, &'static [(&'static str, &'static str)]);

pub(crate) const LEGACY: Backend = (
    "legacy",
    &[
        ("IP_NF_IPTABLES", "ip_tables"),
        ("IP_NF_FILTER", "iptable_filter"),
        ("IP_NF_NAT", "iptable_nat"),
        ("IP_NF_MANGLE", "iptable_mangle"),
    ],
);
pub(crate) const NFT: Backend = (
    "nft",
    &[("NF_TABLES", "nf_tables"), ("NFT_COMPAT", "nft_compat"), ("NFT_NAT", "nft_nat"), ("NFT_MASQ", "nft_masq")],
);

pub(super) fn backend(view: &View<'_>) -> Outcome {
    if !matches!(view.config, FoundConfig::Found { .. }) {
        return Outcome::no("there is no kernel configuration");
    }
    let backends = [LEGACY, NFT].map(|(name, symbols)| (name, lacks(view, symbols)));
    let complete: Vec<&str> = backends.iter().filter(|(_, lacks)| lacks.is_empty()).map(|(name, _)| *name).collect();
    if complete.is_empty() {
        let lines = backends.into_iter().map(|(name, lacks)| format!("`{name}` lacks {}", lacks.join(", ")));
        return Outcome::unless(lines.collect(), "");
    }
    let has = format!("the kernel has {}", complete.join(" and "));
    match program(view) {
        None => Outcome::yes(format!("{has}; k0s brings its own program")),
        Some((at, Some(name))) if !complete.contains(&name) => {
            let lacks = backends.into_iter().find(|(there, _)| *there == name).map(|(_, lacks)| lacks.join(", "));
            let lacks = lacks.unwrap_or_default();
            Outcome::no(format!("`iptables` is `{at}`, for which the kernel lacks {lacks}"))
        }
        Some((at, Some(_))) => Outcome::yes(format!("{has}; `iptables` is `{at}`")),
        Some((at, None)) => Outcome::almost(format!("{has}; which of them `{at}` uses is not known")),
    }
}

fn lacks(view: &View<'_>, symbols: &[(&str, &str)]) -> Vec<String> {
    let lacking = symbols.iter().filter_map(|(symbol, module)| match view.symbol(symbol) {
        Some("y") => None,
        Some("m") => usable(view, module).err().map(|reason| format!("`CONFIG_{symbol}` ({reason})")),
        _ => Some(format!("`CONFIG_{symbol}`")),
    });
    lacking.collect()
}

/// What `iptables` is in the end, links followed, and which backend it is for by the names on the way.
fn program(view: &View<'_>) -> Option<(String, Option<&'static str>)> {
    let tree = view.facts.tree;
    let mut at = find_in_path(view, "iptables")?;
    let end = tree.resolve(&at).ok()?;
    let mut names = vec![end.to_string()];
    // Alternatives: `iptables` -> `/etc/alternatives/iptables` -> `iptables-nft` -> `xtables-nft-multi`.
    for _ in 0..8 {
        let Ok(there) = tree.resolve_parent(&at) else { break };
        names.push(there.to_string());
        let Some(target) = tree.get(&there).and_then(|node| node.link_target()) else { break };
        let target = String::from_utf8_lossy(target).into_owned();
        names.push(target.clone());
        let next = if target.starts_with('/') {
            crate::facts::path(&target)
        } else {
            there.parent().and_then(|folder| folder.join(&target).ok())
        };
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    let base = |name: &String| name.rsplit('/').next().unwrap_or_default().to_owned();
    let kind = names.iter().map(base).find_map(|name| match name.as_str() {
        name if name.contains("nft") => Some("nft"),
        // Before there were two, the one was called so.
        name if name.contains("legacy") || name == "xtables-multi" => Some("legacy"),
        _ => None,
    });
    Some((end.to_string(), kind))
}
