//! Machines: images that are started, and what they say of themselves on the serial console.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::{copy_workspace, run, said, succeed};

/// One machine at a time: each has two processors, emulated, and a busy host only makes all of them late.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Builds a profile called `probe` with the program `/usr/local/bin/probe` in it, for amd64.
pub fn build_with_probe(profile: &str, program: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder for the test");
    copy_workspace(folder.path());
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder above")).expect("folders can be made");
        fs::write(&path, text).expect("the file can be written");
        path
    };
    write("profiles/probe.toml", &format!("{profile}\n[[overlay]]\nsource = \"probe\"\n"));
    let program = write("probe/usr/local/bin/probe", program);
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("a mode can be set");
    succeed(folder.path(), &["build", "profiles/probe.toml"]);
    let image = folder.path().join("outputs/probe-amd64/probe-amd64.img");
    (folder, image)
}

/// Boots `image` until `until`, and gives back what the console showed.
pub fn boot(folder: &Path, image: &Path, until: &str, extra: &[&str]) -> String {
    let image = image.to_str().expect("a path of ours is UTF-8");
    let mut arguments = vec!["boot", image, "--until", until, "--timeout", "600"];
    arguments.extend(extra);
    let output = {
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        run(folder, &arguments)
    };
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8_lossy(&output.stdout).replace('\r', "")
}

/// The lines between `<<NAME` and `NAME>>`.
pub fn answer<'a>(console: &'a str, name: &str) -> Vec<&'a str> {
    let (_, rest) = console.split_once(&format!("<<{name}\n")).unwrap_or_else(|| panic!("no answer {name}: {console}"));
    let (answer, _) =
        rest.split_once(&format!("{name}>>")).unwrap_or_else(|| panic!("half an answer {name}: {console}"));
    answer.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}
