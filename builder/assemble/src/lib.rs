//! Packages, overlays and payloads to one tree, and who put each path there.

mod owners;
mod package;

pub use owners::{Owner, Owners};
pub use package::Package;

use rootsmith_tree::Tree;

/// The assembled tree.
#[derive(Debug, Clone)]
pub struct Assembly {
    /// Everything in the image.
    pub tree: Tree,
    /// Who put it there.
    pub owners: Owners,
}
