//! The resolver's question in the words of `resolvo`.
//!
//! Every candidate is a solvable whose number is its record's; its name has the same number, since there is one candidate a
//! name. So a version set is either "the candidate" (`2 n`) or "not the candidate" (`2 n + 1`), and a clause is a union of
//! the former. What nothing satisfies is a name of its own, beyond those of the records, that has no candidate.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;

use resolvo::{
    Candidates as NameCandidates, Condition, ConditionId, Dependencies, DependencyProvider, HintDependenciesAvailable,
    Interner, KnownDependencies, NameId, Requirement, SolvableId, SolverCache, StringId, VersionSetId,
    VersionSetUnionId,
};
use rootsmith_package::{Field, IndexError, Record, RecordId};

use crate::candidates::Candidates;

/// What `resolvo` asks its questions to.
pub(crate) struct Problem<'a> {
    pub(crate) candidates: Candidates<'a>,
    memory: RefCell<Memory>,
}

/// What was handed out, to be understood again when it comes back.
#[derive(Default)]
struct Memory {
    unions: Vec<Vec<VersionSetId>>,
    union_ids: BTreeMap<Vec<VersionSetId>, VersionSetUnionId>,
    /// How many clauses nothing satisfies.
    missing: u32,
    /// Where a requirement of a package was written.
    clauses: BTreeMap<(u32, Requirement), (Field, String)>,
    errors: Vec<IndexError>,
}

impl<'a> Problem<'a> {
    pub(crate) fn new(candidates: Candidates<'a>) -> Problem<'a> {
        Problem { candidates, memory: RefCell::default() }
    }

    /// "This package."
    pub(crate) fn require(record: Record<'_>) -> Requirement {
        Requirement::Single(VersionSetId(record.id().0 * 2))
    }

    pub(crate) fn record(&self, solvable: SolvableId) -> Record<'a> {
        self.candidates.index.record(RecordId(solvable.into_raw()))
    }

    /// Where this requirement of `record` was written: the field and the clause.
    pub(crate) fn clause(&self, record: Record<'_>, requirement: Requirement) -> Option<(Field, String)> {
        self.memory.borrow().clauses.get(&(record.id().0, requirement)).cloned()
    }

    /// Relations that could not be read.
    pub(crate) fn errors(&self) -> Vec<IndexError> {
        self.memory.borrow().errors.clone()
    }

    fn dependencies(&self, record: Record<'a>) -> Result<KnownDependencies, IndexError> {
        let mut known = KnownDependencies::default();
        for (field, clause) in self.candidates.needs(record)? {
            let Some(found) = self.candidates.satisfying_clause(&clause) else { continue };
            if found.iter().any(|other| other.id() == record.id()) {
                continue;
            }
            let requirement = self.requirement(&found);
            let mut memory = self.memory.borrow_mut();
            memory.clauses.entry((record.id().0, requirement)).or_insert_with(|| (field, clause.to_string()));
            known.requirements.push(requirement.into());
        }
        for (_, clause) in self.candidates.refuses(record)? {
            let refused = self.candidates.refused(record, &clause);
            known.constrains.extend(refused.iter().map(|other| VersionSetId(other.id().0 * 2 + 1)));
        }
        known.constrains.sort();
        known.constrains.dedup();
        Ok(known)
    }

    fn requirement(&self, found: &[Record<'a>]) -> Requirement {
        let mut memory = self.memory.borrow_mut();
        match found {
            [] => {
                let name = self.candidates.index.len() as u32 + memory.missing;
                memory.missing += 1;
                Requirement::Single(VersionSetId(name * 2))
            }
            [only] => Problem::require(*only),
            several => {
                let sets: Vec<VersionSetId> = several.iter().map(|record| VersionSetId(record.id().0 * 2)).collect();
                let next = VersionSetUnionId(memory.unions.len() as u32);
                let id = *memory.union_ids.entry(sets.clone()).or_insert(next);
                if id == next {
                    memory.unions.push(sets);
                }
                Requirement::Union(id)
            }
        }
    }

    fn exists(&self, number: u32) -> bool {
        (number as usize) < self.candidates.index.len()
    }
}

impl Interner for Problem<'_> {
    type NameId = NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, solvable: SolvableId) -> impl Display + '_ {
        let record = self.record(solvable);
        format!("{} {}", record.name(), record.version())
    }

    fn display_name(&self, name: NameId) -> impl Display + '_ {
        let number = name.into_raw();
        if self.exists(number) { self.candidates.index.record(RecordId(number)).name() } else { "nothing" }
    }

    fn display_version_set(&self, version_set: VersionSetId) -> impl Display + '_ {
        if version_set.0.is_multiple_of(2) { "the candidate" } else { "not the candidate" }
    }

    fn display_string(&self, _: StringId) -> impl Display + '_ {
        "its relations cannot be read"
    }

    fn version_set_name(&self, version_set: VersionSetId) -> NameId {
        NameId::from_raw(version_set.0 / 2)
    }

    fn solvable_name(&self, solvable: SolvableId) -> NameId {
        NameId::from_raw(solvable.into_raw())
    }

    fn version_sets_in_union(&self, union: VersionSetUnionId) -> impl Iterator<Item = VersionSetId> {
        self.memory.borrow().unions[union.0 as usize].clone().into_iter()
    }

    fn resolve_condition(&self, _: ConditionId) -> Condition {
        unreachable!("no requirement has a condition")
    }
}

impl DependencyProvider for Problem<'_> {
    async fn filter_candidates(
        &self,
        candidates: &[SolvableId],
        version_set: VersionSetId,
        inverse: bool,
    ) -> Vec<SolvableId> {
        let takes = version_set.0.is_multiple_of(2);
        if takes != inverse { candidates.to_vec() } else { Vec::new() }
    }

    async fn get_candidates(&self, name: NameId) -> Option<NameCandidates> {
        self.exists(name.into_raw()).then(|| NameCandidates {
            candidates: vec![SolvableId::from_raw(name.into_raw())],
            hint_dependencies_available: HintDependenciesAvailable::None,
            ..NameCandidates::default()
        })
    }

    async fn sort_candidates(&self, _: &SolverCache<Self>, _: &mut [SolvableId]) {
        // There is one a name.
    }

    async fn get_dependencies(&self, solvable: SolvableId) -> Dependencies {
        match self.dependencies(self.record(solvable)) {
            Ok(known) => Dependencies::Known(known),
            Err(error) => {
                self.memory.borrow_mut().errors.push(error);
                Dependencies::Unknown(StringId(0))
            }
        }
    }
}
