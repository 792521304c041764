//! `rootsmith new`: a profile to start from, made of the project's own (builder/docs/decisions/0023-templates-are-files-of-the-user.md).

mod templates;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use rootsmith_pipeline::Places;
use rootsmith_types::{Blame, Explain, Problems, Sources, Subject};

use crate::args::{NewArgs, Template};
use crate::environment::Environment;
use crate::report;
use templates::Made;

pub(crate) fn new(args: &NewArgs, environment: &Environment) -> Result<(), ExitCode> {
    let Some(name) = args.name.as_deref().filter(|_| !args.list) else {
        let _ = write!(io::stdout(), "{}", list());
        return Ok(());
    };
    let written = write(args.template, name, &args.output)
        .map_err(|problems| ExitCode::from(report::print_problems(&problems, &Places::default(), environment)))?;
    let mut text: String = written.iter().map(|path| format!("{}\n", path.display())).collect();
    let _ = write!(io::stdout(), "{text}");
    text = next(args.template, name, &written[0]);
    let _ = write!(io::stderr(), "\n{text}");
    Ok(())
}

/// Why there is no profile.
#[derive(Debug)]
enum NewError {
    /// The file is there already, and is not what would be written.
    Exists(PathBuf),
    /// A file or folder cannot be made, or not be looked at.
    Write { path: PathBuf, error: io::Error },
}

impl fmt::Display for NewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NewError::Exists(path) => write!(f, "`{}` is there already", path.display()),
            NewError::Write { path, error } => write!(f, "cannot make `{}`: {error}", path.display()),
        }
    }
}

impl std::error::Error for NewError {}

impl Explain for NewError {
    fn subject(&self) -> Subject {
        Subject::Host
    }

    fn help(&self) -> Option<String> {
        match self {
            NewError::Exists(_) => {
                Some("nothing was written; move it away, or give another name or folder (`--output`)".to_owned())
            }
            NewError::Write { .. } => None,
        }
    }

    fn blame(&self) -> Blame {
        match self {
            NewError::Exists(_) => Blame::Inputs,
            NewError::Write { .. } => Blame::Host,
        }
    }
}

