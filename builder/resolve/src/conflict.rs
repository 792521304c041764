//! Why requests cannot be satisfied.

use std::fmt;

use rootsmith_package::IndexError;
use rootsmith_types::{Blame, Explain, Note, Origin, PackageName, Subject};

/// Why there is no set of packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// A request names nothing that can be installed.
    Unknown {
        /// What was asked for.
        name: PackageName,
        /// Where.
        origin: Option<Origin>,
        /// What there is instead.
        instead: Unknown,
    },
    /// Requests that cannot be satisfied, alone or together.
    Unsatisfiable {
        /// The first request that is involved.
        name: PackageName,
        /// Where it was asked for.
        origin: Option<Origin>,
        /// The way from requests down to what cannot be. Never empty; the last step is the reason.
        steps: Vec<Step>,
    },
    /// A package's relations cannot be read.
    Index(IndexError),
    /// The answer did not pass the check: our fault.
    Unverified(String),
}

/// What there is instead of a name that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// Nothing of that name.
    Nothing {
        /// The name that looks most like it.
        nearest: Option<String>,
        /// The architectures it exists for.
        elsewhere: Vec<String>,
    },
    /// Several packages that provide it.
    Virtual {
        /// Their names.
        providers: Vec<String>,
    },
}

/// One step of the way to what cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The profile asks for a package.
    Requested {
        /// Its name.
        package: String,
        /// Where.
        origin: Option<Origin>,
    },
    /// A package that no system is without.
    Essential {
        /// Its name.
        package: String,
    },
    /// A package needs something.
    Needs {
        /// Its name.
        package: String,
        /// `Depends`, `Pre-Depends`.
        field: &'static str,
        /// What it needs, as written there.
        clause: String,
    },
    /// Nothing satisfies the clause before.
    Missing {
        /// The clause.
        clause: String,
        /// What there is of that name: name and version.
        instead: Vec<String>,
    },
    /// Two packages exclude each other.
    Excludes {
        /// The one that says so.
        package: String,
        /// `Conflicts`, `Breaks`.
        field: &'static str,
        /// What it refuses, as written there.
        relation: String,
        /// The package that is meant, with its version.
        other: String,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Requested { package, .. } => write!(f, "`{package}` is asked for"),
            Step::Essential { package } => write!(f, "`{package}` is essential"),
            Step::Needs { package, field, clause } => write!(f, "`{package}` needs `{clause}` ({field})"),
            Step::Missing { clause, instead } if instead.is_empty() => {
                write!(f, "no package is or provides `{clause}`")
            }
            Step::Missing { clause, instead } => {
                write!(f, "no package is or provides `{clause}`; there is `{}`", instead.join("`, `"))
            }
            Step::Excludes { package, field, relation, other } => {
                write!(f, "`{package}` excludes `{other}` ({field}: `{relation}`)")
            }
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Conflict::Unknown { name, instead: Unknown::Virtual { .. }, .. } => {
                write!(f, "`{}` is no package, but a name that several provide", name.as_str())
            }
            Conflict::Unknown { name, instead: Unknown::Nothing { elsewhere, .. }, .. } if !elsewhere.is_empty() => {
                write!(
                    f,
                    "package `{}` does not exist for this architecture, only for {}",
                    name.as_str(),
                    elsewhere.join(", ")
                )
            }
            Conflict::Unknown { name, .. } => write!(f, "there is no package `{}`", name.as_str()),
            Conflict::Unsatisfiable { name, steps, .. } => {
                write!(f, "`{}` cannot be installed", name.as_str())?;
                steps.last().map_or(Ok(()), |reason| write!(f, ": {reason}"))
            }
            Conflict::Index(error) => error.fmt(f),
            Conflict::Unverified(reason) => write!(f, "internal error: the resolved packages do not fit: {reason}"),
        }
    }
}

impl std::error::Error for Conflict {}

impl Explain for Conflict {
    fn subject(&self) -> Subject {
        match self {
            Conflict::Unknown { name, origin, .. } | Conflict::Unsatisfiable { name, origin, .. } => {
                origin.clone().map_or_else(|| Subject::Package(name.clone()), Subject::Profile)
            }
            Conflict::Index(error) => error.subject(),
            Conflict::Unverified(_) => Subject::Host,
        }
    }

    fn label(&self) -> Option<String> {
        match self {
            Conflict::Unknown { .. } | Conflict::Unsatisfiable { .. } => Some("asked for here".to_owned()),
            _ => None,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Conflict::Unknown { instead: Unknown::Virtual { providers }, .. } => {
                Some(format!("name one of them: `{}`", providers.join("`, `")))
            }
            Conflict::Unknown { instead: Unknown::Nothing { nearest: Some(nearest), elsewhere }, .. }
                if elsewhere.is_empty() =>
            {
                Some(format!("did you mean `{nearest}`?"))
            }
            Conflict::Unknown { .. } => Some("check the name, the suite and the repository's components".to_owned()),
            Conflict::Unsatisfiable { steps, .. } => Some(
                match steps.last() {
                    Some(Step::Excludes { .. }) => "leave one of the two out",
                    _ => "add the repository that has it, or leave the package out",
                }
                .to_owned(),
            ),
            Conflict::Index(error) => error.help(),
            Conflict::Unverified(_) => Some("please report this, with the profile".to_owned()),
        }
    }

    fn notes(&self) -> Vec<Note> {
        let Conflict::Unsatisfiable { name, steps, .. } = self else { return Vec::new() };
        // The message itself tells the last step and points at the request.
        let untold = |step: &&Step| !matches!(step, Step::Requested { package, .. } if package == name.as_str());
        let subject = |step: &Step| match step {
            Step::Requested { origin: Some(origin), .. } => Subject::Profile(origin.clone()),
            _ => Subject::Host,
        };
        let steps = &steps[..steps.len().saturating_sub(1)];
        steps.iter().filter(untold).map(|step| Note { text: step.to_string(), subject: subject(step) }).collect()
    }

    fn blame(&self) -> Blame {
        match self {
            Conflict::Unverified(_) => Blame::Ours,
            _ => Blame::Inputs,
        }
    }
}
