//! Kernel modules and their indexes, as `depmod` of kmod 34 makes them.
//!
//! Modules are numbered in the order of `modules.order` (what it does not name comes last); the number is the priority of
//! the module's aliases. A module depends on the modules that export the symbols it needs.

mod buckets;
mod depmod;
mod drivers;
mod elf;
mod info;
mod trie;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use rootsmith_tree::{Blob, Blobs, Content, Tree};
use rootsmith_types::{ContentDigest, TreePath};
use serde::{Deserialize, Serialize};

use crate::KernelError;

pub use drivers::Drivers;
pub(crate) use elf::decompress;
pub use info::{ModuleInfo, module_info};

/// Compressed; the largest of Debian has 5 MB.
const MAX_FILE: u64 = 128 << 20;
/// `modules.order`, `modules.builtin` and `modules.builtin.modinfo` have tens of kilobytes.
const MAX_LIST: u64 = 16 << 20;
/// depmod counts modules in 16 bits.
const MAX_MODULES: usize = 65_534;

/// One module file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// Its name, with `_` for `-`.
    pub name: String,
    /// Its file, relative to the modules folder: `kernel/drivers/block/virtio_blk.ko.xz`.
    pub file: String,
    /// Places in [`ModuleIndex::modules`] of all modules it needs, directly or not, in the order they are loaded in.
    needs: Vec<u32>,
    /// Names or aliases of modules that should be loaded before it where they exist (`softdep … pre:`).
    before: Vec<String>,
    /// What it says of the kernel it is for.
    pub info: ModuleInfo,
    /// Of the bytes that were read, where it was known: the file may be another by now.
    pub digest: Option<ContentDigest>,
}

/// What `depmod` knows of a modules folder: a function of the folder's content alone, so it can be kept by the digest of the
/// package the folder came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleIndex {
    release: String,
    modules: Vec<Module>,
    by_name: BTreeMap<String, u32>,
    builtin: BTreeSet<String>,
    files: Vec<(String, Vec<u8>)>,
}

impl ModuleIndex {
    /// The kernel's release: the name of the folder.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The index files with their names, to be put into the modules folder.
    pub fn files(&self) -> &[(String, Vec<u8>)] {
        &self.files
    }

    /// Every module, in the order of the index.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The module of this name; `-` and `_` are the same.
    pub fn module(&self, name: &str) -> Option<&Module> {
        let at = *self.by_name.get(&module_name(name.as_bytes())?)?;
        self.modules.get(at as usize)
    }

    /// Whether the module is part of the kernel image.
    pub fn is_builtin(&self, name: &str) -> bool {
        module_name(name.as_bytes()).is_some_and(|name| self.builtin.contains(&name))
    }

    /// The names of the modules that are part of the kernel image, sorted.
    pub fn builtin(&self) -> impl Iterator<Item = &str> {
        self.builtin.iter().map(String::as_str)
    }

    /// What must be loaded before the module, in that order; `None` when there is no such module file.
    pub fn dependencies(&self, name: &str) -> Option<Vec<&Module>> {
        let module = self.module(name)?;
        Some(module.needs.iter().filter_map(|&at| self.modules.get(at as usize)).collect())
    }

    /// The modules that should be loaded before `module` though none of their symbols is used: an algorithm it asks the
    /// kernel for by name, for instance.
    pub fn loaded_before(&self, module: &Module) -> Vec<&Module> {
        module.before.iter().flat_map(|name| self.by_name_or_alias(name)).collect()
    }

    /// The module of this name, else every module that has exactly this alias.
    fn by_name_or_alias(&self, name: &str) -> Vec<&Module> {
        if let Some(module) = self.module(name) {
            return vec![module];
        }
        if self.is_builtin(name) {
            return Vec::new();
        }
        let aliases = self.files.iter().find(|(file, _)| file == "modules.alias").map(|(_, data)| data.as_slice());
        let wanted = format!("alias {name} ");
        let lines = aliases.unwrap_or_default().split(|&b| b == b'\n');
        let owners = lines.filter_map(|line| std::str::from_utf8(line.strip_prefix(wanted.as_bytes())?).ok());
        owners.filter_map(|owner| self.module(owner)).collect()
    }
}

/// The module's name behind a file name: up to the first dot, `_` for `-`. `None` when nothing is left, or no text.
pub fn module_name(file: &[u8]) -> Option<String> {
    let base = file.rsplit(|&b| b == b'/').next()?;
    let stem = base.split(|&b| b == b'.').next().filter(|stem| !stem.is_empty())?;
    std::str::from_utf8(stem).ok().map(|stem| stem.replace('-', "_"))
}

