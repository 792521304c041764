//! `rootsmith boot`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use rootsmith_boot::{BootError, Vm, boot as run, find_tools, read_only_disk};
use rootsmith_pipeline::Places;
use rootsmith_types::Problems;

use crate::args::BootArgs;
use crate::environment::Environment;
use crate::{live, report};

const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) fn boot(args: &BootArgs, environment: &Environment) -> Result<(), ExitCode> {
    if args.check {
        return live::check_live(args, environment).map_err(ExitCode::from);
    }
    let failed =
        |problems: Problems| ExitCode::from(report::print_problems(&problems, &Places::default(), environment));
    let tools = find_tools(args.arch, args.firmware, &environment.path).map_err(|error| failed(error.into()))?;
    let extra = further_disks(args).map_err(|error| failed(error.into()))?;
    let vm = Vm {
        image: &args.image,
        arch: args.arch,
        memory_mib: args.memory,
        cpus: 2,
        snapshot: !args.write,
        extra,
        scratch: &environment.scratch,
    };
    let mut show = |bytes: &[u8]| {
        // The console is what was asked for; whoever closed the pipe does not want it any more.
        let _ = io::stdout().write_all(bytes);
        let _ = io::stdout().flush();
    };
    let transcript = run(&vm, &tools, &args.until, args.timeout.unwrap_or(PATIENCE), &mut show).map_err(|error| {
        let _ = writeln!(io::stdout());
        failed(error.into())
    })?;
    let _ = writeln!(
        io::stderr(),
        "\n`{}` appeared after {:.1} s ({})",
        args.until,
        transcript.elapsed.as_secs_f64(),
        if transcript.kvm { "KVM" } else { "TCG" }
    );
    Ok(())
}

/// The arguments for QEMU that add the disks of `--drive`.
pub(crate) fn further_disks(args: &BootArgs) -> Result<Vec<String>, BootError> {
    let mut extra = Vec::new();
    for (number, path) in args.drives.iter().enumerate() {
        let disk = read_only_disk(path, number);
        extra.extend(disk.map_err(|error| BootError::Image { path: path.clone(), error })?);
    }
    Ok(extra)
}
