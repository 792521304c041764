//! Fetching and unpacking against a mirror that misbehaves, and in a process that is killed.

#[path = "deb.rs"]
mod deb;
#[path = "download.rs"]
mod download;
#[path = "file.rs"]
mod file;
#[path = "killed.rs"]
mod killed;
#[path = "proxy.rs"]
mod proxy;
#[path = "repository.rs"]
mod repository;
#[path = "server.rs"]
mod server;
#[path = "unpacked.rs"]
mod unpacked;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rootsmith_fetch::{Cache, Download, FetchError, Fetched, Http, Mirrors, NoProgress, Proxies, Retry, Transport};
use rootsmith_lock::LockedPackage;
use rootsmith_types::{Sha256Digest, Trace};

/// A cache in a folder of its own.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn cache(&self) -> Cache {
        Cache::open(self.path()).unwrap().with_retry(Retry { attempts: 3, pause: Duration::from_millis(1) })
    }

    fn blob(&self, digest: &Sha256Digest) -> PathBuf {
        let hex = digest.to_string();
        self.path().join("blobs/sha256").join(&hex[..2]).join(hex)
    }

    fn partial(&self, digest: &Sha256Digest) -> PathBuf {
        self.path().join("partial").join(digest.to_string())
    }
}

fn mirrors(url: impl Into<String>) -> Mirrors {
    let main = url.into();
    Mirrors { security: format!("{main}/security"), main }
}

fn direct() -> Http {
    Http::with_patience(&Proxies::default(), Duration::from_secs(2)).unwrap()
}

fn fetch(
    cache: &Cache,
    packages: &[LockedPackage],
    url: &str,
    via: &dyn Transport,
) -> Result<Fetched, Vec<FetchError>> {
    let items: Vec<Download<'_>> = packages.iter().map(|package| Download { package }).collect();
    cache.ensure(&items, &mirrors(url), via, false, &NoProgress, Trace::off())
}

/// The one error there must be.
fn only(result: Result<Fetched, Vec<FetchError>>) -> FetchError {
    let mut errors = result.unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}
