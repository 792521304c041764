//! What the running system says of each check.

use rootsmith_types::Problems;
use serde::Serialize;

use super::answers::{Answers, Silent};
use super::decide::{Asked, decide};
use crate::rules::{Met, Outcome};
use crate::set::Set;
use crate::{Check, Said, Severity, Wanted};

/// How a check ends on the running system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is so.
    Yes,
    /// It is so, though not well.
    Almost,
    /// It is not so.
    No,
    /// A running system cannot tell: the image can.
    OnlyImage,
    /// This one cannot tell.
    Unknown,
    /// It was asked, and said nothing.
    Silent,
}

/// One check, as the running system decides it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LiveFinding {
    /// `cgroup.memory`.
    pub check: String,
    /// `k0s-worker@1.36`.
    pub set: String,
    /// What must be true.
    pub title: String,
    /// How it ended.
    pub answer: Answer,
    /// What was found: lower-case phrases.
    pub evidence: Vec<String>,
    /// What the program says that the check is taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
}

/// All checks of all sets, in the order of sets and checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveReport {
    /// One for each check of each set.
    pub findings: Vec<LiveFinding>,
}

/// Decides all checks of `sets` by what the running system said.
pub fn check(answers: &Answers, sets: &[Wanted]) -> Result<LiveReport, Problems> {
    let mut problems = Problems(Vec::new());
    let mut found: Vec<Set> = Vec::new();
    for wanted in sets {
        match Set::find(wanted) {
            Ok(set) if found.iter().any(|there| there.id() == set.id()) => {}
            Ok(set) => found.push(set),
            Err(error) => problems.push(error),
        }
    }
    problems.into_result()?;
    let findings = found.iter().flat_map(|set| set.checks.iter().map(|check| finding(answers, set, check)));
    let mut findings: Vec<LiveFinding> = findings.collect();
    findings.sort_by(|a, b| (&a.set, &a.check).cmp(&(&b.set, &b.check)));
    Ok(LiveReport { findings })
}

fn finding(answers: &Answers, set: &Set, check: &Check) -> LiveFinding {
    let (answer, evidence, said) = match decide(answers, check) {
        Ok(Asked::Decided(outcome)) => {
            let said = check.probe.is_some().then(|| said(&outcome, check)).flatten();
            let answer = match outcome.met {
                Met::Yes => Answer::Yes,
                Met::Almost => Answer::Almost,
                Met::No => Answer::No,
                Met::Unknown => Answer::Unknown,
            };
            (answer, outcome.evidence, said)
        }
        Ok(Asked::OnlyImage(why)) => (Answer::OnlyImage, vec![why.to_owned()], None),
        Err(Silent(key)) => (Answer::Silent, vec![format!("the system did not say `{key}`")], None),
    };
    LiveFinding { check: check.id.clone(), set: set.id(), title: check.title.clone(), answer, evidence, said }
}

/// As the checks of an image have it.
fn said(outcome: &Outcome, check: &Check) -> Option<Said> {
    outcome.said.unwrap_or(match outcome.met {
        Met::Yes | Met::Almost => Some(Said::Pass),
        Met::No => Some(check.unmet.unwrap_or(match check.severity {
            Severity::Fail => Said::Rejected,
            Severity::Warning => Said::Warning,
        })),
        Met::Unknown => None,
    })
}
