//! Disks as virtual machines take them: a disk image, written once and ascending, into files that hypervisors and clouds open.
//!
//! | [`Format`]                              | who takes it                          | cluster  |
//! |-----------------------------------------|---------------------------------------|----------|
//! | [`Qcow2`](Format::Qcow2) and compressed | QEMU, Proxmox, OpenStack              | 64 KiB   |
//! | [`VmdkStreamOptimized`](Format::VmdkStreamOptimized) | VMware and VirtualBox, in an OVA | 64 KiB |
//! | [`VmdkMonolithicSparse`](Format::VmdkMonolithicSparse) | VMware Workstation, VirtualBox | 64 KiB |
//! | [`Vdi`](Format::Vdi)                    | VirtualBox                            | 1 MiB    |
//!
//! Every writer is a [`Sink`](rootsmith_ondisk::Sink) that holds tables and a few clusters, never the disk; a [`Tee`] feeds
//! several at once, so that the content is read once. Clusters of zeros are left out. Nothing depends on a clock, on chance or
//! on the number of cores. `docs/formats/virtual.md` says what is left out.

#![warn(clippy::as_conversions, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::as_conversions, clippy::arithmetic_side_effects))]

mod compress;
mod error;
mod file;
mod number;
mod options;
mod qcow2;
mod tee;
mod vdi;
mod vmdk;
mod writer;

pub use error::CreateError;
pub use options::{Adapter, Format, Options};
pub use tee::Tee;
pub use writer::{Writer, create};
