//! `rootsmith`: arguments, printing, exit codes. Results go to stdout, everything else to stderr.
//!
//! Exit codes: 0 done; 1 the profile or its inputs are at fault; 2 usage; 3 the host; 4 ours.

mod args;
mod boot;
mod build;
mod completions;
mod environment;
mod explain;
mod flash;
mod inspect;
mod kernel;
mod live;
mod new;
mod preflight;
mod progress;
mod render;
mod report;
mod seed;
mod sources;
mod timings;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

use crate::args::{Arguments, Command};

// A build hands its memory from thread to thread; glibc keeps what one of them frees from all others (decision 0027).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // clap prints usage errors itself and exits with 2, as we promise.
    let arguments = Arguments::parse();
    let environment = environment::Environment::read();
    let outcome = match &arguments.command {
        Command::New(args) => new::new(args, &environment),
        Command::Build(args) => build::build(args, &environment),
        Command::Lock(args) => build::lock(args, &environment),
        Command::Preflight(args) => preflight::preflight(args, &environment),
        Command::Boot(args) => boot::boot(args, &environment),
        Command::Seed(args) => seed::seed(args, &environment),
        Command::Flash(args) => flash::flash(args, &environment),
        Command::Inspect(args) => inspect::inspect(args, &environment),
        Command::Kernel(args) => kernel::kernel(args, &environment),
        Command::Explain(args) => explain::explain(args, &environment),
        Command::Completions(args) => completions::completions(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => code,
    }
}
