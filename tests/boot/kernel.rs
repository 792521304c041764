//! A kernel from source: what is lost is explained at its line, the machine runs without an initramfs, and the bytes are the same
//! wherever it was built.
//!
//! Each kernel takes ten minutes on two cores, once; then it is in the cache.
#![allow(missing_docs)]

use std::fs;
use std::path::Path;

use rootsmith_tests::machine::run_boot;
use rootsmith_tests::{cache, command, copy_workspace, judge, judges, on_request, run, said, succeed, verdicts};

const TOOLS: [&str; 6] = ["make", "gcc", "flex", "bison", "bc", "perl"];

/// Builds the appliance and asks image and system: they must agree, without an initramfs anywhere.
fn image_and_system_agree(arch: &str) {
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    succeed(folder.path(), &["build", "--arch", arch, "profiles/k0s-appliance.toml"]);
    let name = format!("k0s-appliance-{arch}");
    let verdicts = verdicts(&folder.path().join(format!("outputs/{name}")));
    assert!(verdicts.iter().any(|it| it == "pass") && verdicts.iter().all(|it| it != "warning"), "{verdicts:?}");
    let image = format!("outputs/{name}/{name}.img");
    let table = run_boot(folder.path(), &[&image, "--arch", arch, "--check"]);
    assert!(table.contains(" 0 differently\n"), "{table}");
}

#[test]
fn an_appliance_with_a_kernel_of_its_own_runs() {
    if on_request() && judges(&TOOLS) && judges(&["qemu-system-x86_64"]) {
        image_and_system_agree("amd64");
    }
}

#[test]
fn one_for_arm_is_compiled_here_and_runs() {
    if on_request() && judges(&TOOLS) && judges(&["aarch64-linux-gnu-gcc", "qemu-system-aarch64"]) {
        image_and_system_agree("arm64");
    }
}

#[test]
fn lines_that_are_lost_are_explained_where_they_stand() {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    let at = |name: &str| folder.path().join("profiles").join(name);
    let text = "CONFIG_NO_SUCH=y\nCONFIG_NF_CONNTRACK=y\nCONFIG_EXT4_FS=m\nCONFIG_TTY=n\nCONFIG_TTY=y\n";
    fs::write(at("lost.config"), text).unwrap();
    let profile = "schema = 1\nextends = ['base/debian-systemd.toml']\nimage = { name = 'lost', arch = ['amd64'] }\n\
                   output = [{ kind = 'tar' }]\n[kernel]\nsource = 'linux-source-6.12'\nbase = 'tinyconfig'\n\
                   fragments = ['lost.config']\n";
    fs::write(at("lost.toml"), profile).unwrap();
    let output = run(folder.path(), &["kernel", "config", "profiles/lost.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    for (line, column, begins) in [
        (1, 1, "error: `CONFIG_NO_SUCH=y` is lost"),
        (2, 1, "error: `CONFIG_NF_CONNTRACK=y` is lost: it depends on `NET`, which is off"),
        (3, 1, "error: `CONFIG_EXT4_FS=m` is lost"),
    ] {
        assert!(errors.contains(begins), "{begins}: {errors}");
        assert!(errors.contains(&format!("profiles/lost.config:{line}:{column}\n")), "{line}: {errors}");
    }
    // Before anything is compiled.
    assert!(
        errors.contains("has no controller `memory` in cgroup version 2: it was built without `CONFIG_MEMCG`"),
        "{errors}"
    );
    let note =
        "note: `CONFIG_TTY=y` (profiles/lost.config:5) overrules `# CONFIG_TTY is not set` (profiles/lost.config:4)\n";
    assert!(errors.contains(note), "{errors}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("\nCONFIG_TTY=y\n"));
}

#[test]
fn built_again_elsewhere_it_has_the_same_bytes() {
    if !on_request() || !judges(&TOOLS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    let build = ["build", "profiles/k0s-appliance.toml"];
    succeed(folder.path(), &build);
    let manifest = folder.path().join("outputs/k0s-appliance-amd64/manifest.json");
    let first = fs::read(&manifest).unwrap();
    // The same packages, and nothing of what was made of them.
    let elsewhere = folder.path().join("another/place/cache");
    for part in ["blobs", "unpacked", "indexes", "releases"] {
        link(&cache().join(part), &elsewhere.join(part));
    }
    let output = command(folder.path(), &build).env("ROOTSMITH_CACHE", &elsewhere).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("compiling the kernel"), "{}", said(&output));
    assert!(fs::read(&manifest).unwrap() == first, "the manifests differ");
}

/// A board's kernel from source: patched, its root's file system a module, its device tree built along.
#[test]
fn a_board_gets_a_kernel_of_its_own_with_modules_and_device_trees() {
    if !on_request() || !judges(&TOOLS) || !judges(&["aarch64-linux-gnu-gcc", "patch", "debugfs"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    let at = |name: &str| folder.path().join("profiles").join(name);
    let config = "CONFIG_MODULES=y\nCONFIG_MODULE_COMPRESS=y\nCONFIG_MODULE_COMPRESS_XZ=y\nCONFIG_MODULE_COMPRESS_ALL=y\n\
                  CONFIG_EXT4_FS=m\n";
    fs::write(at("own.config"), config).unwrap();
    let patch = "--- a/Makefile\n+++ b/Makefile\n@@ -5 +5 @@\n-EXTRAVERSION =\n+EXTRAVERSION = -own\n";
    fs::write(at("own.patch"), patch).unwrap();
    let profile = "schema = 1\nextends = ['base/debian-systemd.toml']\nboard = 'pine64'\nimage = { name = 'own' }\n\
                   preflight = { sets = ['boot', 'board'] }\n[kernel]\nsource = 'linux-source-6.12'\nbase = 'tinyconfig'\n\
                   fragments = ['kernel/tiny.config', 'kernel/allwinner.config', 'kernel/containers.config', 'own.config']\npatches = ['own.patch']\n\
                   [[output]]\nkind = 'disk'\npartitions = [{ type = 'boot', size = '128MiB' }, { type = 'root', \
                   filesystem = 'ext4', size = 'minimal', free = '64MiB', grow = true }]\n";
    fs::write(at("own.toml"), profile).unwrap();
    succeed(folder.path(), &["build", "profiles/own.toml"]);

    let root = folder.path().join("root.img");
    rootsmith_tests::partition(&folder.path().join("outputs/own-arm64/own-arm64.img"), 2, &root);
    let list = |path: &str| judge("debugfs", &["-R", &format!("ls -p {path}"), root.to_str().unwrap()]);
    let release = list("/usr/lib/modules").split('/').find(|name| name.ends_with("-own")).map(str::to_owned);
    let release = release.expect("the patch names the release");
    assert!(list(&format!("/usr/lib/modules/{release}/kernel/fs/ext4")).contains("/ext4.ko.xz/"));
    assert!(list(&format!("/usr/lib/linux-image-{release}/allwinner")).contains("/sun50i-a64-pine64.dtb/"));
    assert!(list("/boot").contains(&format!("/config-{release}/")));
}

/// The same files in another folder.
fn link(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            link(&entry.path(), &to);
        } else if fs::hard_link(entry.path(), &to).is_err() {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}
