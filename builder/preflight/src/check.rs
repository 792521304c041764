//! Deciding every check of every set.

use rootsmith_profile::Profile;
use rootsmith_types::{Origin, Problems, Subject};

use crate::elf::Kind;
use crate::rules::{self, Met, Outcome, payload_line};
use crate::set::{Check, Said, Set, SetError, Severity, Wanted, Wrong, nearest};
use crate::view::View;
use crate::{Brought, Facts, Finding, Grade, Grading, Remembered, Report, Rule, Upstream, Verdict};

/// Decides all checks of `sets` (`name` or `name@version`; where two sets have a check of one id, each decides it). A set
/// that does not exist is an error, and so is an accepted check that no set has.
pub fn check(facts: &Facts<'_>, profile: Option<&Profile>, sets: &[Wanted]) -> Result<Report, Problems> {
    check_brought(facts, profile, sets, &Brought::new(), &Remembered::default())
}

/// The same, when it is known what each payload of the profile brought, and with what an earlier look at the same files found out.
pub fn check_brought(
    facts: &Facts<'_>,
    profile: Option<&Profile>,
    sets: &[Wanted],
    brought: &Brought,
    remembered: &Remembered,
) -> Result<Report, Problems> {
    let mut problems = Problems(Vec::new());
    let mut named: Vec<(Set, &Wanted)> = Vec::new();
    for wanted in sets {
        match Set::find(wanted) {
            Ok(set) if named.iter().any(|(there, _)| there.id() == set.id()) => {}
            Ok(set) => named.push((set, wanted)),
            Err(error) => problems.push(error),
        }
    }
    let accepted = profile.map(|profile| profile.preflight.accept.as_slice()).unwrap_or_default();
    let known = || {
        let own = named.iter().map(|(set, _)| set);
        crate::sets().iter().chain(own).flat_map(|set| set.checks.iter().map(|check| check.id.clone()))
    };
    for accept in accepted {
        if !known().any(|id| id == accept.check.value) {
            problems.push(SetError {
                what: Wrong::Unknown {
                    kind: "preflight check",
                    wanted: accept.check.value.clone(),
                    nearest: nearest(&accept.check.value, known()),
                },
                subject: Subject::Profile(accept.check.origin.clone()),
            });
        }
    }
    problems.into_result()?;

    let mut view = View::new(facts, profile, remembered);
    view.brought = Some(brought);
    let mut findings = Vec::new();
    let mut grades = Vec::new();
    for (set, wanted) in &named {
        let mut grade = Grading::Clean;
        for check in &set.checks {
            let outcome = rules::decide(&view, &check.rule);
            let reason = accepted.iter().find(|accept| accept.check.value == check.id);
            let reason = reason.map(|accept| accept.reason.value.as_str());
            let (finding, level) = finding(&view, set, check, outcome, reason, wanted);
            grade = grade.min(level);
            findings.push(finding);
        }
        grades.push(Grade { set: set.id(), grade });
    }
    findings.sort_by(|a, b| (&a.set, &a.check).cmp(&(&b.set, &b.check)));
    grades.sort_by(|a, b| a.set.cmp(&b.set));
    Ok(Report { findings, grades })
}

/// What one check leaves of the grade, accepted or not: what counts is the word of the program it is taken from, else ours.
fn level(unmet: &Verdict, said: Option<Said>) -> Grading {
    match (unmet, said) {
        (Verdict::Pass | Verdict::NotApplicable | Verdict::Accepted(_), _) => Grading::Clean,
        (_, Some(Said::Rejected | Said::Error)) | (Verdict::Fail, None) => Grading::Rejected,
        (_, Some(Said::Pass | Said::Warning)) | (Verdict::Warning, None) => Grading::Admitted,
    }
}