/// Writes the profile `name` and what it is made of into `folder`. The files that were not there before, the profile first.
fn write(template: Template, name: &str, folder: &Path) -> Result<Vec<PathBuf>, Problems> {
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    // A profile is looked for from the root on, so that a folder called `profiles` above is known.
    let root = fs::canonicalize(folder).map_err(|error| failed(folder, error))?;
    let shown = |path: &Path| match path.strip_prefix(&root) {
        Ok(path) if folder == Path::new(".") => path.to_owned(),
        Ok(path) => folder.join(path),
        Err(_) => path.to_owned(),
    };
    let made = Made::new(template, name, &root);
    let mut files: Vec<_> = parts(template, &made)?.into_iter().collect();
    // The profile comes last: when it is there, all is there.
    files.push((made.path.clone(), made.read(&made.path).map_err(|error| failed(&made.path, error))?));

    let mut missing = Vec::new();
    let mut problems = Problems(Vec::new());
    for (path, content) in &files {
        match fs::read(path) {
            // Two profiles of one folder share what is the same.
            Ok(found) if found == *content && *path != made.path => {}
            Ok(_) => problems.push(NewError::Exists(shown(path))),
            // A link that leads nowhere is there.
            Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_ok() => {
                problems.push(NewError::Exists(shown(path)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push((path, content)),
            Err(error) => problems.push(failed(&shown(path), error)),
        }
    }
    problems.into_result()?;
    for (path, content) in &missing {
        write_new(path, content).map_err(|error| failed(&shown(path), error))?;
    }
    Ok(missing.iter().rev().map(|(path, _)| shown(path)).collect())
}

/// What the profile names, and what its user will: every file with its content, but for the profile itself.
fn parts(template: Template, made: &Made) -> Result<BTreeMap<PathBuf, Vec<u8>>, Problems> {
    let profile = rootsmith_profile::load(&made.path, made).map_err(Problems::from)?;
    let mut paths: Vec<PathBuf> = profile.files.iter().map(|(path, _)| path.to_path_buf()).collect();
    let list = |folder: &Path| made.list(folder).map_err(|error| failed(folder, error));
    for overlay in &profile.overlays {
        let folder = &overlay.source.value;
        paths.extend(list(folder)?.into_iter().map(|entry| folder.join(entry.path)));
    }
    let folder = made.path.parent().unwrap_or(Path::new(""));
    paths.extend(template.also().iter().map(|path| folder.join(path)));
    paths.retain(|path| *path != made.path);
    let read = |path: PathBuf| {
        let content = made.read(&path).map_err(|error| failed(&path, error))?;
        Ok((path, content))
    };
    paths.into_iter().map(read).collect()
}

fn failed(path: &Path, error: io::Error) -> NewError {
    NewError::Write { path: path.to_owned(), error }
}

/// A file that was not there, whole or not at all.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
    file.write_all(content)?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

/// The templates, a line each.
fn list() -> String {
    let values = || Template::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let width = values().map(|value| value.get_name().len()).max().unwrap_or(0);
    let line = |value: clap::builder::PossibleValue| {
        let help = value.get_help().map(ToString::to_string).unwrap_or_default();
        format!("{:width$}  {help}\n", value.get_name())
    };
    values().map(line).collect()
}

/// What its user does next.
fn next(template: Template, name: &str, profile: &Path) -> String {
    let profile = profile.display();
    let arch = if template == Template::RaspberryPi { "arm64" } else { "amd64" };
    let image = format!("outputs/{name}-{arch}/{name}-{arch}.img");
    let key = if template == Template::Appliance { "password" } else { "ssh-authorized-keys" };
    let user = format!("Nobody can log in to it yet: add a [[user]] with `{key}` to {profile}.\n");
    let (before, then, after) = match template {
        Template::GoldenVm => (
            format!("  rootsmith seed seed.img --hostname {name} --user alice --ssh-key ~/.ssh/id_ed25519.pub\n"),
            format!("  rootsmith boot {image} --drive seed.img\n"),
            String::new(),
        ),
        Template::RaspberryPi => (String::new(), format!("  rootsmith flash {image} /dev/sdX\n"), user),
        Template::K0sWorker | Template::Appliance => (String::new(), format!("  rootsmith boot {image}\n"), user),
    };
    format!("Next:\n  rootsmith build {profile}\n{before}{then}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::Disk;

    fn names(paths: &[PathBuf], folder: &Path) -> Vec<String> {
        paths.iter().map(|path| path.strip_prefix(folder).unwrap().display().to_string()).collect()
    }

    #[test]
    fn a_template_is_read_from_an_empty_folder_as_it_is_in_the_workspace() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let own = ["k0s-worker", "appliance-squashfs", "raspberry-pi-4", "golden-vm"];
        for (template, own) in Template::value_variants().iter().zip(own) {
            let folder = tempfile::tempdir().unwrap();
            write(*template, "mine", folder.path()).unwrap();
            let profile = rootsmith_profile::load(&folder.path().join("mine.toml"), &Disk).unwrap();
            let ours = rootsmith_profile::load(&workspace.join(format!("profiles/{own}.toml")), &Disk).unwrap();
            assert_eq!(profile.image.name.value, "mine");
            let says = |profile: &rootsmith_profile::Profile| {
                let packages: Vec<_> = profile.packages.include.iter().map(|it| it.value.to_string()).collect();
                let fragments: Vec<_> =
                    profile.kernel.iter().flat_map(|it| &it.fragments).map(|it| it.text.clone()).collect();
                (packages, fragments, profile.overlays.len(), profile.board.is_some())
            };
            assert_eq!(says(&profile), says(&ours));
        }
    }

    #[test]
    fn two_profiles_of_a_folder_share_what_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let first = write(Template::K0sWorker, "one", folder.path()).unwrap();
        assert_eq!(names(&first, folder.path())[..2], ["one.toml", "overlays/k0s/etc/tmpfiles.d/k0s.conf"]);
        let second = write(Template::K0sWorker, "two", folder.path()).unwrap();
        assert_eq!(names(&second, folder.path()), ["two.toml"]);
    }

    #[test]
    fn what_is_there_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("base")).unwrap();
        for name in ["mine.toml", "base/debian-systemd.toml"] {
            fs::write(folder.path().join(name), "mine").unwrap();
        }
        let problems = write(Template::Appliance, "mine", folder.path()).unwrap_err();
        let texts: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
        let there = |name| format!("`{}` is there already", folder.path().join(name).display());
        assert_eq!(texts, [there("base/debian-systemd.toml"), there("mine.toml")]);
        assert!(!folder.path().join("kernel").exists());
        assert_eq!(fs::read(folder.path().join("mine.toml")).unwrap(), b"mine");

        // A profile that is there is one, whatever it says.
        write(Template::Appliance, "other", &folder.path().join("a")).unwrap();
        let again = write(Template::Appliance, "other", &folder.path().join("a")).unwrap_err();
        assert_eq!(again.blame(), Blame::Inputs);
    }

    #[test]
    fn in_a_folder_called_profiles_overlays_stand_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let profiles = folder.path().join("profiles");
        write(Template::RaspberryPi, "card", &profiles).unwrap();
        assert!(folder.path().join("overlays/k0s/etc/tmpfiles.d/k0s.conf").is_file());
        rootsmith_profile::load(&profiles.join("card.toml"), &Disk).unwrap();
    }
}
