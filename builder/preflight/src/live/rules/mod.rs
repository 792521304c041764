//! The mechanisms, as a running system decides them.

pub(super) mod identity;
pub(super) mod kernel;
pub(super) mod limits;
pub(super) mod mounts;
pub(super) mod network;
pub(super) mod programs;
pub(super) mod start;
