//! A package as the later steps see it.

use std::sync::Arc;

use rootsmith_lock::LockedPackage;
use rootsmith_package::Unpacked;
use rootsmith_tree::PackId;

/// A locked package together with its unpacked form.
#[derive(Debug, Clone)]
pub struct Package {
    /// What the lock says.
    pub locked: LockedPackage,
    /// Control members and the list of files.
    pub unpacked: Arc<Unpacked>,
    /// The container its files' contents lie in.
    pub pack: PackId,
}
