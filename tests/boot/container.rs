//! A container really runs: containerd and runc of the distribution in a machine of ours, a container image of ours as its payload,
//! and a memory limit that holds.
//!
//! Each of these boots an emulated machine for minutes, so they run where `ROOTSMITH_LONG` is set.
#![allow(missing_docs, clippy::print_stderr)]
#![allow(clippy::disallowed_methods)] // the switch comes from the environment

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rootsmith_tests::{copy_workspace, judges, run, said, succeed};

/// What is asked of the machine. Nothing of it is in the delivered image.
const PROBE: &str = r#"#!/bin/sh
exec >/dev/ttyS0 2>&1 </dev/null
PATH=/usr/sbin:/usr/bin:/sbin:/bin
# Messages of the kernel would come between the answers.
echo 1 > /proc/sys/kernel/printk
ask() { name=$1; shift; echo "<<$name"; "$@"; echo "status $?"; echo "$name>>"; }
limit=--memory-limit=33554432
n=0
until ctr version >/dev/null 2>&1 || [ $n = 120 ]; do n=$((n+1)); sleep 1; done
ask IMPORT ctr images import /var/lib/images/hello.oci.tar
ask NAMES ctr images ls -q
ask HELLO ctr run --rm $limit localhost/hello:1 hello
ask GREEDY ctr run --rm $limit localhost/hello:1 greedy greedy
ask EVENTS grep -w oom_kill /sys/fs/cgroup/default/memory.events
ask KERNEL sh -c 'dmesg | grep "Memory cgroup out of memory"'
ask FREE ctr run --rm localhost/hello:1 free greedy
echo "=== probe is done"
"#;

/// The lines between `<<NAME` and `NAME>>`.
fn answer<'a>(console: &'a str, name: &str) -> Vec<&'a str> {
    let (_, rest) = console.split_once(&format!("<<{name}\n")).unwrap_or_else(|| panic!("no answer {name}: {console}"));
    let (answer, _) =
        rest.split_once(&format!("{name}>>")).unwrap_or_else(|| panic!("half an answer {name}: {console}"));
    answer.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// Whether tests that take minutes were asked for.
fn long() -> bool {
    let long = std::env::var_os("ROOTSMITH_LONG").is_some();
    if !long {
        eprintln!("skipped: ROOTSMITH_LONG is not set");
    }
    long
}

/// Builds the container image, then a machine from `base` with that image and a service that runs [`PROBE`], boots it and
/// judges the answers.
fn a_limit_holds(base: &str, service: &str, files: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    succeed(folder.path(), &["build", "profiles/hello-container.toml"]);
    // A login prompt would come between the answers.
    let profile = format!(
        "schema = 1\nextends = [\"{base}\"]\n[image]\nname = \"containers\"\n{service}\n\
         [[overlay]]\nsource = \"probe\"\n\
         [[payload]]\nname = \"hello\"\nsource = {{ path = \"outputs/hello-container-amd64/hello-container-amd64.oci.tar\" }}\n\
         install = \"/var/lib/images/hello.oci.tar\"\nmode = \"0644\"\n"
    );
    fs::write(folder.path().join("profiles/containers.toml"), profile).unwrap();
    for (name, text) in files.iter().chain(&[("usr/local/bin/probe", PROBE)]) {
        let path = folder.path().join("probe").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    succeed(folder.path(), &["build", "profiles/containers.toml"]);
    let image = "outputs/containers-amd64/containers-amd64.img";
    let output = run(folder.path(), &["boot", image, "--until", "=== probe is done", "--timeout", "600"]);
    assert!(output.status.success(), "{}", said(&output));
    let console = String::from_utf8_lossy(&output.stdout).replace('\r', "");

    assert_eq!(answer(&console, "IMPORT").last(), Some(&"status 0"), "{console}");
    assert_eq!(answer(&console, "NAMES"), ["localhost/hello:1", "status 0"]);
    // Within its limit a container prints its line, as the user that the image says.
    assert_eq!(answer(&console, "HELLO"), ["hello from x86_64, as user 65534", "status 0"]);
    // Beyond it the kernel kills, for the cgroup's sake and nothing else's.
    assert_eq!(answer(&console, "GREEDY"), ["greedy asks for 128 MiB", "status 137"]);
    assert_eq!(answer(&console, "EVENTS"), ["oom_kill 1", "status 0"]);
    let kernel = answer(&console, "KERNEL");
    assert!(kernel.len() == 2 && kernel[0].contains("(busybox)"), "{kernel:?}");
    // The same program without a limit gets what it asks for: it was the limit.
    assert_eq!(answer(&console, "FREE"), ["greedy asks for 128 MiB", "greedy has 128 MiB", "status 0"]);
}

#[test]
fn a_memory_limit_holds_under_systemd() {
    if !long() || !judges(&["qemu-system-x86_64"]) {
        return;
    }
    let unit = "[Unit]\nDescription=Probe\nAfter=containerd.service\n[Service]\nType=simple\nExecStart=/usr/local/bin/probe\n\
                [Install]\nWantedBy=multi-user.target\n";
    let service = "[init]\nenable = [\"probe\"]\n[kernel]\ncmdline = [\"systemd.mask=serial-getty@ttyS0.service\"]";
    a_limit_holds("k0s-worker.toml", service, &[("etc/systemd/system/probe.service", unit)]);
}
