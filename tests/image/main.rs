//! `profiles/k0s-worker.toml`, built by the real program from a real mirror and judged by other people's tools.
#![allow(missing_docs, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rootsmith_tests::{
    cache, command, copy_workspace, judge, judges, partition, rootsmith, run, said, succeed, workspace,
};
use tempfile::TempDir;

mod airgap;
mod busybox;

const NAME: &str = "k0s-worker-amd64";

/// One workspace with a lock and a finished build, for all tests here.
fn built() -> &'static Path {
    static BUILT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    &BUILT
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            copy_workspace(folder.path());
            succeed(folder.path(), &["lock", "profiles/k0s-worker.toml"]);
            succeed(folder.path(), &["build", "--locked", "profiles/k0s-worker.toml"]);
            let outputs = folder.path().join("outputs").join(NAME);
            (folder, outputs)
        })
        .1
}

fn workspace_of_built() -> &'static Path {
    built().parent().and_then(Path::parent).unwrap()
}

/// SHA-256 of every file of a build, by name.
fn digests(outputs: &Path) -> BTreeMap<String, String> {
    let mut digests = BTreeMap::new();
    for entry in fs::read_dir(outputs).unwrap().flatten() {
        let printed = judge("sha256sum", &[entry.path().to_str().unwrap()]);
        let digest = printed.trim_start_matches('\\').split_whitespace().next().unwrap().to_owned();
        digests.insert(entry.file_name().into_string().unwrap(), digest);
    }
    digests
}

#[test]
fn the_build_leaves_what_it_promises() {
    let digests = digests(built());
    let names: Vec<&str> = digests.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "k0s-worker-amd64.img",
            "k0s-worker-amd64.img.bmap",
            "k0s-worker-amd64.rootfs.tar.zst",
            "manifest.json",
            "preflight.json",
            "timings.json"
        ]
    );
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(built().join("manifest.json")).unwrap()).unwrap();
    let outputs = manifest["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), 3);
    for output in outputs {
        let file = output["file"].as_str().unwrap();
        assert_eq!(output["sha256"].as_str(), digests.get(file).map(String::as_str), "{file}");
        assert_eq!(output["size"].as_u64(), Some(fs::metadata(built().join(file)).unwrap().len()), "{file}");
    }
    let left: Vec<_> = fs::read_dir(built().parent().unwrap()).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, [NAME], "no staging folder stays");
}

#[test]
fn foreign_checkers_find_nothing_wrong() {
    if !judges(&["sgdisk", "sfdisk", "e2fsck", "fsck.fat", "zstd", "tar"]) {
        return;
    }
    let image = built().join("k0s-worker-amd64.img");
    let shown = image.to_str().unwrap();
    let verified = judge("sgdisk", &["--verify", shown]);
    assert!(verified.contains("No problems found"), "{verified}");
    judge("sfdisk", &["--verify", shown]);
    let folder = tempfile::tempdir().unwrap();
    let esp = folder.path().join("esp.img");
    partition(&image, 1, &esp);
    judge("fsck.fat", &["-n", esp.to_str().unwrap()]);
    let root = folder.path().join("root.img");
    partition(&image, 2, &root);
    judge("e2fsck", &["-f", "-n", root.to_str().unwrap()]);
    let tar = built().join("k0s-worker-amd64.rootfs.tar.zst");
    let listed = judge("tar", &["--zstd", "--list", "--file", tar.to_str().unwrap()]);
    assert!(listed.lines().any(|line| line == "./usr/bin/runc" || line == "./usr/sbin/runc"), "no runc in the tar");
    // The judge notices damage: one flipped bit in the inode table of the first group.
    let mut bytes = fs::read(&root).unwrap();
    let at = bytes.len() / 1000;
    let at = (at..bytes.len()).find(|&at| bytes[at] != 0).unwrap();
    bytes[at] ^= 1;
    bytes[1024 + 0x68] ^= 1;
    fs::write(&root, bytes).unwrap();
    let status = Command::new("e2fsck").args(["-f", "-n", root.to_str().unwrap()]).output().unwrap().status;
    assert!(!status.success(), "e2fsck did not notice a flipped byte");
}

