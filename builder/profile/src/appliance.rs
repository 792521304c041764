//! What a root with hashes over its blocks, and one in two slots, ask of their disk.

use std::fmt;

use rootsmith_types::{Located, Origin};

use crate::error::ProfileError;
use crate::fields::{Fields, Findings};
use crate::keys::{UPDATE, elsewhere};
use crate::model::{
    BootMethod, Disk, Image, Init, InitSystem, Output, OutputKind, PartitionKind, PartitionSize, PartitionTable, Update,
};
use crate::words;

/// The name of a partition has room for so many letters (UEFI 2.10, 5.3.3).
const PARTITION_NAME: usize = 36;

/// Why a root would not be found, proves nothing, or cannot be followed by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplianceProblem {
    /// Partitions are found by what a GPT says of them.
    Table {
        /// The key that needs one.
        key: &'static str,
        /// Where another is asked for.
        table: Origin,
    },
    /// A way to boot whose command line, where the root hash is, anybody can change.
    Boot {
        /// The way.
        method: &'static str,
        /// Where it is asked for.
        asked: Origin,
    },
    /// No boot loader that takes the newer of two images, and the older when that does not come up.
    Loader,
    /// A slot that is as large as what is in it.
    Minimal {
        /// `size`.
        size: Origin,
    },
    /// An init that says nothing of a boot that was good, and has no systemd-sysupdate.
    Init {
        /// Where it is asked for.
        init: Origin,
    },
    /// No version to tell the slots apart by.
    NoVersion,
    /// Nobody says where the next version comes from.
    NoSource,
    /// A source, but no slot for what comes from it.
    NoSlots,
    /// Partitions are called after image and version.
    LongName {
        /// Name and version.
        name: String,
    },
}

impl fmt::Display for ApplianceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ApplianceProblem::Table { key, .. } => {
                return write!(f, "the partitions of `{key}` are found by what only a `gpt` says of them");
            }
            ApplianceProblem::Boot { method, .. } => {
                return write!(
                    f,
                    "`{method}` would read the root hash of `verity` from a file that anybody can change"
                );
            }
            ApplianceProblem::LongName { name } => {
                return write!(
                    f,
                    "a partition would be called `{name}`, which is longer than {PARTITION_NAME} letters"
                );
            }
            ApplianceProblem::Loader => "nothing on the disk takes the newer of two slots, and counts its tries",
            ApplianceProblem::Minimal { .. } => "a partition of `minimal` size has no room for the next version",
            ApplianceProblem::Init { .. } => "only systemd fills a slot, and says that a boot was good",
            ApplianceProblem::NoVersion => "the two slots are told apart by a version, which the image has not",
            ApplianceProblem::NoSource => "nobody says where what comes into the second slot is from",
            ApplianceProblem::NoSlots => "there is no second slot that an update could come into",
        })
    }
}

impl ApplianceProblem {
    pub(crate) fn help(&self) -> &'static str {
        match self {
            ApplianceProblem::Table { .. } => "write `table = \"gpt\"`",
            ApplianceProblem::Boot { .. } => {
                "write `boot = \"uki\"` or `boot = [\"systemd-boot\", \"uki\"]`, whose image has it inside, or leave `verity` out"
            }
            ApplianceProblem::Loader => "write `boot = [\"systemd-boot\", \"uki\"]`",
            ApplianceProblem::Minimal { .. } => "write a size with room for later versions: `size = \"512MiB\"`",
            ApplianceProblem::Init { .. } => "take `systemd` for `init.system`, or leave `slots` out",
            ApplianceProblem::NoVersion => "write `version = \"1\"` in `[image]`, and a higher one for the next image",
            ApplianceProblem::NoSource => {
                "write `[update]` and below it `source = \"https://…\"`, or a folder of the machine: `\"/var/lib/update\"`"
            }
            ApplianceProblem::NoSlots => "write `slots = 2` for the root of the disk, or leave `[update]` out",
            ApplianceProblem::LongName { .. } => "take a shorter name, or a shorter version",
        }
    }

    /// Another place to look at.
    pub(crate) fn note(&self) -> Option<(&'static str, &Origin)> {
        match self {
            ApplianceProblem::Table { table, .. } => Some(("the table is asked for", table)),
            ApplianceProblem::Boot { asked, .. } => Some(("it is asked for", asked)),
            ApplianceProblem::Minimal { size } => Some(("the size is asked for", size)),
            ApplianceProblem::Init { init } => Some(("the init is asked for", init)),
            _ => None,
        }
    }
}

