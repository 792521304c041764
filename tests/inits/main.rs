//! One machine, declared once: what it becomes under each init, side by side in `tests/golden/inits`, and what the inits' own
//! tools say of it.
#![allow(missing_docs, clippy::print_stderr, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::Path;

use rootsmith_tests::{copy_workspace, judge, judges, succeed, workspace};
use rootsmith_tree::{Node, NodeKind};
use rootsmith_verify::{Kind, Slice, read_back};
use tempfile::TempDir;

const INITS: [(&str, &str); 3] = [
    ("systemd", "base/debian-systemd.toml"),
    ("openrc", "base/debian-openrc.toml"),
    ("busybox", "busybox-appliance.toml"),
];

/// A path of an image as one line, and the text of a file.
type Entries = BTreeMap<String, (String, Option<String>)>;

/// Builds `name` out of a base and `text` as a tar.
fn build(folder: &Path, name: &str, base: &str, text: &str) -> Entries {
    let head = format!(
        "schema = 1\nextends = [\"{base}\"]\noutput = {{ replace = [{{ kind = \"tar\" }}] }}\npreflight = {{ sets = {{ replace = [] }} }}\n\
         [image]\nname = \"{name}\"\narch = {{ replace = [\"amd64\"] }}\n"
    );
    fs::write(folder.join(format!("profiles/{name}.toml")), head + text).unwrap();
    succeed(folder, &["build", &format!("profiles/{name}.toml")]);
    let tar = File::open(folder.join(format!("outputs/{name}-amd64/{name}-amd64.rootfs.tar.zst"))).unwrap();
    let length = tar.metadata().unwrap().len();
    let read = read_back(Kind::Tar, Slice::new(&tar, 0, length)).unwrap();
    let entries = read.tree.walk().map(|entry| {
        let text = entry.node.content().map(|content| {
            let bytes = content.read(&read, 64 << 20).unwrap();
            String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| "not text\n".to_owned())
        });
        (entry.path.to_string(), (about(&entry.path.to_string(), entry.node), text))
    });
    entries.collect()
}

fn about(path: &str, node: &Node) -> String {
    let metadata = &node.metadata;
    let owned = format!("{:04o} {}:{}", metadata.mode, metadata.uid, metadata.gid);
    match &node.kind {
        NodeKind::Directory => format!("{path}/ {owned}"),
        _ => match node.link_target() {
            Some(target) => format!("{path} -> {}", target.escape_ascii()),
            None => format!("{path} {owned}"),
        },
    }
}

/// A line of `/etc/shadow` without the day of the last change: that is the archive's date.
fn without_day(line: &str) -> String {
    let is_day = |field: &str| field.len() == 5 && field.bytes().all(|b| b.is_ascii_digit());
    line.split(':').map(|field| if is_day(field) { "DAY" } else { field }).collect::<Vec<_>>().join(":")
}

/// What `after` has that `before` has not: whole files, and the lines that changed in others.
fn difference(before: &Entries, after: &Entries) -> String {
    let mut dump = String::new();
    for (path, (about, text)) in after {
        match before.get(path) {
            Some(earlier) if *earlier == (about.clone(), text.clone()) => {}
            Some((_, earlier)) => {
                let _ = writeln!(dump, "{about}");
                let [old, new] = [earlier, text].map(|text| text.as_deref().unwrap_or_default().lines());
                let (old, new): (Vec<_>, Vec<_>) = (old.collect(), new.collect());
                old.iter().filter(|line| !new.contains(line)).for_each(|line| _ = writeln!(dump, "  - {line}"));
                new.iter()
                    .filter(|line| !old.contains(line))
                    .for_each(|line| _ = writeln!(dump, "  + {}", without_day(line)));
            }
            None => {
                let _ = writeln!(dump, "{about}");
                text.iter().flat_map(|text| text.lines()).for_each(|line| _ = writeln!(dump, "  | {line}"));
            }
        }
    }
    for (path, (about, _)) in before {
        if !after.contains_key(path) {
            let _ = writeln!(dump, "gone: {about}");
        }
    }
    dump.lines().fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

#[test]
fn one_profile_under_each_init() {
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    let machine = fs::read_to_string(workspace().join("tests/golden/inits/machine.toml")).unwrap();
    let mut stale = Vec::new();
    for (init, base) in INITS {
        // The image's name is the hostname otherwise.
        let plain = build(folder.path(), &format!("{init}-plain"), base, "[identity]\nhostname = \"node\"\n");
        let whole = build(folder.path(), &format!("{init}-machine"), base, &machine);
        let dump = difference(&plain, &whole);
        let golden = workspace().join(format!("tests/golden/inits/{init}.dump"));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&golden, &dump).unwrap();
        }
        if fs::read_to_string(&golden).unwrap_or_default() != dump {
            stale.push(format!("{init}:\n{dump}"));
        }
    }
    assert!(
        stale.is_empty(),
        "not as in tests/golden/inits; BLESS=1 rewrites what was looked at:\n{}",
        stale.join("\n")
    );
}

/// The tree of an image, unpacked.
fn unpacked(init: &str, base: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_workspace(folder.path());
    let machine = fs::read_to_string(workspace().join("tests/golden/inits/machine.toml")).unwrap();
    build(folder.path(), init, base, &machine);
    let tar = folder.path().join(format!("outputs/{init}-amd64/{init}-amd64.rootfs.tar.zst"));
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let (tar, to) = (tar.to_str().unwrap(), root.to_str().unwrap());
    judge("tar", &["--extract", "--zstd", "--file", tar, "--directory", to, "--exclude=./dev/*"]);
    folder
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    if !judges(&["systemd-analyze", "tar", "zstd"]) {
        return;
    }
    let folder = unpacked("systemd", "base/debian-systemd.toml");
    let root = folder.path().join("root");
    let verify = |units: &[&str]| {
        let mut command = std::process::Command::new("systemd-analyze");
        command.arg(format!("--root={}", root.display())).args(["--man=no", "--recursive-errors=no", "verify"]);
        let output = command.args(units).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let units = ["prepare.service", "metrics.service", "hostname.service"];
    let (fine, said) = verify(&units);
    let about_ours: Vec<&str> = said.lines().filter(|line| units.iter().any(|unit| line.contains(unit))).collect();
    assert!(fine && about_ours.is_empty(), "{said}");

    // And the judge judges.
    let unit = root.join("etc/systemd/system/metrics.service");
    let spoiled = fs::read_to_string(&unit).unwrap().replace("Restart=always", "Restart=sometimes");
    fs::write(&unit, spoiled).unwrap();
    let (_, said) = verify(&["metrics.service"]);
    assert!(said.contains("sometimes"), "{said}");
}

#[test]
fn shells_read_every_script_that_was_made() {
    if !judges(&["dash", "busybox", "tar", "zstd"]) {
        return;
    }
    for (init, base) in INITS {
        let folder = unpacked(init, base);
        let root = folder.path().join("root");
        let made = fs::read_to_string(workspace().join(format!("tests/golden/inits/{init}.dump"))).unwrap();
        let mut read = 0;
        let mut previous = "";
        for line in made.lines() {
            if line.starts_with("  | #!/") {
                let path = previous.split(' ').next().unwrap().trim_start_matches('/');
                let script = root.join(path);
                for shell in [&["dash", "-n"][..], &["busybox", "sh", "-n"]] {
                    judge(shell[0], &[&shell[1..], &[script.to_str().unwrap()]].concat());
                }
                read += 1;
            }
            previous = line;
        }
        assert!(read > 0, "no script among what {init} gets");
    }
}
