//! All that is loaded with a program, breadth first as loaders do, and what of it does not fit together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rootsmith_types::TreePath;

use super::loader::{Loader, Rules, is_musl_itself};
use super::locate;
use super::programs::{File, Program, Programs};

/// Files that one program loads.
const MAX_OBJECTS: usize = 1024;
/// Libraries that they ask for.
const MAX_ASKED: usize = 1 << 13;
/// Comparisons of symbols with libraries: a desktop's largest programs take ten millions.
const MAX_COMPARED: usize = 1 << 28;
/// Folders looked into for one program because its files name them.
const MAX_PROBES: u32 = 1 << 14;

/// A file that is loaded.
pub(super) struct Object {
    pub(super) at: TreePath,
    pub(super) program: Arc<Program>,
    /// `$ORIGIN`.
    origin: String,
    /// The one that asked for it first.
    by: Option<usize>,
}

/// A library that is not found.
pub(super) struct Missing {
    pub(super) user: TreePath,
    pub(super) name: String,
}

/// What is loaded with a program: itself, its loader, then the libraries.
pub(super) struct Closure {
    pub(super) objects: Vec<Object>,
    pub(super) missing: Vec<Missing>,
    /// The names by which a file was asked for, or that it gives itself.
    names: BTreeMap<String, usize>,
    probes: u32,
    asked: BTreeSet<String>,
}

/// Versions that a file needs of another, which has others.
pub(super) struct WrongVersions<'c> {
    pub(super) user: &'c Object,
    pub(super) library: &'c Object,
    /// The library, as the user calls it.
    pub(super) name: &'c str,
    pub(super) versions: Vec<&'c str>,
}

impl Closure {
    /// Loads the program at `at`.
    pub(super) fn load(programs: &Programs<'_>, loader: &Loader, at: &TreePath, program: &Arc<Program>) -> Closure {
        let mut closure = Closure {
            objects: Vec::new(),
            missing: Vec::new(),
            names: BTreeMap::new(),
            probes: MAX_PROBES,
            asked: BTreeSet::new(),
        };
        closure.add(at.clone(), Arc::clone(program), None);
        if let Some(file) = loader.file.as_ref().filter(|file| *file != at)
            && let File::Elf(own) = &*programs.file(file)
        {
            let index = closure.add(file.clone(), Arc::clone(own), None);
            let name = file.name().and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default();
            closure.names.insert(name.to_owned(), index);
        }
        let mut user = 0;
        while user < closure.objects.len() {
            let program = Arc::clone(&closure.objects[user].program);
            for name in &program.elf.needed {
                closure.need(programs, loader, user, name);
            }
            user += 1;
        }
        closure
    }

    /// Every file but the program, by each of the names it is asked for by, or gives itself.
    pub(super) fn named(&self) -> impl Iterator<Item = (&str, &TreePath)> {
        let named = self.names.iter().filter(|(_, index)| **index > 0);
        named.map(|(name, index)| (name.as_str(), &self.objects[*index].at))
    }

    fn add(&mut self, at: TreePath, program: Arc<Program>, by: Option<usize>) -> usize {
        let index = self.objects.len();
        if let Some(soname) = &program.elf.soname {
            self.names.entry(soname.clone()).or_insert(index);
        }
        let origin = at.parent().unwrap_or_else(TreePath::root).to_string();
        self.objects.push(Object { at, program, origin, by });
        index
    }

    fn need(&mut self, programs: &Programs<'_>, loader: &Loader, user: usize, name: &str) {
        if self.asked.len() >= MAX_ASKED || !self.asked.insert(name.to_owned()) {
            return;
        }
        if self.names.contains_key(name) || (loader.rules == Rules::Musl && is_musl_itself(name)) {
            return;
        }
        let found = self.find(programs, loader, user, name).map(|at| (programs.file(&at), at));
        match found.as_ref().map(|(file, at)| (&**file, at)) {
            Some((File::Elf(program), at)) if self.objects.len() < MAX_OBJECTS => {
                let there = self.objects.iter().position(|object| object.at == *at);
                let index = there.unwrap_or_else(|| self.add(at.clone(), Arc::clone(program), Some(user)));
                self.names.insert(name.to_owned(), index);
            }
            _ => self.missing.push(Missing { user: self.objects[user].at.clone(), name: name.to_owned() }),
        }
    }

