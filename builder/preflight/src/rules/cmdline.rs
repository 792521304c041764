//! What the kernel's command line switches off.
//!
//! On boards the words of a device tree (`/chosen/bootargs`) come first, then those of `cmdline.txt`: the firmware of a
//! Raspberry Pi joins them. A boot loader that has a command line of its own puts it in their place.

use crate::view::View;
use crate::{DeviceTree, EntryKind};

/// Words that disable the cgroup controller `name`, and where they stand: phrases.
pub(super) fn disabled(view: &View<'_>, name: &str) -> Vec<String> {
    let own: Vec<&str> = view.cmdline.iter().flatten().map(String::as_str).collect();
    let mut found: Vec<String> = Vec::new();
    let trees = trees(view).iter().map(Some);
    for tree in [None].into_iter().chain(trees) {
        let before = tree.and_then(|tree| tree.bootargs.as_deref()).unwrap_or_default();
        let before = before.split_ascii_whitespace().map(|word| (word, tree));
        let mut words: Vec<(&str, Option<&DeviceTree>)> = before.collect();
        words.extend(own.iter().map(|word| (*word, None)));
        for phrase in last_word(view, name, &words) {
            if !found.contains(&phrase) {
                found.push(phrase);
            }
        }
    }
    found
}

/// Device trees whose words reach the kernel.
fn trees<'a>(view: &View<'a>) -> &'a [DeviceTree] {
    let replaced = view.entry().is_some_and(|entry| {
        entry.kind != EntryKind::RaspberryPi && entry.cmdline.as_deref().is_some_and(|words| !words.trim().is_empty())
    });
    match view.facts.boot {
        Some(boot) if !replaced => &boot.device_trees,
        _ => &[],
    }
}

fn last_word(view: &View<'_>, name: &str, words: &[(&str, Option<&DeviceTree>)]) -> Vec<String> {
    let names = |word: &str, key: &str| {
        word.strip_prefix(key)
            .and_then(|list| list.strip_prefix('='))
            .is_some_and(|list| list.split(',').any(|it| it == name))
    };
    let undone = view.kernel.as_ref().is_ok_and(|kernel| is_raspberry_pi(&kernel.release));
    let mut found = Vec::new();
    for (word, tree) in words {
        if names(word, "cgroup_disable") {
            found.push(match tree {
                Some(tree) => format!("the device tree `{}` has `{word}` in its `bootargs`", tree.path),
                None => format!("the kernel command line has `{word}`"),
            });
        } else if names(word, "cgroup_enable") && undone {
            found.clear();
        } else if names(word, "cgroup_enable") && !found.is_empty() {
            found.push(format!("`{word}` means nothing to this kernel: only a Raspberry Pi's own knows it"));
        }
    }
    found
}

/// Whether the release is of a kernel that Raspberry Pi's changes are in: `6.12.25+rpt-rpi-v8`, `6.6.31-v8+`,
/// `6.12.13-0-rpi` of Alpine, `6.8.0-1010-raspi` of Ubuntu. Debian's `6.12.107+deb13-rpi` is upstream's.
fn is_raspberry_pi(release: &str) -> bool {
    let own = ["-v6+", "-v7+", "-v7l+", "-v8+", "-v8-16k+"];
    release.contains("+rpt")
        || own.iter().any(|end| release.ends_with(end))
        || (!release.contains("+deb") && (release.contains("-rpi") || release.contains("-raspi")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_of_raspberry_pi_are_known_by_their_releases() {
        for release in ["6.12.25+rpt-rpi-v8", "6.6.31-v8+", "6.12.13-0-rpi", "6.8.0-1010-raspi"] {
            assert!(is_raspberry_pi(release), "{release}");
        }
        for release in ["6.12.107+deb13-rpi", "6.12.107+deb13-arm64", "6.12.1-lts"] {
            assert!(!is_raspberry_pi(release), "{release}");
        }
    }
}
