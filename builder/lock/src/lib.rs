//! The lockfile: every byte that can reach the image, pinned. TOML, sorted, small diffs.

mod model;

pub use model::*;
