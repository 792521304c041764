//! `rootsmith kernel`.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::args::{KernelArgs, KernelCommand, KernelProfileArgs};
use crate::environment::Environment;
use crate::{build, report};

pub(crate) fn kernel(args: &KernelArgs, environment: &Environment) -> Result<(), ExitCode> {
    match &args.command {
        KernelCommand::Config(args) => config(args, environment).map_err(ExitCode::from),
        KernelCommand::Suggest(args) => suggest(args, environment).map_err(ExitCode::from),
    }
}

/// The configuration goes to stdout, what is to be said of it to stderr.
fn config(args: &KernelProfileArgs, environment: &Environment) -> Result<(), u8> {
    let found = build::kernel_config(&args.profile, &args.inputs, environment)?;
    // Whoever closed the pipe does not want it any more.
    let _ = io::stdout().write_all(found.text.as_bytes());
    for note in &found.redefinitions {
        let _ = writeln!(io::stderr(), "note: {note}");
    }
    match found.unmet.0.is_empty() {
        true => Ok(()),
        false => Err(report::print_problems(&found.unmet, &found.places, environment)),
    }
}

fn suggest(args: &KernelProfileArgs, environment: &Environment) -> Result<(), u8> {
    let mut text = String::new();
    for kernel in build::suggest_kernels(&args.profile, &args.inputs, environment)? {
        text.push_str(&match kernel.lacks.len() {
            0 => format!("{} has all that is asked for\n", kernel.package),
            1 => format!("{} lacks one line\n", kernel.package),
            n => format!("{} lacks {n} lines\n", kernel.package),
        });
        for line in kernel.lacks {
            text.push_str(&format!("  {line}\n"));
        }
    }
    // As above.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(())
}
