//! The files that the firmware of a Raspberry Pi reads before any kernel.

use crate::rules::Outcome;
use crate::view::View;
use crate::{BootFacts, EntryKind, TreeSource};

/// Beginnings of device trees' names, in Linux and in Raspberry Pi's kernel, and what the models need in the first
/// partition.
const MODELS: [(&[&str], &[&str]); 3] = [
    (&["bcm2708", "bcm2709", "bcm2710", "bcm2835", "bcm2836", "bcm2837"], &["bootcode.bin", "start.elf", "fixup.dat"]),
    (&["bcm2711", "bcm2838"], &["start4.elf", "fixup4.dat"]),
    // All of it is in the board's own memory.
    (&["bcm2712"], &[]),
];

pub(in crate::rules) fn config_txt(view: &View<'_>) -> Outcome {
    let Some(boot) = view.facts.boot else { return Outcome::unknown("there is no disk to start from") };
    let entry = boot.entries.iter().find(|entry| entry.kind == EntryKind::RaspberryPi);
    let Some((entry, config)) = entry.and_then(|entry| Some((entry, entry.config.as_ref()?))) else {
        return Outcome::yes("there is no `config.txt`: this is no card for a Raspberry Pi");
    };
    let gone = config.named.iter().filter(|(.., there)| !there);
    let mut wrong: Vec<String> =
        gone.map(|(key, file, _)| format!("`config.txt` has `{key}` with `{file}`, which is not there")).collect();
    let names: Vec<&str> = entry.device_trees.iter().filter_map(|tree| tree.path.rsplit('/').next()).collect();
    for (models, files) in MODELS {
        let Some(tree) = names.iter().find(|name| models.iter().any(|model| name.starts_with(model))) else { continue };
        for file in files.iter().filter(|file| !has(boot, file) && !config.replaces(file)) {
            wrong.push(format!("there is `{tree}`, but no `{file}` in the first partition"));
        }
    }
    let own = ["bcm2835", "bcm2836", "bcm2837"];
    let by_model = entry.device_tree == TreeSource::Model && !config.upstream;
    if by_model && let Some(tree) = names.iter().find(|name| own.iter().any(|model| name.starts_with(model))) {
        let others = ["bcm2708", "bcm2709", "bcm2710"];
        if !names.iter().any(|name| others.iter().any(|model| name.starts_with(model))) {
            wrong.push(format!("without `upstream_kernel=1` in `config.txt` nobody looks for `{tree}`"));
        }
    }
    Outcome::unless(wrong, format!("{} files that `{}` names", config.named.len(), entry.path))
}

fn has(boot: &BootFacts, file: &str) -> bool {
    boot.firmware.iter().any(|name| name == file)
}

impl crate::ConfigTxt {
    /// Whether `start_file` or `fixup_file` puts another file in its place.
    fn replaces(&self, file: &str) -> bool {
        let key = match file {
            "start.elf" | "start4.elf" => "start_file",
            "fixup.dat" | "fixup4.dat" => "fixup_file",
            _ => return false,
        };
        self.named.iter().any(|(there, _, _)| there == key)
    }
}
