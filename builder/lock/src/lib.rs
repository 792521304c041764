//! The lockfile: every byte that can reach the image, pinned. TOML, sorted, small diffs.
//!
//! ```toml
//! schema = 1
//!
//! [amd64]
//! requests = [
//!     "chrony",
//! ]
//!
//! [[amd64.repository]]
//! suite = "trixie"
//! archive = "main"
//! date = 2026-11-14T08:15:00Z
//! sha256 = "5f7a…"
//!
//! [[amd64.package]]
//! name = "chrony"
//! role = "root"
//! version = "4.6.1-3"
//! architecture = "amd64"
//! archive = "main"
//! filename = "pool/main/c/chrony/chrony_4.6.1-3_amd64.deb"
//! size = 305176
//! sha256 = "0b9c…"
//! why = "requested"
//! ```

mod error;
mod model;
mod parse;
mod render;
mod stale;
mod time;

pub use error::LockError;
pub use model::*;
pub use stale::{Stale, Wanted, WantedPayload};
