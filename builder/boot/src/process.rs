//! A QEMU process that never outlives its owner.

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::BootError;

/// How long QEMU gets to end by itself when it is asked to. It closes its disks then.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is kept of QEMU's own messages.
const MAX_SAID: u64 = 64 << 10;

/// A running QEMU. Dropping it ends and reaps the process.
pub(crate) struct Machine {
    child: Child,
    /// What the console says, piece by piece; disconnected when QEMU has ended.
    pub(crate) output: Receiver<Vec<u8>>,
    said: Option<JoinHandle<String>>,
}

impl Machine {
    /// Starts `qemu`, whose temporary files go to `scratch`.
    pub(crate) fn start(qemu: &Path, arguments: &[OsString], scratch: &Path) -> Result<Machine, BootError> {
        let mut child = Command::new(qemu)
            .args(arguments)
            .env("TMPDIR", scratch)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| BootError::Start { qemu: qemu.to_owned(), error })?;
        // A few pieces on the way are enough: a machine that talks faster than we listen has to wait.
        let (sender, output) = sync_channel(16);
        // Both were asked for above.
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        thread::spawn(move || {
            let Some(mut stdout) = stdout else { return };
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        let said = thread::spawn(move || {
            let Some(mut stderr) = stderr else { return String::new() };
            let mut said = Vec::new();
            // What comes after the limit is read as well, so that QEMU does not block, and forgotten.
            let _ = stderr.by_ref().take(MAX_SAID).read_to_end(&mut said);
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            String::from_utf8_lossy(&said).trim().to_owned()
        });
        Ok(Machine { child, output, said: Some(said) })
    }

    /// Waits for the end of a QEMU that has closed its console.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.wait_for(PATIENCE).unwrap_or_else(|| self.end())
    }

    /// What QEMU itself said, once it has ended.
    pub(crate) fn said(&mut self) -> String {
        self.said.take().and_then(|said| said.join().ok()).unwrap_or_default()
    }

    /// The status if QEMU ends within `limit`.
    pub(crate) fn wait_for(&mut self, limit: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            if started.elapsed() >= limit {
                return None;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks QEMU to end, then makes it.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let pid = Pid::from_child(&self.child);
        // Not reaped yet, so the number is still its own.
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process(pid, Signal::TERM);
        }
        if let Some(status) = self.wait_for(PATIENCE) {
            return status;
        }
        let _ = self.child.kill();
        self.child.wait().unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
    }
}
