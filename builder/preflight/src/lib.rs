//! Requirement sets that look at a tree and say what would not boot or run.
//!
//! A *set* is data (`sets/*.toml`): named checks, each with its meaning, its cure and a *rule*. Rules are the few mechanisms
//! that code has: is a kernel symbol there, can a program be run, does `localhost` resolve. [`check`] decides every check of
//! the sets a profile names, from the tree and from what is known of the disk around it, and reports all of them.

mod check;
mod elf;
mod entries;
mod facts;
mod finding;
mod init;
mod kconfig;
pub mod live;
mod packages;
mod remembered;
mod render;
mod rule;
mod rules;
mod set;
#[cfg(test)]
mod tests;
mod view;

pub use check::{check, check_brought};
pub use elf::{Placed, portable};
pub use entries::{BootVolume, find_device_trees, find_entries, find_firmware_files};
pub use facts::{
    BiosStart, BootEntry, BootFacts, Brought, ConfigTxt, DeviceTree, DiskStart, EntryKind, Facts, HandedTree,
    PartitionFacts, PartitionRole, RoomFacts, RootFacts, TableKind, TreeSource,
};
pub use finding::{Failure, Finding, Grade, Grading, Report, Upstream, Verdict};
pub use packages::Packages;
pub use remembered::Remembered;
pub use render::{
    CHECKS_PAGE, Colours, Decided, Judged, Part, PartKind, SETS_PAGE, Sizes, TextStyle, checks_page, explain,
    list_checks, sets_page,
};
pub use rule::Rule;
pub use rules::{fstab_field, may_be_run};
pub use set::{Check, Said, Set, SetError, Severity, Wanted, sets};
