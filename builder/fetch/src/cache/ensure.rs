//! Many files at once.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rootsmith_lock::{Archive, LockedPackage};
use rootsmith_types::{NumBytes, Sha256Digest, Trace};

use super::Cache;
use super::download::{Reach, Wanted};
use super::file::digests;
use crate::error::Fetched;
use crate::{FetchError, Mirrors, Progress, Transport};

/// More make no line faster.
const WORKERS: usize = 8;

/// A package to have in the cache.
#[derive(Debug, Clone, Copy)]
pub struct Download<'a> {
    /// Which.
    pub package: &'a LockedPackage,
}

impl Cache {
    /// Sees to it that the archives of all packages are in the cache. All that fails is reported at once.
    ///
    /// Whether an archive still has its bytes is seen by who takes it apart, and removes one that has not.
    pub fn ensure(
        &self,
        items: &[Download<'_>],
        mirrors: &Mirrors,
        via: &dyn Transport,
        offline: bool,
        progress: &dyn Progress,
        trace: Trace<'_>,
    ) -> Result<Fetched, Vec<FetchError>> {
        // A package may be wanted in two roles.
        let by_digest: BTreeMap<Sha256Digest, &LockedPackage> =
            items.iter().map(|item| (item.package.sha256, item.package)).collect();
        let mut missing: Vec<&LockedPackage> =
            by_digest.into_values().filter(|package| !self.has_blob(&package.sha256, package.size)).collect();
        if offline {
            missing.sort_by_key(|package| &package.name);
            let named = |package: &&LockedPackage| format!("{} {}", package.name, package.version);
            let Some((first, rest)) = missing.split_first() else { return Ok(Fetched::default()) };
            let others = rest.iter().map(named).collect();
            return Err(vec![FetchError::Offline { package: Some(first.name.clone()), file: named(first), others }]);
        }

        // The largest first, so that the line is busy to the end.
        missing.sort_by_key(|package| (std::cmp::Reverse(package.size), &package.name));
        let reach = [Reach::default(), Reach::default()];
        let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = || {
            while let Some(package) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                let wanted = Wanted {
                    what: package.name.as_str(),
                    package: Some(&package.name),
                    urls: vec![format!("{}/{}", mirrors.of(package.archive), escaped(&package.filename))],
                    size: Some(package.size),
                    sha256: package.sha256,
                };
                let reach = match package.archive {
                    Archive::Main => &reach[0],
                    Archive::Security => &reach[1],
                };
                let _span = trace.span("download", package.name.as_str());
                let result = self.download(&wanted, via, reach, progress);
                results.lock().unwrap_or_else(PoisonError::into_inner).push((*package, result));
            }
        };
        thread::scope(|scope| {
            for _ in 0..WORKERS.min(missing.len()) {
                scope.spawn(work);
            }
        });
        let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        summed_up(results, mirrors)
    }

    /// Whether a blob of that length is there. Whether its bytes are right is a question for whoever reads it.
    pub(crate) fn has_blob(&self, digest: &Sha256Digest, size: u64) -> bool {
        fs::metadata(self.folder.blob(digest)).is_ok_and(|metadata| metadata.is_file() && metadata.len() == size)
    }

    /// The digest of the bytes that are in fact there.
    pub(crate) fn hash_blob(&self, digest: &Sha256Digest) -> io::Result<Sha256Digest> {
        Ok(digests(&self.folder.blob(digest))?.sha256)
    }
}

/// One error for each thing a person would mend: a mirror that does not answer is one.
fn summed_up(
    mut results: Vec<(&LockedPackage, Result<bool, FetchError>)>,
    mirrors: &Mirrors,
) -> Result<Fetched, Vec<FetchError>> {
    results.sort_by_key(|(package, _)| (package.role, &package.name));
    let (mut fetched, mut size) = (0, 0u64);
    let mut errors = Vec::new();
    let mut silent: BTreeMap<Archive, (String, Vec<String>)> = BTreeMap::new();
    for (package, result) in results {
        match result {
            Ok(false) => (),
            Ok(true) => {
                fetched += 1;
                size = size.saturating_add(package.size);
            }
            Err(FetchError::Unreachable { why, files, .. }) => {
                silent.entry(package.archive).or_insert_with(|| (why, Vec::new())).1.extend(files);
            }
            Err(error @ FetchError::Disk { .. }) if full_disk_is_among(&errors, &error) => (),
            Err(error) => errors.push(error),
        }
    }
    let silent = silent.into_iter();
    errors.extend(silent.map(|(archive, (why, files))| {
        let url = mirrors.of(archive).to_owned();
        FetchError::Unreachable { url, why, files }
    }));
    if errors.is_empty() { Ok(Fetched { files: fetched, size: NumBytes::new(size) }) } else { Err(errors) }
}

/// A full disk is full for every file: once is enough.
fn full_disk_is_among(errors: &[FetchError], error: &FetchError) -> bool {
    let kind = |error: &FetchError| match error {
        FetchError::Disk { error, .. } => Some(error.kind()),
        _ => None,
    };
    errors.iter().any(|other| kind(other).is_some() && kind(other) == kind(error))
}

/// A file name as a part of an address: `%` and what an address cannot hold are escaped (RFC 3986, 2.1). Epochs are part of
/// pool names as `%3a`, literally.
pub(crate) fn escaped(path: &str) -> String {
    use std::fmt::Write;

    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'+' | b':' | b'@' | b'=' => {
                text.push(char::from(byte));
            }
            _ => write!(text, "%{byte:02X}").expect("writing to a string does not fail"),
        }
    }
    text
}
