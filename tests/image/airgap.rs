//! `profiles/k0s-airgap.toml` and its controller: payloads, users and folders as k0s expects them. k0s and its bundle are stand-ins,
//! since both come from where no test goes: a static program, and a container image of ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rootsmith_tests::{copy_workspace, judge, judges, run, said, succeed};
use tempfile::TempDir;

const TOOLS: [&str; 3] = ["musl-gcc", "tar", "zstd"];

/// A workspace with both payloads, where each profile makes a tar archive alone.
fn workspace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    copy_workspace(folder.path());
    succeed(folder.path(), &["build", "profiles/hello-container.toml"]);
    fs::create_dir(at("payloads")).unwrap();
    fs::rename(
        at("outputs/hello-container-amd64/hello-container-amd64.oci.tar"),
        at("payloads/airgap-bundle-amd64.tar"),
    )
    .unwrap();
    fs::write(at("k0s.c"), "#include <unistd.h>\nint main(void) { pause(); return 0; }\n").unwrap();
    let (source, program) = (at("k0s.c"), at("payloads/k0s-amd64"));
    judge("musl-gcc", &["-static", "-o", program.to_str().unwrap(), source.to_str().unwrap()]);
    let profile = fs::read_to_string(at("profiles/k0s-airgap.toml")).unwrap();
    let (before, _) = profile.split_once("[[output]]").unwrap();
    let before = before.replace("[\"boot\", \"k0s-worker@1.36\"", "[\"k0s-worker@1.36\"");
    fs::write(at("profiles/k0s-airgap.toml"), format!("{before}[[output]]\nkind = \"tar\"\n")).unwrap();
    folder
}

/// Builds a profile and unpacks what it made.
fn unpacked(folder: &Path, name: &str) -> PathBuf {
    succeed(folder, &["build", &format!("profiles/{name}.toml")]);
    let root = folder.join("root");
    fs::create_dir(&root).unwrap();
    let archive = folder.join(format!("outputs/{name}-amd64/{name}-amd64.rootfs.tar.zst"));
    let (archive, at) = (archive.to_str().unwrap(), root.to_str().unwrap());
    judge("tar", &["--zstd", "-xf", archive, "-C", at, "--exclude=./dev", "--no-same-owner"]);
    root
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_worker_has_the_program_the_bundle_and_the_users_of_k0s() {
    if !judges(&TOOLS) {
        return;
    }
    let folder = workspace();
    let root = unpacked(folder.path(), "k0s-airgap");
    let text = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    for (from, to, wanted) in [
        ("k0s-amd64", "usr/local/bin/k0s", 0o755),
        ("airgap-bundle-amd64.tar", "var/lib/k0s/images/airgap-bundle.tar", 0o644),
    ] {
        assert!(
            fs::read(folder.path().join("payloads").join(from)).unwrap() == fs::read(root.join(to)).unwrap(),
            "{to}"
        );
        assert_eq!(mode(&root.join(to)), wanted, "{to}");
    }
    let passwd = text("etc/passwd");
    for user in ["etcd", "kube-apiserver", "kube-scheduler", "konnectivity-server"] {
        let line =
            passwd.lines().find(|line| line.starts_with(&format!("{user}:"))).unwrap_or_else(|| panic!("{user}"));
        assert!(line.ends_with(":/var/lib/k0s:/usr/sbin/nologin"), "{line}");
    }
    let unit = text("etc/systemd/system/k0sworker.service");
    assert!(unit.contains("k0s") && unit.contains("worker") && unit.contains("/etc/k0s/token"), "{unit}");
    assert!(root.join("etc/systemd/system/multi-user.target.wants/k0sworker.service").is_symlink());
    assert!(!root.join("etc/k0s/token").exists(), "a secret of one site is in every image");
}

#[test]
fn a_controller_has_its_own_service_and_configuration() {
    if !judges(&TOOLS) {
        return;
    }
    let folder = workspace();
    let root = unpacked(folder.path(), "k0s-airgap-controller");
    let wanted = root.join("etc/systemd/system/multi-user.target.wants");
    assert!(wanted.join("k0scontroller.service").is_symlink() && !wanted.join("k0sworker.service").exists());
    assert!(root.join("etc/k0s/k0s.yaml").is_file());
}

#[test]
fn payloads_are_those_of_the_lock_and_run_where_they_come_to_lie() {
    if !judges(&TOOLS) {
        return;
    }
    let folder = workspace();
    let program = folder.path().join("payloads/k0s-amd64");
    let good = fs::read(&program).unwrap();
    succeed(folder.path(), &["lock", "profiles/k0s-airgap.toml"]);

    fs::write(&program, [&good[..], b"x"].concat()).unwrap();
    let output = run(folder.path(), &["build", "--locked", "profiles/k0s-airgap.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("payload `k0s` has sha256"), "{}", said(&output));

    // e_machine of the ELF header: that of AArch64.
    let mut foreign = good;
    foreign[18..20].copy_from_slice(&[0xb7, 0]);
    fs::write(&program, foreign).unwrap();
    fs::remove_file(folder.path().join("profiles/k0s-airgap.lock")).unwrap();
    let output = run(folder.path(), &["build", "profiles/k0s-airgap.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("is a program for arm64, the image is for amd64"), "{}", said(&output));
    assert!(!folder.path().join("outputs/k0s-airgap-amd64").exists());
}
