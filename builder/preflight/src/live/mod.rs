//! The same questions, put to the running system.
//!
//! ```text
//! way_in   ── how a program gets into this image's system without a trace in the image ──► WayIn, or why there is none
//! probe    ── a POSIX-sh script with the questions of the sets ──► text, and what makes the system run it
//! Answers  ── what the console showed, noise and all ──► facts of the running system
//! check    ── facts, sets ──► LiveReport
//! compare  ── what was said of the image, what its system said ──► Comparison
//! ```
//!
//! Nothing here starts anything: the caller runs the machine and hands over what its console showed.

mod answers;
mod compare;
mod decide;
mod probe;
mod report;
mod rules;
#[cfg(test)]
mod tests;
mod way_in;

pub use answers::{Answers, AnswersError};
pub use compare::{Comparison, Row, compare};
pub use probe::{Probe, probe};
pub use report::{Answer, LiveFinding, LiveReport, check};
pub use way_in::{NoWayIn, Seed, WayIn, way_in};
