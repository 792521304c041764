//! `rootsmith flash`.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rootsmith_bmap::BlockMap;
use rootsmith_fetch::Progress;
use rootsmith_flash::{FlashError, Step, System, Target, flash as write, look};
use rootsmith_pipeline::Places;
use rootsmith_types::{NumBytes, Problems};

use crate::args::FlashArgs;
use crate::environment::Environment;
use crate::progress::{Screen, Shown};
use crate::report;

pub(crate) fn flash(args: &FlashArgs, environment: &Environment) -> Result<(), ExitCode> {
    let failed =
        |problems: Problems| ExitCode::from(report::print_problems(&problems, &Places::default(), environment));
    let target = look(&args.target, &System::default(), args.force).map_err(|error| failed(error.into()))?;
    // Without a map beside it, all of the image is read.
    let (map, mapped) = map_of(&args.image).map_err(failed)?;
    let size = NumBytes::new(map.image_size);
    let what = format!("{} ({size}, {} of it to be written)", args.image.display(), NumBytes::new(map.mapped()));
    if !mapped {
        say(&format!("note: there is no block map beside {}, so every block is written", args.image.display()));
    }
    if !args.yes && !agreed(&what, &target, environment).map_err(|error| failed(error.into()))? {
        say("nothing was written");
        return Err(ExitCode::from(1));
    }
    let shown = Shown::on(&Screen::new(environment.terminal));
    let mut at = None;
    let result = write(&args.image, &map, &target, args.force, &mut |step, bytes| {
        let name = match step {
            Step::Check => "checking the image",
            Step::Write => "writing",
            Step::Verify => "reading back",
        };
        if at != Some(name) {
            at.iter().for_each(|name| shown.finished(name));
            shown.started(name, Some(map.mapped()));
            at = Some(name);
        }
        shown.advanced(name, bytes);
    });
    at.iter().for_each(|name| shown.finished(name));
    shown.clear();
    result.map_err(|error| failed(error.into()))?;
    let written = NumBytes::new(map.mapped());
    let _ = writeln!(io::stdout(), "{}: {written} of {size} written and read back", args.target.display());
    Ok(())
}

/// The image's map, and whether it was beside it: else all of it is mapped.
fn map_of(image: &Path) -> Result<(BlockMap, bool), Problems> {
    let failed = |path: &Path, doing| {
        let path = path.to_owned();
        move |source| FlashError::Io { path, doing, offset: None, source }
    };
    let mut name = OsString::from(image);
    name.push(".bmap");
    let beside = PathBuf::from(name);
    match std::fs::read_to_string(&beside) {
        Ok(text) => Ok((BlockMap::parse(&text)?, true)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = File::open(image).map_err(failed(image, "open"))?;
            let size = file.metadata().map_err(failed(image, "open"))?.len();
            let map = BlockMap::of(&file, size, std::slice::from_ref(&(0..size))).map_err(failed(image, "read"))?;
            Ok((map, false))
        }
        Err(source) => Err(failed(&beside, "read")(source).into()),
    }
}

/// Asks whoever sits there, where a disk is meant. A file is no loss.
fn agreed(what: &str, target: &Target, environment: &Environment) -> Result<bool, FlashError> {
    let Some(device) = &target.device else { return Ok(true) };
    if !environment.answers {
        return Err(FlashError::NobodyToAsk { path: target.path.clone() });
    }
    let model = device.model.as_deref().unwrap_or("no model named");
    for doubt in &device.doubts {
        say(&format!("warning: {} {doubt}", target.path.display()));
    }
    let mut err = io::stderr();
    let _ = write!(
        err,
        "write {what} to {}, {model}, {}? All that is on it is lost. [y/N] ",
        target.path.display(),
        device.size
    );
    let _ = err.flush();
    let mut line = String::new();
    let answered = io::stdin().lock().read_line(&mut line);
    Ok(answered.is_ok() && ["y", "yes"].contains(&line.trim().to_ascii_lowercase().as_str()))
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
