//! What a build needs from the machine it runs on.

use std::path::PathBuf;
use std::time::Duration;

use rootsmith_fetch::{Mirrors, Progress, Transport};
use rootsmith_kbuild::Processes;
use rootsmith_types::{Arch, Trace, UnixTime};

use crate::watched::Watched;

/// The machine, behind traits that a test can replace.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    /// Files that the profile names, the loader of profiles having read them by way of this, too.
    pub sources: &'a Watched<'a>,
    /// The network.
    pub transport: &'a dyn Transport,
    /// Programs, for a kernel that is built from source.
    pub processes: &'a dyn Processes,
    /// Who is told how far things are.
    pub progress: &'a dyn Progress,
    /// Time since some fixed moment: for `timings.json` alone.
    pub clock: &'a (dyn Fn() -> Duration + Sync),
    /// Where spans of work are recorded, by the same clock.
    pub trace: Trace<'a>,
}

/// Has the work of this process shared out among so many threads, at least one, whichever build it is of: as many as there are cores, unless
/// this is called, once and before the first build. What writes an output, or follows how it is written, is a thread beside them.
pub fn set_threads(count: usize) {
    // It fails where they are at work already.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(count).build_global();
}

/// How to build. None of it reaches an image.
#[derive(Debug, Clone)]
pub struct Options {
    /// The architecture; the profile's first when there is none.
    pub arch: Option<Arch>,
    /// The folder that holds `NAME-ARCH/`.
    pub outputs: PathBuf,
    /// The cache folder.
    pub cache: PathBuf,
    /// Where packages come from, unless the profile says.
    pub mirrors: Mirrors,
    /// No network at all.
    pub offline: bool,
    /// How many threads a compressor or a compiler may have; at least one. The rest of the work is done by [`set_threads`].
    pub jobs: usize,
    /// The current time: for signatures and `Valid-Until`, never for an image.
    pub now: UnixTime,
    /// The file that this program is: another one may make other images.
    pub program: PathBuf,
    /// Whether outputs are made again that would come out as they are.
    pub rebuild: bool,
}
