//! `rootsmith preflight`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use rootsmith_inspect::Image;
use rootsmith_pipeline::Places;
use rootsmith_preflight::{Colours, Judged, Packages, Sizes, TextStyle, Wanted, check};
use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::{Arch, Problems, Subject};

use crate::args::{PreflightArgs, ReportFormat};
use crate::environment::Environment;
use crate::{build, report};

/// What is judged by when nobody names sets: would it start, would its programs run, would k0s take it as a worker.
const USUAL: [&str; 3] = ["boot", "payload", "k0s-worker"];
/// Columns of a text report.
const WIDTH: usize = 100;

pub(crate) fn preflight(args: &PreflightArgs, environment: &Environment) -> Result<(), ExitCode> {
    run(args, environment).map_err(ExitCode::from)
}

fn run(args: &PreflightArgs, environment: &Environment) -> Result<(), u8> {
    let failed = |problems: &Problems| report::print_problems(problems, &Places::default(), environment);
    let sets = wanted(&args.sets)?;
    let is_profile = args.target.extension().is_some_and(|extension| extension == "toml") && args.target.is_file();
    let name = shown_name(&args.target);
    let wants_sizes = args.format == ReportFormat::Html;
    let sizes = |tree: &Tree, blobs: &dyn Blobs| wants_sizes.then(|| Sizes::of(tree, &Packages::read(tree, blobs)));
    let judged = if is_profile {
        let found = build::judge(&args.target, sets.as_deref(), &args.inputs, environment)?;
        let sizes = sizes(&found.tree, &found.cache);
        Judged { sizes, ..Judged::new(name, Some(found.arch), &found.sets, found.report) }
    } else {
        let sets = sets.unwrap_or_else(|| usual(&USUAL));
        let image = open(&args.target, environment)?;
        let arch = arch_of(&image, args.inputs.arch)?;
        let boot = image.boot_facts();
        let report = check(&image.facts(arch, boot.as_ref()), None, &sets).map_err(|problems| failed(&problems))?;
        let notes = image.notes.clone();
        Judged { sizes: sizes(&image.tree, &image), notes, ..Judged::new(name, Some(arch), &sets, report) }
    };
    let colour = args.report.is_none() && environment.colour_out;
    let text = match args.format {
        ReportFormat::Text => judged.text(&TextStyle {
            width: WIDTH,
            verbose: args.verbose,
            colours: if colour { Colours::terminal() } else { Colours::plain() },
        }),
        ReportFormat::Json => judged.json(),
        ReportFormat::Junit => judged.junit(),
        ReportFormat::Html => judged.html(),
    };
    let written = match &args.report {
        Some(path) => report::write_atomically(path, text.as_bytes()),
        None => io::stdout().write_all(text.as_bytes()),
    };
    written.map_err(|error| {
        report::print_host_error(&format!("cannot write the report: {error}"));
        report::HOST
    })?;
    if judged.report.failures().0.is_empty() { Ok(()) } else { Err(report::INPUTS) }
}

/// The last part of a path, which is what people call an image.
fn shown_name(target: &Path) -> String {
    target.file_name().map_or_else(|| target.display().to_string(), |name| name.to_string_lossy().into_owned())
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
