//! Kernels from source: configured and built by the kernel's own Makefile with the host's compiler.
//!
//! | step                     | runs                                     | and is kept in the cache by                               |
//! |--------------------------|------------------------------------------|-----------------------------------------------------------|
//! | what configuring needs   | nothing                                  | the source                                                |
//! | [`Workshop::configure`]  | `make BASE`, `make olddefconfig`         | source, base, what the fragments ask, patches, toolchain  |
//! | [`Workshop::build`]      | `make`, `modules_install`, `dtbs_install` | source, final configuration, patches, toolchain           |
//!
//! This is an edge: it runs processes, in a folder of the cache that is gone afterwards. They run as whoever runs us, with an
//! environment of our own ([`Processes`]), and get no time but the source's.

mod build;
mod configure;
mod error;
mod process;
mod recipe;
mod source;
mod tools;
mod workshop;

pub use error::KbuildError;
pub use process::{Ended, Processes, Programs, Run};
pub use recipe::{Base, Input, Patch, variables};
pub use workshop::{Configuration, Workshop};

#[cfg(test)]
mod tests;
