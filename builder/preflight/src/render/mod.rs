//! A report as people and programs read it: text, JSON, JUnit, one HTML page; and what each check means.
//!
//! All of it is pure: the same report gives the same bytes. Paths, labels and evidence come out of images that strangers
//! made, so each form escapes what it shows.

mod explain;
mod html;
mod json;
mod junit;
mod markdown;
mod rules;
mod sizes;
mod text;
mod words;

use rootsmith_types::Arch;

pub use explain::{explain, list_checks};
pub(crate) use json::report_json;
pub use markdown::{CHECKS_PAGE, SETS_PAGE, checks_page, sets_page};
pub use rules::Decided;
pub use sizes::{Part, PartKind, Sizes};
pub use text::{Colours, TextStyle};

use crate::set::{Check, Set, Severity, Wanted};
use crate::{Finding, Grading, Report, Said, Verdict};

/// A report and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The image, as it is to be called: `k0s-worker-amd64.img`.
    pub target: String,
    /// Its architecture, where it is known.
    pub arch: Option<Arch>,
    /// The sets it was judged by, in the order they were asked for.
    pub sets: Vec<Set>,
    /// What came out.
    pub report: Report,
    /// What the image holds, by package, where it was measured.
    pub sizes: Option<Sizes>,
    /// What else is to be said: sentences.
    pub notes: Vec<String>,
}

impl Judged {
    /// `report` came from [`crate::check`] with the same `wanted`.
    pub fn new(target: impl Into<String>, arch: Option<Arch>, wanted: &[Wanted], report: Report) -> Judged {
        let mut sets: Vec<Set> = Vec::new();
        // A set that cannot be found has no findings either: `check` refused it.
        for set in wanted.iter().filter_map(|wanted| Set::find(wanted).ok()) {
            if !sets.iter().any(|there| there.id() == set.id()) {
                sets.push(set);
            }
        }
        Judged { target: target.into(), arch, sets, report, sizes: None, notes: Vec::new() }
    }

    /// For a terminal or a log.
    pub fn text(&self, style: &TextStyle) -> String {
        text::render(self, style)
    }

    /// For programs; `docs/preflight-report.schema.json` describes it.
    pub fn json(&self) -> String {
        json::judged_json(self)
    }

    /// For whatever reads the results of tests: a suite for each set, a case for each check.
    pub fn junit(&self) -> String {
        junit::render(self)
    }

    /// One page that needs no other file, no network and no script to be read.
    pub fn html(&self) -> String {
        html::render(self)
    }

    /// The findings by set: the sets as they were asked for, then any that only the report knows.
    fn groups(&self) -> Vec<Group<'_>> {
        let mut ids: Vec<String> = self.sets.iter().map(Set::id).collect();
        for finding in &self.report.findings {
            if !ids.contains(&finding.set) {
                ids.push(finding.set.clone());
            }
        }
        ids.into_iter().map(|id| self.group(id)).collect()
    }

    fn group(&self, id: String) -> Group<'_> {
        let mut findings: Vec<&Finding> = self.report.findings.iter().filter(|finding| finding.set == id).collect();
        findings.sort_by_key(|finding| (Kind::of(&finding.verdict), &finding.check));
        let mut counts = Counts::default();
        findings.iter().for_each(|finding| counts.add(Kind::of(&finding.verdict)));
        let grade = self.report.grades.iter().find(|grade| grade.set == id).map(|grade| grade.grade);
        Group { set: self.sets.iter().find(|set| set.id() == id), id, grade, findings, counts }
    }
}

/// What one set says.
struct Group<'a> {
    id: String,
    set: Option<&'a Set>,
    grade: Option<Grading>,
    /// The gravest first.
    findings: Vec<&'a Finding>,
    counts: Counts,
}

