//! The report as JUnit's XML, which every CI system shows: a suite for each set, a case for each check.
//!
//! A failing check is a failure, one that is accepted or cannot be decided is skipped, a warning passes and is told in
//! `system-out`. There are no times: the same image gives the same file.

use super::words::visible;
use super::{Group, Judged, Kind};
use crate::{Finding, Verdict};

pub(super) fn render(judged: &Judged) -> String {
    let groups = judged.groups();
    let sum = |kind: Kind| groups.iter().map(|group| group.counts.of(kind)).sum::<usize>();
    let tests: usize = groups.iter().map(|group| group.findings.len()).sum();
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    xml.push_str(&format!(
        "<testsuites name=\"{}\" tests=\"{tests}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">\n",
        escape(&judged.target),
        sum(Kind::Fail),
        sum(Kind::Accepted) + sum(Kind::Undecided),
    ));
    groups.iter().for_each(|group| suite(&mut xml, group));
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(xml: &mut String, group: &Group<'_>) {
    let skipped = group.counts.of(Kind::Accepted) + group.counts.of(Kind::Undecided);
    xml.push_str(&format!(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{skipped}\">\n",
        escape(&group.id),
        group.findings.len(),
        group.counts.of(Kind::Fail),
    ));
    group.findings.iter().for_each(|finding| case(xml, group, finding));
    xml.push_str("  </testsuite>\n");
}

fn case(xml: &mut String, group: &Group<'_>, finding: &Finding) {
    let name = format!("{}: {}", finding.check, finding.title);
    xml.push_str(&format!("    <testcase classname=\"{}\" name=\"{}\"", escape(&group.id), escape(&name)));
    let told = told(group, finding);
    let first = finding.evidence.first().map(String::as_str).unwrap_or_default();
    match &finding.verdict {
        Verdict::Pass if told.is_empty() => {
            xml.push_str("/>\n");
            return;
        }
        Verdict::Pass | Verdict::Warning => xml.push_str(&format!(">\n      <system-out>{told}</system-out>\n")),
        Verdict::Fail => {
            let message = escape(first);
            xml.push_str(&format!(">\n      <failure type=\"preflight\" message=\"{message}\">{told}</failure>\n"));
        }
        Verdict::Accepted(reason) => {
            let message = escape(&format!("accepted: {reason}"));
            xml.push_str(&format!(
                ">\n      <skipped message=\"{message}\"/>\n      <system-out>{told}</system-out>\n"
            ));
        }
        Verdict::NotApplicable => {
            let message = escape(first);
            xml.push_str(&format!(">\n      <skipped message=\"{message}\"/>\n"));
        }
    }
    xml.push_str("    </testcase>\n");
}

/// Evidence and cure, a line each, escaped.
fn told(group: &Group<'_>, finding: &Finding) -> String {
    let mut lines = Vec::new();
    if finding.verdict == Verdict::Warning {
        lines.push("warning".to_owned());
    }
    lines.extend(finding.evidence.iter().cloned());
    lines.extend(group.differs(finding));
    lines.extend(finding.cure.iter().map(|cure| format!("cure: {cure}")));
    let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
    lines.join("\n")
}

/// For an attribute or a text; what XML 1.0 cannot hold is spelled out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    escaped
}
