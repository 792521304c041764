//! Reading and applying all maintainer scripts of an image's packages.
//!
//! `cargo bench -p rootsmith-configure --bench scripts -- LOCK CACHE`, both as a build leaves them: `rootsmith lock
//! profiles/k0s-worker.toml` and `rootsmith build --locked --cache CACHE profiles/k0s-worker.toml`. The archives are unpacked
//! into memory first, and the tree is laid out anew for each run; only `configure` is timed, generated files (hwdb, library
//! cache, certificates) and dpkg's database included. Machines differ: look at the goal, 300 ms for 150 packages.
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods)]

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rootsmith_assemble::{Package, unpack};
use rootsmith_configure::{ConfigureError, Input, configure};
use rootsmith_lock::{Lock, Role};
use rootsmith_package::Limits;
use rootsmith_tree::{Blob, Blobs, PackId};
use rootsmith_types::{Arch, SourceEntry, Sources};

const RUNS: usize = 21;
const GOAL: Duration = Duration::from_millis(300);
const ARCH: Arch = Arch::Amd64;
const DATE: u64 = 1_795_305_600;
const PROFILE: &str = r#"
schema = 1
[image]
name = "bench"
arch = ["amd64"]
[distribution]
id = "debian"
suite = "trixie"
[init]
system = "systemd"
[[output]]
kind = "tar"
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this without `--bench`: nothing to measure then.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let [lock, cache] = words.as_slice() else {
        return Err("usage: cargo bench -p rootsmith-configure --bench scripts -- LOCK CACHE".into());
    };
    let profile = rootsmith_profile::load(Path::new("bench.toml"), &OneFile).map_err(|error| format!("{error:?}"))?;
    let (packages, packs) = read_packages(Path::new(lock), Path::new(cache))?;
    let scripts = packages.iter().flat_map(|package| package.unpacked.control.members.keys());
    let scripts = scripts.filter(|name| matches!(name.as_str(), "preinst" | "postinst" | "config")).count();

    let input = Input { profile: &profile, packages: &packages, arch: ARCH, date: DATE.try_into()? };
    let wrong = |errors: Vec<ConfigureError>| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        errors.join("\n")
    };
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let mut assembly =
            unpack(&profile, &packages, &[], ARCH, input.date).map_err(|errors| format!("{errors:?}"))?;
        let start = Instant::now();
        configure(&mut assembly, &input, &packs).map_err(wrong)?;
        times.push(start.elapsed());
    }
    times.sort();
    let (best, median) = (times[0], times[RUNS / 2]);
    println!("{} packages, {scripts} scripts: median of {RUNS} {median:.1?}, best {best:.1?}", packages.len());
    let share = u32::try_from(packages.len())?.max(1);
    let each = median.as_secs_f64() / f64::from(share) * 150.0;
    println!("150 packages at that rate: {:.0} ms, goal {} ms", each * 1000.0, GOAL.as_millis());
    Ok(())
}

fn read_packages(lock: &Path, cache: &Path) -> Result<(Vec<Package>, Packs), Box<dyn Error>> {
    let lock = Lock::parse(lock, &std::fs::read_to_string(lock)?).map_err(|error| error.to_string())?;
    let target = lock.targets.get(&ARCH).ok_or("the lock is not for amd64")?;
    let (mut packages, mut packs) = (Vec::new(), Vec::new());
    for locked in target.packages.iter().filter(|package| package.role == Role::Root) {
        let digest = locked.sha256.to_string();
        let path: PathBuf = cache.join("blobs/sha256").join(&digest[..2]).join(&digest);
        let mut archive = std::fs::File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut tar = Vec::new();
        let unpacked = rootsmith_package::unpack(&locked.name, &mut archive, &mut tar, &Limits::default(), 1)?;
        let pack = PackId(u32::try_from(packs.len())?);
        packages.push(Package { locked: locked.clone(), unpacked: Arc::new(unpacked), pack });
        packs.push(tar);
    }
    Ok((packages, Packs(packs)))
}

struct Packs(Vec<Vec<u8>>);

impl Blobs for Packs {
    fn read_at(&self, blob: &Blob, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(blob.offset + offset).map_err(io::Error::other)?;
        let pack = self.0.get(blob.pack.0 as usize).ok_or(io::ErrorKind::NotFound)?;
        buf.copy_from_slice(pack.get(from..from + buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn insert(&self, _: &mut dyn io::Read) -> io::Result<Blob> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

struct OneFile;

impl Sources for OneFile {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == Path::new("bench.toml") { Ok(PROFILE.into()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn open(&self, _: &Path) -> io::Result<Box<dyn io::Read + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<SourceEntry>> {
        Err(io::ErrorKind::NotFound.into())
    }
}