/// Reads every module below `folder` (`/usr/lib/modules/R`) and makes the indexes of it.
pub fn index_modules(tree: &Tree, blobs: &dyn Blobs, folder: &TreePath) -> Result<ModuleIndex, KernelError> {
    let found = find_files(tree, folder)?;
    let mut modules: Vec<depmod::Input> = found
        .into_par_iter()
        .map(|(name, path, content)| {
            let bad = |reason| KernelError::BadModule { path: path.clone(), reason };
            let relative = path.as_bytes().get(folder.as_bytes().len() + 1..).unwrap_or_default();
            let file =
                String::from_utf8(relative.to_vec()).map_err(|_| bad("has a name that is no text".to_owned()))?;
            let unreadable = |e: std::io::Error| KernelError::Unreadable { path: path.clone(), reason: e.to_string() };
            let data = content.read(blobs, MAX_FILE).map_err(unreadable)?;
            let data = match content {
                // The index is kept by the digests.
                Content::Blob(Blob { digest: Some(digest), .. }) if ContentDigest::of(&data) != *digest => {
                    return Err(bad("is no longer what was unpacked".to_owned()));
                }
                Content::Blob(Blob { digest: Some(_), .. }) => elf::decompress_digested(relative, &data),
                _ => decompress(relative, &data),
            };
            let read = data.and_then(|data| Ok((elf::read(&data)?, info::decompressed(&data)?)));
            let (facts, info) = read.map_err(bad)?;
            let digest = match content {
                Content::Blob(blob) => blob.digest,
                Content::Inline(_) | Content::Sparse(_) => None,
            };
            Ok(depmod::Input { name, file, facts, info, digest })
        })
        .collect::<Result<_, KernelError>>()?;

    let list = |name: &str| -> Result<Vec<u8>, KernelError> {
        let Ok(path) = folder.join(name) else { return Ok(Vec::new()) };
        let Some(content) = tree.lookup(&path).and_then(|node| node.content()) else { return Ok(Vec::new()) };
        let data = content.read(blobs, MAX_LIST);
        Ok(data.map_err(|e| KernelError::Unreadable { path, reason: e.to_string() })?.to_vec())
    };
    depmod::order(&mut modules, &list("modules.order")?);
    let needs = depmod::dependencies(&modules)?;
    let builtin = list("modules.builtin")?;
    let files = depmod::render(&modules, &needs, &builtin, &list("modules.builtin.modinfo")?)
        .map_err(|reason| KernelError::BadModule { path: folder.clone(), reason })?;

    let modules: Vec<Module> = modules
        .into_iter()
        .zip(needs)
        // The index names the nearest dependency first; what is loaded first is the farthest.
        .map(|(module, needs)| Module {
            needs: needs.into_iter().rev().collect(),
            before: depmod::loaded_before(&module.facts.softdeps),
            info: module.info,
            digest: module.digest,
            name: module.name,
            file: module.file,
        })
        .collect();
    let by_name = modules.iter().zip(0..).map(|(module, at)| (module.name.clone(), at)).collect();
    let release = folder.name().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default();
    Ok(ModuleIndex {
        release,
        modules,
        by_name,
        builtin: builtin.split(|&b| b == b'\n').filter_map(module_name).collect(),
        files,
    })
}

/// The module files, one for each name. Where two have one name, the one below `updates` wins, then the first path.
fn find_files<'a>(tree: &'a Tree, folder: &TreePath) -> Result<Vec<(String, TreePath, &'a Content)>, KernelError> {
    let skipped = ["build", "source"].map(|name| folder.join(name));
    let mut found: BTreeMap<String, (bool, TreePath, &Content)> = BTreeMap::new();
    for entry in tree.walk_from(folder) {
        let Some(content) = entry.node.content() else { continue };
        let base = entry.path.name().unwrap_or_default();
        if !elf::EXTENSIONS.iter().any(|extension| base.ends_with(extension.as_bytes()))
            || skipped.iter().flatten().any(|folder| entry.path.starts_with(folder))
        {
            continue;
        }
        let Some(name) = module_name(base) else { continue };
        let update = folder.join("updates").is_ok_and(|updates| entry.path.starts_with(&updates));
        match found.get(&name) {
            Some((there, ..)) if *there || !update => {}
            _ => {
                found.insert(name, (update, entry.path, content));
            }
        }
    }
    if found.len() > MAX_MODULES {
        return Err(KernelError::BadModule {
            path: folder.clone(),
            reason: "has more modules than an index can hold".to_owned(),
        });
    }
    Ok(found.into_iter().map(|(name, (_, path, content))| (name, path, content)).collect())
}

#[cfg(test)]
pub(crate) mod tests;
