//! What the program says when an archive, a mirror or the disk is at fault, word for word.
//!
//! Every profile in `archive/` is built against a small archive made on the spot, which is served under the name
//! `mirror.invalid`: addresses, digests and relative paths are the same in every run. Only the key is new each time; its
//! fingerprint is shown as `FINGERPRINT` in the texts, which begin with the first error. After each failure nothing may lie in `outputs/`. `BLESS=1` rewrites
//! the texts: read the difference before committing it.
#![allow(clippy::disallowed_methods, clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use rootsmith_tests::archive::{Archive, DATE, Deb, Key, Server, TOOLS, Validity, packages};
use rootsmith_tests::{judges, said};
use tempfile::TempDir;

#[path = "again.rs"]
mod again;
#[path = "payloads.rs"]
mod payloads;

/// The profile or its inputs are at fault.
const INPUTS: i32 = 1;
/// The host is.
const HOST: i32 = 3;
const DAY: i64 = 86_400;

/// A folder to build in, an archive with everything in it, and the network between them.
struct Place {
    /// Goes before its folder does: gpg's agent is told to end through it.
    archive: Archive,
    server: Server,
    folder: TempDir,
}

impl Place {
    /// `None` where the host cannot make an archive.
    fn new() -> Option<Place> {
        if !judges(&TOOLS) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::new(&folder.path().join("mirror"));
        archive.publish(&packages(), Validity::default());
        let server = Server::start(archive.folder().parent().unwrap());
        let place = Place { archive, server, folder };
        let copied = Command::new("cp").arg("-r").arg(faults()).arg(place.work()).status().unwrap();
        assert!(copied.success());
        fs::write(place.work().join("parts/key.asc"), place.archive.key().public()).unwrap();
        Some(place)
    }

    /// Where the profiles are.
    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn rootsmith(&self, arguments: &[&str]) -> Command {
        let mut command = rootsmith_tests::command(&self.work(), arguments);
        self.surround(&mut command);
        command
    }

    /// Gives `command` a cache of its own and a network of one host.
    fn surround(&self, command: &mut Command) {
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command.env("http_proxy", self.server.proxy()).env("no_proxy", "127.0.0.1").env("ROOTSMITH_CACHE", "cache");
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.rootsmith(arguments).output().unwrap()
    }

    fn succeed(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert!(output.status.success(), "rootsmith {}: {}", arguments.join(" "), said(&output));
        output
    }

    /// Builds `NAME.toml`, which must end with `code` and the words of `NAME.stderr`, and leave nothing.
    fn refuses(&self, name: &str, code: i32) {
        self.refuses_with(name, &[], code);
    }

    fn refuses_with(&self, name: &str, flags: &[&str], code: i32) {
        let profile = format!("{name}.toml");
        let output = self.run(&[&["build", &profile], flags].concat());
        self.compare(name, &output, code);
        assert!(output.stdout.is_empty(), "{}", said(&output));
        self.nothing_is_left();
    }

    fn compare(&self, name: &str, output: &Output, code: i32) {
        assert_eq!(output.status.code(), Some(code), "{}", said(output));
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        // What was downloaded before comes in the order in which threads began it.
        let start = if said.starts_with("error: ") { 0 } else { said.find("\nerror: ").unwrap() + 1 };
        let found = said[start..].replace(self.archive.key().fingerprint(), "FINGERPRINT");
        let golden = faults().join(format!("{name}.stderr"));
        if std::env::var_os("BLESS").is_some() {
            return fs::write(golden, found).unwrap();
        }
        let wanted = fs::read_to_string(&golden).unwrap_or_default();
        assert!(found == wanted, "{} wants\n\n{wanted}\nthe program says\n\n{found}", golden.display());
    }

