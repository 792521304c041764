//! A build whose outputs are there already: it says so, until anything that they follow from changes.

use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::Duration;

use super::*;

const PROFILE: &str = r#"
schema = 1
extends = ["layer.toml"]

[kernel]
package = "linux-image-test"
fragments = ["own.config"]

[[overlay]]
source = "laid"

[[payload]]
name = "tool"
source = { path = "tool" }
install = "/usr/bin/tool"
mode = "0755"

[[output]]
kind = "disk"
table = "gpt"
boot = "uki"
partitions = [
  { type = "esp", size = "4MiB" },
  { type = "root", filesystem = "ext4", size = "minimal" },
]

[[output]]
kind = "tar"
"#;

const LAYER: &str = "schema = 1\nextends = ['parts/base.toml']\n[packages]\ninclude = ['init']\n";

impl Place {
    /// Builds, and says whether anything was made.
    fn makes(&self, arguments: &[&str]) -> bool {
        made(&self.succeed(&[&["build", "again.toml"], arguments].concat()))
    }

    fn output(&self, name: &str) -> PathBuf {
        self.work().join("outputs/fault-amd64").join(name)
    }
}

fn made(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stdout);
    let unchanged = said == "unchanged: outputs/fault-amd64/\n";
    assert!(unchanged != said.contains("built, read back and checked"), "{said}");
    !unchanged
}

/// A place with a profile of every kind of file, locked and built.
fn built() -> Option<Place> {
    let place = Place::new()?;
    let fragment = fs::read_to_string(place.work().join("parts/kernel/met.config")).unwrap();
    for (name, text) in [
        ("again.toml", PROFILE),
        ("layer.toml", LAYER),
        ("own.config", &fragment),
        ("tool", "#!/bin/sh\n"),
        ("laid/etc/motd", "hello\n"),
    ] {
        place.put(name, text);
    }
    place.succeed(&["lock", "again.toml"]);
    // Marks of files that were written in this second count for nothing.
    sleep(Duration::from_millis(1100));
    assert!(place.makes(&["--locked"]));
    assert!(!place.makes(&["--locked"]));
    Some(place)
}

#[test]
fn every_kind_of_input_makes_the_outputs_anew() {
    let Some(place) = built() else { return };
    let append = |name: &str, text: &str| {
        let path = place.work().join(name);
        fs::write(&path, fs::read_to_string(&path).unwrap() + text).unwrap();
    };
    let executable = |name: &str| {
        fs::set_permissions(place.work().join(name), fs::Permissions::from_mode(0o755)).unwrap();
    };
    let relock = || {
        place.succeed(&["lock", "again.toml"]);
    };
    let newer = || {
        let newer = |package: Deb| match package.name() {
            "init" => Deb::new("init").program("usr/sbin/init", "#!/bin/sh\nexec sh -l\n"),
            _ => package,
        };
        place.archive.publish(&packages().into_iter().map(newer).collect::<Vec<_>>(), later());
        relock();
    };
    let changes: [(&str, &dyn Fn()); 9] = [
        ("the profile", &|| append("again.toml", "\n[hosts]\n\"192.0.2.1\" = [\"build\"]\n")),
        ("its layer", &|| append("layer.toml", "drop = ['/usr/share/doc']\n")),
        ("a fragment", &|| append("own.config", "# CONFIG_NOWHERE is not set\n")),
        ("a file that is laid over", &|| append("laid/etc/motd", "again\n")),
        ("its executable bit", &|| executable("laid/etc/motd")),
        ("another file beside it", &|| place.put("laid/etc/issue", "welcome\n")),
        ("a payload", &|| {
            append("tool", "true\n");
            relock();
        }),
        ("the lock", &newer),
        ("what is asked for", &|| {
            append("layer.toml", "essential = true\n");
            fs::rename(place.work().join("laid"), place.work().join("over")).unwrap();
            let profile = fs::read_to_string(place.work().join("again.toml")).unwrap();
            place.put("again.toml", profile.replace("\"laid\"", "\"over\""));
        }),
    ];
    for (what, change) in changes {
        change();
        assert!(place.makes(&["--locked"]), "{what}");
        assert!(!place.makes(&["--locked", "--offline", "--jobs", "1"]), "{what}, again");
    }
    assert!(place.makes(&["--locked", "--rebuild"]));
}

/// A second profile may leave its outputs in the same folder, and read no file that the first did not.
#[test]
fn another_profile_with_the_same_name_makes_the_outputs_anew() {
    let Some(place) = built() else { return };
    place.put("more.toml", "schema = 1\nextends = ['again.toml']\n[hosts]\n\"192.0.2.1\" = [\"build\"]\n");
    let more = || made(&place.succeed(&["build", "more.toml"]));
    assert!(more());
    assert!(!more());
    assert!(place.makes(&["--locked"]));
    assert!(more());
}

