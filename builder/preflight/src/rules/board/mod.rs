//! What a board needs of its card, by the device trees that its boot loader hands to the kernel.

mod boot_rom;
mod console;
mod drivers;
mod firmware;
mod tree;

pub(super) use boot_rom::boot_rom;
pub(super) use console::{bootargs, console};
pub(super) use drivers::drivers;
pub(super) use firmware::config_txt;
pub(super) use tree::device_tree;

use super::{Met, Outcome};
use crate::view::View;
use crate::{BootEntry, EntryKind, HandedTree, TreeSource};

/// What starts the kernel of a board, and the device trees that it may hand on.
enum Board<'a> {
    /// One of these, by the model of the machine.
    Trees(&'a BootEntry, &'a [HandedTree]),
    /// There is nothing to judge, for this reason: a phrase.
    Fine(String),
    Unknown(String),
}

fn board<'a>(view: &View<'a>) -> Board<'a> {
    let Some(boot) = view.facts.boot else { return Board::Unknown("there is no disk to start from".to_owned()) };
    let Some(entry) = boot.default_entry(view.facts.arch) else {
        return Board::Unknown("there is no entry that boots".to_owned());
    };
    // U-Boot that a Raspberry Pi's firmware starts hands on what it was given.
    let pi = || boot.entries.iter().find(|entry| entry.kind == EntryKind::RaspberryPi);
    let from = match &entry.device_tree {
        TreeSource::Firmware => pi().unwrap_or(entry),
        _ => entry,
    };
    match &from.device_tree {
        TreeSource::Firmware => {
            Board::Fine(format!("`{}` names no device tree: the firmware has one, or none is needed", entry.path))
        }
        TreeSource::Folder(folder, count) if from.device_trees.is_empty() && *count > 0 => Board::Unknown(format!(
            "which of the {count} device trees in `{folder}` is the board's knows its U-Boot only"
        )),
        TreeSource::File(_) | TreeSource::Folder(..) | TreeSource::Model if from.device_trees.is_empty() => {
            Board::Unknown(format!("the device tree that `{}` hands on cannot be read", from.path))
        }
        _ => Board::Trees(entry, &from.device_trees),
    }
}

/// One verdict for all device trees of which a machine takes one: `almost` where only some of them are in order.
fn over(trees: &[HandedTree], mut judge: impl FnMut(&HandedTree) -> Outcome) -> Outcome {
    let (mut wrong, mut unknown, mut fine) = (Vec::new(), Vec::new(), Vec::new());
    let mut almost = false;
    let mut any = false;
    for tree in trees {
        let outcome = judge(tree);
        let list = match outcome.met {
            Met::Yes => {
                any = true;
                &mut fine
            }
            Met::Almost => {
                almost = true;
                &mut wrong
            }
            Met::No => &mut wrong,
            Met::Unknown => &mut unknown,
        };
        for text in outcome.evidence {
            let text = if trees.len() > 1 { format!("with `{}`: {text}", tree.path) } else { text };
            if !list.contains(&text) {
                list.push(text);
            }
        }
    }
    let met = match (wrong.is_empty(), unknown.is_empty()) {
        (false, _) if any || almost => Met::Almost,
        (false, _) => Met::No,
        (true, false) => Met::Unknown,
        (true, true) => Met::Yes,
    };
    // The gravest first.
    wrong.extend(unknown);
    if met == Met::Yes {
        wrong.extend(fine);
    }
    Outcome { met, evidence: wrong, said: None }
}
