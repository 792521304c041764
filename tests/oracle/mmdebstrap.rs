//! Trees that the real program makes, beside those that mmdebstrap and dpkg make of the same packages.
//!
//! Ours never ran a maintainer script; theirs ran them all. `tests/golden/package-sets.toml` has the sets of packages, a test each; what
//! differs is listed in `tests/golden/mmdebstrap-differences.toml`, each line with its reason, and nothing else may. Sets without
//! `always` are on request. Theirs are kept in the tests' cache by what they are made of, for they take half a minute each.
//!
//! With `ROOTSMITH_ORACLE_ARCH=arm64`, the sets are compared as arm64's: their scripts run under qemu-user, which the kernel must know
//! of (`apt-get install arch-test qemu-user-static`, then `/usr/lib/systemd/systemd-binfmt`).
#![allow(clippy::disallowed_methods, clippy::print_stderr)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Failed, Trial};
use rootsmith_tests::oracle_tree::{Accepted, Entries, compare, of_tree};
use rootsmith_tests::{cache, copy_workspace, host_mirrors, judge, judges, succeed, workspace};
use rootsmith_types::{Arch, Sha256Digest};
use rootsmith_verify::{Kind, Slice, read_back};
use serde::Deserialize;

/// What every run over all sets must have seen at least.
const SETS: usize = 60;
const PACKAGES: usize = 300;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sets {
    set: Vec<Set>,
}

/// Packages that are installed together, beside the essential ones.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Set {
    name: String,
    packages: Vec<String>,
    /// The rest of the profile, when it is not Debian with `systemd-sysv`.
    profile: Option<String>,
    /// Whether it is compared in every run.
    #[serde(default)]
    always: bool,
}

