//! What a program of the image needs beside it to run somewhere else: in an initramfs.

use std::sync::Arc;

use rootsmith_tree::{Blobs, Tree};
use rootsmith_types::{Arch, TreePath};

use super::closure::Closure;
use super::locate;
use super::programs::{Depth, File, Programs};
use crate::Remembered;

/// Where a file has to lie there, and where it is in the tree.
pub type Placed = (TreePath, TreePath);

/// The program at `program`, its loader and its libraries, each at a place where the loader finds it although there is no
/// `ld.so.cache`. Why not, where something is missing.
pub fn portable(tree: &Tree, blobs: &dyn Blobs, arch: Arch, program: &str) -> Result<Vec<Placed>, String> {
    let remembered = Remembered::default();
    let programs = Programs::new(tree, blobs, arch, &[], &remembered);
    let at = locate(tree, program).ok_or_else(|| format!("`{program}` does not exist"))?;
    if let Some(trouble) = programs.troubles(&at, Depth::Libraries).into_iter().next() {
        return Err(trouble.text);
    }
    let place = |path: &str| TreePath::new(path).map_err(|error| format!("`{program}` needs `{path}`: {error}"));
    let mut files = vec![(place(program)?, at.clone())];
    let file = programs.file(&at);
    let File::Elf(elf) = &*file else { return Err(format!("`{program}` is no ELF file")) };
    let Some(interpreter) = &elf.elf.interpreter else { return Ok(files) };
    let loader =
        programs.loader_of(interpreter, elf.elf.machine).ok_or_else(|| format!("`{interpreter}` is missing"))?;
    let folder = loader.folders.first().map_or("/lib", String::as_str);
    for (name, found) in Closure::load(&programs, &loader, &at, &Arc::clone(elf)).named() {
        let wanted = if Some(found) == loader.file.as_ref() { interpreter.clone() } else { format!("{folder}/{name}") };
        files.push((place(&wanted)?, found.clone()));
    }
    files.sort();
    files.dedup();
    Ok(files)
}
