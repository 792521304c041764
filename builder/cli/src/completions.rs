//! `rootsmith completions`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::{Arguments, CompletionsArgs};
use crate::report::HOST;

pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "rootsmith", &mut text);
    match io::stdout().write_all(&text) {
        // Whoever closed the pipe has read enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "error: cannot write to stdout: {error}");
            Err(ExitCode::from(HOST))
        }
        _ => Ok(()),
    }
}
