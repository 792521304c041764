//! Names that no package has.

use rootsmith_package::Record;

use crate::candidates::Candidates;
use crate::conflict::Unknown;
use crate::request::Request;

/// The package a request means: the one of that name, else the only one that provides it.
pub(crate) fn find<'a>(candidates: &Candidates<'a>, request: &Request) -> Result<Record<'a>, Unknown> {
    let name = request.name.as_str();
    if let Some(record) = candidates.get(name) {
        return Ok(record);
    }
    match candidates.providers(name).as_slice() {
        [only] => Ok(*only),
        [] => Err(Unknown::Nothing { nearest: nearest(candidates, name), elsewhere: elsewhere(candidates, name) }),
        several => Err(Unknown::Virtual { providers: several.iter().map(|record| record.name().to_owned()).collect() }),
    }
}

/// The name that looks most like it, if any does.
fn nearest(candidates: &Candidates<'_>, name: &str) -> Option<String> {
    let mut best: Option<(f64, &str)> = None;
    for other in candidates.index.names() {
        let likeness = strsim::jaro_winkler(name, other);
        if likeness > best.map_or(0.85, |(best, _)| best) {
            best = Some((likeness, other));
        }
    }
    best.map(|(_, name)| name.to_owned())
}

/// The architectures that have it, where this one has not.
fn elsewhere(candidates: &Candidates<'_>, name: &str) -> Vec<String> {
    let mut found: Vec<String> =
        candidates.index.candidates(name).map(|record| record.architecture().to_owned()).collect();
    found.sort();
    found.dedup();
    found
}