/// `[update]`.
pub(crate) fn update(root: &Fields<'_>) -> Option<Update> {
    root.get("update")?;
    let table = root.table("update", UPDATE, &elsewhere);
    let source = table.required("source", "source = \"https://example.org/updates\"", words::update_source);
    Some(Update { source: source?, origin: table.origin.clone() })
}

/// A table that names partitions, the root hash in an image that can be signed, and all that another version needs.
pub(crate) fn check(
    outputs: &[Output],
    image: Option<&Image>,
    init: Option<&Init>,
    update: Option<&Update>,
    findings: &Findings,
) {
    let disks = || {
        outputs.iter().filter_map(|output| match &output.kind {
            OutputKind::Disk(disk) => Some(disk),
            _ => None,
        })
    };
    for disk in disks() {
        verity(disk, findings);
        slots(disk, image, init, update, findings);
    }
    if let Some(update) = update
        && disks().all(|disk| disk.slots().is_none())
    {
        refuse(&update.origin, ApplianceProblem::NoSlots, findings);
    }
}

/// The partitions of the slot that is filled are called after what is in it.
pub(crate) fn name_slots(outputs: &mut [Output], image: &Image) {
    for output in outputs {
        let OutputKind::Disk(disk) = &mut output.kind else { continue };
        let Some(asked) = disk.slots().cloned() else { continue };
        let filled = |kind| matches!(kind, PartitionKind::Root | PartitionKind::RootVerity);
        for partition in disk.partitions.iter_mut().filter(|partition| filled(partition.kind.value)) {
            partition.label = Some(Located::new(image.slot_name(), asked.clone()));
        }
    }
}

fn refuse(origin: &Origin, problem: ApplianceProblem, findings: &Findings) {
    findings.push(ProfileError::Appliance { origin: origin.clone(), problem });
}

fn table(disk: &Disk, origin: &Origin, key: &'static str, findings: &Findings) {
    if disk.table.value != PartitionTable::Gpt {
        refuse(origin, ApplianceProblem::Table { key, table: disk.table.origin.clone() }, findings);
    }
}

fn verity(disk: &Disk, findings: &Findings) {
    let Some(origin) = disk.verity() else { return };
    table(disk, origin, "verity", findings);
    for method in disk.boot.iter().filter(|method| !disk.starts_image(method.value)) {
        let problem = ApplianceProblem::Boot { method: method.value.name(), asked: method.origin.clone() };
        refuse(origin, problem, findings);
    }
}

fn slots(disk: &Disk, image: Option<&Image>, init: Option<&Init>, update: Option<&Update>, findings: &Findings) {
    let Some(origin) = disk.slots() else { return };
    table(disk, origin, "slots", findings);
    let only = disk.boot.iter().all(|method| disk.starts_image(method.value));
    if !only || !disk.boots_by(BootMethod::SystemdBoot) {
        refuse(origin, ApplianceProblem::Loader, findings);
    }
    for partition in disk.root().into_iter().chain(disk.boot_partition()) {
        if partition.size.value == PartitionSize::Minimal {
            refuse(origin, ApplianceProblem::Minimal { size: partition.size.origin.clone() }, findings);
        }
    }
    if let Some(init) = init.filter(|init| init.system.value != InitSystem::Systemd) {
        refuse(origin, ApplianceProblem::Init { init: init.system.origin.clone() }, findings);
    }
    if update.is_none() {
        refuse(origin, ApplianceProblem::NoSource, findings);
    }
    match image.map(|image| (image.slot_name(), image.version.as_ref())) {
        Some((name, Some(version))) if name.len() > PARTITION_NAME => {
            refuse(&version.origin, ApplianceProblem::LongName { name }, findings);
        }
        Some((_, None)) => refuse(origin, ApplianceProblem::NoVersion, findings),
        Some((_, Some(_))) | None => {}
    }
}
