//! One file: asked for, resumed, asked for again, and compared with its digest.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use rootsmith_types::{PackageName, Sha256Digest};

use super::Cache;
use super::partial::Partial;
use crate::{Extent, FetchError, Progress, Transport, TransportError};

/// A server that sends a little each time and then hangs up is left after so many times.
const MAX_ATTEMPTS: u32 = 100;
/// A file whose size nobody knows may be this long.
const MAX_SIZE: u64 = 64 << 30;

/// A file to fetch.
pub(crate) struct Wanted<'a> {
    /// For people: `chrony`, `trixie main Packages`.
    pub(crate) what: &'a str,
    /// The package it belongs to.
    pub(crate) package: Option<&'a PackageName>,
    /// Where it is: the next one is asked when one does not have it.
    pub(crate) urls: Vec<String>,
    /// In bytes; nobody knows it of a file that comes for the first time by its address alone.
    pub(crate) size: Option<u64>,
    /// Of the whole file.
    pub(crate) sha256: Sha256Digest,
}

/// Whether a mirror ever answered: when it does not answer for one file, the others need not each find out.
#[derive(Default)]
pub(crate) struct Reach {
    answered: AtomicBool,
    given_up: AtomicBool,
}

impl Reach {
    fn is_hopeless(&self) -> bool {
        self.given_up.load(Ordering::Relaxed) && !self.answered.load(Ordering::Relaxed)
    }
}

/// Why an attempt failed.
enum Failed {
    /// Nothing to be done.
    For(FetchError),
    /// The transport's fault.
    Transport(TransportError),
    /// The bytes are wrong; those of an earlier run may be to blame.
    Digest(Sha256Digest),
}

impl From<FetchError> for Failed {
    fn from(error: FetchError) -> Failed {
        Failed::For(error)
    }
}

impl Cache {
    /// Puts a file into the cache, unless `done` says it is there by the time its lock is ours. `true` when it came over the
    /// network.
    pub(crate) fn download(
        &self,
        wanted: &Wanted<'_>,
        via: &dyn Transport,
        reach: &Reach,
        progress: &dyn Progress,
    ) -> Result<bool, FetchError> {
        let done = || match wanted.size {
            Some(size) => self.has_blob(&wanted.sha256, size),
            None => self.folder.blob(&wanted.sha256).is_file(),
        };
        let Some(partial) = Partial::lock(&self.folder, &wanted.sha256, done)? else { return Ok(false) };
        progress.started(wanted.what, wanted.size);
        let result = self.complete(partial, wanted, via, reach, progress);
        progress.finished(wanted.what);
        result.map(|()| true)
    }

    fn complete(
        &self,
        mut partial: Partial,
        wanted: &Wanted<'_>,
        via: &dyn Transport,
        reach: &Reach,
        progress: &dyn Progress,
    ) -> Result<(), FetchError> {
        let limit = wanted.size.unwrap_or(MAX_SIZE);
        if partial.len() > limit {
            partial.restart()?;
        }
        progress.advanced(wanted.what, partial.len());
        // Whether bytes of an earlier run are in it, or of an attempt before this one.
        let mut patched = partial.len() > 0;
        let mut urls = wanted.urls.iter();
        let mut url = urls.next().map_or("", String::as_str);
        let mut in_vain = 0;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let before = partial.len();
            let error = match self.attempt(&mut partial, url, wanted, via, reach, progress) {
                Ok(()) => {
                    partial.keep_as(&self.folder.blob(&wanted.sha256))?;
                    return Ok(());
                }
                Err(Failed::Digest(_)) if patched => {
                    patched = false;
                    partial.restart()?;
                    continue;
                }
                Err(Failed::Digest(found)) => {
                    partial.discard();
                    let (package, url) = (wanted.package.cloned(), url.to_owned());
                    return Err(FetchError::Digest { package, url, wanted: wanted.sha256, found });
                }
                Err(Failed::For(error)) => return Err(error),
                Err(Failed::Transport(error)) => error,
            };
            if error == TransportError::NotFound
                && let Some(next) = urls.next()
            {
                url = next;
                continue;
            }
            // A server may not like where we want to go on.
            if before > 0 && !error.is_passing() && error != TransportError::NotFound {
                partial.restart()?;
                patched = false;
                if in_vain == 0 {
                    in_vain = 1;
                    continue;
                }
            }
            in_vain = if partial.len() > before { 0 } else { in_vain + 1 };
            patched |= partial.len() > 0;
            let patient = in_vain < self.retry.attempts.max(1) && attempt < MAX_ATTEMPTS && !reach.is_hopeless();
            if !error.is_passing() || !patient {
                if matches!(error, TransportError::Unreachable(_)) {
                    reach.given_up.store(true, Ordering::Relaxed);
                }
                return Err(FetchError::of_transport(wanted.package, wanted.what, url, error));
            }
            self.pause(in_vain, reach);
        }
    }

    fn attempt(
        &self,
        partial: &mut Partial,
        url: &str,
        wanted: &Wanted<'_>,
        via: &dyn Transport,
        reach: &Reach,
        progress: &dyn Progress,
    ) -> Result<(), Failed> {
        let limit = wanted.size.unwrap_or(MAX_SIZE);
        let wrong_size = |found| {
            let (package, url) = (wanted.package.cloned(), url.to_owned());
            Failed::For(FetchError::Size { package, url, wanted: limit, found })
        };
        // Complete already when the last process was killed just before the end.
        let complete = match wanted.size {
            Some(size) => partial.len() == size && size > 0,
            None => partial.digest() == wanted.sha256,
        };
        let mut size = wanted.size;
        if !complete {
            let mut response = via.get(url, partial.len()).map_err(Failed::Transport)?;
            reach.answered.store(true, Ordering::Relaxed);
            if response.extent == Extent::Full && partial.len() > 0 {
                partial.restart()?;
            }
            if let Some(length) = response.length {
                let announced = partial.len().saturating_add(length);
                if wanted.size.map_or(announced > limit, |size| announced != size) {
                    return Err(wrong_size(Some(announced)));
                }
                size = Some(announced);
            }
            let mut buf = vec![0; 64 << 10];
            loop {
                let n = match response.body.read(&mut buf) {
                    Ok(0) => break,
                    Ok(n) => n,
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) => return Err(Failed::Transport(cut_off(&error))),
                };
                if n as u64 > limit - partial.len() {
                    return Err(wrong_size(None));
                }
                partial.push(&buf[..n])?;
                progress.advanced(wanted.what, n as u64);
            }
        }
        if let Some(size) = size.filter(|size| partial.len() < *size) {
            let why = format!("the connection ended after {} of {size} bytes", partial.len());
            return Err(Failed::Transport(TransportError::Unreachable(why)));
        }
        match partial.digest() {
            found if found == wanted.sha256 => Ok(()),
            found => Err(Failed::Digest(found)),
        }
    }

    /// Waits before the next attempt, unless it has become pointless.
    pub(crate) fn pause(&self, in_vain: u32, reach: &Reach) {
        const STEP: Duration = Duration::from_millis(50);
        let mut left = self.retry.pause.saturating_mul(1 << in_vain.saturating_sub(1).min(4));
        while !left.is_zero() && !reach.is_hopeless() {
            sleep(left.min(STEP));
            left = left.saturating_sub(STEP);
        }
    }
}

fn cut_off(error: &io::Error) -> TransportError {
    TransportError::Unreachable(format!("the connection broke: {error}"))
}