/// A card that was used before, so that whatever an image leaves out is not zeros.
#[test]
fn a_used_card_gets_what_its_map_says_and_is_sound() {
    if !judges(&["bmaptool", "sgdisk", "e2fsck", "fsck.fat"]) {
        return;
    }
    let image = built().join("k0s-worker-amd64.img");
    let folder = tempfile::tempdir().unwrap();
    // bmaptool makes files anew, so the bytes are compared on new ones.
    let (ours, theirs) = (folder.path().join("ours.img"), folder.path().join("theirs.img"));
    let output = succeed(folder.path(), &["flash", image.to_str().unwrap(), "ours.img"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("ours.img: ") && said.trim_end().ends_with("written and read back"), "{said}");
    let map = built().join("k0s-worker-amd64.img.bmap");
    let words = ["copy", "--bmap", map.to_str().unwrap(), image.to_str().unwrap(), theirs.to_str().unwrap()];
    judge("bmaptool", &words);
    judge("cmp", &[ours.to_str().unwrap(), theirs.to_str().unwrap()]);

    let size = fs::metadata(&image).unwrap().len();
    let mut used = fs::File::create(&ours).unwrap();
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0xa5), size), &mut used).unwrap();
    succeed(folder.path(), &["flash", image.to_str().unwrap(), "ours.img"]);
    judge("sgdisk", &["--verify", ours.to_str().unwrap()]);
    let part = folder.path().join("part.img");
    partition(&ours, 1, &part);
    judge("fsck.fat", &["-n", part.to_str().unwrap()]);
    partition(&ours, 2, &part);
    judge("e2fsck", &["-f", "-n", part.to_str().unwrap()]);
    succeed(folder.path(), &["preflight", "ours.img", "--set", "k0s-worker@1.36"]);

    // A file that is no card and a card that is none.
    let output = run(folder.path(), &["flash", image.to_str().unwrap(), "/dev/rootsmith-none"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no `/dev/rootsmith-none`"));
    let output = run(folder.path(), &["flash", "gone.img", "ours.img"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot open `gone.img`"), "{output:?}");
}

#[test]
fn the_same_lock_gives_the_same_bits_anywhere() {
    let reference = digests(built());
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("a folder with spaces");
    fs::create_dir(&elsewhere).unwrap();
    copy_workspace(&elsewhere);
    fs::copy(workspace_of_built().join("profiles/k0s-worker.lock"), elsewhere.join("profiles/k0s-worker.lock"))
        .unwrap();
    let scratch = elsewhere.join("tmp");
    fs::create_dir(&scratch).unwrap();

    let mut build = Command::new("sh");
    build
        .args(["-c", "umask 077; exec \"$0\" \"$@\""])
        .arg(rootsmith())
        .args(["build", "--locked", "--jobs", "1", "profiles/k0s-worker.toml"])
        .current_dir(&elsewhere)
        .env("ROOTSMITH_CACHE", cache())
        .env("TZ", "Pacific/Kiritimati")
        .env("LC_ALL", "tr_TR.UTF-8")
        .env("TMPDIR", &scratch);
    let output = build.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let mut again = digests(&elsewhere.join("outputs").join(NAME));
    let mut reference = reference;
    reference.remove("timings.json");
    again.remove("timings.json");
    assert_eq!(reference, again);
}

#[test]
fn an_ordinary_user_without_network_gets_the_same_image() {
    if !judges(&["setpriv", "unshare"]) || !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let home = folder.path().join("home of nobody");
    fs::create_dir(&home).unwrap();
    copy_workspace(&home);
    fs::copy(workspace_of_built().join("profiles/k0s-worker.lock"), home.join("profiles/k0s-worker.lock")).unwrap();
    // Neither the build folder nor the shared cache may be readable for an ordinary user.
    fs::copy(rootsmith(), folder.path().join("rootsmith")).unwrap();
    judge("cp", &["-r", "--reflink=auto", cache().to_str().unwrap(), home.join("cache").to_str().unwrap()]);
    judge("chown", &["-R", "65534:65534", home.to_str().unwrap()]);
    let output = Command::new("unshare")
        .args(["--net", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"])
        .args(["--inh-caps=-all", "--no-new-privs"])
        .arg(folder.path().join("rootsmith"))
        .args(["build", "--locked", "--offline", "profiles/k0s-worker.toml"])
        .current_dir(&home)
        .env("ROOTSMITH_CACHE", home.join("cache"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let image = |outputs: &Path| digests(outputs).remove("k0s-worker-amd64.img");
    assert_eq!(image(&home.join("outputs").join(NAME)), image(built()));
}

#[test]
fn offline_works_with_a_warm_cache_and_says_what_is_missing_with_a_cold_one() {
    built();
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    succeed(folder.path(), &["lock", "--offline", "profiles/k0s-worker.toml"]);
    let lock = |folder: &Path| fs::read_to_string(folder.join("profiles/k0s-worker.lock")).unwrap();
    assert_eq!(lock(folder.path()), lock(workspace_of_built()));

    let cold = folder.path().join("cold");
    let mut build = command(folder.path(), &["build", "--locked", "--offline", "profiles/k0s-worker.toml"]);
    let output = build.env("ROOTSMITH_CACHE", &cold).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(!folder.path().join("outputs").join(NAME).exists());
}

#[test]
fn the_profile_in_the_readme_builds() {
    built();
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    let (profile, _) = rest.split_once("```").unwrap();
    fs::write(folder.path().join("profiles/readme.toml"), profile).unwrap();
    succeed(folder.path(), &["build", "profiles/readme.toml"]);
    assert!(folder.path().join("outputs").join(NAME).join("k0s-worker-amd64.img").exists());
}

#[test]
fn bytes_that_the_cache_has_lost_never_reach_an_image() {
    built();
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    fs::copy(workspace_of_built().join("profiles/k0s-worker.lock"), folder.path().join("profiles/k0s-worker.lock"))
        .unwrap();
    let copy = folder.path().join("cache");
    judge("cp", &["-r", "--reflink=auto", cache().to_str().unwrap(), copy.to_str().unwrap()]);
    // One byte in the middle of the largest package's contents: the kernel's. Others may have left larger ones in the cache.
    let lock = fs::read_to_string(folder.path().join("profiles/k0s-worker.lock")).unwrap();
    let unpacked = fs::read_dir(copy.join("unpacked")).unwrap().flatten().map(|entry| entry.path());
    let ours = unpacked.filter(|path| path.file_stem().is_some_and(|digest| lock.contains(digest.to_str().unwrap())));
    let largest = ours.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&largest, bytes).unwrap();
    let build = || {
        let arguments = ["build", "--locked", "--offline", "profiles/k0s-worker.toml"];
        command(folder.path(), &arguments).env("ROOTSMITH_CACHE", &copy).output().unwrap()
    };
    let output = build();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("in the cache is damaged"), "{}", said(&output));
    assert!(!folder.path().join("outputs").join(NAME).exists());
    // As the hint says: it is made anew from the archive.
    let output = build();
    assert!(output.status.success(), "{}", said(&output));
    let image = |outputs: &Path| digests(outputs).remove("k0s-worker-amd64.img");
    assert_eq!(image(&folder.path().join("outputs").join(NAME)), image(built()));
}

fn is_root() -> bool {
    let is_root = judge("id", &["-u"]).trim() == "0";
    if !is_root {
        eprintln!("skipped: only root can become another user");
    }
    is_root
}
