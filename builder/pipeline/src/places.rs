//! From what an error is about to the line of the profile that brought it in.

use std::collections::BTreeMap;

use rootsmith_assemble::{Owner, Owners};
use rootsmith_lock::{Target, Why};
use rootsmith_profile::Profile;
use rootsmith_types::{Origin, PackageName, Problems, Subject, TreePath};

use crate::payloads::PayloadPackage;

/// A build that failed: everything that is wrong, and where it comes from.
#[derive(Debug)]
pub struct Failure {
    /// All of it.
    pub problems: Problems,
    /// Where things come from, as far as the build got.
    pub places: Places,
}

/// Where packages and paths come from.
#[derive(Debug, Clone, Default)]
pub struct Places {
    requests: BTreeMap<PackageName, Origin>,
    needed_by: BTreeMap<PackageName, PackageName>,
    /// Filled once the tree is assembled.
    pub(crate) owners: Owners,
}

impl Places {
    /// What the profile alone tells: where each package is asked for.
    pub(crate) fn of(profile: &Profile) -> Places {
        let included = profile.packages.include.iter();
        let kernel =
            profile.kernel.iter().flat_map(|kernel| kernel.package.by_arch.values().chain(&kernel.package.any));
        let source = profile.kernel.iter().filter_map(|kernel| kernel.source.as_ref()).map(|source| &source.package);
        let requests =
            included.chain(kernel).chain(source).map(|name| (name.value.clone(), name.origin.clone())).collect();
        Places { requests, ..Places::default() }
    }

    /// Learns which packages come as payloads, and where those are named.
    pub(crate) fn bring(&mut self, packages: &[PayloadPackage]) {
        self.requests.extend(packages.iter().map(|it| (it.locked.name.clone(), it.origin.clone())));
    }

    /// Learns who needs whom.
    pub(crate) fn learn(&mut self, target: &Target) {
        for package in &target.packages {
            if let Why::NeededBy(by) = &package.why {
                self.needed_by.insert(package.name.clone(), by.clone());
            }
        }
    }

    /// The place in a profile, when there is one.
    pub fn locate(&self, subject: &Subject) -> Option<Origin> {
        match subject {
            Subject::Profile(origin) => Some(origin.clone()),
            Subject::Package(name) => self.package(name),
            Subject::Path(path) => self.path(path),
            Subject::Host => None,
        }
    }

    fn package(&self, name: &PackageName) -> Option<Origin> {
        let mut at = name;
        // Chains of "needed by" end at a request; a bound keeps a damaged lock from turning in a circle.
        for _ in 0..=self.needed_by.len() {
            if let Some(origin) = self.requests.get(at) {
                return Some(origin.clone());
            }
            at = self.needed_by.get(at)?;
        }
        None
    }

    fn path(&self, path: &TreePath) -> Option<Origin> {
        match self.owners.of(path)? {
            Owner::Package(name) | Owner::Script(name) => self.package(name),
            Owner::Profile(origin) => Some(origin.clone()),
            Owner::Builder(_) => None,
        }
    }
}
