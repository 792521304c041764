//! TOML text to [`Profile`], every value knowing where it was written.
//!
//! DESIGN.md section 4 is the contract. [`load`] reads a file, merges it over those it `extends`, and makes a [`Profile`] of
//! the result: plain data with public fields. A profile that was loaded is valid in itself (types, sizes, names; the files
//! it names can be read), not yet against a distribution. What is wrong comes as [`ProfileErrors`], all of it at once.
//!
//! | step        | does                                                                     |
//! |-------------|--------------------------------------------------------------------------|
//! | `value`     | TOML text to a tree that knows where everything was written; merging     |
//! | `load`      | the entry, what it extends, the files it names                           |
//! | `sections`  | the merged tree to the model, table by table, with `keys` and `words`;   |
//! |             | `board`, `service`, `machine` and `output` are tables with much in them  |
//! | `relations` | what must fit together                                                   |

mod appliance;
mod bios;
mod board;
mod choices;
mod error;
mod fields;
mod files;
mod keys;
mod load;
mod machine;
mod model;
mod output;
mod payload;
mod relations;
mod sections;
mod secure_boot;
mod service;
mod value;
mod words;

#[cfg(test)]
mod tests;

pub use appliance::ApplianceProblem;
pub use bios::BiosProblem;
pub use error::{ProfileError, ProfileErrors, Stateless, Uncounted};
pub use load::load;
pub use model::*;
pub use words::check_image_name;
