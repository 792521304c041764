//! Can this file be run on the target, as far as files decide it?

use std::collections::BTreeSet;

use object::Endianness;
use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_STRSZ, DT_STRTAB, FileHeader32, FileHeader64, PT_LOAD};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use rootsmith_tree::{Node, TreeError};
use rootsmith_types::{Arch, TreePath};

use crate::facts::path;
use crate::view::View;

/// Programs that start a system are far smaller; k0s itself, the largest, has 250 MB.
const MAX_PROGRAM: u64 = 512 << 20;

/// What the loader wants to know of an ELF file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Elf {
    machine: u16,
    is_64_bit: bool,
    interpreter: Option<String>,
    needed: Vec<String>,
    /// Folders of DT_RUNPATH or DT_RPATH, `$ORIGIN` not yet replaced.
    search: Vec<String>,
}

/// Follows links to the file a process would run, and everything that must be there to run it. Where it is, or why not.
pub(crate) fn runnable(view: &View<'_>, at: &TreePath) -> Result<TreePath, String> {
    let tree = view.facts.tree;
    let file = tree.resolve(at).map_err(|e| match &e {
        TreeError::NotFound(missing) if missing == at => e.to_string(),
        _ => format!("`{at}` leads nowhere: {e}"),
    })?;
    let Some(node) = tree.get(&file) else { return Err(format!("`{file}` does not exist")) };
    let Some(content) = node.content() else { return Err(format!("`{file}` is no regular file")) };
    if node.metadata.mode & 0o111 == 0 {
        return Err(format!("`{file}` has no permission to be executed (mode {:04o})", node.metadata.mode));
    }
    let data = content.read(view.facts.blobs, MAX_PROGRAM).map_err(|e| format!("`{file}` cannot be read: {e}"))?;
    if let Some(script) = data.strip_prefix(b"#!") {
        return interpreter_of_script(view, &file, script).map(|()| file);
    }
    let elf = read(&data).ok_or_else(|| format!("`{file}` is no program"))?;
    fits(&elf, view.facts.arch, &file)?;
    if let Some(interpreter) = &elf.interpreter {
        let resolved = path(interpreter).and_then(|at| tree.lookup(&at)).filter(|node| node.content().is_some());
        if resolved.is_none() {
            return Err(format!("`{file}` needs the interpreter `{interpreter}`, which is not there"));
        }
    }
    libraries(view, &file, elf)?;
    Ok(file)
}

fn interpreter_of_script(view: &View<'_>, file: &TreePath, script: &[u8]) -> Result<(), String> {
    let line = script.split(|&b| b == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let name = line.split_ascii_whitespace().next().unwrap_or_default();
    let there = path(name).filter(|_| name.starts_with('/')).and_then(|at| view.facts.tree.lookup(&at));
    match there.filter(|node| node.content().is_some() && node.metadata.mode & 0o111 != 0) {
        Some(_) => Ok(()),
        None => Err(format!("`{file}` is a script for `{name}`, which is not there")),
    }
}

fn fits(elf: &Elf, arch: Arch, file: &TreePath) -> Result<(), String> {
    if elf.machine == arch.elf_machine() && elf.is_64_bit == arch.is_64_bit() {
        return Ok(());
    }
    let known = Arch::ALL.into_iter().find(|arch| arch.elf_machine() == elf.machine);
    let found = known.map_or_else(|| format!("ELF machine {}", elf.machine), |arch| arch.to_string());
    Err(format!("`{file}` is for {found}, the image for {arch}"))
}

/// Looks for every library that is needed, directly or not, where the loader would.
fn libraries(view: &View<'_>, file: &TreePath, elf: Elf) -> Result<(), String> {
    let folders = library_folders(view);
    let mut seen = BTreeSet::new();
    let mut todo = vec![(file.clone(), elf)];
    while let Some((user, elf)) = todo.pop() {
        let origin = user.parent().map(|folder| folder.to_string()).unwrap_or_default();
        let own: Vec<String> =
            elf.search.iter().map(|folder| folder.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin)).collect();
        for name in &elf.needed {
            if !seen.insert(name.clone()) {
                continue;
            }
            let mut places = own.iter().chain(&folders).filter_map(|folder| path(&format!("{folder}/{name}")));
            let found = places.find_map(|place| {
                let at = view.facts.tree.resolve(&place).ok()?;
                let data = view.facts.tree.get(&at)?.content()?.read(view.facts.blobs, MAX_PROGRAM).ok()?;
                let library = read(&data)?;
                fits(&library, view.facts.arch, &at).is_ok().then_some((at, library))
            });
            match found {
                Some(found) => todo.push(found),
                None => return Err(format!("`{user}` needs the library `{name}`, which is not there")),
            }
        }
    }
    Ok(())
}

