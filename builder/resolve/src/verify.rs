//! Checks an answer clause by clause, from the stanzas alone: nothing here is shared with the search.

use std::collections::BTreeMap;

use rootsmith_package::{Field, Record, Relation};

use crate::candidates::Candidates;
use crate::conflict::Conflict;
use crate::request::Resolved;
use crate::solve::Root;

/// Whether `packages` hold every root, satisfy every clause of each other (where they are to be `complete`), and exclude none
/// of each other.
pub(crate) fn verify(
    candidates: &Candidates<'_>,
    roots: &[Root<'_>],
    packages: &[Resolved<'_>],
    complete: bool,
) -> Result<(), Conflict> {
    let wrong = |reason: String| Err(Conflict::Unverified(reason));
    let mut names: BTreeMap<&str, Vec<Offer<'_>>> = BTreeMap::new();
    for package in packages {
        let record = package.record;
        if !record.is_for(candidates.arch) {
            return wrong(format!("`{}` is for {}", record.name(), record.architecture()));
        }
        if names.get(record.name()).is_some_and(|offers| offers.iter().any(|offer| offer.is_real)) {
            return wrong(format!("`{}` is there twice", record.name()));
        }
        for offer in offers(record)? {
            names.entry(offer.name).or_default().push(offer);
        }
    }
    for root in roots {
        if !packages.iter().any(|package| package.record.id() == root.record.id()) {
            return wrong(format!("`{}` is not there", root.record.name()));
        }
    }
    let offered = |relation: &Relation<'_>| -> Vec<&Offer<'_>> {
        let offers = names.get(relation.name).map_or(&[][..], Vec::as_slice);
        offers.iter().filter(|offer| offer.meets(relation)).collect()
    };
    for package in packages {
        let record = package.record;
        let needs: &[Field] = if complete { &[Field::PreDepends, Field::Depends] } else { &[] };
        for &field in needs {
            for clause in record.relations(field).map_err(Conflict::Index)? {
                let mut counting =
                    clause.alternatives.iter().filter(|relation| relation.applies(candidates.arch)).peekable();
                if counting.peek().is_some() && !counting.any(|relation| !offered(relation).is_empty()) {
                    return wrong(format!("`{}` misses `{clause}`", record.name()));
                }
            }
        }
        for field in [Field::Conflicts, Field::Breaks] {
            for clause in record.relations(field).map_err(Conflict::Index)? {
                let counting = clause.alternatives.iter().filter(|relation| relation.applies(candidates.arch));
                for offer in counting.flat_map(&offered) {
                    if offer.record.id() != record.id() {
                        return wrong(format!("`{}` excludes `{}`", record.name(), offer.record.name()));
                    }
                }
            }
        }
    }
    Ok(())
}

/// A name under which a package satisfies relations.
struct Offer<'a> {
    name: &'a str,
    record: Record<'a>,
    is_real: bool,
    version: Option<rootsmith_package::Version<'a>>,
}

impl Offer<'_> {
    fn meets(&self, relation: &Relation<'_>) -> bool {
        let version_fits = match (&relation.version, self.version) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(version)) => relation.accepts(version),
        };
        let allowed =
            relation.qualifier != Some("any") || !self.is_real || self.record.field(Field::MultiArch) == "allowed";
        version_fits && allowed
    }
}

fn offers<'a>(record: Record<'a>) -> Result<Vec<Offer<'a>>, Conflict> {
    let mut offers = vec![Offer { name: record.name(), record, is_real: true, version: Some(record.version()) }];
    for clause in record.relations(Field::Provides).map_err(Conflict::Index)? {
        for relation in clause.alternatives {
            let version = relation.version.map(|(_, version)| version);
            offers.push(Offer { name: relation.name, record, is_real: false, version });
        }
    }
    Ok(offers)
}
