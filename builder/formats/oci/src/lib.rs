//! A tree as a container image: an OCI image layout with one image of one layer or several, in one tar archive.
//!
//! Specification: OCI image-spec 1.1. The archive is what `podman save --format oci-archive`, `skopeo copy … oci-archive:` and
//! `docker save` (from version 25 on) write, and what `ctr images import` reads.
//!
//! | entry                   | holds                                              | specification  |
//! |-------------------------|----------------------------------------------------|----------------|
//! | `oci-layout`            | that this is a layout                              | image-layout.md|
//! | `blobs/sha256/LAYER`    | a tree, a tar archive compressed with Zstandard    | layer.md       |
//! | `blobs/sha256/CONFIG`   | platform, what runs                                | config.md      |
//! | `blobs/sha256/MANIFEST` | config and layers                                  | manifest.md    |
//! | `index.json`            | the manifest by its name                           | image-index.md |
//!
//! A blob is called after the SHA-256 of its bytes, so the layer's name is known only when it has been written: its header is
//! put in afterwards, which is why the sink must be able to seek.

mod archive;
mod error;
mod format;
mod plan;

pub use error::PlanError;
pub use plan::{Options, Plan, Run, plan};

#[cfg(test)]
mod tests;