    /// Where the loader finds `name` when the object `user` asks for it.
    fn find(&mut self, programs: &Programs<'_>, loader: &Loader, user: usize, name: &str) -> Option<TreePath> {
        let asks = &self.objects[user];
        if name.contains('/') {
            let place = name.replace("${ORIGIN}", &asks.origin).replace("$ORIGIN", &asks.origin);
            return locate(programs.tree, &place).filter(|at| loader.takes(programs, at));
        }
        let chain = std::iter::successors(Some(asks), |object| object.by.map(|by| &self.objects[by]));
        let mut probes = self.probes;
        let mut look = |object: &Object, folders: &[String]| {
            loader.in_folders(programs, folders, &object.origin, name, &mut probes)
        };
        let own = match loader.rules {
            Rules::Glibc => {
                let own = asks.program.elf.runpath.as_deref();
                let inherited = || {
                    let mut chain = chain.take(MAX_OBJECTS).filter(|object| object.program.elf.runpath.is_none());
                    chain.find_map(|object| look(object, &object.program.elf.rpath))
                };
                // With a path of its own, a file does not inherit.
                if let Some(folders) = own { look(asks, folders) } else { inherited() }
            }
            Rules::Musl => chain.take(MAX_OBJECTS).find_map(|object| {
                let elf = &object.program.elf;
                look(object, elf.runpath.as_deref().unwrap_or(&elf.rpath))
            }),
        };
        self.probes = probes;
        own.or_else(|| loader.by_default(programs, name))
    }

    /// What was found under which name.
    #[cfg(test)]
    pub(super) fn by_name(&self) -> impl Iterator<Item = (&str, &TreePath)> {
        self.names.iter().map(|(name, index)| (name.as_str(), &self.objects[*index].at))
    }

    /// Versions that are needed and not there. glibc's loader only warns of a library that has no versions of its own; but
    /// when no symbol of it has a version, not even of what it needs, it takes that for a library gone wrong and ends.
    pub(super) fn wrong_versions(&self) -> Vec<WrongVersions<'_>> {
        let mut wrong: Vec<WrongVersions<'_>> = Vec::new();
        for user in &self.objects {
            for needed in user.program.elf.requires.iter().filter(|needed| !needed.weak) {
                let Some(library) = self.names.get(&needed.file).map(|index| &self.objects[*index]) else { continue };
                let elf = &library.program.elf;
                if (elf.provides.is_empty() && elf.is_versioned) || elf.provides.contains(&needed.version) {
                    continue;
                }
                match wrong.last_mut().filter(|last| last.user.at == user.at && last.name == needed.file) {
                    Some(last) => last.versions.push(&needed.version),
                    None => {
                        wrong.push(WrongVersions { user, library, name: &needed.file, versions: vec![&needed.version] })
                    }
                }
            }
        }
        wrong
    }

    /// For each file the symbols (their hashes, sorted) that no file of all has. Nothing when a library is missing, or the
    /// symbols of one cannot be read.
    pub(super) fn unresolved(&self, programs: &Programs<'_>) -> Vec<(&Object, Vec<u64>)> {
        let tables: Option<Vec<_>> =
            self.objects.iter().map(|object| object.program.symbols(programs, &object.at)).collect();
        let Some(tables) = tables.filter(|_| self.missing.is_empty()) else { return Vec::new() };
        let undefined: usize = tables.iter().map(|table| table.undefined.len()).sum();
        if undefined.saturating_mul(tables.len()) > MAX_COMPARED {
            return Vec::new();
        }
        let digests: Vec<_> = self.objects.iter().map(|object| programs.digest(&object.at)).collect();
        let mut unresolved = Vec::new();
        for (index, object) in self.objects.iter().enumerate() {
            // Most of it is in the libraries that a file names itself, which are the same ones for every program that it is loaded with.
            let named = object.program.elf.needed.iter().filter_map(|name| self.names.get(name).copied());
            let near: Vec<usize> = std::iter::once(index).chain(named).collect();
            let far = programs.unmet(near.iter().map(|near| digests[*near]).collect(), || {
                let is_near = |hash: &u64| near.iter().any(|near| tables[*near].defines(*hash));
                tables[index].undefined.iter().filter(|hash| !is_near(hash)).copied().collect()
            });
            let nobody_has = |hash: &&u64| !tables.iter().any(|table| table.defines(**hash));
            let mut missing: Vec<u64> = far.iter().filter(nobody_has).copied().collect();
            if !missing.is_empty() {
                missing.sort_unstable();
                unresolved.push((object, missing));
            }
        }
        unresolved
    }
}
