//! Whether everything that the board's disks wait for is there before the root is mounted.

use std::collections::BTreeSet;

use rootsmith_kernel::{Drivers, module_name, storage_drivers};

use super::{Board, board, over};
use crate::HandedTree;
use crate::rules::Outcome;
use crate::view::View;

pub(in crate::rules) fn drivers(view: &View<'_>) -> Outcome {
    let (entry, trees) = match board(view) {
        Board::Trees(entry, trees) => (entry, trees),
        Board::Fine(reason) => return Outcome::yes(reason),
        Board::Unknown(reason) => return Outcome::unknown(reason),
    };
    let kernel = match &view.kernel {
        Ok(kernel) => kernel,
        Err(error) => return Outcome::unknown(error.to_string()),
    };
    let drivers = match Drivers::of_folder(view.facts.tree, view.facts.blobs, &kernel.modules) {
        Ok(drivers) if drivers.is_empty() => {
            return Outcome::unknown(format!("`{}/modules.alias` does not say what modules drive", kernel.modules));
        }
        Ok(drivers) => drivers,
        Err(error) => return Outcome::unknown(error.to_string()),
    };
    let files = entry.initramfs.iter().flatten().filter(|file| file.contains(".ko"));
    let loaded: BTreeSet<String> = files.filter_map(|file| module_name(file.as_bytes())).collect();
    let has = |name: &str| view.is_builtin(name) || loaded.contains(&name.replace('-', "_"));
    over(trees, |tree| judge(view, tree, &drivers, has))
}

fn judge(view: &View<'_>, tree: &HandedTree, drivers: &Drivers, has: impl Fn(&str) -> bool) -> Outcome {
    let found = match storage_drivers(&tree.data, drivers) {
        Ok(found) => found,
        Err(error) => return Outcome::unknown(format!("`{}`: {error}", tree.path)),
    };
    // The card is what the image is written to; other disks count where a board takes none.
    let kinds = found.needed.iter().map(|it| it.storage).chain(found.undriven.iter().map(|it| it.storage));
    let kind = kinds.min();
    let mut wrong: Vec<String> = Vec::new();
    for host in found.undriven.iter().filter(|host| Some(host.storage) == kind) {
        wrong.push(format!("this kernel has no driver for `{}` ({})", host.node, host.compatible.join(", ")));
    }
    let mut fine = Vec::new();
    for needed in found.needed.iter().filter(|needed| Some(needed.storage) == kind) {
        if !has(&needed.module) {
            wrong.push(format!("{needed} is neither in the kernel image nor in the initramfs"));
            continue;
        }
        let below = view.modules.needs(&needed.module).find(|name| !has(name));
        match below {
            Some(below) => wrong.push(format!(
                "{needed} needs module `{below}`, which is neither in the kernel image nor in the initramfs"
            )),
            None => fine.push(needed.to_string()),
        }
    }
    if fine.is_empty() {
        fine.push("no module is needed to read a disk of the board".to_owned());
    }
    Outcome::all(wrong, fine)
}
