//! Run an image under QEMU until it says what we expect on its serial console.
//!
//! ```text
//! find_tools ── QEMU, firmware, does KVM work? ──► Tools
//! boot       ── start, read the console, look for the text ──► Transcript, or what went wrong and the last lines
//! ```
//!
//! The image is a whole disk that UEFI or a BIOS starts. QEMU is always ended and waited for, whatever happens.

mod accelerator;
mod command;
mod console;
mod error;
mod overlay;
mod process;
mod seeds;
mod tools;

use std::fs;
use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use rootsmith_types::Arch;

pub use command::read_only_disk;
pub use error::BootError;
pub use overlay::overlay;
pub use seeds::hand_over;
pub use tools::{Firmware, Tools, Uefi, find_tools};

use console::Console;
use process::Machine;

/// A kernel that panics says more in the lines after it; this long they are waited for.
const AFTER_PANIC: Duration = Duration::from_secs(2);

/// A machine with a disk.
#[derive(Debug, Clone)]
pub struct Vm<'a> {
    /// The disk image: raw or qcow2.
    pub image: &'a Path,
    /// Its architecture.
    pub arch: Arch,
    /// Main memory, in MiB.
    pub memory_mib: u32,
    /// Processors.
    pub cpus: u32,
    /// Whether what the machine writes is thrown away: the image is never changed.
    pub snapshot: bool,
    /// Further arguments for QEMU, after ours.
    pub extra: Vec<String>,
    /// A folder for temporary files: the firmware's variables and, with `snapshot`, what the machine writes.
    pub scratch: &'a Path,
}

/// A boot that went as expected.
#[derive(Debug, Clone)]
pub struct Transcript {
    /// What the console showed, without escape sequences and carriage returns.
    pub text: String,
    /// From QEMU's start until the text appeared.
    pub elapsed: Duration,
    /// Whether KVM ran the machine; TCG is ten to twenty times slower.
    pub kvm: bool,
}

/// Boots `vm` and waits until `until` appears on its console, for at most `limit`. `console` gets the raw bytes as they come.
pub fn boot(
    vm: &Vm<'_>,
    tools: &Tools,
    until: &str,
    limit: Duration,
    console: &mut dyn FnMut(&[u8]),
) -> Result<Transcript, BootError> {
    let started = Instant::now();
    let scratch = tempfile::Builder::new()
        .prefix("rootsmith-boot-")
        .tempdir_in(vm.scratch)
        .map_err(|error| BootError::Scratch { path: vm.scratch.to_owned(), error })?;
    // The firmware writes its variables, so each machine has its own.
    let variables = scratch.path().join("variables.fd");
    if let Some(uefi) = &tools.uefi {
        let copy = fs::read(&uefi.vars).and_then(|content| fs::write(&variables, content));
        copy.map_err(|error| BootError::Scratch { path: variables.clone(), error })?;
    }
    let arguments = command::arguments(vm, tools, &variables)?;
    let mut machine = Machine::start(&tools.qemu, &arguments, scratch.path())?;

    let mut seen = Console::new(until);
    let mut deadline = started.checked_add(limit);
    let mut panicked = false;
    let ended = loop {
        let left = deadline.map_or(limit, |deadline| deadline.saturating_duration_since(Instant::now()));
        match machine.output.recv_timeout(left) {
            Ok(bytes) => {
                console(&bytes);
                if seen.take(&bytes) {
                    return Ok(Transcript { text: seen.text(), elapsed: started.elapsed(), kvm: tools.kvm });
                }
                if !panicked && seen.panic().is_some() {
                    panicked = true;
                    let soon = Instant::now() + AFTER_PANIC;
                    deadline = Some(deadline.map_or(soon, |deadline| deadline.min(soon)));
                }
            }
            Err(RecvTimeoutError::Timeout) => break None,
            Err(RecvTimeoutError::Disconnected) => break Some(machine.wait()),
        }
    };
    if let Some(panic) = seen.panic() {
        return Err(BootError::Panicked { panic, last: seen.last_lines() });
    }
    let until = until.to_owned();
    match ended {
        None => Err(BootError::TimedOut { until, limit, kvm: tools.kvm, last: seen.last_lines() }),
        Some(status) => {
            let said = machine.said();
            Err(BootError::Ended {
                until,
                status: status.to_string(),
                failed: !status.success(),
                said,
                last: seen.last_lines(),
            })
        }
    }
}

#[cfg(test)]
mod tests;
