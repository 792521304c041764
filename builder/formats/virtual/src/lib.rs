//! Disks as virtual machines take them: a disk image, written once and ascending, into files that hypervisors and clouds open.
//!
//! | [`Format`]                              | who takes it                          | cluster  |
//! |-----------------------------------------|---------------------------------------|----------|
//! | [`Qcow2`](Format::Qcow2) and compressed | QEMU, Proxmox, OpenStack              | 64 KiB   |
//! | [`VmdkStreamOptimized`](Format::VmdkStreamOptimized) | VMware and VirtualBox, in an OVA | 64 KiB |
//! | [`VmdkMonolithicSparse`](Format::VmdkMonolithicSparse) | VMware Workstation, VirtualBox | 64 KiB |
//! | [`VhdFixed`](Format::VhdFixed)          | Azure                                 | none     |
//! | [`VhdDynamic`](Format::VhdDynamic)      | Hyper-V, Citrix                       | 2 MiB    |
//! | [`Vhdx`](Format::Vhdx)                  | Hyper-V                               | 1 MiB    |
//! | [`Vdi`](Format::Vdi)                    | VirtualBox                            | 1 MiB    |
//! | [`RawZstd`](Format::RawZstd), [`RawXz`](Format::RawXz) | whoever writes disks   | none     |
//! | [`GceTarGz`](Format::GceTarGz)          | Google's cloud                        | none     |
//! | [`Ova`](Format::Ova)                    | VMware and VirtualBox, as a machine   | 64 KiB   |
//! | [`Vagrant`](Format::Vagrant)            | Vagrant with libvirt                  | 64 KiB   |
//!
//! Every writer is a [`Sink`](rootsmith_ondisk::Sink) that holds tables and a few clusters, never the disk; a [`Tee`] feeds
//! several at once, so that the content is read once. Clusters of zeros are left out. Nothing depends on a clock, on chance or
//! on the number of cores. `docs/formats/virtual.md` says what is left out.
//!
//! ```
//! use rootsmith_ondisk::Sink;
//! use rootsmith_types::{NumBytes, Uuid};
//! use rootsmith_virtual::{Format, Options, Tee, create};
//!
//! let (one, other) = (tempfile::tempfile()?, tempfile::tempfile()?);
//! let options = Options::new(Uuid::new([7; 16]), 1_700_000_000, "disk");
//! let size = Format::VhdFixed.rounded(NumBytes::new(1_000_000)).unwrap();
//! assert_eq!(size, NumBytes::mib(1));
//! let mut qcow2 = create(Format::Qcow2Zstd, size, &options, &one)?;
//! let mut vhd = create(Format::VhdFixed, size, &options, &other)?;
//! Tee::new(vec![&mut qcow2, &mut vhd]).write_at(4096, b"content")?;
//! qcow2.finish()?;
//! vhd.finish()?;
//! assert_eq!(other.metadata()?.len(), (1 << 20) + 512);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(clippy::as_conversions, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::as_conversions, clippy::arithmetic_side_effects))]

mod archive;
mod compress;
mod deflated;
mod error;
mod file;
mod gce;
mod number;
mod options;
mod ova;
mod qcow2;
mod raw;
mod tee;
mod vagrant;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;
mod writer;

pub use error::CreateError;
pub use options::{Adapter, Format, Options};
pub use tee::Tee;
pub use writer::{Writer, create, create_all};