/// The finding, and what it leaves of the grade.
fn finding(
    view: &View<'_>,
    set: &Set,
    check: &Check,
    outcome: Outcome,
    accepted: Option<&str>,
    wanted: &Wanted,
) -> (Finding, Grading) {
    let unmet = match (outcome.met, check.severity) {
        (Met::Yes, _) => Verdict::Pass,
        (Met::Unknown, _) => Verdict::NotApplicable,
        (Met::No, Severity::Fail) => Verdict::Fail,
        (Met::No, Severity::Warning) | (Met::Almost, _) => Verdict::Warning,
    };
    let not_met = matches!(unmet, Verdict::Fail | Verdict::Warning);
    let verdict = match accepted {
        Some(reason) if not_met => Verdict::Accepted(reason.to_owned()),
        _ => unmet.clone(),
    };
    let said = outcome.said.unwrap_or(match outcome.met {
        Met::Yes | Met::Almost => Some(Said::Pass),
        Met::No => Some(check.unmet.unwrap_or(match check.severity {
            Severity::Fail => Said::Rejected,
            Severity::Warning => Said::Warning,
        })),
        Met::Unknown => None,
    });
    let mut evidence = outcome.evidence;
    if not_met && check.probe.is_some() {
        evidence.extend(milder(set, unmet == Verdict::Fail, said));
    }
    let level = level(&unmet, said.filter(|_| check.probe.is_some()));
    let finding = Finding {
        check: check.id.clone(),
        set: set.id(),
        verdict,
        title: check.title.clone(),
        evidence,
        upstream: check.probe.clone().map(|probe| Upstream { probe, said }),
        cure: not_met.then(|| check.cure.clone()),
        subject: subject(view, check, wanted),
    };
    (finding, level)
}

/// That the program makes less of it than we do.
fn milder(set: &Set, fails: bool, said: Option<Said>) -> Option<String> {
    // `k0s sysinfo` is a command of k0s. A user's own set does not say whose checks it takes in.
    let program = set.program.as_deref().and_then(|program| program.split(' ').next()).unwrap_or("the program itself");
    match said? {
        Said::Pass => Some(format!("{program} would not notice")),
        Said::Warning if fails => Some(format!("{program} only warns")),
        Said::Warning | Said::Rejected | Said::Error => None,
    }
}

/// The line of the profile that decides the check most directly; else the line that names the set.
fn subject(view: &View<'_>, check: &Check, wanted: &Wanted) -> Subject {
    let origin = view.profile.and_then(|profile| match &check.rule {
        Rule::Kernel {}
        | Rule::Kconfig { .. }
        | Rule::KernelConfig {}
        | Rule::KernelRelease { .. }
        | Rule::Linux {}
        | Rule::EmbeddedConfig {}
        | Rule::IptablesBackend {}
        | Rule::RealTimeGroups {} => package(view),
        Rule::Controller { controller, .. } => disabling_word(view, controller.as_deref()).or_else(|| package(view)),
        Rule::Localhost {} => profile.hosts.first().map(|host| &host.address.origin),
        Rule::Init {} => Some(&profile.init.system.origin),
        Rule::AnyController { controller, .. } => disabling_word(view, controller.as_deref()).or_else(|| package(view)),
        Rule::Cgroup2 {} | Rule::AnyCgroup {} => Some(&profile.cgroups.hierarchy.origin),
        Rule::ProgramMachine {} => payload_line(view, Kind::Machine),
        Rule::ProgramInterpreter {} => payload_line(view, Kind::Interpreter),
        Rule::ProgramLibraries {} => payload_line(view, Kind::Library),
        Rule::ProgramVersions {} => payload_line(view, Kind::Version),
        Rule::Scripts {} => payload_line(view, Kind::Script),
        _ => None,
    });
    origin.map_or_else(|| wanted.subject.clone(), |origin| Subject::Profile(origin.clone()))
}

/// Where the profile names the kernel's package.
fn package<'a>(view: &View<'a>) -> Option<&'a Origin> {
    let kernel = view.profile?.kernel.as_ref()?;
    kernel.package_for(view.facts.arch).map(|package| &package.origin)
}

/// Where the profile writes `cgroup_disable=` with this controller.
fn disabling_word<'a>(view: &View<'a>, controller: Option<&str>) -> Option<&'a Origin> {
    let kernel = view.profile?.kernel.as_ref()?;
    let controller = controller?;
    let disables = |word: &str| {
        let mut names = word.strip_prefix("cgroup_disable=").unwrap_or_default().split(',');
        names.any(|name| name == controller)
    };
    kernel.cmdline_for(view.facts.arch).find(|word| disables(&word.value)).map(|word| &word.origin)
}
