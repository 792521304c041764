//! Faulty profiles and what the program says to them, word for word.
//!
//! Every `NAME.toml` beside this file is built in this folder; the program must refuse it with exit code 1, print nothing on
//! stdout, and print `NAME.stderr`. `parts/` holds what they extend. `BLESS=1` rewrites the texts: read the difference
//! before committing it.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let folder = rootsmith_tests::workspace().join("tests/faults");
    let mut profiles: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the folder of faults is there")
        .map(|entry| entry.expect("the folder of faults can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    profiles.sort();
    let trial = |path: PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Trial::test(name, move || fault(&path))
    };
    libtest_mimic::run(&Arguments::from_args(), profiles.into_iter().map(trial).collect()).exit_code()
}

fn fault(profile: &Path) -> Result<(), Failed> {
    let (Some(folder), Some(name)) = (profile.parent(), profile.file_name().and_then(|name| name.to_str())) else {
        return Err("a profile has a folder and a name".into());
    };
    let output = rootsmith_tests::run(folder, &["build", name, "--offline"]);
    let said = rootsmith_tests::said(&output);
    if output.status.code() != Some(1) || !output.stdout.is_empty() {
        return Err(format!("expected exit code 1 and nothing on stdout: {said}").into());
    }
    let found = String::from_utf8(output.stderr).map_err(|_| "what the program says is UTF-8")?;
    let golden = profile.with_extension("stderr");
    if std::env::var_os("BLESS").is_some() {
        return fs::write(&golden, found).map_err(|error| format!("{}: {error}", golden.display()).into());
    }
    let wanted = fs::read_to_string(&golden).map_err(|error| format!("{}: {error}", golden.display()))?;
    if found != wanted {
        return Err(format!("{} wants\n\n{wanted}\nthe program says\n\n{found}", golden.display()).into());
    }
    Ok(())
}
