//! Where a program's own loader looks for a library.
//!
//! glibc: `DT_RPATH` of the file that asks, unless it has `DT_RUNPATH`, and of those that brought it in; its `DT_RUNPATH`;
//! `/etc/ld.so.cache`; the folders that are built into the loader. musl: the search path of the file that asks and of those
//! that brought it in; the folders of `/etc/ld-musl-ARCH.path`, or `/lib`, `/usr/local/lib`, `/usr/lib`.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rootsmith_types::TreePath;

use super::programs::{File, Programs};
use super::read::{Elf, Machine};
use super::{cache, libc, locate};

/// Loaders, caches and their lists are smaller.
const MAX_LOADER: u64 = 8 << 20;
const MAX_TEXT: u64 = 16 << 20;

/// Whose rules a loader follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    Glibc,
    Musl,
}

/// One loader of the image.
pub(super) struct Loader {
    pub(super) rules: Rules,
    pub(super) machine: Machine,
    /// Its file; none when only its rules are known.
    pub(super) file: Option<TreePath>,
    /// Of glibc alone: what `ldconfig` has written.
    cache: Option<BTreeMap<String, Vec<String>>>,
    /// Looked into after everything else.
    pub(super) folders: Vec<String>,
    /// For `$LIB` and `$PLATFORM`.
    lib: &'static str,
    platform: &'static str,
    /// Names that were looked for in cache and folders before.
    found: Mutex<BTreeMap<String, Option<TreePath>>>,
}

impl Loader {
    /// The loader whose file is `file`.
    pub(super) fn new(programs: &Programs<'_>, file: Option<TreePath>, rules: Rules, machine: Machine) -> Loader {
        let names = libc::names_of(machine);
        let (cache, folders) = match rules {
            Rules::Glibc => {
                let cache = programs.bytes("/etc/ld.so.cache", MAX_TEXT);
                let own = file.as_ref().and_then(|file| programs.bytes_at(file, MAX_LOADER));
                let built_in = own.map(|data| libc::built_in_folders(&data)).unwrap_or_default();
                let usual = ["/lib/", "/usr/lib/"].iter().map(|base| format!("{base}{}", names.multiarch));
                let usual = usual.chain(["/lib64", "/usr/lib64", "/lib", "/usr/lib"].map(str::to_owned));
                let folders = if built_in.is_empty() { usual.collect() } else { built_in };
                (cache.and_then(|data| cache::parse(&data)), folders)
            }
            Rules::Musl => {
                let list = programs.text(&format!("/etc/ld-musl-{}.path", names.musl), MAX_TEXT);
                let list = list.unwrap_or_else(|| "/lib:/usr/local/lib:/usr/lib".to_owned());
                (None, list.split([':', '\n']).filter(|it| it.starts_with('/')).map(str::to_owned).collect())
            }
        };
        let lib = match folders.first() {
            Some(first) if first.ends_with(names.multiarch) && !names.multiarch.is_empty() => names.multiarch_lib,
            Some(first) if first.ends_with("lib64") => "lib64",
            _ => "lib",
        };
        let found = Mutex::default();
        Loader { rules, machine, file, cache, folders, lib, platform: names.platform, found }
    }

    /// Whether it has a cache to look into; one without finds only what is in its own folders.
    pub(super) fn has_cache(&self) -> bool {
        self.cache.is_some()
    }

    /// The first library called `name` in the folders that files name themselves: `search` of the file that asks, which was
    /// found in `origin`. `probes` counts down.
    pub(super) fn in_folders(
        &self,
        programs: &Programs<'_>,
        search: &[String],
        origin: &str,
        name: &str,
        probes: &mut u32,
    ) -> Option<TreePath> {
        for folder in search {
            *probes = probes.checked_sub(1)?;
            let folder = self.expand(folder, origin);
            if let Some(at) = locate(programs.tree, &format!("{folder}/{name}")).filter(|at| self.takes(programs, at)) {
                return Some(at);
            }
        }
        None
    }

    /// The library called `name` in the cache and in the loader's own folders.
    pub(super) fn by_default(&self, programs: &Programs<'_>, name: &str) -> Option<TreePath> {
        // The lock is only poisoned by a panic, which ends everything.
        if let Some(found) = self.found.lock().expect("no panic while held").get(name) {
            return found.clone();
        }
        let cached = self.cache.iter().filter_map(|cache| cache.get(name)).flatten().cloned();
        let places = cached.chain(self.folders.iter().map(|folder| format!("{folder}/{name}")));
        let mut places = places.filter_map(|place| locate(programs.tree, &place));
        let found = places.find(|at| self.takes(programs, at));
        self.found.lock().expect("no panic while held").insert(name.to_owned(), found.clone());
        found
    }

    /// Loaders go on looking when a file is for another machine.
    pub(super) fn takes(&self, programs: &Programs<'_>, at: &TreePath) -> bool {
        matches!(&*programs.file(at), File::Elf(program) if program.elf.machine == self.machine)
    }

    fn expand(&self, folder: &str, origin: &str) -> String {
        if !folder.contains('$') {
            return folder.to_owned();
        }
        let folder = folder.replace("${ORIGIN}", origin).replace("$ORIGIN", origin);
        if self.rules == Rules::Musl {
            return folder;
        }
        let folder = folder.replace("${LIB}", self.lib).replace("$LIB", self.lib);
        folder.replace("${PLATFORM}", self.platform).replace("$PLATFORM", self.platform)
    }
}

/// Whether musl takes `name` for itself: its loader is its C library, under every name that one has had.
pub(super) fn is_musl_itself(name: &str) -> bool {
    const OWN: [&str; 7] = ["c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."];
    name.strip_prefix("lib").is_some_and(|rest| OWN.iter().any(|own| rest.starts_with(own)))
        || name.starts_with("ld-musl-")
}

/// The rules by which a loader goes, by its path and what it is.
pub(super) fn rules_of(path: &str, elf: &Elf) -> Rules {
    // A stand-in for glibc's loader (gcompat) is a library of musl, and musl loads what the program needs.
    let musl = libc::family(path) == Some("musl") || elf.needed.iter().any(|name| name.starts_with("libc.musl-"));
    if musl { Rules::Musl } else { Rules::Glibc }
}