fn library_folders(view: &View<'_>) -> Vec<String> {
    let mut folders = Vec::new();
    let configured = path("/etc/ld.so.conf.d").into_iter().flat_map(|folder| view.facts.tree.children(&folder));
    for name in configured.filter_map(|name| std::str::from_utf8(name).ok()).filter(|name| name.ends_with(".conf")) {
        let text = view.text_or_empty(&format!("/etc/ld.so.conf.d/{name}"));
        folders.extend(text.lines().map(str::trim).filter(|line| line.starts_with('/')).map(str::to_owned));
    }
    let multiarch = view.facts.arch.multiarch();
    folders.extend([format!("/lib/{multiarch}"), format!("/usr/lib/{multiarch}")]);
    folders.extend(["/lib64", "/usr/lib64", "/lib", "/usr/lib"].map(str::to_owned));
    folders
}

/// Whether it is an ELF file for the architecture; nothing about what it needs.
fn read(data: &[u8]) -> Option<Elf> {
    if !data.starts_with(b"\x7fELF") {
        return None;
    }
    match data.get(4)? {
        1 => read_class::<FileHeader32<Endianness>>(data, false),
        2 => read_class::<FileHeader64<Endianness>>(data, true),
        _ => None,
    }
}

fn read_class<Header: FileHeader<Endian = Endianness>>(data: &[u8], is_64_bit: bool) -> Option<Elf> {
    let header = Header::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, data).ok()?;
    let mut elf = Elf { machine: header.e_machine(endian), is_64_bit, ..Elf::default() };
    for segment in segments {
        if let Some(interpreter) = segment.interpreter(endian, data).ok()? {
            elf.interpreter = Some(String::from_utf8_lossy(interpreter).into_owned());
        }
        let Some(entries) = segment.dynamic(endian, data).ok()? else { continue };
        let value = |tag: i64| {
            let entry = entries.iter().find(|entry| entry.tag(endian) == tag)?;
            Some(entry.d_val(endian).into())
        };
        let (Some(at), Some(size)) = (value(DT_STRTAB), value(DT_STRSZ)) else { continue };
        // The table of names is given by its address in memory.
        let mut loaded = segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD);
        let names: &[u8] = loaded.find_map(|segment| segment.data_range(endian, data, at, size).ok().flatten())?;
        for entry in entries {
            let text = || {
                let start = usize::try_from(entry.d_val(endian).into()).ok()?;
                let name = names.get(start..)?.split(|&b| b == 0).next()?;
                Some(String::from_utf8_lossy(name).into_owned())
            };
            match entry.tag(endian) {
                DT_NEEDED => elf.needed.push(text()?),
                DT_RUNPATH | DT_RPATH => elf.search.extend(text()?.split(':').map(str::to_owned)),
                _ => {}
            }
        }
    }
    Some(elf)
}

/// The folders in which systemd looks for a service's programs.
const SERVICE_PATH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The first file that a service finds under `name` in its PATH: as `execvp`, the first regular file with an x bit.
pub(crate) fn find_in_path(view: &View<'_>, name: &str) -> Option<TreePath> {
    let places = SERVICE_PATH.iter().filter_map(|folder| path(&format!("{folder}/{name}")));
    let runs = |node: &Node| node.content().is_some() && node.metadata.mode & 0o111 != 0;
    places.into_iter().find(|place| view.facts.tree.lookup(place).is_some_and(runs))
}
