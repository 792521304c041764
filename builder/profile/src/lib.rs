//! TOML text to [`Profile`], every value knowing where it was written.
//!
//! DESIGN.md section 4 is the contract. The data is in [`model`]-shaped structs with public fields: a profile that was
//! loaded is valid in itself (types, sizes, names, files it names are readable), not yet against a distribution.

mod choices;
mod error;
mod fields;
mod files;
mod keys;
mod load;
mod model;
mod output;
mod relations;
mod sections;
mod value;
mod words;

#[cfg(test)]
mod tests;

pub use error::{ProfileError, ProfileErrors};
pub use load::load;
pub use model::*;
