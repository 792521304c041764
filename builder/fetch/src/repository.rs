//! A repository as it is now: signed, fresh, and every byte of its indexes vouched for.
//!
//! The chain is the one apt follows (<https://wiki.debian.org/DebianRepository/Format>): a key signs `InRelease`, which names
//! the digest of each `Packages` file, which names the digest of each archive.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use rootsmith_lock::{Archive, LockedRepository};
use rootsmith_package::{IndexError, Release, decompress, needed};
use rootsmith_signature::{Keyring, verify_inline};
use rootsmith_types::{Arch, Sha256Digest, UnixTime};

use crate::cache::{Reach, Wanted, escaped, sealed};
use crate::{Cache, FetchError, Mirrors, Progress, Transport, TransportError};

/// What an index file in the cache begins with.
const NAME: &str = "rootsmith package index 2\n";
/// Debian's are 200 KiB.
const MAX_RELEASE: u64 = 4 << 20;
/// Debian's largest decompressed index has 60 MiB.
const MAX_INDEX: u64 = 512 << 20;
/// A clock that is wrong by less does no harm.
const CLOCKS_DIFFER: i64 = 86_400;
/// What an index may be compressed with, the best first.
const COMPRESSIONS: [&str; 4] = [".xz", ".zst", ".gz", ""];

/// A repository to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Which mirror it is on.
    pub archive: Archive,
    /// `trixie`, `trixie-updates`, `trixie-security`.
    pub suite: String,
    /// `main`, `contrib`.
    pub components: Vec<String>,
}

/// A repository that was read and found right.
#[derive(Debug, Clone)]
pub struct Refreshed {
    /// For the lock.
    pub locked: LockedRepository,
    /// The `Packages` of each component, in the order asked for, with the [`needed`] fields.
    pub packages: Vec<(String, String)>,
}

/// Reads a repository: its `InRelease` anew, its indexes from the cache where they have not changed.
///
/// With `offline`, the last `InRelease` that was accepted stands in. It may have expired since: `Valid-Until` is there to
/// notice a mirror that hides updates, and there is no mirror.
#[expect(clippy::too_many_arguments, reason = "each is another part of the world, and all of them matter")]
pub fn refresh(
    cache: &Cache,
    repository: &Repository,
    arch: Arch,
    mirrors: &Mirrors,
    via: &dyn Transport,
    keyring: &Keyring,
    now: UnixTime,
    offline: bool,
    progress: &dyn Progress,
) -> Result<Refreshed, FetchError> {
    let base = format!("{}/dists/{}", mirrors.of(repository.archive), escaped(&repository.suite));
    let world = World { cache, repository, via, keyring, now, offline, progress, base };
    let accepted = world.accepted_path(mirrors);
    let message = match offline {
        true => world.last_accepted(&accepted)?,
        false => world.fetch_release()?,
    };
    let release = world.trusted(&message)?;
    world.check(&message, &release, &accepted)?;

    let mut packages = Vec::new();
    for component in &repository.components {
        packages.push((component.clone(), world.index(&release, component, arch)?));
    }
    // Only now: one whose indexes did not come is of no use offline.
    if !offline && fs::read(&accepted).ok().as_ref() != Some(&message) {
        cache.folder.put(&accepted, &[&message])?;
    }
    let locked = LockedRepository {
        suite: repository.suite.clone(),
        archive: repository.archive,
        date: release.date,
        sha256: Sha256Digest::of(&message),
    };
    Ok(Refreshed { locked, packages })
}

struct World<'a> {
    cache: &'a Cache,
    repository: &'a Repository,
    via: &'a dyn Transport,
    keyring: &'a Keyring,
    now: UnixTime,
    offline: bool,
    progress: &'a dyn Progress,
    /// `http://mirror.invalid/debian/dists/trixie`.
    base: String,
}

