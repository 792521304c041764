//! `rootsmith preflight`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use rootsmith_inspect::Image;
use rootsmith_pipeline::Places;
use rootsmith_preflight::{Wanted, check};
use rootsmith_types::{Arch, Problems, Subject};

use crate::args::{PreflightArgs, ReportFormat};
use crate::environment::Environment;
use crate::{build, report};

/// What is judged by when nobody names sets: would it start, would its programs run, would k0s take it as a worker.
const USUAL: [&str; 3] = ["boot", "payload", "k0s-worker"];

pub(crate) fn preflight(args: &PreflightArgs, environment: &Environment) -> Result<(), ExitCode> {
    run(args, environment).map_err(ExitCode::from)
}

fn run(args: &PreflightArgs, environment: &Environment) -> Result<(), u8> {
    let failed = |problems: &Problems| report::print_problems(problems, &Places::default(), environment);
    let sets = wanted(&args.sets)?;
    let is_profile = args.target.extension().is_some_and(|extension| extension == "toml") && args.target.is_file();
    let found = if is_profile {
        build::judge(&args.target, sets.as_deref(), &args.inputs, environment)?.report
    } else {
        let sets = sets.unwrap_or_else(|| usual(&USUAL));
        let image = open(&args.target, environment)?;
        let arch = arch_of(&image, args.inputs.arch)?;
        let boot = image.boot_facts();
        check(&image.facts(arch, boot.as_ref()), None, &sets).map_err(|problems| failed(&problems))?
    };
    let text = found.to_json();
    let written = match &args.report {
        Some(path) => report::write_atomically(path, text.as_bytes()),
        None => io::stdout().write_all(text.as_bytes()),
    };
    let _ = args.format == ReportFormat::Text;
    written.map_err(|error| {
        report::print_host_error(&format!("cannot write the report: {error}"));
        report::HOST
    })?;
    if found.failures().0.is_empty() { Ok(()) } else { Err(report::INPUTS) }
}

/// Opens an image, whatever it is.
pub(crate) fn open(target: &Path, environment: &Environment) -> Result<Image, u8> {
    Image::open(target, &environment.scratch).map_err(|error| {
        let problems = Problems::from(error);
        report::print_problems(&problems, &Places::default(), environment)
    })
}

/// The architecture: the one named, else that of the image's own programs.
pub(crate) fn arch_of(image: &Image, named: Option<Arch>) -> Result<Arch, u8> {
    named.or_else(|| image.arch()).ok_or_else(|| {
        report::print_host_error(
            "nothing in the image tells its architecture: no init, shell or busybox is there\nhint: name it with `--arch`",
        );
        report::INPUTS
    })
}

/// Sets by name alone.
pub(crate) fn usual(names: &[&str]) -> Vec<Wanted> {
    names.iter().map(|name| Wanted { name: (*name).to_owned(), text: None, subject: Subject::Host }).collect()
}

/// The sets of `--set`: names, or files; `None` when there are none.
pub(crate) fn wanted(sets: &[String]) -> Result<Option<Vec<Wanted>>, u8> {
    let read = |name: &String| {
        let text = name.ends_with(".toml").then(|| std::fs::read_to_string(name)).transpose();
        let text = text.map_err(|error| {
            report::print_host_error(&format!("cannot read the requirement set `{name}`: {error}"));
            report::INPUTS
        })?;
        Ok(Wanted { name: name.clone(), text, subject: Subject::Host })
    };
    let wanted: Vec<Wanted> = sets.iter().map(read).collect::<Result<_, u8>>()?;
    Ok((!wanted.is_empty()).then_some(wanted))
}
