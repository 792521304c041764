//! The report for a terminal or a log.
//!
//! ```text
//! k0s-worker@1.36: k0s worker 1.36 starts
//!   fails      cgroup.memory: the cgroup controller `memory` can be used
//!              the kernel command line has `cgroup_disable=memory`
//!              cure: choose a kernel with CONFIG_MEMCG=y, without `cgroup_disable=memory`
//!   77 pass
//! k0s-worker@1.36: rejected (77 of 78)
//! ```

use anstyle::{AnsiColor, Style};

use super::words::{visible, wrap};
use super::{Group, Judged, Kind, grade_word};
use crate::{Finding, Grading, Verdict};

/// Where the text of a finding begins: after two blanks, the verdict and two blanks more.
const INDENT: usize = 13;

/// How the text is to look.
#[derive(Debug, Clone, Copy)]
pub struct TextStyle {
    /// Characters in a line.
    pub width: usize,
    /// Show what passes, and what cannot be decided, too.
    pub verbose: bool,
    /// The colours.
    pub colours: Colours,
}

/// A colour for each thing.
#[derive(Debug, Clone, Copy)]
pub struct Colours {
    /// The set's name.
    pub heading: Style,
    /// What fails, and the grade *rejected*.
    pub fail: Style,
    /// Warnings, and the grade *admitted*.
    pub warning: Style,
    /// What the profile accepts.
    pub accepted: Style,
    /// What passes, and the grade *clean*.
    pub pass: Style,
    /// What is said beside it.
    pub quiet: Style,
}

impl Colours {
    /// None: for a file or a pipe.
    pub const fn plain() -> Colours {
        let none = Style::new();
        Colours { heading: none, fail: none, warning: none, accepted: none, pass: none, quiet: none }
    }

    /// For a terminal, in the colours its user chose.
    pub const fn terminal() -> Colours {
        Colours {
            heading: Style::new().bold(),
            fail: AnsiColor::Red.on_default().bold(),
            warning: AnsiColor::Yellow.on_default().bold(),
            accepted: AnsiColor::Magenta.on_default(),
            pass: AnsiColor::Green.on_default(),
            quiet: Style::new().dimmed(),
        }
    }

    fn of(&self, kind: Kind) -> Style {
        match kind {
            Kind::Fail => self.fail,
            Kind::Warning => self.warning,
            Kind::Accepted => self.accepted,
            Kind::Pass => self.pass,
            Kind::Undecided => self.quiet,
        }
    }
}

pub(super) fn render(judged: &Judged, style: &TextStyle) -> String {
    let mut page = Page { text: String::new(), style };
    let mut title = visible(&judged.target);
    if let Some(arch) = judged.arch {
        title.push_str(&format!(" ({arch})"));
    }
    page.line(0, style.colours.heading, &title);
    for group in judged.groups() {
        page.text.push('\n');
        page.group(&group);
    }
    if !judged.notes.is_empty() {
        page.text.push('\n');
    }
    for note in &judged.notes {
        page.labelled(0, "note:", Style::new(), note);
    }
    page.text
}

struct Page<'a> {
    text: String,
    style: &'a TextStyle,
}

impl Page<'_> {
    fn group(&mut self, group: &Group<'_>) {
        let colours = self.style.colours;
        let id = visible(&group.id);
        match group.set {
            Some(set) => self.line(0, colours.heading, &format!("{id}: {}", visible(&set.title))),
            None => self.line(0, colours.heading, &id),
        }
        for finding in &group.findings {
            let kind = Kind::of(&finding.verdict);
            if self.style.verbose || !matches!(kind, Kind::Pass | Kind::Undecided) {
                self.finding(group, finding, kind);
            }
        }
        if !self.style.verbose {
            let quiet = [Kind::Pass, Kind::Undecided].map(|kind| (group.counts.of(kind), kind));
            let counted: Vec<String> = quiet
                .iter()
                .filter(|(n, _)| *n > 0)
                .map(|(n, kind)| match kind {
                    Kind::Undecided => format!("{n} cannot be decided here"),
                    _ => format!("{n} {}", kind.counted(*n)),
                })
                .collect();
            self.line(2, colours.quiet, &counted.join(", "));
        }
        if let Some(grade) = group.grade {
            let colour = match grade {
                Grading::Rejected => colours.fail,
                Grading::Admitted => colours.warning,
                Grading::Clean => colours.pass,
            };
            let line = format!("{id}: {} ({})\n", paint(colour, grade_word(grade)), group.counts.share());
            self.text.push_str(&line);
        }
    }

    fn finding(&mut self, group: &Group<'_>, finding: &Finding, kind: Kind) {
        let colours = self.style.colours;
        let label = paint(colours.of(kind), &format!("{:9}", kind.word()));
        let id = visible(&finding.check);
        let lines = wrap(&format!("{id}: {}", visible(&finding.title)), self.room(INDENT));
        for (at, line) in lines.iter().enumerate() {
            match at {
                0 => {
                    self.text.push_str(&format!("  {label}  {}\n", line.replacen(&id, &paint(colours.heading, &id), 1)))
                }
                _ => self.text.push_str(&format!("{:INDENT$}{line}\n", "")),
            }
        }
        for evidence in &finding.evidence {
            self.line(INDENT, Style::new(), &visible(evidence));
        }
        if let Some(differs) = group.differs(finding) {
            self.line(INDENT, Style::new(), &visible(&differs));
        }
        if let Verdict::Accepted(reason) = &finding.verdict {
            self.labelled(INDENT, "accepted:", colours.accepted, reason);
        }
        if let Some(cure) = &finding.cure {
            self.labelled(INDENT, "cure:", colours.heading, cure);
        }
    }

    /// A label before the first line, its text wrapped.
    fn labelled(&mut self, indent: usize, label: &str, colour: Style, text: &str) {
        let lines = wrap(&format!("{label} {}", visible(text)), self.room(indent));
        for (at, line) in lines.iter().enumerate() {
            let line = if at == 0 { line.replacen(label, &paint(colour, label), 1) } else { line.clone() };
            self.text.push_str(&format!("{:indent$}{line}\n", ""));
        }
    }

    fn line(&mut self, indent: usize, colour: Style, text: &str) {
        for line in wrap(text, self.room(indent)) {
            self.text.push_str(&format!("{:indent$}{}\n", "", paint(colour, &line)));
        }
    }

    /// What is left of a line; on the narrowest terminal there still is some.
    fn room(&self, indent: usize) -> usize {
        self.style.width.saturating_sub(indent).max(20)
    }
}

fn paint(style: Style, text: &str) -> String {
    format!("{}{text}{}", style.render(), style.render_reset())
}
