//! What a kernel is built of.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rootsmith_types::{Arch, Located, Origin, PackageName};

use super::ByArch;

/// `source` of `[kernel]`, with what belongs to it.
#[derive(Debug, Clone)]
pub struct KernelSource {
    /// The package that holds the source: `linux-source-6.12`.
    pub package: Located<PackageName>,
    /// What its configuration begins with; see [`KernelSource::base_for`].
    pub base: ByArch<KernelBase>,
    /// Changes of the source, applied in their order.
    pub patches: Vec<KernelPatch>,
}

impl KernelSource {
    /// What the configuration for `arch` begins with; there is something for every architecture in [`crate::Image::arch`].
    pub fn base_for(&self, arch: Arch) -> Option<&Located<KernelBase>> {
        self.base.get(arch)
    }
}

/// `base`: what a configuration begins with, before the fragments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelBase {
    /// One of the kernel's own: `tinyconfig`, `defconfig`.
    Target(&'static str),
    /// `package:NAME`: that of a kernel of the distribution.
    Package(PackageName),
    /// A whole configuration in a file of the user's.
    File {
        /// The file, as named to the user.
        file: Arc<Path>,
        /// Its text.
        text: Arc<str>,
    },
}

/// One of `patches`, as `diff -u` writes it.
#[derive(Debug, Clone)]
pub struct KernelPatch {
    /// Where the profile names it.
    pub origin: Origin,
    /// The file, as named to the user.
    pub file: PathBuf,
    /// Its content.
    pub data: Arc<[u8]>,
}
