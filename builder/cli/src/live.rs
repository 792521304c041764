//! `rootsmith boot --check`: the image and its running system, asked the same.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use rootsmith_boot::{BootError, Transcript, Vm, boot as run, find_tools, hand_over, overlay};
use rootsmith_pipeline::Places;
use rootsmith_preflight::live::{self, Answer, Answers, Comparison, Probe, Row, WayIn};
use rootsmith_preflight::{Verdict, check};
use rootsmith_types::{Arch, Problems};

use crate::args::BootArgs;
use crate::boot::further_disks;
use crate::environment::Environment;
use crate::{preflight, report};

/// What is asked for when nobody names sets.
const USUAL: [&str; 2] = ["boot", "k0s-worker"];
/// Emulation is slow, and the questions come after the system has come up.
const PATIENCE: Duration = Duration::from_secs(900);
/// The machine's disk: an image that grows on first boot must be able to.
const DISK: u64 = 16 << 30;

pub(crate) fn check_live(args: &BootArgs, environment: &Environment) -> Result<(), u8> {
    let failed = |problems: Problems| report::print_problems(&problems, &Places::default(), environment);
    let sets = preflight::wanted(&args.sets)?.unwrap_or_else(|| preflight::usual(&USUAL));
    let tools = find_tools(args.arch, args.firmware, &environment.path).map_err(|error| failed(error.into()))?;

    let image = preflight::open(&args.image, environment)?;
    let boot = image.boot_facts();
    let facts = image.facts(args.arch, boot.as_ref());
    let of_image = check(&facts, None, &sets).map_err(failed)?;
    let way_in = match args.way_in {
        Some(way) => way.opens(&facts).map(|()| way),
        None => live::way_in(&facts),
    };
    let way_in = way_in.map_err(|error| failed(error.into()))?;
    // Seconds and the process tell this run's lines from those of any other.
    let token = format!("{:x}x{:x}", environment.now, std::process::id());
    let probe = live::probe(&sets, args.arch, &token).map_err(failed)?;

    let transcript = ask(args, environment, &tools, way_in, &probe).map_err(|error| match error {
        Failed::Boot(error) => failed(error.into()),
        Failed::Scratch(error) => {
            report::print_host_error(&format!(
                "cannot prepare the machine in `{}`: {error}",
                environment.scratch.display()
            ));
            report::HOST
        }
    })?;
    let answers = Answers::parse(&transcript.text, &token).map_err(|error| failed(error.into()))?;
    let of_system = live::check(&answers, &sets).map_err(failed)?;
    let comparison = live::compare(&of_image, &of_system);

    let mut text = String::new();
    if args.verbose {
        for (key, value) in answers.iter() {
            text.push_str(&format!("{key}={value}\n"));
        }
        text.push('\n');
    }
    text.push_str(&table(&comparison));
    let _ = write!(io::stdout(), "{text}");
    let _ = writeln!(
        io::stderr(),
        "answered after {:.1} s ({})",
        transcript.elapsed.as_secs_f64(),
        if transcript.kvm { "KVM" } else { "TCG" }
    );
    if comparison.disagreements().next().is_none() { Ok(()) } else { Err(report::INPUTS) }
}

enum Failed {
    Boot(BootError),
    Scratch(io::Error),
}

/// Runs the machine until its system has answered.
fn ask(
    args: &BootArgs,
    environment: &Environment,
    tools: &rootsmith_boot::Tools,
    way_in: WayIn,
    probe: &Probe,
) -> Result<Transcript, Failed> {
    let prefix = "rootsmith-check-";
    let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(&environment.scratch).map_err(Failed::Scratch)?;
    let disk = overlay(&args.image, DISK, folder.path()).map_err(Failed::Scratch)?;
    let mut vm = machine(args, &disk, way_in, probe, folder.path()).map_err(Failed::Scratch)?;
    vm.extra.extend(further_disks(args).map_err(Failed::Boot)?);
    let _ = writeln!(
        io::stderr(),
        "starting `{}` under {}, to ask its system",
        args.image.display(),
        if tools.kvm { "KVM" } else { "TCG" }
    );
    let mut show = |bytes: &[u8]| {
        if args.console {
            let _ = io::stderr().write_all(bytes);
        }
    };
    run(&vm, tools, &probe.end, args.timeout.unwrap_or(PATIENCE), &mut show).map_err(Failed::Boot)
}

