//! Room, and what it is on.

use rootsmith_types::NumBytes;

use super::Outcome;
use super::fstab::{Mount, mounts};
use super::mounts::{overlaid, read_only_root};
use crate::facts::path;
use crate::view::View;

pub(super) fn data_folder(view: &View<'_>, folder: &str, known: &[String]) -> Outcome {
    let (mount, filesystem) = match filesystem_of(view, folder) {
        Some(found) => found,
        None => return Outcome::unknown("nothing is known of the disk"),
    };
    // k0s shows, and asks about, the nearest folder that is there.
    let mut there = path(folder);
    while let Some(at) = there.take_if(|at| view.facts.tree.lookup(at).is_none()) {
        there = at.parent();
    }
    let there = there.map(|at| at.to_string()).unwrap_or_default();
    let evidence = format!("`{mount}` is {filesystem}; `{there}` is on it");
    if known.contains(&filesystem) { Outcome::yes(evidence) } else { Outcome::no(evidence) }
}

pub(super) fn free(view: &View<'_>, mebibytes: u64, percent: u64) -> Outcome {
    let Some(boot) = view.facts.boot else { return Outcome::unknown("nothing is known of the disk") };
    let root = &boot.root;
    let (size, available) = (root.size, root.available);
    if let Some(kind) = read_only_root(view) {
        return match overlaid(view) {
            Some(overlay) => {
                Outcome::unknown(format!("{overlay}: what is written goes to memory, as much as there is"))
            }
            None => Outcome::no(format!("the root file system is {kind}, which cannot be written")),
        };
    }
    let evidence = format!("the root file system has {available} of {size} available");
    if root.grows {
        return Outcome::yes(format!("{evidence}, and grows on first boot"));
    }
    // In 128 bits no product of two sizes overflows.
    let relative = u128::from(available.get()) * 100 >= u128::from(size.get()) * u128::from(percent);
    if available >= NumBytes::mib(mebibytes) && relative { Outcome::yes(evidence) } else { Outcome::no(evidence) }
}

/// The mount point and type of the file system the folder is on.
fn filesystem_of(view: &View<'_>, folder: &str) -> Option<(String, String)> {
    let holds = |mount: &Mount| {
        let point = mount.point.trim_end_matches('/');
        folder.strip_prefix(point).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let (lines, _) = mounts(&view.text_or_empty("/etc/fstab"));
    let longest = lines.into_iter().filter(holds).max_by_key(|mount| mount.point.trim_end_matches('/').len());
    match longest {
        Some(mount) if mount.point != "/" && mount.filesystem != "auto" => Some((mount.point, mount.filesystem)),
        _ if overlaid(view).is_some() => Some(("/".to_owned(), "overlay".to_owned())),
        _ => view.facts.boot.map(|boot| ("/".to_owned(), boot.root.filesystem.clone())),
    }
}
