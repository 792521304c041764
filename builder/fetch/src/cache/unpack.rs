//! The unpacked form of archives.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use rootsmith_lock::LockedPackage;
use rootsmith_package::{Limits, Unpacked, unpack};
use rootsmith_tree::PackId;
use rootsmith_types::{Sha256Writer, Trace};
use rustix::fs::FlockOperation;

use super::folder::{Temporary, lock_file};
use super::{Cache, sealed};
use crate::{FetchError, Progress};

/// What the index file begins with. The number counts versions of the form, and of what is taken out of archives.
const NAME: &str = "rootsmith unpacked package 2\n";

/// What the work is called in progress: in bytes of archives.
const UNPACKING: &str = "unpacking packages";

impl Cache {
    /// The unpacked form of a package: the one that is there, or a new one made from the archive.
    pub fn unpacked(&self, package: &LockedPackage) -> Result<(Arc<Unpacked>, PackId), FetchError> {
        self.unpacked_by(package, 1)
    }

    fn unpacked_by(&self, package: &LockedPackage, threads: u32) -> Result<(Arc<Unpacked>, PackId), FetchError> {
        if let Some((unpacked, pack)) = self.known().unpacked.get(&package.sha256) {
            return Ok((Arc::clone(unpacked), *pack));
        }
        let found = match self.open_unpacked(package) {
            Some(found) => found,
            None => self.make_unpacked(package, threads)?,
        };
        let (unpacked, file) = found;
        let path = self.folder.unpacked_tar(&package.sha256);
        let pack = self.packs.add(path.clone(), file).map_err(FetchError::disk("open", path))?;
        // Whoever else made it meanwhile has the same; one of the two is kept.
        let mut known = self.known();
        let (unpacked, pack) = known.unpacked.entry(package.sha256).or_insert((Arc::new(unpacked), pack));
        Ok((Arc::clone(unpacked), *pack))
    }

    /// The unpacked forms of many packages, in their order. The largest archives are begun first; it is the current thread
    /// pool that works on them.
    pub fn unpack_all(
        &self,
        packages: &[LockedPackage],
        progress: &dyn Progress,
        trace: Trace<'_>,
    ) -> Result<Vec<(Arc<Unpacked>, PackId)>, Vec<FetchError>> {
        let mut order: Vec<&LockedPackage> = packages.iter().collect();
        order.sort_by_key(|package| (std::cmp::Reverse(package.size), package.sha256));
        order.dedup_by_key(|package| package.sha256);
        let errors = Mutex::new(Vec::new());
        let total: u64 = order.iter().map(|package| package.size).sum();
        let cores = u32::try_from(rayon::current_num_threads()).unwrap_or(1);
        progress.started(UNPACKING, Some(total));
        rayon::scope_fifo(|scope| {
            for package in order {
                let errors = &errors;
                // Those that would not be through when the others are have several cores.
                let threads = if package.size.saturating_mul(u64::from(cores)) > total { cores } else { 1 };
                scope.spawn_fifo(move |_| {
                    let _span = trace.span("unpack", package.name.as_str());
                    if let Err(error) = self.unpacked_by(package, threads) {
                        errors.lock().unwrap_or_else(PoisonError::into_inner).push((&package.name, error));
                    }
                    progress.advanced(UNPACKING, package.size);
                });
            }
        });
        progress.finished(UNPACKING);
        let mut errors = errors.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !errors.is_empty() {
            errors.sort_by_key(|(name, _)| *name);
            return Err(errors.into_iter().map(|(_, error)| error).collect());
        }
        packages.iter().map(|package| self.unpacked(package).map_err(|error| vec![error])).collect()
    }

    /// What is there already, if it is whole: anything else is made again.
    fn open_unpacked(&self, package: &LockedPackage) -> Option<(Unpacked, File)> {
        let encoded = sealed::read(NAME, &self.folder.unpacked_index(&package.sha256))?;
        let (length, unpacked): (u64, Unpacked) = postcard::from_bytes(&encoded).ok()?;
        let file = File::open(self.folder.unpacked_tar(&package.sha256)).ok()?;
        (file.metadata().ok()?.len() == length).then_some((unpacked, file))
    }

