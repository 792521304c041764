//! A container really runs: containerd and runc of the distribution in a machine of ours, a container image of ours as its payload,
//! and a memory limit that holds.
//!
//! The machine is declared once and built for two inits.
#![allow(missing_docs)]

use std::fs;
use std::path::Path;

use rootsmith_tests::machine::{answer, boot, write_probe};
use rootsmith_tests::{copy_workspace, judges, on_request, succeed};

/// What is asked of the machine. Nothing of it is in the delivered image.
const PROBE: &str = r#"#!/bin/sh
exec >/dev/TTY 2>&1 </dev/null
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

/// What is added to a worker: the probe, run once when the machine is up, and the container image. Nothing else may come between the
/// answers: systemd is told to show no login prompt and no state of services; OpenRC shows one when all of them have started.
const PROFILE: &str = r#"
schema = 1
extends = ["BASE"]

[image]
name = "containers"

[kernel]
cmdline = ["systemd.mask=serial-getty@TTY.service", "systemd.show_status=no"]

[[service]]
name = "probe"
exec = ["/usr/local/bin/probe"]
oneshot = true
after = ["containerd"]

[[overlay]]
source = "probe"

[[payload]]
name = "hello"
source = { path = "outputs/hello-container-ARCH/hello-container-ARCH.oci.tar" }
install = "/var/lib/images/hello.oci.tar"
mode = "0644"
"#;

/// Builds the container image, then the worker `base` with it as a payload, boots that and judges what it says.
fn a_limit_holds(base: &str, arch: &str) {
    let (tty, machine) = if arch == "arm64" { ("ttyAMA0", "aarch64") } else { ("ttyS0", "x86_64") };
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    succeed(folder.path(), &["build", "--arch", arch, "profiles/hello-container.toml"]);
    let profile = PROFILE.replace("BASE", base).replace("ARCH", arch).replace("TTY", tty);
    fs::write(folder.path().join("profiles/containers.toml"), profile).unwrap();
    write_probe(folder.path(), &PROBE.replace("TTY", tty));
    succeed(folder.path(), &["build", "--arch", arch, "profiles/containers.toml"]);
    let image = format!("outputs/containers-{arch}/containers-{arch}.img");
    let console = boot(folder.path(), Path::new(&image), "=== probe is done", &["--arch", arch]);

    assert_eq!(answer(&console, "IMPORT").last(), Some(&"status 0"), "{console}");
    assert_eq!(answer(&console, "NAMES"), ["localhost/hello:1", "status 0"]);
    // Within its limit a container prints its line, as the user that the image says.
    assert_eq!(answer(&console, "HELLO"), [format!("hello from {machine}, as user 65534").as_str(), "status 0"]);
    // Beyond it the kernel kills: 128 and the number of SIGKILL.
    assert_eq!(answer(&console, "GREEDY"), ["greedy asks for 128 MiB", "status 137"]);
    // And it was the limit of the control group that it killed for.
    assert_eq!(answer(&console, "EVENTS"), ["oom_kill 1", "status 0"]);
    let kernel = answer(&console, "KERNEL");
    assert!(kernel.len() == 2 && kernel[0].contains("(busybox)"), "{kernel:?}");
    // The same program without a limit gets what it asks for.
    assert_eq!(answer(&console, "FREE"), ["greedy asks for 128 MiB", "greedy has 128 MiB", "status 0"]);
}

#[test]
fn a_memory_limit_holds_under_systemd() {
    if judges(&["qemu-system-x86_64"]) {
        a_limit_holds("k0s-worker.toml", "amd64");
    }
}

#[test]
fn a_memory_limit_holds_under_openrc() {
    if on_request() && judges(&["qemu-system-x86_64"]) {
        a_limit_holds("k0s-worker-openrc.toml", "amd64");
    }
}

#[test]
fn a_memory_limit_holds_under_a_kernel_of_ones_own() {
    if on_request() && judges(&["qemu-system-x86_64", "make", "gcc", "flex", "bison", "bc", "perl"]) {
        a_limit_holds("k0s-appliance.toml", "amd64");
    }
}

#[test]
fn a_memory_limit_holds_under_one_for_arm() {
    if on_request() && judges(&["qemu-system-aarch64", "aarch64-linux-gnu-gcc", "make", "flex", "bison", "bc", "perl"])
    {
        a_limit_holds("k0s-appliance.toml", "arm64");
    }
}
