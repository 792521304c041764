//! Reading a distribution's repositories from a cache that has them: signatures, checksums, packages.
//!
//! `cargo bench -p rootsmith-fetch --bench index -- CACHE`, as `rootsmith lock` leaves the cache for a profile of trixie on amd64. Nothing
//! comes from the network, as with `--offline`. The goal is 200 ms for all of it.
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods)]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use rootsmith_fetch::repository::{Repository, refresh};
use rootsmith_fetch::{Cache, Mirrors, NoProgress, Response, Transport, TransportError};
use rootsmith_lock::Archive;
use rootsmith_package::Index;
use rootsmith_signature::Keyring;
use rootsmith_types::{Arch, UnixTime};

const RUNS: usize = 11;
const REPOSITORIES: [(Archive, &str); 3] =
    [(Archive::Main, "trixie"), (Archive::Main, "trixie-updates"), (Archive::Security, "trixie-security")];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this without `--bench`: nothing to measure then.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let [cache] = words.as_slice() else {
        return Err("usage: cargo bench -p rootsmith-fetch --bench index -- CACHE".into());
    };
    let now = UnixTime::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs())?;
    let mirrors = Mirrors { main: "http://mirror.invalid".to_owned(), security: "http://mirror.invalid".to_owned() };
    let keyring = Keyring::debian();
    let mut times = [const { Vec::new() }; REPOSITORIES.len() + 1];
    let mut packages = 0;
    for _ in 0..RUNS {
        let cache = Cache::open(Path::new(cache))?;
        let mut index = Index::builder();
        for (number, (archive, suite)) in REPOSITORIES.into_iter().enumerate() {
            let repository = Repository { archive, suite: suite.to_owned(), components: vec!["main".to_owned()] };
            let start = Instant::now();
            let fresh = refresh(&cache, &repository, Arch::Amd64, &mirrors, &Nobody, &keyring, now, true, &NoProgress)?;
            times[number].push(start.elapsed());
            for (_, text) in fresh.packages {
                index.add(number, text.into_bytes())?;
            }
        }
        let start = Instant::now();
        packages = index.finish()?.len();
        times[REPOSITORIES.len()].push(start.elapsed());
    }
    let mut all = Duration::ZERO;
    let names = REPOSITORIES.into_iter().map(|(_, suite)| suite).chain(["packages of all three"]);
    for (name, times) in names.zip(&mut times) {
        times.sort();
        all += times[RUNS / 2];
        println!("{name}: median of {RUNS} {:.1?}, best {:.1?}", times[RUNS / 2], times[0]);
    }
    println!("{packages} packages in {all:.1?}, one thing after the other");
    Ok(())
}

/// There is no network.
struct Nobody;

impl Transport for Nobody {
    fn get(&self, _: &str, _: u64) -> Result<Response, TransportError> {
        Err(TransportError::Unreachable("nobody is there".to_owned()))
    }
}
