//! How much an archive may ask for: a few bytes that were compressed well can unfold to anything.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{MAX_ENTRIES, OpenError};

/// Most bytes decompressed.
const MAX_BYTES: u64 = 64 << 30;
/// Most memory for what entries say of themselves beside their last name: link targets, extended attributes, maps of holes, and
/// the whole paths of layers.
const MAX_MEMORY: u64 = 256 << 20;

/// What is left. Layers of one image share it.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: Account,
    entries: Account,
    memory: Account,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget::new(MAX_BYTES, MAX_ENTRIES as u64)
    }
}

impl Budget {
    /// This many bytes decompressed, and this many entries.
    pub(crate) fn new(bytes: u64, entries: u64) -> Budget {
        Budget { bytes: Account::new(bytes), entries: Account::new(entries), memory: Account::new(MAX_MEMORY) }
    }

    /// Takes `n` decompressed bytes.
    pub(crate) fn bytes(&self, layer: &'static str, n: u64) -> Result<(), OpenError> {
        self.bytes.take(n, |limit| {
            OpenError::unsupported(layer, format_args!("more than {} of decompressed data", size(limit)))
        })
    }

    /// Takes one entry.
    pub(crate) fn entry(&self, layer: &'static str) -> Result<(), OpenError> {
        self.entries.take(1, |limit| OpenError::unsupported(layer, format_args!("more than {limit} entries")))
    }

    /// Takes `n` bytes of memory.
    pub(crate) fn memory(&self, layer: &'static str, n: usize) -> Result<(), OpenError> {
        self.memory.take(n as u64, |limit| {
            let what = "paths, link targets, extended attributes and maps of holes";
            OpenError::unsupported(layer, format_args!("more than {} of {what}", size(limit)))
        })
    }
}

#[derive(Debug)]
struct Account {
    limit: u64,
    taken: AtomicU64,
}

impl Account {
    fn new(limit: u64) -> Account {
        Account { limit, taken: AtomicU64::new(0) }
    }

    fn take(&self, n: u64, refused: impl FnOnce(u64) -> OpenError) -> Result<(), OpenError> {
        let taken = |taken: u64| taken.checked_add(n).filter(|sum| *sum <= self.limit);
        match self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken) {
            Ok(_) => Ok(()),
            Err(_) => Err(refused(self.limit)),
        }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ => format!("{bytes} bytes"),
    }
}
