//! What came out.

use std::fmt;

use rootsmith_types::{Explain, Note, Problems, Subject};
use serde::Serialize;

use crate::Said;

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// True.
    Pass,
    /// Not true; the image is made.
    Warning,
    /// Not true; there is no image.
    Fail,
    /// Not true, and the profile accepts it for this reason.
    Accepted(String),
    /// Nothing here that it could be decided on.
    NotApplicable,
}

/// What the program whose checks these are would say on the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Upstream {
    /// How the name begins that it shows for its probe.
    pub probe: String,
    /// What it says; none when only the machine tells.
    pub said: Option<Said>,
}

/// One decided check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// `cgroup.memory`.
    pub check: String,
    /// `k0s-worker@1.36`.
    pub set: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What must be true.
    pub title: String,
    /// What was found: lower-case phrases.
    pub evidence: Vec<String>,
    /// What the program says that the check is taken from; none for a check of our own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Upstream>,
    /// What to do; none when there is nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
    /// The place to show.
    #[serde(skip)]
    pub subject: Subject,
}

/// All findings, sorted by set and check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One for each check of each set.
    pub findings: Vec<Finding>,
    /// One for each set, in the order of their names.
    pub grades: Vec<Grade>,
}

/// What a set makes of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Grade {
    /// `k0s-worker@1.36`.
    pub set: String,
    /// How good it is.
    pub grade: Grading,
}

/// How good an image is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grading {
    /// The program whose checks these are would not start; where they are our own, a failing check is not met.
    Rejected,
    /// It starts, though not everything is met: some of it only warned of, or accepted by the profile.
    Admitted,
    /// Nothing is unmet.
    Clean,
}

impl Report {
    /// The findings that forbid the image; empty when it may be made.
    pub fn failures(&self) -> Problems {
        let failed = self.findings.iter().filter(|finding| finding.verdict == Verdict::Fail);
        Problems::from(failed.cloned().map(Failure).collect::<Vec<_>>())
    }

    /// The findings to be shown though the image is made.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.verdict == Verdict::Warning)
    }

    /// The text of `preflight.json`: the same findings, the same bytes. `docs/preflight-report.schema.json` describes it.
    pub fn to_json(&self) -> String {
        crate::render::report_json(self)
    }
}

/// A failing check as an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub Finding);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure(finding) = self;
        write!(f, "preflight check `{}` fails", finding.check)?;
        match finding.evidence.first() {
            Some(evidence) => write!(f, ": {evidence}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

impl Explain for Failure {
    fn subject(&self) -> Subject {
        self.0.subject.clone()
    }

    fn help(&self) -> Option<String> {
        self.0.cure.clone()
    }

    fn notes(&self) -> Vec<Note> {
        let asked = format!("`{}` demands that {}", self.0.set, self.0.title);
        let texts = [asked].into_iter().chain(self.0.evidence.iter().skip(1).cloned());
        texts.map(|text| Note { text, subject: Subject::Host }).collect()
    }
}
