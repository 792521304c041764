//! From the clauses that cannot hold together to the way a person would tell it.

use std::collections::{BTreeMap, VecDeque};

use resolvo::conflict::{ConflictCause, ConflictEdge, ConflictGraph, ConflictNode};
use resolvo::{Requirement, SolvableId, VersionSetId};
use rootsmith_package::{Field, Record, RecordId, parse_relations};

use crate::conflict::{Conflict, Step};
use crate::problem::Problem;
use crate::solve::Root;

/// Where the ways of a conflict end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// The first package refuses the second.
    Excluded(RecordId, RecordId),
    /// Nothing satisfies this requirement of the package.
    Missing(RecordId, Requirement),
}

/// Tells a conflict. Ways are as short as possible, and everything is taken in the order of names.
pub(crate) fn explain(graph: &ConflictGraph<SolvableId>, problem: &Problem<'_>, roots: &[Root<'_>]) -> Conflict {
    let ways = Ways::of(graph, roots);
    let mut steps: Vec<Step> = Vec::new();
    for end in ends(graph) {
        let packages = match end {
            End::Excluded(one, other) => vec![one, other],
            End::Missing(one, _) => vec![one],
        };
        for package in packages {
            for step in ways.to(package, problem, roots) {
                if !steps.contains(&step) {
                    steps.push(step);
                }
            }
        }
        for step in ending(end, problem) {
            if !steps.contains(&step) {
                steps.push(step);
            }
        }
    }
    let involved = |root: &&Root<'_>| {
        let name = root.record.name();
        steps.iter().any(|step| matches!(step, Step::Requested { package, .. } if package == name))
    };
    let asked = roots.iter().filter(|root| root.request.is_some());
    match asked.clone().find(involved).or(asked.clone().next()).and_then(|root| root.request.clone()) {
        Some(request) => Conflict::Unsatisfiable { name: request.name, origin: request.origin, steps },
        None => Conflict::Unverified("the essential packages exclude each other".to_owned()),
    }
}

/// The shortest way to every package of the conflict, as the package before and the requirement that leads on.
struct Ways(BTreeMap<RecordId, Option<(RecordId, Requirement)>>);

impl Ways {
    fn of(graph: &ConflictGraph<SolvableId>, roots: &[Root<'_>]) -> Ways {
        let mut edges: Vec<(RecordId, RecordId, Requirement)> = Vec::new();
        for edge in graph.graph.raw_edges() {
            if let (Some(from), Some(to), ConflictEdge::Requires(requirement)) =
                (record(&graph.graph[edge.source()]), record(&graph.graph[edge.target()]), edge.weight)
            {
                edges.push((from, to, requirement));
            }
        }
        edges.sort();
        let mut ways = BTreeMap::new();
        let mut queue = VecDeque::new();
        // What is asked for comes before what is essential: it is what the profile can change.
        let (asked, essential): (Vec<_>, Vec<_>) = roots.iter().partition(|root| root.request.is_some());
        for group in [asked, essential] {
            for root in group {
                if ways.insert(root.record.id(), None).is_none() {
                    queue.push_back(root.record.id());
                }
            }
            while let Some(id) = queue.pop_front() {
                let start = edges.partition_point(|edge| edge.0 < id);
                for &(_, to, requirement) in edges[start..].iter().take_while(|edge| edge.0 == id) {
                    if let std::collections::btree_map::Entry::Vacant(entry) = ways.entry(to) {
                        entry.insert(Some((id, requirement)));
                        queue.push_back(to);
                    }
                }
            }
        }
        Ways(ways)
    }

    fn to(&self, target: RecordId, problem: &Problem<'_>, roots: &[Root<'_>]) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut at = target;
        while let Some(Some((before, requirement))) = self.0.get(&at) {
            steps.push(needs(get(problem, *before), *requirement, problem));
            at = *before;
        }
        let of = |root: &&Root<'_>| root.record.id() == at;
        let package = get(problem, at).name().to_owned();
        let request = roots.iter().filter(of).find_map(|root| root.request.as_ref());
        steps.push(match request {
            Some(request) => Step::Requested { package, origin: request.origin.clone() },
            None => Step::Essential { package },
        });
        steps.reverse();
        steps
    }
}

/// Where the ways end, sorted.
fn ends(graph: &ConflictGraph<SolvableId>) -> Vec<End> {
    let mut ends = Vec::new();
    for edge in graph.graph.raw_edges() {
        let (from, to) = (&graph.graph[edge.source()], &graph.graph[edge.target()]);
        let Some(from) = record(from) else { continue };
        match (to, edge.weight) {
            (ConflictNode::UnresolvedDependency, ConflictEdge::Requires(requirement)) => {
                ends.push(End::Missing(from, requirement));
            }
            (to, ConflictEdge::Conflict(ConflictCause::Constrains(VersionSetId(_)))) => {
                ends.extend(record(to).map(|to| End::Excluded(from, to)));
            }
            _ => {}
        }
    }
    ends.sort();
    ends.dedup();
    ends
}

fn ending(end: End, problem: &Problem<'_>) -> Vec<Step> {
    match end {
        End::Missing(id, requirement) => {
            let step = needs(get(problem, id), requirement, problem);
            let Step::Needs { clause, .. } = &step else { return vec![step] };
            let relations = parse_relations(clause).unwrap_or_default();
            let names = relations.iter().flat_map(|clause| &clause.alternatives).map(|relation| relation.name);
            let instead = names.filter_map(|name| problem.candidates.get(name));
            let instead = instead.map(|record| format!("{} {}", record.name(), record.version())).collect();
            let missing = Step::Missing { clause: clause.clone(), instead };
            vec![step, missing]
        }
        End::Excluded(one, other) => {
            let (one, other) = (get(problem, one), get(problem, other));
            let refuses = problem.candidates.refuses(one).unwrap_or_default();
            let refusal = refuses.into_iter().find(|(_, clause)| {
                problem.candidates.refused(one, clause).iter().any(|refused| refused.id() == other.id())
            });
            let (field, relation) = refusal
                .map_or((Field::Conflicts, other.name().to_owned()), |(field, clause)| (field, clause.to_string()));
            vec![Step::Excludes {
                package: one.name().to_owned(),
                field: field.name(),
                relation,
                other: format!("{} {}", other.name(), other.version()),
            }]
        }
    }
}

fn needs(record: Record<'_>, requirement: Requirement, problem: &Problem<'_>) -> Step {
    let (field, clause) = problem.clause(record, requirement).unwrap_or((Field::Depends, String::new()));
    Step::Needs { package: record.name().to_owned(), field: field.name(), clause }
}

fn get<'a>(problem: &Problem<'a>, id: RecordId) -> Record<'a> {
    problem.candidates.index.record(id)
}

fn record(node: &ConflictNode<SolvableId>) -> Option<RecordId> {
    match node {
        ConflictNode::Solvable(solvable) => Some(RecordId(solvable.into_raw())),
        _ => None,
    }
}
