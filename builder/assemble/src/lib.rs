//! Packages, overlays and payloads to one tree, and who put each path there.
//!
//! Three passes, because maintainer scripts come between them: [`unpack`] lays the packages' files out, then (after
//! `configure`) [`drop_paths`] takes away what the profile leaves out, and [`overlay`] and [`embed`] put the profile's own
//! files on top.

mod accounts;
mod archive;
mod error;
mod overlay;
mod owners;
mod package;
mod payload;
mod skeleton;
mod unpack;

pub use error::AssembleError;
pub use overlay::{drop_paths, overlay};
pub use owners::{Owner, Owners};
pub use package::Package;
pub use payload::{Taken, embed};
pub use unpack::unpack;

#[cfg(test)]
mod tests;

use rootsmith_tree::Tree;

/// The assembled tree.
#[derive(Debug, Clone)]
pub struct Assembly {
    /// Everything in the image.
    pub tree: Tree,
    /// Who put it there.
    pub owners: Owners,
}
