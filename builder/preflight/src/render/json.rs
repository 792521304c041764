//! The report for programs: one format for `preflight.json` and for `--format json`.

use serde::Serialize;

use super::{Judged, Sizes};
use crate::{Finding, Grade, Report};

/// Raised when a reader of the former number would misunderstand; new fields do not raise it.
const SCHEMA: u32 = 1;

/// `preflight.json` has the first three fields: what depends on the image alone.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    schema: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arch: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sets: Vec<SetName<'a>>,
    findings: &'a [Finding],
    grades: &'a [Grade],
    #[serde(skip_serializing_if = "Option::is_none")]
    sizes: Option<&'a Sizes>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct SetName<'a> {
    set: String,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<&'a str>,
}

pub(crate) fn report_json(report: &Report) -> String {
    print(&Document {
        schema: SCHEMA,
        target: None,
        arch: None,
        sets: Vec::new(),
        findings: &report.findings,
        grades: &report.grades,
        sizes: None,
        notes: &[],
    })
}

pub(super) fn judged_json(judged: &Judged) -> String {
    let sets =
        judged.sets.iter().map(|set| SetName { set: set.id(), title: &set.title, program: set.program.as_deref() });
    print(&Document {
        schema: SCHEMA,
        target: Some(&judged.target),
        arch: judged.arch.map(|arch| arch.debian()),
        sets: sets.collect(),
        findings: &judged.report.findings,
        grades: &judged.report.grades,
        sizes: judged.sizes.as_ref(),
        notes: &judged.notes,
    })
}

fn print(document: &Document<'_>) -> String {
    // Strings, numbers, enumerations and lists: nothing that JSON cannot hold.
    let mut text = serde_json::to_string_pretty(document).expect("a report is plain data");
    text.push('\n');
    text
}
