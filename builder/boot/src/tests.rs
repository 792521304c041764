//! Machines without a disk image: a script instead of QEMU, and QEMU with the tiniest of boot sectors.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rootsmith_types::{Blame, Explain};

use super::*;

/// A program of this machine. Without it a test is skipped, or fails where `REQUIRE_ORACLES` is set.
#[allow(clippy::disallowed_methods, clippy::print_stderr, reason = "tests look for their judges")]
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("skipped: {name} not found");
        assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "{name} not found");
    }
    found
}

/// Runs `script` in QEMU's place.
fn run(script: &str, until: &str, limit: Duration) -> (Result<Transcript, BootError>, Vec<u8>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let qemu = file("qemu", &format!("#!/bin/sh\necho $$ > {}/pid\n{script}\n", folder.path().display()));
    fs::set_permissions(&qemu, fs::Permissions::from_mode(0o755)).unwrap();
    let tools = Tools { qemu, uefi: Some(Uefi { code: file("code", ""), vars: file("vars", "new") }), kvm: false };
    let image = file("image", "");
    let vm = Vm {
        image: &image,
        arch: Arch::Amd64,
        memory_mib: 64,
        cpus: 1,
        snapshot: true,
        extra: Vec::new(),
        scratch: folder.path(),
    };
    let mut raw = Vec::new();
    let result = boot(&vm, &tools, until, limit, &mut |bytes| raw.extend_from_slice(bytes));
    (result, raw, folder)
}

/// Whether the process that wrote its number is gone.
fn is_gone(folder: &tempfile::TempDir) -> bool {
    let pid = fs::read_to_string(folder.path().join("pid")).unwrap();
    !Path::new(&format!("/proc/{}", pid.trim())).exists()
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn the_text_ends_the_machine() {
    let (result, raw, folder) = run(
        "printf 'a\\033[1mb\\033[0mc\\r\\n'; sleep 0.1; printf 'x log'; sleep 0.1; printf 'in: '; exec sleep 100",
        "login:",
        LONG,
    );
    assert_eq!(result.unwrap().text, "abc\nx login: ");
    assert!(raw.starts_with(b"a\x1b[1mb\x1b[0mc\r\n"));
    assert!(is_gone(&folder));
    // Nothing is left behind but what the test itself made.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
}

#[test]
fn time_is_over_for_a_machine_that_does_not_end_when_asked() {
    let started = Instant::now();
    let (result, _, folder) =
        run("trap '' TERM; echo hello; while :; do sleep 0.1; done", "login:", Duration::from_millis(500));
    let error = result.unwrap_err();
    assert!(matches!(&error, BootError::TimedOut { last, .. } if last == &["hello"]), "{error:?}");
    assert_eq!(error.blame(), Blame::Inputs);
    assert!(error.notes()[0].text.ends_with("hello"));
    assert!(is_gone(&folder));
    assert!(started.elapsed() < LONG);
}

#[test]
fn a_machine_that_switches_off_or_fails_is_told_apart() {
    let (result, ..) = run("echo 'reboot: Power down'", "login:", LONG);
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "the machine switched itself off before `login:` appeared");
    assert_eq!(error.blame(), Blame::Inputs);

    let (result, ..) = run("echo 'qemu: no such device' >&2; exit 1", "login:", LONG);
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "QEMU failed (exit status: 1) before `login:` appeared");
    assert_eq!(error.notes()[0].text, "QEMU said: qemu: no such device");
    assert_eq!(error.blame(), Blame::Host);

    // The last words count, even when QEMU is already gone.
    assert!(run("echo 'reboot: Power down'", "Power down", LONG).0.is_ok());
}

#[test]
fn a_panic_ends_the_wait() {
    let started = Instant::now();
    let (result, _, folder) =
        run("echo 'Kernel panic - not syncing: no init'; echo more; exec sleep 100", "login:", LONG);
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "the machine's kernel gave up: `Kernel panic - not syncing: no init`");
    assert!(matches!(&error, BootError::Panicked { last, .. } if last.len() == 2));
    assert!(started.elapsed() < Duration::from_secs(30));
    assert!(is_gone(&folder));
}

#[test]
fn a_flood_does_not_block() {
    let (result, ..) =
        run("head -c 3000000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero >&2; echo login:", "login:", LONG);
    assert_eq!(result.unwrap().text.len(), 3_000_007);
}

#[test]
fn an_image_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let uefi = Some(Uefi { code: "/dev/null".into(), vars: "/dev/null".into() });
    let tools = Tools { qemu: "/bin/true".into(), uefi, kvm: false };
    let image = folder.path().join("missing.img");
    let vm = Vm {
        image: &image,
        arch: Arch::Amd64,
        memory_mib: 64,
        cpus: 1,
        snapshot: true,
        extra: Vec::new(),
        scratch: folder.path(),
    };
    let error = boot(&vm, &tools, "x", LONG, &mut |_| {}).unwrap_err();
    assert!(matches!(error, BootError::Image { .. }));
    assert_eq!(error.blame(), Blame::Inputs);
}

/// QEMU accepts our arguments and its firmware comes up: it says so on the console, with an empty disk.
#[test]
fn the_firmware_of_an_empty_machine_speaks() {
    let Some(qemu) = program("qemu-system-x86_64") else { return };
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("an, empty disk.img");
    fs::File::create(&image).unwrap().set_len(1 << 20).unwrap();
    let path = qemu.parent().unwrap().to_str().unwrap();
    let vm = Vm {
        image: &image,
        arch: Arch::Amd64,
        memory_mib: 256,
        cpus: 2,
        snapshot: true,
        extra: Vec::new(),
        scratch: folder.path(),
    };
    // A BIOS writes on the screen alone, unless QEMU hands it a serial console.
    for (firmware, extra, says) in [(Firmware::Uefi, vec![], "BdsDxe"), (Firmware::Bios, vec!["-nographic"], "SeaBIOS")]
    {
        let tools = find_tools(Arch::Amd64, firmware, path).unwrap();
        let vm = Vm { extra: extra.into_iter().map(str::to_owned).collect(), ..vm.clone() };
        let transcript = boot(&vm, &tools, says, LONG, &mut |_| {}).unwrap();
        assert!(transcript.text.contains(says), "{}", transcript.text);
    }
}
