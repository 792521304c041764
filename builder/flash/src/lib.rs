//! An image to a card, by its block map.
//!
//! ```text
//! look  ── what is it: a disk or a file, how large, removable, in use? ──► Target, or why not
//! flash ── the image against its map, then mapped blocks written, then read back from the card ──► done, or what went wrong
//! ```
//!
//! The image is held against its map before the first byte is written: a damaged one costs no card.

mod copy;
mod error;
mod target;

pub use copy::{Step, flash};
pub use error::FlashError;
pub use target::{Device, System, Target, look};