/// What all sets together have shown.
#[derive(Default)]
struct Seen {
    sets: usize,
    packages: BTreeSet<String>,
    used: BTreeSet<usize>,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let golden = |name: &str| {
        fs::read_to_string(workspace().join("tests/golden").join(name)).expect("the golden files are there")
    };
    let sets: Sets = toml::from_str(&golden("package-sets.toml")).expect("the sets are well-formed");
    let accepted = Accepted::parse(&golden("mmdebstrap-differences.toml")).expect("the differences are well-formed");
    let accepted = Arc::new(accepted);
    let arch = match std::env::var("ROOTSMITH_ORACLE_ARCH") {
        Ok(name) => name.parse().expect("`ROOTSMITH_ORACLE_ARCH` names an architecture"),
        Err(_) => Arch::Amd64,
    };
    let all = sets.set.len();
    if !judges(&["mmdebstrap", "dpkg", "zstd"]) || judge("id", &["-u"]).trim() != "0" {
        eprintln!("skipped: mmdebstrap makes device nodes and changes owners, which takes root");
        return ExitCode::SUCCESS;
    }
    let long = std::env::var_os("ROOTSMITH_LONG").is_some();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let trial = |set: Set| {
        let (name, ignored) = (set.name.clone(), !set.always && !long);
        let (accepted, seen) = (Arc::clone(&accepted), Arc::clone(&seen));
        Trial::test(name, move || set.judge(arch, &accepted, &seen)).with_ignored_flag(ignored)
    };
    let conclusion = libtest_mimic::run(&arguments, sets.set.into_iter().map(trial).collect());
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if conclusion.has_failed() || seen.sets < all || arch != Arch::Amd64 {
        return conclusion.exit_code();
    }
    let unused = accepted.beyond(&seen.used);
    eprintln!("{} sets, {} packages; rules that accept nothing: {unused:?}", seen.sets, seen.packages.len());
    let enough = unused.is_empty() && seen.sets >= SETS && seen.packages.len() >= PACKAGES;
    if enough { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Set {
    fn judge(&self, arch: Arch, accepted: &Accepted, seen: &Mutex<Seen>) -> Result<(), Failed> {
        let folder = tempfile::tempdir()?;
        let folder = folder.path();
        copy_workspace(folder);
        let name = &self.name;
        let profile = format!("profiles/{name}.toml");
        fs::write(folder.join(&profile), self.profile(arch))?;
        succeed(folder, &["lock", &profile]);
        succeed(folder, &["build", "--locked", &profile]);
        let ours = folder.join(format!("outputs/{name}-{arch}/{name}-{arch}.rootfs.tar.zst"));
        let lock: toml::Table = fs::read_to_string(folder.join(format!("profiles/{name}.lock")))?.parse()?;
        let lock = &lock[&arch.to_string()];
        let theirs = mmdebstrap(arch, lock)?;

        let ours = entries(folder, &ours)?;
        let found = compare(&ours, &entries(folder, &theirs)?);
        if ours.len() < 3000 {
            return Err(format!("too few entries to mean anything: {}", ours.len()).into());
        }
        let (left, used) = accepted.judge(&self.name, &found);
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.sets += 1;
        seen.used.extend(used);
        seen.packages.extend(packages(lock).map(|(name, _)| name.to_owned()));
        if left.is_empty() {
            return Ok(());
        }
        let left: Vec<String> = left.iter().map(ToString::to_string).collect();
        Err(format!("{} differences without a reason:\n{}", left.len(), left.join("\n")).into())
    }

    /// Without what a profile adds of its own: overlay, drops, services. `ARCH` in a set is Debian's name of the architecture.
    fn profile(&self, arch: Arch) -> String {
        let rest = self.profile.as_deref().unwrap_or(
            "[distribution]\nid = \"debian\"\nsuite = \"trixie\"\n[init]\nsystem = \"systemd\"\n\
             enable = { replace = [] }\n[preflight]\nsets = []\n",
        );
        let (top, rest) = match rest.find("\n[") {
            Some(at) if !rest.starts_with('[') => rest.split_at(at + 1),
            _ => ("", rest),
        };
        let mut include: Vec<&str> = self.packages.iter().map(String::as_str).collect();
        if self.profile.is_none() {
            include.push("systemd-sysv");
        }
        let text = format!(
            "schema = 1\n{top}[image]\nname = \"{}\"\narch = [\"{arch}\"]\n[packages]\ninclude = {include:?}\n\
             recommends = false\n{rest}[[output]]\nkind = \"tar\"\n",
            self.name
        );
        text.replace("ARCH", arch.debian())
    }
}

/// Names and versions of a lock's packages, as far as they are installed.
fn packages(lock: &toml::Value) -> impl Iterator<Item = (&str, &str)> {
    let packages = lock["package"].as_array().map(Vec::as_slice).unwrap_or_default();
    packages
        .iter()
        .filter(|package| package["role"].as_str() == Some("root"))
        .map(|package| (package["name"].as_str().unwrap_or_default(), package["version"].as_str().unwrap_or_default()))
}

/// What is in a compressed archive. Reading back starts such an archive again for each content, so it is decompressed first.
fn entries(folder: &Path, packed: &Path) -> Result<Entries, Failed> {
    let plain = folder.join("plain.tar");
    judge("zstd", &["-q", "-f", "-d", &packed.to_string_lossy(), "-o", &plain.to_string_lossy()]);
    let file = File::open(&plain)?;
    let length = file.metadata()?.len();
    let tar = read_back(Kind::Tar, Slice::new(&file, 0, length))?;
    Ok(of_tree(&tar.tree, &tar)?)
}

/// The archive that mmdebstrap makes of the same packages.
fn mmdebstrap(arch: Arch, lock: &toml::Value) -> Result<PathBuf, Failed> {
    // The day of the last password change is ours: that of the newest repository.
    let repositories = lock["repository"].as_array().map(Vec::as_slice).unwrap_or_default();
    let date = repositories.iter().map(|repository| repository["date"].to_string()).max().unwrap_or_default();
    let epoch = judge("date", &["--utc", "--date", &date, "+%s"]).trim().to_owned();
    let mut versions: Vec<String> = packages(lock).map(|(name, version)| format!("{name}={version}")).collect();
    versions.sort();
    let made_of = Sha256Digest::of(format!("{epoch}\n{}\n", versions.join("\n")).as_bytes());
    let trees = cache().join("trees").join(arch.to_string());
    let kept = trees.join(format!("{made_of}.tar.zst"));
    if kept.exists() {
        return Ok(kept);
    }
    fs::create_dir_all(&trees)?;
    // mmdebstrap compresses by the name's end.
    let part = trees.join(format!("{made_of}.part.tar.zst"));
    let mirrors = host_mirrors();
    let suites = [(&mirrors.main, "trixie"), (&mirrors.main, "trixie-updates"), (&mirrors.security, "trixie-security")];
    let names: Vec<&str> = packages(lock).map(|(name, _)| name).collect();
    let mut run = vec![format!("SOURCE_DATE_EPOCH={epoch}"), "mmdebstrap".to_owned(), "--mode=root".to_owned()];
    run.extend(["--variant=essential".to_owned(), format!("--architectures={}", arch.debian())]);
    run.push(format!("--include={}", names.join(",")));
    run.extend(["--aptopt=APT::Install-Recommends \"false\"", "trixie"].map(str::to_owned));
    run.push(part.to_string_lossy().into_owned());
    run.extend(suites.iter().map(|(url, suite)| format!("deb {url} {suite} main")));
    judge("env", &run.iter().map(String::as_str).collect::<Vec<_>>());
    assert_same_versions(&part, lock)?;
    fs::rename(&part, &kept)?;
    Ok(kept)
}

/// A mirror that moved on between the two would show as differences of content; say so plainly.
fn assert_same_versions(archive: &Path, lock: &toml::Value) -> Result<(), Failed> {
    let status = judge("tar", &["-xOf", &archive.to_string_lossy(), "./var/lib/dpkg/status"]);
    for (name, version) in packages(lock) {
        let stanza = status.split("\n\n").find(|stanza| stanza.starts_with(&format!("Package: {name}\n")));
        let theirs = stanza.and_then(|stanza| stanza.lines().find_map(|line| line.strip_prefix("Version: ")));
        if theirs != Some(version) {
            return Err(format!("{name}: {version} here, {theirs:?} there: the mirror moved on, run it again").into());
        }
    }
    Ok(())
}