    /// What the hint of `NAME.stderr` says helps.
    fn builds_with(&self, name: &str, instead_of: &str, hint: &str) {
        let path = self.work().join(format!("{name}.toml"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(instead_of), "{text}");
        fs::write(&path, text.replace(instead_of, hint)).unwrap();
        self.succeed(&["build", &format!("{name}.toml")]);
    }

    /// Builds `NAME.toml` where `outputs/` is a file system of one MiB.
    fn refuses_on_a_small_disk(&self, name: &str) {
        // A file system of one MiB, seen by the program alone; what is left on it is listed before it goes.
        let script = "mkdir -p outputs && mount -t tmpfs -o size=1m tmpfs outputs || exit 77
            \"$@\"; code=$?; ls -A outputs; exit $code";
        let program = rootsmith_tests::rootsmith().to_str().unwrap();
        for unshare in [&["-m"][..], &["-U", "-r", "-m"]] {
            let mut command = Command::new("unshare");
            command.args(unshare).args(["sh", "-c", script, "sh", program, "build", &format!("{name}.toml")]);
            command.current_dir(self.work());
            self.surround(&mut command);
            let Ok(output) = command.output() else { continue };
            let mounted = !matches!(output.status.code(), Some(77)) && !said(&output).contains("unshare:");
            if mounted {
                self.compare(name, &output, HOST);
                assert!(output.stdout.is_empty(), "left behind: {}", said(&output));
                return;
            }
        }
        eprintln!("skipped: a small file system cannot be mounted here");
        assert!(std::env::var_os("REQUIRE_ORACLES").is_none(), "REQUIRE_ORACLES is set");
    }

    /// No image, no staging folder.
    fn nothing_is_left(&self) {
        let left = fs::read_dir(self.work().join("outputs")).map(|entries| entries.flatten().collect());
        let left: Vec<_> = left.unwrap_or_default();
        assert!(left.is_empty(), "{left:?}");
    }

    fn package(&self, name: &str) -> Deb {
        packages().into_iter().find(|package| package.name() == name).unwrap()
    }
}

fn faults() -> PathBuf {
    rootsmith_tests::workspace().join("tests/faults/archive")
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// Changes one byte of a file where `text` stands in it.
fn damage(path: &Path, text: &[u8]) {
    let mut data = fs::read(path).unwrap();
    let at = data.windows(text.len()).position(|window| window == text).unwrap();
    data[at] ^= 1;
    fs::write(path, data).unwrap();
}

/// Without faults this archive makes images: what fails below fails for the fault alone.
#[test]
fn without_a_fault_a_tar_is_built_twice_the_same() {
    let Some(place) = Place::new() else { return };
    place.succeed(&["build", "good-tar.toml"]);
    let read =
        |folder: &str| fs::read(place.work().join(folder).join("fault-amd64/fault-amd64.rootfs.tar.zst")).unwrap();
    let first = read("outputs");
    place.succeed(&["build", "good-tar.toml", "--offline", "--output", "again"]);
    assert!(first == read("again"));
    let listed = Command::new("tar")
        .args(["--zstd", "-tf", "outputs/fault-amd64/fault-amd64.rootfs.tar.zst"])
        .current_dir(place.work())
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", said(&listed));
    let listed = String::from_utf8(listed.stdout).unwrap();
    for path in ["./bin", "./usr/bin/sh", "./usr/sbin/init", "./usr/bin/awk", "./etc/group"] {
        assert!(listed.lines().any(|line| line == path), "{path} is not in\n{listed}");
    }
}

#[test]
fn without_a_fault_a_disk_is_built() {
    let Some(place) = Place::new() else { return };
    place.succeed(&["build", "good-disk.toml"]);
    let image = place.work().join("outputs/fault-amd64/fault-amd64.img");
    assert!(fs::metadata(image).unwrap().len() > 4 << 20);
}

/// In the cache, where nothing was taken apart yet: they are fetched once more, and the build goes on.
#[test]
fn archives_that_lost_their_bytes_are_fetched_again() {
    let Some(place) = Place::new() else { return };
    place.succeed(&["build", "good-tar.toml"]);
    let image = || fs::read(place.work().join("outputs/fault-amd64/fault-amd64.rootfs.tar.zst")).unwrap();
    let first = image();
    fs::remove_dir_all(place.work().join("cache/unpacked")).unwrap();
    let mut rotten = 0;
    for folder in fs::read_dir(place.work().join("cache/blobs/sha256")).unwrap().flatten() {
        for file in fs::read_dir(folder.path()).unwrap().flatten() {
            let mut bytes = fs::read(file.path()).unwrap();
            if bytes.starts_with(b"!<arch>") {
                let last = bytes.len() - 9;
                bytes[last] ^= 1;
                fs::write(file.path(), bytes).unwrap();
                rotten += 1;
            }
        }
    }
    assert!(rotten > 1);
    let offline = place.run(&["build", "good-tar.toml", "--rebuild", "--offline"]);
    assert_eq!(offline.status.code(), Some(HOST), "{}", said(&offline));
    place.succeed(&["build", "good-tar.toml", "--rebuild"]);
    assert!(first == image());
}

#[test]
fn a_package_that_does_not_exist() {
    let Some(place) = Place::new() else { return };
    place.refuses("package-unknown", INPUTS);
    place.builds_with("package-unknown", "busybox-statik", "busybox-static");
}

#[test]
fn packages_that_exclude_each_other() {
    let Some(place) = Place::new() else { return };
    place.refuses("packages-conflict", INPUTS);
}

#[test]
fn a_release_that_was_changed_after_it_was_signed() {
    let Some(place) = Place::new() else { return };
    damage(&place.archive.in_release(), b"rootsmith's tests");
    place.refuses("signature-bad", INPUTS);
}

#[test]
fn a_release_signed_by_a_key_that_the_profile_does_not_name() {
    let Some(place) = Place::new() else { return };
    let other = Key::new(&place.folder.path().join("other key"));
    fs::write(place.work().join("parts/key.asc"), other.public()).unwrap();
    place.refuses("signature-by-another-key", INPUTS);
}

#[test]
fn a_release_that_nobody_signed() {
    let Some(place) = Place::new() else { return };
    let path = place.archive.in_release();
    let signed = fs::read_to_string(&path).unwrap();
    let start = signed.find("Origin:").unwrap();
    let end = signed.find("-----BEGIN PGP SIGNATURE-----").unwrap();
    fs::write(&path, &signed[start..end]).unwrap();
    place.refuses("release-unsigned", INPUTS);
}

#[test]
fn a_release_that_has_expired() {
    let Some(place) = Place::new() else { return };
    // An hour more, so that it is the same number of days all through the test.
    let until = now() - 3 * DAY - 3600;
    place.archive.publish(&packages(), Validity { date: until - 7 * DAY, until: Some(until) });
    place.refuses("release-expired", INPUTS);
}

#[test]
fn a_release_older_than_the_one_before() {
    let Some(place) = Place::new() else { return };
    place.succeed(&["build", "good-tar.toml", "--output", "before"]);
    place.archive.publish(&packages(), Validity { date: DATE - 5 * DAY, until: None });
    place.refuses("release-rolled-back", INPUTS);
}

#[test]
fn an_archive_with_other_bytes_than_the_index_says() {
    let Some(place) = Place::new() else { return };
    damage(&place.archive.pool(&place.package("init")), b"exec sh");
    place.refuses("archive-differs-from-index", INPUTS);
}

#[test]
fn an_archive_with_other_bytes_than_the_lock_says() {
    let Some(place) = Place::new() else { return };
    place.succeed(&["lock", "archive-differs-from-lock.toml"]);
    // The archive is whole in itself: only the lock knows that another `init` was meant.
    let changed = packages().into_iter().map(|package| match package.name() {
        "init" => package.program("usr/sbin/init", "#!/bin/sh\nexec sj\n"),
        _ => package,
    });
    place.archive.publish(&changed.collect::<Vec<_>>(), Validity { date: DATE + DAY, until: None });
    place.refuses_with("archive-differs-from-lock", &["--locked"], INPUTS);
}

#[test]
fn a_lock_that_is_not_there_or_not_of_this_profile() {
    let Some(place) = Place::new() else { return };
    place.refuses_with("lock-missing", &["--locked"], INPUTS);
    place.succeed(&["lock", "good-tar.toml"]);
    fs::rename(place.work().join("good-tar.lock"), place.work().join("lock-stale.lock")).unwrap();
    place.refuses_with("lock-stale", &["--locked"], INPUTS);
}

#[test]
fn a_suite_that_the_mirror_does_not_have() {
    let Some(place) = Place::new() else { return };
    place.refuses("suite-unknown", INPUTS);
}

#[test]
fn nothing_in_the_cache_and_no_network() {
    let Some(place) = Place::new() else { return };
    place.refuses_with("offline", &["--offline"], HOST);
}

#[test]
fn a_mirror_that_does_not_answer() {
    let Some(place) = Place::new() else { return };
    place.refuses("mirror-unreachable", HOST);
}

#[test]
fn a_kernel_without_what_the_fragment_asks_for() {
    let Some(place) = Place::new() else { return };
    place.refuses("fragment-unmet", INPUTS);
}

#[test]
fn a_payload_for_another_machine() {
    let Some(place) = Place::new() else { return };
    // ELF, 64 bits, little-endian, an executable for machine 183: arm64.
    let mut program = vec![0; 64];
    program[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    program[16] = 2;
    program[18] = 183;
    fs::write(place.work().join("agent-arm64"), program).unwrap();
    place.refuses("payload-for-another-machine", INPUTS);
}

#[test]
fn a_disk_without_room_for_the_image() {
    let Some(place) = Place::new() else { return };
    for name in ["disk-full", "disk-full-sparse"] {
        place.refuses_on_a_small_disk(name);
    }
}

#[test]
fn a_partition_too_small_for_its_content() {
    let Some(place) = Place::new() else { return };
    place.refuses("partition-too-small", INPUTS);
    place.builds_with("partition-too-small", "\"ext4\", size = \"4MiB\"", "\"ext4\", size = \"5MiB\"");
}

#[test]
fn two_packages_with_one_file() {
    let Some(place) = Place::new() else { return };
    place.refuses("two-packages-one-file", INPUTS);
    let winner = "[packages]\nprefer = { \"/usr/bin/awk\" = \"mawk\" }";
    place.builds_with("two-packages-one-file", "[packages]", winner);
}

#[test]
fn caches_that_nobody_makes() {
    let Some(place) = Place::new() else { return };
    place.refuses("caches-without-dpkg", INPUTS);
    place.builds_with("caches-without-dpkg", "first-boot", "left-out");
}

#[test]
fn a_script_that_is_not_modelled() {
    let Some(place) = Place::new() else { return };
    place.refuses("script-not-modelled", INPUTS);
    let answer = "[scripts]\ntuner-data = { ignore = \"why it need not run\" }\n\n[packages]";
    place.builds_with("script-not-modelled", "[packages]", answer);
    // What the build's manifest says is what its profile says without a build.
    let of_profile = place.succeed(&["inspect", "script-not-modelled.toml", "--scripts"]).stdout;
    let told = "tuner-data: answered by the profile (why it need not run)\n  read     postinst, ";
    assert!(String::from_utf8_lossy(&of_profile).contains(told), "{}", String::from_utf8_lossy(&of_profile));
    let outputs = fs::read_dir(place.work().join("outputs")).unwrap().next().unwrap().unwrap().path();
    let of_folder = place.succeed(&["inspect", "--scripts", outputs.to_str().unwrap()]).stdout;
    assert_eq!(String::from_utf8(of_folder), String::from_utf8(of_profile));
}
