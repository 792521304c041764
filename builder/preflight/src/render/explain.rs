//! `rootsmith explain`: what a check means, how it is decided, how to satisfy it.

use rootsmith_types::Subject;

use super::words::{sentence, visible, wrap};
use crate::set::{Check, Set, SetError, Severity, Wrong, nearest};

/// One meaning of a check, and the sets that have it so.
pub(super) struct Meaning<'a> {
    pub(super) check: &'a Check,
    pub(super) sets: Vec<&'a Set>,
}

/// What the check `id` means in each of `sets`; where they differ, one text after the other. The error for a name that no
/// set has knows the nearest.
pub fn explain(id: &str, sets: &[Set], width: usize) -> Result<String, SetError> {
    let meanings = meanings(id, sets);
    if meanings.is_empty() {
        let known = sets.iter().flat_map(|set| set.checks.iter().map(|check| check.id.clone()));
        let what = Wrong::Unknown { kind: "preflight check", wanted: id.to_owned(), nearest: nearest(id, known) };
        return Err(SetError { what, subject: Subject::Host });
    }
    let texts: Vec<String> = meanings.iter().map(|meaning| text(meaning, width)).collect();
    Ok(texts.join("\n"))
}

/// Every check of every set, a line each; of a set with several versions those of all of them.
pub fn list_checks(sets: &[Set]) -> String {
    let mut text = String::new();
    for name in names(sets) {
        let versions: Vec<&Set> = sets.iter().filter(|set| set.name == name).collect();
        if !text.is_empty() {
            text.push('\n');
        }
        // There is one: the name is its own.
        let title = versions.last().map(|set| set.title.as_str()).unwrap_or_default();
        text.push_str(&format!("{}: {title}\n", short(&versions)));
        for check in union(&versions) {
            text.push_str(&format!("  {:36} {:8} {}\n", check.id, severity(check.severity), check.title));
        }
    }
    text
}

/// The meanings of one check, in the order of the sets.
pub(super) fn meanings<'a>(id: &str, sets: &'a [Set]) -> Vec<Meaning<'a>> {
    let mut meanings: Vec<Meaning<'a>> = Vec::new();
    for set in sets {
        for check in set.checks.iter().filter(|check| check.id == id) {
            match meanings.iter_mut().find(|meaning| same(meaning.check, check)) {
                Some(meaning) => meaning.sets.push(set),
                None => meanings.push(Meaning { check, sets: vec![set] }),
            }
        }
    }
    meanings
}

/// Whether a reader would be told the same of both.
fn same(a: &Check, b: &Check) -> bool {
    (&a.title, &a.means, &a.cure, &a.rule, &a.probe) == (&b.title, &b.means, &b.cure, &b.rule, &b.probe)
}

/// The names of the sets, each once, in their order.
pub(super) fn names(sets: &[Set]) -> Vec<&str> {
    let mut names: Vec<&str> = sets.iter().map(|set| set.name.as_str()).collect();
    names.dedup();
    names
}

/// The checks of any of them, by name; of the newest that has it.
pub(super) fn union<'a>(versions: &[&'a Set]) -> Vec<&'a Check> {
    let checks = versions.iter().flat_map(|set| set.checks.iter().map(|check| (check.id.as_str(), check)));
    // A later one takes the place of an earlier one.
    checks.collect::<std::collections::BTreeMap<_, _>>().into_values().collect()
}

/// `boot`, `k0s-worker 1.36` or `k0s-worker 1.28 … 1.36` for versions of one set.
pub(super) fn short(versions: &[&Set]) -> String {
    let name = versions.first().map(|set| set.name.as_str()).unwrap_or_default();
    let known: Vec<&str> = versions.iter().filter_map(|set| set.version.as_deref()).collect();
    match known.as_slice() {
        [] => name.to_owned(),
        [only] => format!("{name} {only}"),
        [first, .., last] => format!("{name} {first} … {last}"),
    }
}

pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Fail => "fail",
        Severity::Warning => "warning",
    }
}

/// Which of the sets have it, and how grave it is there: `k0s-worker 1.30 … 1.36: fail`.
pub(super) fn places(meaning: &Meaning<'_>, sets: &[&Set]) -> Vec<(String, Severity)> {
    let mut places = Vec::new();
    let mut names: Vec<&str> = sets.iter().map(|set| set.name.as_str()).collect();
    names.dedup();
    for name in names {
        for grave in [Severity::Fail, Severity::Warning] {
            let found = |set: &&&Set| {
                set.name == name
                    && set.checks.iter().any(|check| check.id == meaning.check.id && check.severity == grave)
            };
            let versions: Vec<&Set> = meaning.sets.iter().filter(found).copied().collect();
            if !versions.is_empty() {
                places.push((short(&versions), grave));
            }
        }
    }
    places
}

fn text(meaning: &Meaning<'_>, width: usize) -> String {
    let check = meaning.check;
    let mut text = String::new();
    let mut paragraph = |indent: usize, words: &str| {
        for line in wrap(&visible(words), width.saturating_sub(indent).max(20)) {
            text.push_str(&format!("{:indent$}{line}\n", ""));
        }
    };
    paragraph(0, &format!("{}: {}", check.id, check.title));
    paragraph(2, &check.means);
    paragraph(0, "how it is decided");
    paragraph(2, &format!("It is met when {}. {}", check.rule.describe(), check.rule.decided().sentence()));
    paragraph(0, "what to do");
    paragraph(2, &format!("{}.", sentence(&check.cure)));
    paragraph(0, "where it is demanded");
    for (sets, grave) in places(meaning, &meaning.sets) {
        let effect = match grave {
            Severity::Fail => "there is no image without it",
            Severity::Warning => "the image is made, with a warning",
        };
        paragraph(2, &format!("{sets}: {} ({effect})", severity(grave)));
    }
    if let (Some(probe), Some(program)) = (&check.probe, meaning.sets.iter().find_map(|set| set.program.as_deref())) {
        paragraph(0, &format!("what `{program}` says itself"));
        paragraph(2, &format!("Its probe is shown as `{probe}`."));
    }
    text
}
