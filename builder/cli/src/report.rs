//! What a person reads: errors on stderr, the summary on stdout.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use rootsmith_lock::Lock;
use rootsmith_pipeline::{Places, Summary};
use rootsmith_types::{Arch, Blame, Problems};

use crate::environment::Environment;
use crate::render::render;

/// Exit code: the profile or its inputs are at fault.
pub(crate) const INPUTS: u8 = 1;
/// Exit code: the host.
pub(crate) const HOST: u8 = 3;
/// Exit code: ours.
pub(crate) const OURS: u8 = 4;

/// Prints every problem and says the exit code.
pub(crate) fn print_problems(problems: &Problems, places: &Places, environment: &Environment) -> u8 {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let locate = |subject: &rootsmith_types::Subject| places.locate(subject);
    let mut text = String::new();
    for problem in &problems.0 {
        text.push_str(render(&**problem, &read, &locate, environment.colour).trim_end());
        text.push_str("\n\n");
    }
    let n = problems.0.len();
    if n > 1 {
        text.push_str(&format!("{n} errors\n"));
    }
    let _ = write!(io::stderr(), "{}", text.trim_end_matches('\n').to_owned() + "\n");
    match problems.blame() {
        Blame::Inputs => INPUTS,
        Blame::Host => HOST,
        Blame::Ours => OURS,
    }
}

/// Prints one error that has no place in a profile.
pub(crate) fn print_host_error(text: &str) {
    let _ = writeln!(io::stderr(), "error: {text}");
}

/// What was made, how large, how long, and how the packages' scripts were dealt with.
pub(crate) fn print_summary(summary: &Summary, arch: Option<Arch>) {
    let mut text = format!("{}/\n", summary.folder.display());
    let width = summary.files.iter().map(|file| file.name.len()).max().unwrap_or(0);
    for file in &summary.files {
        text.push_str(&format!("  {:width$}  {:>9}", file.name, file.size.to_string()));
        if file.written != file.size {
            text.push_str(&format!(", {} on disk", file.written));
        }
        text.push_str(&format!("  sha256 {}\n", file.sha256));
    }
    let arch = arch.map_or(String::new(), |arch| format!(", {arch}"));
    let [passed, warnings, accepted] = summary.preflight;
    text.push_str(&format!(
        "{} packages{arch}: {} entries, {} of content\n",
        summary.packages, summary.entries, summary.content
    ));
    text.push_str(&format!("scripts of {}\n", summary.scripts));
    for (package, reason) in &summary.answered_scripts {
        text.push_str(&format!("  answered by the profile: {package} ({reason})\n"));
    }
    text.push_str(&format!("preflight: {passed} passed, {warnings} warnings, {accepted} accepted\n"));
    for warning in &summary.warnings {
        text.push_str(&format!("  warning: {warning}\n"));
    }
    for note in &summary.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    text.push_str(&format!("built, read back and checked in {:.1} s\n", summary.time.as_secs_f64()));
    let _ = write!(io::stdout(), "{text}");
}

/// Nothing was made.
pub(crate) fn print_unchanged(folder: &Path, note: Option<&str>) {
    let note = note.map_or(String::new(), |note| format!("note: {note}\n"));
    let _ = write!(io::stdout(), "unchanged: {}/\n{note}", folder.display());
}

/// What a new lock says, beside the one before.
pub(crate) fn print_locked(path: &Path, previous: Option<&Lock>, lock: &Lock) {
    let mut text = String::new();
    for (arch, target) in &lock.targets {
        let before = previous.and_then(|lock| lock.targets.get(arch));
        text.push_str(&format!("{}: {arch}, {} packages\n", path.display(), target.packages.len()));
        let Some(before) = before else { continue };
        for package in &target.packages {
            let old = before.packages.iter().find(|old| old.name == package.name && old.role == package.role);
            match old {
                None => text.push_str(&format!("  + {} {}\n", package.name, package.version)),
                Some(old) if old.version != package.version => {
                    text.push_str(&format!("  ~ {} {} -> {}\n", package.name, old.version, package.version));
                }
                Some(_) => {}
            }
        }
        for old in &before.packages {
            if !target.packages.iter().any(|package| package.name == old.name && package.role == old.role) {
                text.push_str(&format!("  - {} {}\n", old.name, old.version));
            }
        }
    }
    let _ = write!(io::stdout(), "{text}");
}

/// Writes a file so that a reader sees the old or the new one, never a part.
pub(crate) fn write_atomically(path: &Path, data: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    let mut file = File::create(&partial)?;
    file.write_all(data)?;
    file.sync_all()?;
    std::fs::rename(&partial, path)
}
