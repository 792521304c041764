//! The way from requests to packages.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use resolvo::{Solver, UnsolvableOrCancelled};
use rootsmith_lock::{Scope, Why};
use rootsmith_package::{Index, IndexError, Record, RecordId};
use rootsmith_types::Arch;

use crate::candidates::Candidates;
use crate::conflict::Conflict;
use crate::explain::explain;
use crate::problem::Problem;
use crate::request::{Request, Resolution, Resolved};
use crate::unknown::find;
use crate::verify::verify;
use crate::walk::walk;

/// A package that must be there whatever else is, and why.
#[derive(Clone)]
pub(crate) struct Root<'a> {
    pub(crate) record: Record<'a>,
    /// The request it answers; `None` for an essential package.
    pub(crate) request: Option<Request>,
}

/// How the names of packages begin that hold a kernel's image.
const KERNEL_IMAGE: &str = "linux-image-";

/// Chooses packages for `requests`, and what `scope` says comes along. All requests that name nothing are told at once.
pub fn resolve<'a>(
    requests: &[Request],
    index: &'a Index,
    arch: Arch,
    scope: Scope,
) -> Result<Resolution<'a>, Vec<Conflict>> {
    let candidates = Candidates { index, arch };
    let roots = roots(&candidates, requests, scope == Scope::System)?;
    let broken = |error| vec![Conflict::Index(error)];
    let found = match scope {
        Scope::Named => named(&candidates, &roots).map_err(broken)?,
        Scope::System | Scope::Dependencies => match walk(&candidates, &roots).map_err(broken)? {
            Some(found) => found,
            None => search(candidates, &roots)?,
        },
    };
    let packages = reached(&candidates, &roots, &found).map_err(broken)?;
    verify(&candidates, &roots, &packages, scope != Scope::Named).map_err(|conflict| vec![conflict])?;
    Ok(Resolution { packages })
}

/// What is asked for and nothing else, but that a package which stands for a kernel's image (`linux-image-amd64`) brings it.
fn named(candidates: &Candidates<'_>, roots: &[Root<'_>]) -> Result<BTreeSet<RecordId>, IndexError> {
    let mut found: BTreeSet<RecordId> = roots.iter().map(|root| root.record.id()).collect();
    for root in roots.iter().filter(|root| root.record.name().starts_with(KERNEL_IMAGE)) {
        for (_, clause) in candidates.needs(root.record)? {
            let images = candidates.satisfying_clause(&clause).unwrap_or_default();
            found.extend(images.iter().find(|image| image.name().starts_with(KERNEL_IMAGE)).map(|image| image.id()));
        }
    }
    Ok(found)
}

/// Looks for any set of packages that fits, with conflicts learnt on the way; or says why there is none.
pub(crate) fn search<'a>(candidates: Candidates<'a>, roots: &[Root<'a>]) -> Result<BTreeSet<RecordId>, Vec<Conflict>> {
    let requirements = roots.iter().map(|root| Problem::require(root.record).into()).collect();
    let mut solver = Solver::new(Problem::new(candidates));
    match solver.solve(resolvo::Problem::new().requirements(requirements)) {
        Ok(found) => Ok(found.into_iter().map(|solvable| solver.provider().record(solvable).id()).collect()),
        Err(_) if !solver.provider().errors().is_empty() => {
            Err(solver.provider().errors().into_iter().map(Conflict::Index).collect())
        }
        Err(UnsolvableOrCancelled::Unsolvable(conflict)) => {
            Err(vec![explain(&conflict.graph(&solver), solver.provider(), roots)])
        }
        Err(UnsolvableOrCancelled::Cancelled(_)) => unreachable!("nothing cancels the search"),
    }
}

/// What is asked for, in its order, after the essential packages: those are there first, as when a system is bootstrapped.
pub(crate) fn roots<'a>(
    candidates: &Candidates<'a>,
    requests: &[Request],
    with_essential: bool,
) -> Result<Vec<Root<'a>>, Vec<Conflict>> {
    let mut roots = Vec::new();
    if with_essential {
        let essential = candidates.index.records().filter(|record| record.is_essential());
        let candidate =
            |record: &Record<'a>| candidates.get(record.name()).is_some_and(|other| other.id() == record.id());
        roots.extend(essential.filter(candidate).map(|record| Root { record, request: None }));
    }
    let mut unknown = Vec::new();
    for request in requests {
        match find(candidates, request) {
            Ok(record) => roots.push(Root { record, request: Some(request.clone()) }),
            Err(instead) => {
                unknown.push(Conflict::Unknown { name: request.name.clone(), origin: request.origin.clone(), instead });
            }
        }
    }
    if unknown.is_empty() { Ok(roots) } else { Err(unknown) }
}

/// The packages that are there for a reason, with it. A search that had to turn back may have picked up more.
fn reached<'a>(
    candidates: &Candidates<'a>,
    roots: &[Root<'a>],
    found: &BTreeSet<RecordId>,
) -> Result<Vec<Resolved<'a>>, IndexError> {
    let mut reasons: BTreeMap<RecordId, Why> = BTreeMap::new();
    for root in roots {
        let why = if root.request.is_some() { Why::Requested } else { Why::Essential };
        let reason = reasons.entry(root.record.id()).or_insert_with(|| why.clone());
        // Who asks for an essential package has asked for it.
        *reason = why.min(reason.clone());
    }
    let mut queue: VecDeque<RecordId> = reasons.keys().copied().collect();
    let mut seen: BTreeSet<RecordId> = queue.iter().copied().collect();
    while let Some(id) = queue.pop_front() {
        let record = candidates.index.record(id);
        for (_, clause) in candidates.needs(record)? {
            for other in candidates.satisfying_clause(&clause).unwrap_or_default() {
                if other.id() == id || !found.contains(&other.id()) {
                    continue;
                }
                if let Ok(name) = record.package_name() {
                    let why = Why::NeededBy(name);
                    let reason = reasons.entry(other.id()).or_insert_with(|| why.clone());
                    if matches!(reason, Why::NeededBy(_)) && why < *reason {
                        *reason = why;
                    }
                }
                if seen.insert(other.id()) {
                    queue.push_back(other.id());
                }
            }
        }
    }
    Ok(reasons.into_iter().map(|(id, why)| Resolved { record: candidates.index.record(id), why }).collect())
}