fn machine<'a>(args: &BootArgs, disk: &'a Path, way_in: WayIn, probe: &Probe, folder: &'a Path) -> io::Result<Vm<'a>> {
    let extra = hand_over(&way_in.seeds(probe), folder)?;
    let arch: Arch = args.arch;
    // What the machine writes goes into the overlay, which goes away with the folder.
    Ok(Vm { image: disk, arch, memory_mib: args.memory, cpus: 2, snapshot: false, extra, scratch: folder })
}

/// All checks, what the two disagree on, and a line that sums it up.
fn table(comparison: &Comparison) -> String {
    let rows = &comparison.rows;
    let width = rows.iter().map(|row| row.check.len()).max().unwrap_or(0).max(5);
    let mut text = String::new();
    let mut set = "";
    for row in rows {
        if row.set != set {
            set = &row.set;
            text.push_str(&format!("{set}\n  {:width$}  {:9}  system\n", "check", "image"));
        }
        let mark = if row.agrees { "" } else { "  <- they disagree" };
        text.push_str(&format!("  {:width$}  {:9}  {}{mark}\n", row.check, of_image(row), of_system(row)));
    }
    let mut disagreements = 0_usize;
    for row in comparison.disagreements() {
        disagreements = disagreements.saturating_add(1);
        text.push_str(&format!("\n{} of {}: image {}, system {}\n", row.check, row.set, of_image(row), of_system(row)));
        row.notes.iter().for_each(|note| text.push_str(&format!("  {note}\n")));
    }
    let (all, both) = (rows.len(), comparison.confirmed());
    let one = all.saturating_sub(both).saturating_sub(disagreements);
    text.push_str(&format!(
        "\n{all} checks: {both} decided by image and system alike, {one} by at most one of them, {disagreements} differently\n"
    ));
    text
}

fn of_image(row: &Row) -> &'static str {
    match row.image {
        Some(Verdict::Pass) => "yes",
        Some(Verdict::Warning) => "warning",
        Some(Verdict::Fail) => "no",
        Some(Verdict::Accepted(_)) => "accepted",
        Some(Verdict::NotApplicable) => "-",
        None => "not asked",
    }
}

fn of_system(row: &Row) -> &'static str {
    match row.system {
        Some(Answer::Yes) => "yes",
        Some(Answer::Almost) => "warning",
        Some(Answer::No) => "no",
        Some(Answer::OnlyImage | Answer::Unknown) => "-",
        Some(Answer::Silent) => "no answer",
        None => "not asked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disagreements_are_marked_and_explained() {
        let row = |check: &str, image, system, agrees, notes: &[&str]| Row {
            check: check.to_owned(),
            set: "boot".to_owned(),
            image: Some(image),
            system: Some(system),
            agrees,
            notes: notes.iter().map(|note| (*note).to_owned()).collect(),
        };
        let comparison = Comparison {
            rows: vec![
                row("boot.init", Verdict::Pass, Answer::Yes, true, &[]),
                row("boot.root", Verdict::Pass, Answer::No, false, &["image yes: a", "system no: b"]),
                row("host.memory", Verdict::NotApplicable, Answer::Yes, true, &[]),
            ],
        };
        assert_eq!(
            table(&comparison),
            "boot\n  check        image      system\n  boot.init    yes        yes\n  boot.root    yes        no  <- they disagree\n  \
             host.memory  -          yes\n\nboot.root of boot: image yes, system no\n  image yes: a\n  system no: b\n\n\
             3 checks: 1 decided by image and system alike, 1 by at most one of them, 1 differently\n"
        );
    }
}
