//! What is wrong with a repository, at the line of the profile that chose it.

use std::fmt;

use rootsmith_fetch::FetchError;
use rootsmith_fetch::repository::Repository;
use rootsmith_lock::Archive;
use rootsmith_profile::{Distribution, Pocket};
use rootsmith_signature::{SignatureError, Verdict};
use rootsmith_types::{Blame, Explain, Located, Note, Origin, Problem, Subject};

/// An error of `fetch`, which never saw the profile, with the place that a person would change.
#[derive(Debug)]
struct RepositoryProblem {
    error: FetchError,
    origin: Origin,
    label: String,
}

/// Gives `error` its place: the mirror for what the mirror does, the suite for what it is called, the keys for what they do
/// not sign. What the host's disk or clock does has none.
pub(crate) fn placed(error: FetchError, distribution: &Distribution, repository: &Repository) -> Problem {
    let suite = || suite(distribution, repository);
    let mirror = || {
        let said = match repository.archive {
            Archive::Main => &distribution.mirror,
            Archive::Security => &distribution.security_mirror,
        };
        said.as_ref().map_or_else(suite, |url| at(url, "this mirror"))
    };
    let (origin, label) = match &error {
        FetchError::NotFound { .. } | FetchError::OtherSuite { .. } => suite(),
        FetchError::NoComponent { component, .. } => {
            let named = distribution.components.iter().find(|named| named.value == *component);
            named.map_or_else(suite, |named| at(named, "asked for here"))
        }
        FetchError::Signature { error: SignatureError::NoGoodSignature(reports), .. }
            if reports.iter().any(|report| report.verdict == Verdict::UnknownKey) =>
        {
            distribution.signed_by.as_ref().map_or_else(suite, |keys| at(keys, "the keys that are trusted"))
        }
        FetchError::Signature { .. }
        | FetchError::Unreachable { .. }
        | FetchError::Refused { .. }
        | FetchError::Digest { .. }
        | FetchError::Size { .. }
        | FetchError::Index { .. }
        | FetchError::Expired { .. }
        | FetchError::Rollback { .. } => mirror(),
        _ => return Box::new(error),
    };
    Box::new(RepositoryProblem { error, origin, label })
}

fn suite(distribution: &Distribution, repository: &Repository) -> (Origin, String) {
    let pocket = match repository.archive {
        Archive::Security => Some(Pocket::Security),
        Archive::Main if repository.suite != distribution.suite.value => Some(Pocket::Updates),
        Archive::Main => None,
    };
    let pocket = distribution.pockets.iter().find(|named| Some(named.value) == pocket);
    // Nobody has to name the pockets: then this is the table they would stand in.
    pocket.map_or_else(
        || at(&distribution.suite, "this suite"),
        |named| at(named, &format!("uses `{}`", repository.suite)),
    )
}

fn at<T>(value: &Located<T>, label: &str) -> (Origin, String) {
    (value.origin.clone(), label.to_owned())
}

impl fmt::Display for RepositoryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for RepositoryProblem {}

impl Explain for RepositoryProblem {
    fn subject(&self) -> Subject {
        Subject::Profile(self.origin.clone())
    }

    fn help(&self) -> Option<String> {
        self.error.help()
    }

    fn label(&self) -> Option<String> {
        Some(self.label.clone())
    }

    fn notes(&self) -> Vec<Note> {
        self.error.notes()
    }

    fn blame(&self) -> Blame {
        self.error.blame()
    }
}
