//! `kill -9` at any moment leaves a cache that the next build can use.
//!
//! The test starts itself again as a child that fetches and unpacks, and kills it, later each time.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rootsmith_fetch::NoProgress;
use rootsmith_lock::LockedPackage;
use rootsmith_types::{ContentDigest, Sha256Digest, Trace};

use crate::deb::{deb, locked, noise, target};
use crate::server::{Reply, Server};
use crate::{Place, direct, fetch};

const CACHE: &str = "ROOTSMITH_TEST_CACHE";
const MIRROR: &str = "ROOTSMITH_TEST_MIRROR";
const PACKAGES: usize = 6;

fn archives() -> Vec<(LockedPackage, Vec<u8>)> {
    (0..PACKAGES)
        .map(|n| {
            let name = format!("p{n}");
            let data = deb(&name, &noise(n as u64, 300_000 << (n % 3)));
            (locked(&name, &data), data)
        })
        .collect()
}

/// Not a test: what the child does.
#[test]
#[ignore = "run by `killed_builds_leave_a_usable_cache`"]
#[expect(clippy::disallowed_methods, reason = "how the parent tells the child what to do")]
fn child() {
    let (Some(cache), Ok(mirror)) = (std::env::var_os(CACHE), std::env::var(MIRROR)) else { return };
    let packages: Vec<LockedPackage> = archives().into_iter().map(|(package, _)| package).collect();
    let cache = rootsmith_fetch::Cache::open(Path::new(&cache)).unwrap();
    fetch(&cache, &packages, &mirror, &direct()).unwrap();
    cache.unpack_all(&packages, &NoProgress, Trace::off()).unwrap();
}

#[test]
fn killed_builds_leave_a_usable_cache() {
    let archives = archives();
    let packages: Vec<LockedPackage> = archives.iter().map(|(package, _)| package.clone()).collect();
    let served = archives.clone();
    let server = Server::start(move |request, _| {
        let found = served.iter().find(|(package, _)| request.target == target(package.name.as_str()));
        Reply { pause: Duration::from_millis(1), ..Reply::ranged(&found.unwrap().1, request) }
    });
    let start_child = |place: &Place| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "killed::child"]).env(CACHE, place.path()).env(MIRROR, server.url());
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let place = Place::new();
    let start = Instant::now();
    assert!(start_child(&place).wait().unwrap().success(), "the child works when it is left alone");
    let whole = start.elapsed();
    check(&place, &packages);

    const MOMENTS: u32 = 16;
    let mut killed = 0;
    for moment in 1..=MOMENTS {
        let place = Place::new();
        // The second goes on where the first was stopped.
        for _ in 0..1 + moment % 2 {
            let mut child = start_child(&place);
            sleep(whole * moment / (MOMENTS + 1));
            child.kill().unwrap();
            killed += u32::from(!child.wait().unwrap().success());
            // Whatever has its final name is whole.
            for (package, data) in &archives {
                if let Ok(found) = fs::read(place.blob(&package.sha256)) {
                    assert!(found == *data, "{} after {moment}", package.name);
                }
            }
        }
        let cache = place.cache();
        fetch(&cache, &packages, &server.url(), &direct()).unwrap();
        cache.unpack_all(&packages, &NoProgress, Trace::off()).unwrap();
        drop(cache);
        check(&place, &packages);
    }
    assert!(killed >= MOMENTS / 2, "only {killed} were killed while they worked");
}

fn check(place: &Place, packages: &[LockedPackage]) {
    drop(place.cache());
    for package in packages {
        assert_eq!(Sha256Digest::of(&fs::read(place.blob(&package.sha256)).unwrap()), package.sha256);
        let (unpacked, _) = place.cache().unpacked(package).unwrap();
        assert_eq!(unpacked.entries.len(), 5);
        let tar = fs::read(place.path().join(format!("unpacked/{}.tar", package.sha256))).unwrap();
        for entry in &unpacked.entries {
            if let rootsmith_package::PackedKind::File { offset, size, digest } = entry.kind {
                assert_eq!(ContentDigest::of(&tar[offset as usize..][..size as usize]), digest);
            }
        }
    }
    assert_eq!(fs::read_dir(place.path().join("temporary")).unwrap().count(), 0, "nothing is left of killed processes");
    assert_eq!(fs::read_dir(place.path().join("partial")).unwrap().count(), 0);
}
