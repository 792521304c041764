//! `rootsmith inspect --scripts`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rootsmith_pipeline::{PackageScripts, ReadScript, Scripts};

use crate::args::InspectArgs;
use crate::environment::Environment;
use crate::{build, report};

/// Lies beside every image of a build.
const MANIFEST: &str = "manifest.json";

pub(crate) fn inspect(args: &InspectArgs, environment: &Environment) -> Result<(), ExitCode> {
    run(args, environment).map_err(ExitCode::from)
}

fn run(args: &InspectArgs, environment: &Environment) -> Result<(), u8> {
    let is_profile = args.target.extension().is_some_and(|extension| extension == "toml") && args.target.is_file();
    let scripts = match is_profile {
        true => build::judge(&args.target, Some(&[]), &args.inputs, environment)?.scripts,
        false => of_manifest(&args.target)?,
    };
    let text = match args.packages.as_slice() {
        [] => all(&scripts),
        names => some(&scripts, names)?,
    };
    // Whoever closed the pipe has read enough.
    let _ = write!(io::stdout(), "{text}");
    Ok(())
}

/// From the manifest of an image, or of the folder that a build left.
fn of_manifest(target: &Path) -> Result<Scripts, u8> {
    let wrong = |text: String| {
        report::print_host_error(&text);
        report::INPUTS
    };
    let (path, image) = place_of_manifest(target).map_err(wrong)?;
    let text = std::fs::read(&path).map_err(|error| wrong(unreadable(target, &path, &error)))?;
    Scripts::of_manifest(&text, image.as_deref()).map_err(|error| {
        let hint = "hint: build the profile again, or name the profile itself";
        wrong(format!("`{}` says nothing of `{}`: {error}\n{hint}", path.display(), target.display()))
    })
}

/// Where the manifest should be, and which image it should be about.
fn place_of_manifest(target: &Path) -> Result<(PathBuf, Option<String>), String> {
    let missing = |error: io::Error| {
        let hint = nearby(target).map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        format!("cannot read `{}`: {error}{hint}", target.display())
    };
    if std::fs::metadata(target).map_err(missing)?.is_dir() {
        return Ok((target.join(MANIFEST), None));
    }
    if target.extension().is_some_and(|extension| extension == "json") {
        return Ok((target.to_owned(), None));
    }
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((target.with_file_name(MANIFEST), Some(name)))
}

fn unreadable(target: &Path, path: &Path, error: &io::Error) -> String {
    if error.kind() != io::ErrorKind::NotFound {
        return format!("cannot read `{}`: {error}", path.display());
    }
    let hint = nearby(target).unwrap_or_else(|| {
        "what was done for an image stands in the manifest that its build leaves beside it; a profile can be named, too"
            .to_owned()
    });
    format!("there is no `{}`\nhint: {hint}", path.display())
}

/// Where manifests are for whoever names `outputs`, or a profile's folder without its architecture.
fn nearby(target: &Path) -> Option<String> {
    let folders = builds(target).or_else(|| builds(target.parent()?))?;
    Some(format!("there is one in {}", folders.join(", ")))
}

/// Folders below this one that hold a manifest, sorted.
fn builds(folder: &Path) -> Option<Vec<String>> {
    let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let mut found: Vec<String> =
        entries.filter(|path| path.join(MANIFEST).is_file()).map(|path| format!("`{}`", path.display())).collect();
    found.sort();
    (!found.is_empty()).then_some(found)
}

/// Every package, and the counts.
fn all(scripts: &Scripts) -> String {
    let mut text: String = scripts.packages.iter().map(package).collect();
    text.push_str(&format!("\n{}\n", scripts.counts()));
    text
}

/// The packages named.
fn some(scripts: &Scripts, names: &[String]) -> Result<String, u8> {
    let mut text = String::new();
    for name in names {
        let Some(found) = scripts.packages.iter().find(|package| package.package == *name) else {
            report::print_host_error(&format!(
                "there is no package `{name}` among the {} of the image",
                scripts.packages.len()
            ));
            return Err(report::INPUTS);
        };
        text.push_str(&package(found));
    }
    Ok(text)
}

fn package(package: &PackageScripts) -> String {
    let PackageScripts { package, class, reason, read, applied } = package;
    let reason = reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let mut text = format!("{package}: {class}{reason}\n");
    for ReadScript { script, lines, sha256, by, why } in read {
        let by = match (by.as_str(), why) {
            ("snippets", _) => ", generated".to_owned(),
            ("profile", _) => ", own code left out".to_owned(),
            ("model", Some(why)) => format!(", own code modelled: {why}"),
            _ => String::new(),
        };
        let s = if *lines == 1 { "" } else { "s" };
        text.push_str(&format!("  read     {script}, {lines} line{s}{by}\n           sha256 {sha256}\n"));
    }
    applied.iter().for_each(|phrase| text.push_str(&format!("  applied  {phrase}\n")));
    text
}
