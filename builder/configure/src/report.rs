//! What was done for which package.

use std::collections::BTreeSet;

use rootsmith_types::PackageName;

use crate::script::Followed;

/// What configuring came down to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Sorted by name.
    pub packages: Vec<PackageReport>,
}

/// One package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageReport {
    /// Its name.
    pub name: PackageName,
    /// How its scripts were dealt with.
    pub class: Class,
    /// What they did, a phrase each.
    pub effects: Vec<String>,
}

/// How a package's scripts were dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// It has none, or they do nothing on a first installation.
    NothingToDo,
    /// Every command in them is known: what debhelper generates, and code as plain as that.
    Followed,
    /// Their own code is described by a model.
    Modelled,
    /// The profile answers for their own code, with this reason.
    Ignored(String),
}

impl Report {
    pub(crate) fn of(followed: &[(PackageName, Followed)]) -> Report {
        let package = |(name, followed): &(PackageName, Followed)| {
            let effects =
                followed.effects.iter().filter(|effect| effect.is_something()).map(|effect| effect.to_string());
            let mut said = BTreeSet::new();
            let effects: Vec<String> = effects.filter(|effect| said.insert(effect.clone())).collect();
            let class = match (&followed.ignored, effects.is_empty()) {
                (Some(reason), _) => Class::Ignored(reason.clone()),
                (None, true) => Class::NothingToDo,
                (None, false) if followed.modelled.is_empty() => Class::Followed,
                (None, false) => Class::Modelled,
            };
            PackageReport { name: name.clone(), class, effects }
        };
        Report { packages: followed.iter().map(package).collect() }
    }

    /// How many packages each class has: nothing to do, snippets, modelled, ignored.
    pub fn counts(&self) -> [usize; 4] {
        let mut counts = [0; 4];
        for package in &self.packages {
            counts[match package.class {
                Class::NothingToDo => 0,
                Class::Followed => 1,
                Class::Modelled => 2,
                Class::Ignored(_) => 3,
            }] += 1;
        }
        counts
    }

    /// The packages that the profile answers for, with its reasons.
    pub fn ignored(&self) -> impl Iterator<Item = (&PackageName, &str)> {
        self.packages.iter().filter_map(|package| match &package.class {
            Class::Ignored(reason) => Some((&package.name, reason.as_str())),
            _ => None,
        })
    }
}