#[test]
fn another_program_makes_the_outputs_anew() {
    let Some(place) = built() else { return };
    let other = place.work().join("rootsmith");
    fs::copy(rootsmith_tests::rootsmith(), &other).unwrap();
    let build = || {
        let mut command = Command::new(&other);
        command.args(["build", "again.toml", "--locked"]).current_dir(place.work());
        place.surround(&mut command);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        made(&output)
    };
    assert!(!build(), "the same bytes elsewhere are the same program");
    // Behind what is loaded of it.
    let mut program = fs::read(&other).unwrap();
    program.push(0);
    fs::write(&other, program).unwrap();
    assert!(build());
    assert!(!build());
    assert!(place.makes(&["--locked"]), "the first is another now");
}

#[test]
fn outputs_that_are_not_what_was_made_are_made_anew() {
    let Some(place) = built() else { return };
    let names =
        ["fault-amd64.img", "fault-amd64.img.bmap", "fault-amd64.rootfs.tar.zst", "preflight.json", "manifest.json"];
    let before = names.map(|name| fs::read(place.output(name)).unwrap());
    for name in names {
        let path = place.output(name);
        // One byte of the same file, whose time is put back.
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let mut data = fs::read(&path).unwrap();
        let middle = data.len() / 2;
        data[middle] ^= 1;
        fs::write(&path, data).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert!(place.makes(&["--locked"]), "{name} was damaged");
        fs::remove_file(&path).unwrap();
        assert!(place.makes(&["--locked"]), "{name} was gone");
        // A copy of a file is as good.
        let copy = path.with_extension("copy");
        fs::copy(&path, &copy).unwrap();
        fs::rename(&copy, &path).unwrap();
        assert!(!place.makes(&["--locked"]), "{name} was copied");
    }
    assert!(names.map(|name| fs::read(place.output(name)).unwrap()) == before);
}

#[test]
fn without_a_lock_it_is_the_archive_that_says_what_changed() {
    let Some(place) = built() else { return };
    fs::remove_file(place.work().join("again.lock")).unwrap();
    assert!(!place.makes(&[]), "the same packages");
    assert!(!place.makes(&["--offline"]));
    let newer = |package: Deb| match package.name() {
        "init" => Deb::new("init").program("usr/sbin/init", "#!/bin/sh\nexec sh -l\n"),
        _ => package,
    };
    place.archive.publish(&packages().into_iter().map(newer).collect::<Vec<_>>(), later());
    assert!(place.makes(&[]));
    assert!(!place.makes(&[]));
}

#[test]
fn a_stale_lock_is_an_error_and_no_reason_to_build() {
    let Some(place) = built() else { return };
    let layer = fs::read_to_string(place.work().join("layer.toml")).unwrap();
    place.put("layer.toml", layer.replace("'init'", "'init', 'mawk'"));
    let output = place.run(&["build", "again.toml", "--locked"]);
    assert_eq!(output.status.code(), Some(INPUTS), "{}", said(&output));
}

#[test]
fn a_trace_is_written_when_asked_for_and_taken_away_with_what_it_speaks_of() {
    let Some(place) = built() else { return };
    let output = place.succeed(&["build", "again.toml", "--locked", "--timings"]);
    assert!(!made(&output));
    assert!(!place.output("trace.json").exists());
    let output = place.succeed(&["build", "again.toml", "--locked", "--timings", "--rebuild"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let read =
        |name: &str| -> serde_json::Value { serde_json::from_slice(&fs::read(place.output(name)).unwrap()).unwrap() };
    let (timings, trace) = (read("timings.json"), read("trace.json"));
    let events = trace["traceEvents"].as_array().unwrap();
    for step in timings["steps"].as_array().unwrap() {
        let name = step["step"].as_str().unwrap();
        assert!(events.iter().any(|event| event["cat"] == "step" && event["name"] == name), "{name}");
        assert!(told.lines().any(|line| line.contains(name)), "{name}: {told}");
    }
    for work in
        ["unpack init", "make fault-amd64.img", "write img", "read back ext4", "verify root", "hash fault-amd64.img"]
    {
        assert!(events.iter().any(|event| event["name"] == work), "{work}");
    }
    assert!(place.makes(&["--locked", "--rebuild"]));
    assert!(!place.output("trace.json").exists());
}

fn later() -> Validity {
    Validity { date: DATE + DAY, until: None }
}
