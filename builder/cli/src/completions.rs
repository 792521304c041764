//! `rootsmith completions`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::{Arguments, CompletionsArgs};

pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "rootsmith", &mut text);
    // Whoever closed the pipe has read enough.
    let _ = io::stdout().write_all(&text);
    Ok(())
}
