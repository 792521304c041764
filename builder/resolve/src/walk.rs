//! The short way to an answer: one walk through what is asked for, in depth, as `apt` marks packages for installation.
//!
//! It decides which of several packages satisfies a clause at the moment it comes past, and never turns back. That makes its
//! choices the ones `apt` makes: `mawk` is there because an essential package wants some `awk`, even if something later wants
//! `gawk`. Where it gets stuck, the search takes over.

use std::collections::BTreeSet;

use rootsmith_package::{IndexError, Record, RecordId};

use crate::candidates::Candidates;
use crate::solve::Root;

/// Everything the roots need; `None` where the walk got stuck.
pub(crate) fn walk(candidates: &Candidates<'_>, roots: &[Root<'_>]) -> Result<Option<BTreeSet<RecordId>>, IndexError> {
    let mut walk = Walk { candidates, chosen: BTreeSet::new(), refused: BTreeSet::new() };
    for root in roots {
        if !walk.choose(root.record)? {
            return Ok(None);
        }
    }
    for root in roots {
        if !walk.descend(root.record)? {
            return Ok(None);
        }
    }
    Ok(Some(walk.chosen))
}

struct Walk<'w, 'a> {
    candidates: &'w Candidates<'a>,
    chosen: BTreeSet<RecordId>,
    /// What something chosen cannot be with.
    refused: BTreeSet<RecordId>,
}

impl<'a> Walk<'_, 'a> {
    /// Takes a package if nothing that was taken speaks against it.
    fn choose(&mut self, record: Record<'a>) -> Result<bool, IndexError> {
        if self.refused.contains(&record.id()) {
            return Ok(false);
        }
        let mut refused = BTreeSet::new();
        for (_, clause) in self.candidates.refuses(record)? {
            refused.extend(self.candidates.refused(record, &clause).iter().map(|other| other.id()));
        }
        if !refused.is_disjoint(&self.chosen) {
            return Ok(false);
        }
        self.refused.append(&mut refused);
        self.chosen.insert(record.id());
        Ok(true)
    }

    /// Satisfies what a package needs, and what that needs in turn, before its next clause. The stack is our own: chains of
    /// packages may be long.
    fn descend(&mut self, record: Record<'a>) -> Result<bool, IndexError> {
        let mut stack = vec![self.clauses(record)?.into_iter()];
        while let Some(clauses) = stack.last_mut() {
            let Some(found) = clauses.next() else {
                stack.pop();
                continue;
            };
            if found.iter().any(|other| self.chosen.contains(&other.id())) {
                continue;
            }
            let mut taken = None;
            for other in found {
                if self.choose(other)? {
                    taken = Some(other);
                    break;
                }
            }
            let Some(taken) = taken else { return Ok(false) };
            stack.push(self.clauses(taken)?.into_iter());
        }
        Ok(true)
    }

    /// For each clause, what would satisfy it.
    fn clauses(&self, record: Record<'a>) -> Result<Vec<Vec<Record<'a>>>, IndexError> {
        let needs = self.candidates.needs(record)?;
        let found = needs.iter().filter_map(|(_, clause)| self.candidates.satisfying_clause(clause));
        Ok(found.filter(|found| found.iter().all(|other| other.id() != record.id())).collect())
    }
}
