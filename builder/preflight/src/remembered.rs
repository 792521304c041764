//! What was asked for once, and need not be found out again.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use rootsmith_kernel::{ModuleIndex, ModuleInfo};
use rootsmith_tree::{Blob, Blobs, Content};
use rootsmith_types::ContentDigest;

use crate::BootEntry;
use crate::elf::File;
use crate::entries::MAX_IMAGE;

/// Names, symbols and texts of all files: those of a desktop take 20 MB.
const MAX_REMEMBERED: usize = 128 << 20;

/// What files say of themselves, by the digest of their bytes, for a second look at the same bytes: a build judges what it plans, and what it
/// has read back. What depends on where a file lies is not among it, nor that one could not be read.
#[derive(Default)]
pub struct Remembered {
    files: Memo<ContentDigest, Arc<File>>,
    /// What a file needs that neither it has nor those of the others, which are named behind it.
    unmet: Memo<Vec<ContentDigest>, Arc<[u64]>>,
    /// The configurations inside kernels.
    configs: Memo<ContentDigest, Option<Arc<str>>>,
    /// What modules are for; by the names of their files, which say how they are compressed.
    modules: Memo<(ContentDigest, String), ModuleInfo>,
    /// What is started, and the parts of it; by what they were looked at as, too.
    images: Memo<(ContentDigest, String), Arc<BootEntry>>,
    /// Bytes of names, symbols and texts; files without a known digest count, too.
    taken: AtomicUsize,
}

impl Remembered {
    /// What a content is: known, or what `read` finds.
    pub(crate) fn file<E>(
        &self,
        content: &Content,
        read: impl FnOnce() -> Result<Arc<File>, E>,
    ) -> Result<Arc<File>, E> {
        match digest(content) {
            Some(digest) => self.files.try_get(&digest, read),
            None => read(),
        }
    }

    /// What the first of `files` needs and none of them has (hashes of symbols): known, or what `find` finds.
    pub(crate) fn unmet(&self, files: Vec<ContentDigest>, find: impl FnOnce() -> Arc<[u64]>) -> Arc<[u64]> {
        let size = size_of_val(&*files);
        let found = self.unmet.try_get(&files, || {
            let unmet = find();
            if self.has_room(size + size_of_val(&*unmet)) { Ok(unmet) } else { Err(unmet) }
        });
        found.unwrap_or_else(|unkept| unkept)
    }

    /// The configuration inside a kernel: known, or what `read` finds.
    pub(crate) fn config<E>(
        &self,
        content: &Content,
        read: impl FnOnce() -> Result<Option<Arc<str>>, E>,
    ) -> Result<Option<Arc<str>>, E> {
        match digest(content) {
            // Whoever judges looks into one kernel: at most 16 MiB.
            Some(digest) => self.configs.try_get(&digest, read),
            None => read(),
        }
    }

    /// Takes from whoever knows it that no configuration is in this kernel: it need not be unpacked to see that. A package that brings a
    /// kernel with the configuration it was built with says so there.
    pub fn know_no_config(&self, kernel: &Content) {
        if let Some(digest) = digest(kernel) {
            self.configs.get(&digest, || None);
        }
    }

    /// Takes what modules are for from an index that was made of them: they need not be decompressed again.
    pub fn know_modules(&self, index: &ModuleIndex) {
        for module in index.modules() {
            if let Some(digest) = module.digest {
                self.modules.get(&(digest, module.file.clone()), || module.info.clone());
            }
        }
    }

    /// What the module in `file` is for: known, or what `read` finds.
    pub(crate) fn module<E>(
        &self,
        file: &str,
        content: &Content,
        read: impl FnOnce() -> Result<ModuleInfo, E>,
    ) -> Result<ModuleInfo, E> {
        match digest(content) {
            // One kernel has at most some thousands of them.
            Some(digest) => self.modules.try_get(&(digest, file.to_owned()), read),
            None => read(),
        }
    }

    /// What `look` finds in an image that is started, or in a part of one, looked at as `name`; `None` when it cannot be read.
    pub(crate) fn image(
        &self,
        content: &Content,
        blobs: &dyn Blobs,
        name: &str,
        look: impl FnOnce(&[u8]) -> BootEntry,
    ) -> Option<Arc<BootEntry>> {
        let look = || content.read(blobs, MAX_IMAGE).ok().map(|image| Arc::new(look(&image)));
        let Some(digest) = digest(content) else { return look() };
        let found = self.images.try_get(&(digest, name.to_owned()), || match look() {
            Some(entry) if self.has_room(entry.size()) => Ok(entry),
            // An error to the memory alone.
            unkept => Err(unkept),
        });
        found.map_or_else(|unkept| unkept, Some)
    }

    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Whether there is room for `size` bytes more. A hostile image could name things without end; no other comes near.
    pub(crate) fn has_room(&self, size: usize) -> bool {
        let more = |taken: usize| taken.checked_add(size).filter(|taken| *taken <= MAX_REMEMBERED);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

/// Where it is known without reading.
pub(crate) fn digest(content: &Content) -> Option<ContentDigest> {
    match content {
        Content::Blob(Blob { digest, .. }) => *digest,
        Content::Inline(data) => Some(ContentDigest::of(data)),
        Content::Sparse(_) => None,
    }
}

/// Values by their keys; a value is made without holding the lock, so that threads that ask for others go on.
pub(crate) struct Memo<K, V>(RwLock<BTreeMap<K, V>>);

impl<K, V> Default for Memo<K, V> {
    fn default() -> Memo<K, V> {
        Memo(RwLock::default())
    }
}

impl<K: Ord + Clone, V: Clone> Memo<K, V> {
    pub(crate) fn get(&self, key: &K, make: impl FnOnce() -> V) -> V {
        let Ok(value) = self.try_get(key, || Ok::<V, Infallible>(make()));
        value
    }

    /// The same where making may fail, which is not remembered.
    pub(crate) fn try_get<E>(&self, key: &K, make: impl FnOnce() -> Result<V, E>) -> Result<V, E> {
        // The lock is only poisoned by a panic, which ends everything.
        if let Some(value) = self.0.read().expect("no panic while held").get(key) {
            return Ok(value.clone());
        }
        let value = make()?;
        Ok(self.0.write().expect("no panic while held").entry(key.clone()).or_insert(value).clone())
    }
}
