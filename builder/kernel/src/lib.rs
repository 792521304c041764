//! Kernel: Kconfig fragments and shipped configurations, module indexes, initramfs contents, unified kernel images.
//!
//! Everything here is pure: a tree and its contents in, bytes out. Nothing of the target is executed.
//!
//! | module        | turns                                       | into                                          |
//! |---------------|---------------------------------------------|-----------------------------------------------|
//! | [`config`]    | `/boot/config-R` and the profile's fragments | every symbol that did not come out as asked   |
//! | [`check_cgroups`] | `/boot/config-R` and `[cgroups]`        | every controller that the kernel does not have |
//! | [`release`]   | a kernel image                              | the release it calls itself                   |
//! | [`embedded_config`] | a kernel image                         | the configuration that was built into it      |
//! | [`device_tree`] | a flattened device tree                   | its nodes, the words it gives the kernel, what its disks wait for |
//! | [`index_modules`] | `/usr/lib/modules/R`                    | `modules.dep` and the ten files beside it     |
//! | [`initramfs`] | busybox, modules, a small `init`            | a compressed cpio archive                     |
//! | [`uki`]       | a stub, a kernel, an initramfs, a command line | one PE file that firmware starts           |

mod archive;
mod cgroups;
pub mod config;
pub mod device_tree;
mod error;
mod find;
mod ikconfig;
mod initramfs;
mod modules;
pub mod release;
mod uki;

pub use archive::initramfs_files;
pub use cgroups::{CgroupError, check_cgroups};
pub use device_tree::{DeviceTree, NeededDriver, Storage, StorageDrivers, storage_drivers};
pub use error::KernelError;
pub use find::{Kernel, find_kernel, find_kernels};
pub use ikconfig::embedded_config;
pub use initramfs::{InitramfsInput, initramfs, needs_initramfs, root_modules};
pub use modules::{Drivers, Module, ModuleIndex, ModuleInfo, index_modules, module_info, module_name};
pub use uki::{UkiSections, read_uki, uki};
