//! What was said of the image beside what its system said.

use serde::Serialize;

use super::report::{Answer, LiveFinding, LiveReport};
use crate::{Finding, Report, Verdict};

/// One check, from both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    /// `cgroup.memory`.
    pub check: String,
    /// `k0s-worker@1.36`.
    pub set: String,
    /// Of the image; none when the image was not asked.
    pub image: Option<Verdict>,
    /// Of the running system; none when it was not asked.
    pub system: Option<Answer>,
    /// Whether they agree, or one of them cannot tell.
    pub agrees: bool,
    /// Why that is so, where the two do not say it themselves: lower-case phrases.
    pub notes: Vec<String>,
}

/// All checks, in the order of sets and checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// One for each check of each set.
    pub rows: Vec<Row>,
}

/// Puts the two beside each other. They disagree where both decide and differ, where the system left a question without an
/// answer, and where one of them does not know the check.
pub fn compare(image: &Report, system: &LiveReport) -> Comparison {
    let mut rows = Vec::new();
    for finding in &image.findings {
        let same = |live: &&LiveFinding| live.check == finding.check && live.set == finding.set;
        rows.push(match system.findings.iter().find(same) {
            Some(live) => row(finding, live),
            None => Row {
                check: finding.check.clone(),
                set: finding.set.clone(),
                image: Some(finding.verdict.clone()),
                system: None,
                agrees: false,
                notes: vec!["the system was not asked".to_owned()],
            },
        });
    }
    for live in &system.findings {
        if !image.findings.iter().any(|finding| live.check == finding.check && live.set == finding.set) {
            rows.push(Row {
                check: live.check.clone(),
                set: live.set.clone(),
                image: None,
                system: Some(live.answer),
                agrees: false,
                notes: vec!["the image was not asked".to_owned()],
            });
        }
    }
    rows.sort_by(|a, b| (&a.set, &a.check).cmp(&(&b.set, &b.check)));
    Comparison { rows }
}

fn row(finding: &Finding, live: &LiveFinding) -> Row {
    let image_met = match &finding.verdict {
        Verdict::Pass => Some(true),
        Verdict::Warning | Verdict::Fail | Verdict::Accepted(_) => Some(false),
        Verdict::NotApplicable => None,
    };
    let system_met = match live.answer {
        Answer::Yes => Some(true),
        Answer::Almost | Answer::No => Some(false),
        Answer::OnlyImage | Answer::Unknown | Answer::Silent => None,
    };
    let mut notes = Vec::new();
    let agrees = match (image_met, system_met) {
        _ if live.answer == Answer::Silent => {
            notes.extend(live.evidence.iter().cloned());
            false
        }
        (Some(image), Some(system)) if image != system => {
            // Where we ask for more than the program the check is from, its own word on both sides decides.
            let of_image = finding.upstream.as_ref().and_then(|upstream| upstream.said);
            let stricter = of_image.is_some() && of_image == live.said;
            let mark = |met| if met { "yes" } else { "no" };
            let cite = |who: &str, met, evidence: &[String]| {
                format!("{who} {}: {}", mark(met), evidence.first().map_or("no reason is given", String::as_str))
            };
            notes.push(cite("image", image, &finding.evidence));
            notes.push(cite("system", system, &live.evidence));
            if stricter {
                notes.push("the program itself says the same of both; only we ask for more".to_owned());
            }
            stricter
        }
        _ => true,
    };
    Row {
        check: finding.check.clone(),
        set: finding.set.clone(),
        image: Some(finding.verdict.clone()),
        system: Some(live.answer),
        agrees,
        notes,
    }
}

impl Comparison {
    /// The checks on which the two disagree.
    pub fn disagreements(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.agrees)
    }

    /// How many checks both decided, the same way.
    pub fn confirmed(&self) -> usize {
        let decided = |row: &&Row| {
            let image = row.image.as_ref().is_some_and(|verdict| *verdict != Verdict::NotApplicable);
            let system = matches!(row.system, Some(Answer::Yes | Answer::Almost | Answer::No));
            row.agrees && image && system
        };
        self.rows.iter().filter(decided).count()
    }
}
