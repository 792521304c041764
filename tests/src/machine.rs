//! Machines: images that are started, and what they say of themselves on the serial console.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{copy_workspace, run, said, succeed};

/// One machine at a time: each has two processors, emulated, and a busy host only makes all of them late.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Puts the program `/usr/local/bin/probe` into `probe`, a folder that profiles name as an overlay.
pub fn write_probe(folder: &Path, program: &str) {
    let bin = folder.join("probe/usr/local/bin");
    fs::create_dir_all(&bin).expect("folders can be made");
    let probe = bin.join("probe");
    fs::write(&probe, program).expect("the probe can be written");
    fs::set_permissions(probe, fs::Permissions::from_mode(0o755)).expect("a mode can be set");
}

/// A probe that asks on the console: the prompt of the login comes first, within `seconds`, then nothing comes between the answers.
pub fn asking(seconds: u32, questions: &str) -> String {
    format!(
        "#!/bin/sh\nexec >/dev/console 2>&1\nsleep {seconds}\necho 1 >/proc/sys/kernel/printk\n\
         ask() {{ name=$1; shift; echo; echo \"<<$name\"; \"$@\"; echo \"$name>>\"; }}\n{questions}\n"
    )
}

/// Builds `profile` under `name`, with the program `/usr/local/bin/probe` in it, for amd64.
pub fn build_with_probe(name: &str, profile: &str, program: &str) -> (TempDir, PathBuf) {
    build_with_probe_for("amd64", name, profile, program)
}

/// The same for another architecture.
pub fn build_with_probe_for(arch: &str, name: &str, profile: &str, program: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder for the test");
    copy_workspace(folder.path());
    write_probe(folder.path(), program);
    let text = format!("{profile}\n[[overlay]]\nsource = \"probe\"\n");
    fs::write(folder.path().join(format!("profiles/{name}.toml")), text).expect("the profile can be written");
    succeed(folder.path(), &["build", "--arch", arch, &format!("profiles/{name}.toml")]);
    let image = folder.path().join(format!("outputs/{name}-{arch}/{name}-{arch}.img"));
    (folder, image)
}

/// Runs `rootsmith boot` with `arguments` when no other machine of this program runs, and demands success. What it printed.
pub fn run_boot(folder: &Path, arguments: &[&str]) -> String {
    let output = {
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        run(folder, &[&["boot"], arguments, &["--timeout", "600"]].concat())
    };
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8_lossy(&output.stdout).replace('\r', "")
}

/// Boots `image` until `until`, and gives back what the console showed.
pub fn boot(folder: &Path, image: &Path, until: &str, extra: &[&str]) -> String {
    let image = image.to_str().expect("a path of ours is UTF-8");
    run_boot(folder, &[&[image, "--until", until], extra].concat())
}

/// The lines between `<<NAME` and `NAME>>`.
pub fn answer<'a>(console: &'a str, name: &str) -> Vec<&'a str> {
    let (_, rest) = console.split_once(&format!("<<{name}\n")).unwrap_or_else(|| panic!("no answer {name}: {console}"));
    let (answer, _) =
        rest.split_once(&format!("{name}>>")).unwrap_or_else(|| panic!("half an answer {name}: {console}"));
    answer.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// Runs one of QEMU's programs with the serial line on its output until that says `until`, then ends it. Everything it said; a
/// panic when that did not come within `limit`.
pub fn qemu(program: &str, arguments: &[&str], until: &str, limit: Duration) -> String {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut machine = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut output = machine.stdout.take().expect("it is piped");
    let (sender, receiver) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut buf = [0; 4096];
        while let Ok(n @ 1..) = output.read(&mut buf) {
            if sender.send(buf[..n].to_vec()).is_err() {
                return;
            }
        }
    });
    let end = Instant::now() + limit;
    let mut console = String::new();
    let mut seen = false;
    while !seen && let Ok(bytes) = receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
        console.push_str(&String::from_utf8_lossy(&bytes).replace('\r', ""));
        seen = console.contains(until);
    }
    drop(receiver);
    let _ = machine.kill();
    let _ = machine.wait();
    let _ = reader.join();
    assert!(seen, "`{until}` did not come within {limit:?}: {console}");
    console
}
