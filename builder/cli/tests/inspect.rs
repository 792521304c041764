//! `rootsmith inspect --scripts` on the manifest that a build leaves.
#![allow(missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const MANIFEST: &str = r#"{
  "schema": 2,
  "outputs": [{ "file": "node-amd64.img", "size": 1, "sha256": "" }],
  "scripts": {
    "counts": {
      "packages": 4, "nothing_to_do": 1, "generated_snippets": 1, "followed": 0, "modelled": 1,
      "left_to_the_first_boot": 0, "answered_by_the_profile": 1
    },
    "packages": [
      { "package": "bare", "class": "nothing to do", "read": [], "applied": [] },
      {
        "package": "daemon", "class": "generated snippets",
        "read": [{ "script": "postinst", "lines": 12, "sha256": "SHA", "by": "snippets" }],
        "applied": ["user daemon", "enable daemon.service"]
      },
      {
        "package": "program", "class": "modelled",
        "read": [
          { "script": "preinst", "lines": 1, "sha256": "SHA", "by": "itself" },
          { "script": "postinst", "lines": 9, "sha256": "SHA", "by": "model", "why": "it runs a program" }
        ],
        "applied": ["file /etc/x"]
      },
      {
        "package": "told", "class": "answered by the profile", "reason": "an overlay brings it",
        "read": [{ "script": "postinst", "lines": 2, "sha256": "SHA", "by": "profile" }], "applied": []
      }
    ]
  }
}"#;
const SHA: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const TOLD: &str = "\
told: answered by the profile (an overlay brings it)
  read     postinst, 2 lines, own code left out
           sha256 SHA
";
const ALL: &str = "\
bare: nothing to do
daemon: generated snippets
  read     postinst, 12 lines, generated
           sha256 SHA
  applied  user daemon
  applied  enable daemon.service
program: modelled
  read     preinst, 1 line
           sha256 SHA
  read     postinst, 9 lines, own code modelled: it runs a program
           sha256 SHA
  applied  file /etc/x
TOLD
4 packages: 1 nothing to do, 1 generated snippets, 0 followed, 1 modelled, 0 left to the first boot, 1 answered by the profile
";

/// `outputs/node-amd64/` as a build leaves it.
fn outputs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let build = folder.path().join("outputs/node-amd64");
    fs::create_dir_all(&build).unwrap();
    fs::write(build.join("manifest.json"), MANIFEST.replace("SHA", SHA)).unwrap();
    fs::write(build.join("node-amd64.img"), "disk").unwrap();
    folder
}

fn inspect(folder: &Path, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_rootsmith");
    Command::new(program).current_dir(folder).arg("inspect").args(arguments).output().unwrap()
}

fn shown(text: &str) -> String {
    text.replace("TOLD\n", &format!("{TOLD}\n")).replace("SHA", SHA)
}

#[test]
fn every_package_shows_what_was_read_and_what_was_applied() {
    let folder = outputs();
    for target in ["outputs/node-amd64/node-amd64.img", "outputs/node-amd64", "outputs/node-amd64/manifest.json"] {
        for arguments in [[target, "--scripts"], ["--scripts", target]] {
            let output = inspect(folder.path(), &arguments);
            assert_eq!(String::from_utf8_lossy(&output.stderr), "");
            assert_eq!(String::from_utf8_lossy(&output.stdout), shown(ALL), "{arguments:?}");
            assert_eq!(output.status.code(), Some(0));
        }
    }
}

#[test]
fn one_package_is_shown_alone() {
    let folder = outputs();
    let output = inspect(folder.path(), &["outputs/node-amd64", "--scripts", "told"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), shown(TOLD));
    let output = inspect(folder.path(), &["outputs/node-amd64", "--scripts", "nginx"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: there is no package `nginx` among the 4 of the image\n"
    );
}

#[test]
fn what_has_no_manifest_says_where_one_is() {
    let folder = outputs();
    let refused = |target: &str| {
        let output = inspect(folder.path(), &[target, "--scripts"]);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{target}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(
        refused("outputs"),
        "error: there is no `outputs/manifest.json`\nhint: there is one in `outputs/node-amd64`\n"
    );
    let hint = refused("outputs/node");
    assert!(hint.ends_with("\nhint: there is one in `outputs/node-amd64`\n"), "{hint}");
    fs::write(folder.path().join("other.img"), "disk").unwrap();
    assert_eq!(
        refused("./other.img"),
        "error: there is no `./manifest.json`\nhint: what was done for an image stands in the manifest that its build \
         leaves beside it; a profile can be named, too\n"
    );
    assert!(refused("nothing.img").starts_with("error: cannot read `nothing.img`: No such file"));
    // A file that only lies beside a manifest.
    fs::write(folder.path().join("outputs/node-amd64/other.img"), "disk").unwrap();
    assert_eq!(
        refused("outputs/node-amd64/other.img"),
        "error: `outputs/node-amd64/manifest.json` says nothing of `outputs/node-amd64/other.img`: it is about \
         `node-amd64.img` and nothing else\nhint: build the profile again, or name the profile itself\n"
    );
}
