//! Which package of an index a relation means, and in which order those that would do are preferred.

use std::cmp::Reverse;

use rootsmith_package::{Clause, Field, Index, IndexError, Record, Relation};
use rootsmith_types::Arch;

/// An index as seen from one architecture.
#[derive(Clone, Copy)]
pub(crate) struct Candidates<'a> {
    pub(crate) index: &'a Index,
    pub(crate) arch: Arch,
}

impl<'a> Candidates<'a> {
    /// The package of this name that takes part.
    pub(crate) fn get(&self, name: &str) -> Option<Record<'a>> {
        self.index.candidates(name).find(|record| record.is_for(self.arch))
    }

    /// Whether a record is its name's candidate.
    fn is_candidate(&self, record: Record<'a>) -> bool {
        self.get(record.name()).is_some_and(|candidate| candidate.id() == record.id())
    }

    /// The candidates that provide this name, the preferred one first.
    pub(crate) fn providers(&self, name: &str) -> Vec<Record<'a>> {
        self.providers_of(name, |_| true)
    }

    /// The candidates that satisfy a relation, the preferred one first, each once.
    pub(crate) fn satisfying(&self, relation: &Relation<'_>) -> Vec<Record<'a>> {
        let fits = |record: &Record<'a>| relation.accepts(record.version()) && self.fits_qualifier(relation, *record);
        let mut found: Vec<Record<'a>> = self.get(relation.name).filter(fits).into_iter().collect();
        let versioned = relation.version.is_some();
        let providers = self.providers_of(relation.name, |version| match version {
            Some(version) => relation.accepts(version),
            None => !versioned,
        });
        for record in providers {
            if !found.iter().any(|other| other.id() == record.id()) {
                found.push(record);
            }
        }
        found
    }

    /// The candidates that satisfy a clause, the preferred one first; `None` where the clause does not count on this
    /// architecture.
    pub(crate) fn satisfying_clause(&self, clause: &Clause<'_>) -> Option<Vec<Record<'a>>> {
        let mut found: Vec<Record<'a>> = Vec::new();
        let mut counts = false;
        for relation in clause.alternatives.iter().filter(|relation| relation.applies(self.arch)) {
            counts = true;
            for record in self.satisfying(relation) {
                if !found.iter().any(|other| other.id() == record.id()) {
                    found.push(record);
                }
            }
        }
        counts.then_some(found)
    }

    /// The clauses a package must see satisfied, with their fields.
    pub(crate) fn needs(&self, record: Record<'a>) -> Result<Vec<(Field, Clause<'a>)>, IndexError> {
        fields(record, [Field::PreDepends, Field::Depends])
    }

    /// The relations that name what a package cannot be with, with their fields.
    pub(crate) fn refuses(&self, record: Record<'a>) -> Result<Vec<(Field, Clause<'a>)>, IndexError> {
        fields(record, [Field::Conflicts, Field::Breaks])
    }

    /// The other candidates that such a relation hits. A package may conflict with a name it provides itself: then it wants
    /// to be the only one (Policy 7.6.2).
    pub(crate) fn refused(&self, record: Record<'a>, clause: &Clause<'a>) -> Vec<Record<'a>> {
        let applying = clause.alternatives.iter().filter(|relation| relation.applies(self.arch));
        applying.flat_map(|relation| self.satisfying(relation)).filter(|other| other.id() != record.id()).collect()
    }

    fn providers_of(
        &self,
        name: &str,
        accepts: impl Fn(Option<rootsmith_package::Version<'a>>) -> bool,
    ) -> Vec<Record<'a>> {
        let providers = self.index.providers(name).filter(|provider| accepts(provider.version));
        let mut found: Vec<Record<'a>> =
            providers.map(|provider| provider.record).filter(|record| self.is_candidate(*record)).collect();
        found.sort_by_key(|record| (!record.is_essential(), record.priority(), Reverse(record.name())));
        found.dedup_by_key(|record| record.id());
        found
    }

    /// `name:any` is for packages that say `Multi-Arch: allowed`; `name:amd64` names an architecture.
    fn fits_qualifier(&self, relation: &Relation<'_>, record: Record<'a>) -> bool {
        match relation.qualifier {
            None | Some("native") => true,
            Some("any") => record.field(Field::MultiArch) == "allowed",
            Some(arch) => arch == self.arch.debian() || (arch == "all" && record.architecture() == "all"),
        }
    }
}

fn fields<'a, const N: usize>(record: Record<'a>, fields: [Field; N]) -> Result<Vec<(Field, Clause<'a>)>, IndexError> {
    let mut found = Vec::new();
    for field in fields {
        found.extend(record.relations(field)?.into_iter().map(|clause| (field, clause)));
    }
    Ok(found)
}