impl<'a> Group<'a> {
    /// The check that was decided.
    fn check(&self, finding: &Finding) -> Option<&'a Check> {
        self.set?.checks.iter().find(|check| check.id == finding.check)
    }

    /// `k0s` of `k0s sysinfo`.
    fn program(&self) -> &'a str {
        let program = self.set.and_then(|set| set.program.as_deref());
        program.and_then(|program| program.split(' ').next()).unwrap_or("the program itself")
    }

    /// What the program makes of it that the check is taken from, where that is not what we make of it, and not said yet.
    fn differs(&self, finding: &Finding) -> Option<String> {
        let program = self.program();
        let mild = self.check(finding).is_some_and(|check| check.severity == Severity::Warning);
        let phrase = match (Kind::of(&finding.verdict), finding.upstream.as_ref()?.said?) {
            (Kind::Accepted, Said::Warning) if mild => return None,
            (Kind::Fail | Kind::Warning | Kind::Accepted, Said::Pass) => format!("{program} would not notice"),
            (Kind::Fail | Kind::Accepted, Said::Warning) => format!("{program} only warns"),
            (Kind::Warning | Kind::Accepted, Said::Rejected | Said::Error) => format!("{program} would not start"),
            (Kind::Pass, Said::Warning) => format!("{program} would warn"),
            (Kind::Pass, Said::Rejected | Said::Error) => format!("{program} would not start"),
            (Kind::Fail, Said::Rejected | Said::Error)
            | (Kind::Warning, Said::Warning)
            | (Kind::Pass, Said::Pass)
            | (Kind::Undecided, _) => return None,
        };
        (!finding.evidence.contains(&phrase)).then_some(phrase)
    }
}

/// A verdict without what it carries, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Fail,
    Warning,
    Accepted,
    Undecided,
    Pass,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Fail, Kind::Warning, Kind::Accepted, Kind::Undecided, Kind::Pass];

    fn of(verdict: &Verdict) -> Kind {
        match verdict {
            Verdict::Fail => Kind::Fail,
            Verdict::Warning => Kind::Warning,
            Verdict::Accepted(_) => Kind::Accepted,
            Verdict::NotApplicable => Kind::Undecided,
            Verdict::Pass => Kind::Pass,
        }
    }

    /// As one word.
    fn word(self) -> &'static str {
        match self {
            Kind::Fail => "fails",
            Kind::Warning => "warning",
            Kind::Accepted => "accepted",
            Kind::Undecided => "undecided",
            Kind::Pass => "passes",
        }
    }

    /// After a number: `3 fail`.
    fn counted(self, n: usize) -> &'static str {
        match (self, n) {
            (Kind::Fail, 1) => "fails",
            (Kind::Fail, _) => "fail",
            (Kind::Warning, 1) => "warning",
            (Kind::Warning, _) => "warnings",
            (Kind::Accepted, _) => "accepted",
            (Kind::Undecided, _) => "undecided",
            (Kind::Pass, 1) => "passes",
            (Kind::Pass, _) => "pass",
        }
    }
}

/// How many findings there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts([usize; 5]);

impl Counts {
    fn add(&mut self, kind: Kind) {
        self.0[kind as usize] += 1;
    }

    fn of(&self, kind: Kind) -> usize {
        self.0[kind as usize]
    }

    /// All that could be decided.
    fn decided(&self) -> usize {
        self.0.iter().sum::<usize>() - self.of(Kind::Undecided)
    }

    /// `78 of 78`, and what cannot be decided.
    fn share(&self) -> String {
        let share = format!("{} of {}", self.of(Kind::Pass), self.decided());
        match self.of(Kind::Undecided) {
            0 => share,
            n => format!("{share}, {n} undecided"),
        }
    }
}

/// How good, as a word.
fn grade_word(grade: Grading) -> &'static str {
    match grade {
        Grading::Rejected => "rejected",
        Grading::Admitted => "admitted",
        Grading::Clean => "clean",
    }
}

/// What a program says of its own probe, as a word.
fn said_word(said: Option<Said>) -> &'static str {
    match said {
        Some(Said::Pass) => "passes",
        Some(Said::Warning) => "warns",
        Some(Said::Rejected) => "rejects the machine",
        Some(Said::Error) => "fails with an error",
        None => "only the running machine tells",
    }
}