impl World<'_> {
    fn suite(&self) -> String {
        self.repository.suite.clone()
    }

    fn release_url(&self) -> String {
        format!("{}/InRelease", self.base)
    }

    /// One file for each mirror: one of them may well be some hours behind another.
    fn accepted_path(&self, mirrors: &Mirrors) -> PathBuf {
        let mirror = Sha256Digest::of(mirrors.of(self.repository.archive).as_bytes()).to_string();
        self.cache.folder.releases(self.repository.archive, &self.repository.suite).join(&mirror[..16])
    }

    fn fetch_release(&self) -> Result<Vec<u8>, FetchError> {
        let what = format!("{} InRelease", self.repository.suite);
        self.progress.started(&what, None);
        let result = self.cache.read_whole(&what, &self.release_url(), MAX_RELEASE, self.via);
        self.progress.finished(&what);
        result
    }

    /// What was accepted from this mirror, else the newest from any.
    fn last_accepted(&self, own: &Path) -> Result<Vec<u8>, FetchError> {
        if let Ok(message) = fs::read(own) {
            return Ok(message);
        }
        let others = own.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
        let messages = others.filter_map(|entry| fs::read(entry.path()).ok());
        let dated = messages.filter_map(|message| Some((self.trusted(&message).ok()?.date, message)));
        dated.max().map(|(_, message)| message).ok_or_else(|| FetchError::Offline {
            package: None,
            file: format!("{} InRelease", self.repository.suite),
            others: Vec::new(),
        })
    }

    fn trusted(&self, message: &[u8]) -> Result<Release, FetchError> {
        let verified = verify_inline(message, self.keyring, self.now).map_err(|error| {
            let (suite, url) = (self.suite(), self.release_url());
            FetchError::Signature { suite, url, error }
        })?;
        Release::parse(&verified.text).map_err(|error| self.unreadable(self.release_url(), error))
    }

    fn unreadable(&self, url: String, error: IndexError) -> FetchError {
        FetchError::Index { suite: self.suite(), url, error }
    }

    /// That it is what was asked for, and not of another time.
    fn check(&self, message: &[u8], release: &Release, accepted: &Path) -> Result<(), FetchError> {
        let suite = self.suite();
        let mut found = vec![release.codename.clone(), release.suite.clone()];
        if !found.contains(&suite) {
            found.dedup();
            return Err(FetchError::OtherSuite { suite, found, url: self.release_url() });
        }
        let (date, now) = (release.date, self.now);
        if date.saturating_sub(now) > CLOCKS_DIFFER {
            return Err(FetchError::NotYetValid { suite, url: self.release_url(), date, now });
        }
        if self.offline {
            return Ok(());
        }
        if let Some(until) = release.valid_until
            && until < now
        {
            return Err(FetchError::Expired { suite, url: self.release_url(), until, now });
        }
        // One that is not trusted any more, after a change of keys, says nothing; the same one is not older than itself.
        let before = fs::read(accepted).ok().filter(|before| before != message);
        let before = before.and_then(|before| self.trusted(&before).ok());
        match before {
            Some(before) if before.date > date => {
                let (url, path) = (self.release_url(), accepted.to_owned());
                Err(FetchError::Rollback { suite, url, date, accepted: before.date, path })
            }
            _ => Ok(()),
        }
    }

    /// What is needed of the `Packages` of one component.
    fn index(&self, release: &Release, component: &str, arch: Arch) -> Result<String, FetchError> {
        let plain = format!("{component}/binary-{arch}/Packages");
        let listed = COMPRESSIONS.iter().find_map(|compression| {
            let path = format!("{plain}{compression}");
            release.files.get(&path).map(|&(size, digest)| (path, size, digest))
        });
        let Some((path, size, digest)) = listed else {
            let (component, arch) = (component.to_owned(), arch.to_string());
            return Err(FetchError::NoComponent { suite: self.suite(), component, arch });
        };
        let cached = self.cache.folder.index(&digest);
        if let Some(text) = sealed::read(NAME, &cached).and_then(|text| String::from_utf8(text).ok()) {
            return Ok(text);
        }

        let what = format!("{} {component} Packages", self.repository.suite);
        let packed = self.packed_index(&what, release, &path, size, digest)?;
        // What it says of its plain form is signed too, where it says anything.
        let limit = release.files.get(&plain).map_or(MAX_INDEX, |&(size, _)| size.min(MAX_INDEX));
        let url = || format!("{}/{path}", self.base);
        let text = decompress(&path, &packed, limit).map_err(|error| self.unreadable(url(), error))?;
        let text =
            String::from_utf8(text).map_err(|_| self.unreadable(url(), IndexError::NotText { name: path.clone() }))?;
        let text = needed(&text);
        self.cache.folder.put(&cached, &sealed::seal(NAME, text.as_bytes()).parts())?;
        Ok(text)
    }

    /// The index as the mirror has it, by its digest where the mirror offers that: it stays while the suite moves on.
    fn packed_index(
        &self,
        what: &str,
        release: &Release,
        path: &str,
        size: u64,
        sha256: Sha256Digest,
    ) -> Result<Vec<u8>, FetchError> {
        let blob = self.cache.folder.blob(&sha256);
        let read = || fs::read(&blob).ok().filter(|data| Sha256Digest::of(data) == sha256);
        if let Some(data) = read() {
            return Ok(data);
        }
        if self.offline {
            return Err(FetchError::Offline { package: None, file: what.to_owned(), others: Vec::new() });
        }
        // Whatever is there is wrong.
        let _ = fs::remove_file(&blob);
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut urls = vec![format!("{}/{}", self.base, escaped(path))];
        if release.acquire_by_hash {
            urls.insert(0, format!("{}/{}/by-hash/SHA256/{sha256}", self.base, escaped(folder)));
        }
        let wanted = Wanted { what, package: None, urls, size: Some(size), sha256 };
        self.cache.download(&wanted, self.via, &Reach::default(), self.progress)?;
        read().ok_or_else(|| FetchError::Damaged { package: None, file: what.to_owned(), path: blob.clone() })
    }
}

impl Cache {
    /// A small file whose digest nobody knows beforehand.
    fn read_whole(&self, what: &str, url: &str, limit: u64, via: &dyn Transport) -> Result<Vec<u8>, FetchError> {
        let once = || -> Result<Vec<u8>, TransportError> {
            let mut data = Vec::new();
            let body = via.get(url, 0)?.body;
            body.take(limit.saturating_add(1)).read_to_end(&mut data).map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => TransportError::Unreachable("the connection ended too early".into()),
                _ => TransportError::Unreachable(format!("the connection broke: {error}")),
            })?;
            if data.len() as u64 > limit {
                return Err(TransportError::Unusable(format!("it is larger than {limit} bytes")));
            }
            Ok(data)
        };
        let mut attempt = 1;
        loop {
            match once() {
                Ok(data) => return Ok(data),
                Err(error) if error.is_passing() && attempt < self.retry.attempts => {
                    self.pause(attempt, &Reach::default());
                    attempt += 1;
                }
                Err(error) => return Err(FetchError::of_transport(None, what, url, error)),
            }
        }
    }
}
