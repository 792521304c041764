//! What was read and what was done for which package.

use std::collections::BTreeSet;
use std::fmt;

use rootsmith_types::{PackageName, Sha256Digest};

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
    /// The scripts that were read, in their order.
    pub read: Vec<ReadScript>,
    /// What they did, a phrase each.
    pub effects: Vec<String>,
}

/// How a package's scripts were dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// It has none, or they do nothing on a first installation.
    NothingToDo,
    /// There is nothing in its scripts but what debhelper generates.
    Snippets,
    /// Its own code was read and followed.
    Followed,
    /// Its own code, or that of one of its scripts, is described by a model.
    Modelled,
    /// Its own code asks for what only the machine can make, this: dpkg configures it there, on the first boot.
    FirstBoot(String),
    /// The profile answers for the own code, with this reason.
    Answered(String),
}

/// A script as it lies in the package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadScript {
    /// `postinst` …
    pub name: String,
    /// So many lines.
    pub lines: usize,
    /// Of its text.
    pub sha256: Sha256Digest,
    /// Whose word it was.
    pub by: By,
}

/// What a script's own code was taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// It has none: only what debhelper generates.
    Snippets,
    /// The code as it is.
    Itself,
    /// A model, for this reason; what debhelper generated beside it was followed.
    Model(String),
    /// The profile; what debhelper generated beside it was followed.
    Profile,
}

/// How many packages each [`Class`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "named like the classes")]
pub struct Counts {
    pub packages: usize,
    pub nothing_to_do: usize,
    pub snippets: usize,
    pub followed: usize,
    pub modelled: usize,
    pub first_boot: usize,
    pub answered: usize,
}

impl Report {
    pub(crate) fn of(followed: Vec<(PackageName, Followed)>) -> Report {
        Report { packages: followed.into_iter().map(|(name, followed)| PackageReport::of(name, followed)).collect() }
    }

    /// How many packages each class has.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { packages: self.packages.len(), ..Counts::default() };
        for package in &self.packages {
            *match package.class {
                Class::NothingToDo => &mut counts.nothing_to_do,
                Class::Snippets => &mut counts.snippets,
                Class::Followed => &mut counts.followed,
                Class::Modelled => &mut counts.modelled,
                Class::FirstBoot(_) => &mut counts.first_boot,
                Class::Answered(_) => &mut counts.answered,
            } += 1;
        }
        counts
    }

    /// The packages that the profile answers for, with its reasons.
    pub fn answered(&self) -> impl Iterator<Item = (&PackageName, &str)> {
        self.packages.iter().filter_map(|package| match &package.class {
            Class::Answered(reason) => Some((&package.name, reason.as_str())),
            _ => None,
        })
    }
}

impl PackageReport {
    fn of(name: PackageName, followed: Followed) -> PackageReport {
        let Followed { effects, read, ignored, first_boot } = followed;
        let something = effects.iter().filter(|effect| effect.is_something());
        let mut said = BTreeSet::new();
        let effects: Vec<String> =
            something.map(ToString::to_string).filter(|effect| said.insert(effect.clone())).collect();
        // Whose word it is counts before what came of it.
        let modelled = read.iter().any(|script| matches!(script.by, By::Model(_)));
        let class = match (ignored, first_boot) {
            (Some(reason), _) => Class::Answered(reason),
            (None, Some(what)) => Class::FirstBoot(what),
            _ if modelled => Class::Modelled,
            _ if effects.is_empty() => Class::NothingToDo,
            _ if read.iter().any(|script| script.by == By::Itself) => Class::Followed,
            _ => Class::Snippets,
        };
        PackageReport { name, class, read, effects }
    }
}

impl Class {
    /// As a report names it.
    pub fn name(&self) -> &'static str {
        match self {
            Class::NothingToDo => "nothing to do",
            Class::Snippets => "generated snippets",
            Class::Followed => "followed",
            Class::Modelled => "modelled",
            Class::FirstBoot(_) => "left to the first boot",
            Class::Answered(_) => "answered by the profile",
        }
    }
}

impl fmt::Display for Counts {
    /// `149 packages: 96 nothing to do, 38 generated snippets, …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { packages, nothing_to_do, snippets, followed, modelled, first_boot, answered } = self;
        write!(
            f,
            "{packages} packages: {nothing_to_do} nothing to do, {snippets} generated snippets, {followed} followed, \
             {modelled} modelled, {first_boot} left to the first boot, {answered} answered by the profile"
        )
    }
}
