//! Room, and what it is on.

use rootsmith_types::NumBytes;

use super::Outcome;
use super::fstab::{Mount, find, mounts};
use super::mounts::{kept, overlaid, read_only_root};
use crate::facts::{DATA_FOLDER, path};
use crate::view::View;
use crate::{BootFacts, RoomFacts};

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
    let enough = |what: String, room: RoomFacts| {
        let RoomFacts { size, available, grows } = room;
        let evidence = format!("{what} has {available} of {size} available");
        if grows {
            return Outcome::yes(format!("{evidence}, and grows on first boot"));
        }
        // In 128 bits no product of two sizes overflows.
        let relative = u128::from(available.get()) * 100 >= u128::from(size.get()) * u128::from(percent);
        if available >= NumBytes::mib(mebibytes) && relative { Outcome::yes(evidence) } else { Outcome::no(evidence) }
    };
    // What takes the room lies in the folder of k0s, which may be on another partition of the disk.
    if let Some(mount) = covering(view, DATA_FOLDER).filter(|mount| mount.point != "/") {
        let partition = mount.device.split_once('=').and_then(|(key, value)| find(boot, key, value.trim_matches('"')));
        return match partition.and_then(|partition| partition.room) {
            Some(room) => enough(format!("the partition at `{}`", mount.point), room),
            None => Outcome::unknown(format!("`{}` at `{}` is not known from here", mount.device, mount.point)),
        };
    }
    if let Some(room) = state(view, boot).filter(|_| kept(view, DATA_FOLDER).is_some()) {
        return enough("the state partition".to_owned(), room);
    }
    let root = &boot.root;
    if let Some(kind) = read_only_root(view) {
        return match overlaid(view) {
            Some(overlay) => {
                Outcome::unknown(format!("{overlay}: what is written goes to memory, as much as there is"))
            }
            None => Outcome::no(format!("the root file system is {kind}, which cannot be written")),
        };
    }
    let (size, available, grows) = (root.size, root.available, root.grows);
    enough("the root file system".to_owned(), RoomFacts { size, available, grows })
}

/// The mount point and type of the file system the folder is on.
fn filesystem_of(view: &View<'_>, folder: &str) -> Option<(String, String)> {
    match covering(view, folder) {
        Some(mount) if mount.point != "/" && mount.filesystem != "auto" => Some((mount.point, mount.filesystem)),
        _ if kept(view, folder).is_some() => Some(("/".to_owned(), "overlay".to_owned())),
        _ if overlaid(view).is_some() => Some(("/".to_owned(), "overlay".to_owned())),
        _ => view.facts.boot.map(|boot| ("/".to_owned(), boot.root.filesystem.clone())),
    }
}

/// The room where state is kept.
fn state(view: &View<'_>, boot: &BootFacts) -> Option<RoomFacts> {
    let (key, value) = view.word("rootsmith.state")?.split_once('=')?;
    find(boot, key, value)?.room
}

/// The line of `/etc/fstab` for the file system that the folder is on.
fn covering(view: &View<'_>, folder: &str) -> Option<Mount> {
    let holds = |mount: &Mount| {
        let point = mount.point.trim_end_matches('/');
        folder.strip_prefix(point).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let (lines, _) = mounts(&view.text_or_empty("/etc/fstab"));
    lines.into_iter().filter(holds).max_by_key(|mount| mount.point.trim_end_matches('/').len())
}
