//! `rootsmith explain`.

use std::io::{self, Write};
use std::process::ExitCode;

use rootsmith_pipeline::Places;
use rootsmith_preflight::{explain as text_of, list_checks, sets};

use crate::args::ExplainArgs;
use crate::environment::Environment;
use crate::report;

/// Wide enough for a sentence, narrow enough for any terminal.
const WIDTH: usize = 80;

pub(crate) fn explain(args: &ExplainArgs, environment: &Environment) -> Result<(), ExitCode> {
    let text = match &args.check {
        Some(check) => text_of(check, sets(), WIDTH)
            .map_err(|error| ExitCode::from(report::print_problems(&error.into(), &Places::default(), environment)))?,
        None => list_checks(sets()),
    };
    // Whoever closed the pipe has read enough.
    let _ = write!(io::stdout(), "{text}");
    Ok(())
}