    fn make_unpacked(&self, package: &LockedPackage, threads: u32) -> Result<(Unpacked, File), FetchError> {
        let path = self.folder.blob(&package.sha256);
        let mut archive = match File::open(&path) {
            Ok(archive) => archive,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = format!("{} {}", package.name, package.version);
                return Err(FetchError::Offline { package: Some(package.name.clone()), file, others: Vec::new() });
            }
            Err(error) => return Err(FetchError::disk("open", path)(error)),
        };
        // Two builds need not do the same work: the second finds what the first made.
        lock_file(&archive, FlockOperation::LockExclusive);
        if let Some(found) = self.open_unpacked(package) {
            return Ok(found);
        }
        let temporary = self.folder.temporary()?;
        let mut archive = Digested { inner: &mut archive, digest: Sha256Writer::new(io::sink()) };
        let taken = take_apart(package, &mut archive, &temporary, threads);
        // All of it was read, unless something is wrong with it: then that may be why.
        let found = match &taken {
            Ok(_) => archive.digest.finish().1,
            Err(_) => self.hash_blob(&package.sha256).map_err(FetchError::disk("read", &path))?,
        };
        if found != package.sha256 {
            let _ = fs::remove_file(&path);
            let file = format!("{} {}", package.name, package.version);
            return Err(FetchError::Damaged { package: Some(package.name.clone()), file, path });
        }
        let (unpacked, written) = taken?;
        let file = temporary.file().try_clone().map_err(FetchError::disk("open", temporary.path()))?;
        temporary.keep_as(&self.folder.unpacked_tar(&package.sha256))?;
        let index = self.folder.unpacked_index(&package.sha256);
        let encoded = postcard::to_stdvec(&(written, &unpacked)).map_err(io::Error::other);
        let encoded = encoded.map_err(FetchError::disk("write", &index))?;
        self.folder.put(&index, &sealed::seal(NAME, &encoded).parts())?;
        Ok((unpacked, file))
    }
}

/// Writes the decompressed tar; says what is in it, and how long it is.
fn take_apart(
    package: &LockedPackage,
    archive: &mut dyn Read,
    to: &Temporary,
    threads: u32,
) -> Result<(Unpacked, u64), FetchError> {
    written(to, |out| unpack(&package.name, archive, out, &Limits::default(), threads).map_err(FetchError::Archive))
}

/// What `work` made of the writer to a file, and how many bytes it wrote there.
pub(super) fn written<T>(
    to: &Temporary,
    work: impl FnOnce(&mut dyn Write) -> Result<T, FetchError>,
) -> Result<(T, u64), FetchError> {
    let mut out = Watched { inner: BufWriter::with_capacity(256 << 10, to.file()), failure: None, written: 0 };
    let result = work(&mut out);
    if result.is_ok() {
        // Noted inside when it fails.
        let _ = out.flush();
    }
    match (out.failure.take(), result) {
        (Some(error), _) => Err(FetchError::disk("write", to.path())(error)),
        (None, result) => Ok((result?, out.written)),
    }
}

/// Digests what is read.
struct Digested<'a> {
    inner: &'a mut File,
    digest: Sha256Writer<io::Sink>,
}

impl Read for Digested<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.digest.write_all(&buf[..n])?;
        Ok(n)
    }
}

/// Remembers why writing failed, so that a full disk is not taken for a bad archive.
struct Watched<W> {
    inner: W,
    failure: Option<io::Error>,
    written: u64,
}

impl<W: Write> Watched<W> {
    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.failure = Some(error);
            }
            kind.into()
        })
    }
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let result = self.inner.write(data);
        let n = self.note(result)?;
        self.written = self.written.saturating_add(n as u64);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.inner.flush();
        self.note(result)
    }
}
