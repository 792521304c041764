//! A whole build as one readable list of steps, and the face for programs that embed us.
//!
//! [`lock`] resolves and pins; [`build`] goes the way of the data (DESIGN.md section 2) and leaves `outputs/NAME-ARCH/`.
//! Everything from outside comes in through [`Host`] and [`Options`]: files, network, programs, progress, time.

mod boot_files;
mod bootable;
mod build;
mod bytes;
mod check;
mod container;
mod follow;
mod formats;
mod host;
mod inputs;
mod kernel_source;
mod layers;
mod made_root;
mod mounts;
mod netboot;
mod partitions;
mod payloads;
mod places;
mod prepare;
mod report;
mod repository;
mod scripts;
mod slots;
mod suggest;
mod target;
mod timer;
mod trace;
mod unchanged;
mod verdict;
mod watched;

pub use build::{Built, Judged, Outcome, build, preflight};
pub use host::{Host, Options, set_threads};
pub use kernel_source::{KernelConfig, kernel_config};
pub use places::{Failure, Places};
pub use report::{MadeFile, Summary};
pub use scripts::{ManifestError, PackageScripts, ReadScript, Scripts};
pub use suggest::{Suggested, suggest_kernels};
pub use target::lock;
pub use trace::{TRACE_FILE, trace_json};
pub use watched::{Files, Mark, Watched};
