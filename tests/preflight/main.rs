//! Images that others made, opened and judged by the real program: archives, file systems, disks, layouts.
//!
//! One root comes from mmdebstrap; every form of it is made by somebody else's tool, and the verdicts must be those of the
//! root, whatever it is wrapped in.
#![allow(missing_docs, clippy::print_stderr)]

mod foreign;

use std::collections::BTreeMap;
use std::path::Path;

use foreign::Root;
use rootsmith_tests::{judge, judges, run, said};
use serde_json::Value;

/// What is wrong with the root for a k0s worker: nobody wrote `/etc/hosts`.
const OF_THE_ROOT: [&str; 1] = ["host.localhost"];

/// Verdicts of one target, by check.
fn verdicts(target: &Path, sets: &[&str]) -> BTreeMap<String, String> {
    let report = report(target, sets);
    let findings = report["findings"].as_array().unwrap().iter();
    let verdict = |finding: &Value| {
        (finding["check"].as_str().unwrap().to_owned(), finding["verdict"].as_str().unwrap().to_owned())
    };
    findings.map(verdict).collect()
}

fn report(target: &Path, sets: &[&str]) -> Value {
    let mut arguments = vec!["preflight", target.to_str().unwrap(), "--format", "json"];
    sets.iter().for_each(|set| arguments.extend(["--set", set]));
    let output = run(Path::new("."), &arguments);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{}: {error}: {}", target.display(), said(&output)))
}

fn failing(target: &Path, sets: &[&str]) -> Vec<String> {
    verdicts(target, sets).into_iter().filter(|(_, verdict)| verdict == "fail").map(|(check, _)| check).collect()
}

#[test]
fn images_that_others_made_are_judged() {
    let tools = [
        "mmdebstrap",
        "mke2fs",
        "mksquashfs",
        "sfdisk",
        "mcopy",
        "mkfs.fat",
        "qemu-img",
        "umoci",
        "xz",
        "gzip",
        "zstd",
    ];
    if !judges(&tools) || judge("id", &["-u"]).trim() != "0" {
        eprintln!("skipped: mmdebstrap makes device nodes and changes owners, which takes root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = Root::make(folder.path());
    let sets = ["k0s-worker@1.36", "payload"];

    // The same files in every wrapping: the same verdicts, but for what only a disk can tell.
    let plain = verdicts(&root.tar, &sets);
    let failures: Vec<&str> =
        plain.iter().filter(|(_, verdict)| *verdict == "fail").map(|(check, _)| &**check).collect();
    assert_eq!(failures, OF_THE_ROOT);
    for form in [
        root.folder(),
        root.compressed("gzip"),
        root.compressed("xz"),
        root.compressed("zstd"),
        root.ext4(),
        root.squashfs(),
        root.oci(),
    ] {
        let mut found = verdicts(&form, &sets);
        // A squashfs cannot be written to, and no file system of its own is no disk either.
        for (check, verdict) in &plain {
            let found = found.remove(check).unwrap();
            assert_eq!(&found, verdict, "{check} of {}", form.display());
        }
        std::fs::remove_dir_all(&form).or_else(|_| std::fs::remove_file(&form)).unwrap();
    }

    // A disk as clouds have it, raw and as qcow2: boot loader, entry, kernel and initramfs on it.
    let disk = root.disk();
    let sets = ["boot", "k0s-worker@1.36", "payload"];
    let judged = verdicts(&disk, &sets);
    let failures: Vec<&str> =
        judged.iter().filter(|(_, verdict)| *verdict == "fail").map(|(check, _)| &**check).collect();
    assert_eq!(failures, OF_THE_ROOT);
    for check in ["boot.entry", "boot.root", "boot.driver", "boot.init", "boot.kernel"] {
        assert_eq!(judged[check], "pass", "{check}");
    }
    assert_eq!(verdicts(&root.qcow2(&disk), &sets), judged);

    // The cure helps: nothing else was wrong.
    root.write_hosts();
    assert_eq!(failing(&root.folder(), &["k0s-worker@1.36"]), [""; 0]);
}
