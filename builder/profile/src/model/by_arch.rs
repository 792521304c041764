//! What may differ between the architectures of one profile.

use std::collections::BTreeMap;

use rootsmith_types::{Arch, Located};

/// `"linux-image-amd64"`, or a table of them: `{ amd64 = "linux-image-amd64", arm64 = "linux-image-arm64" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByArch<T> {
    /// The plain value, for every architecture.
    pub any: Option<Located<T>>,
    /// The table.
    pub by_arch: BTreeMap<Arch, Located<T>>,
}

impl<T> ByArch<T> {
    /// What holds for `arch`; a table need not name every architecture.
    pub fn get(&self, arch: Arch) -> Option<&Located<T>> {
        self.by_arch.get(&arch).or(self.any.as_ref())
    }
}
