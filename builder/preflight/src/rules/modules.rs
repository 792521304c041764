//! Whether a module could be loaded: its file, what it says of itself, what keeps it out, who can read it.

use std::collections::{BTreeMap, BTreeSet};

use rootsmith_types::{Arch, TreePath};

use super::{Met, Outcome};
use crate::elf::find_in_path;
use crate::facts::path;
use crate::view::View;

/// Of `modprobe` and its library; busybox, the largest, has 2 MB.
const MAX_PROGRAM: u64 = 64 << 20;
/// Folders of modprobe.d(5), the first with a file of some name wins.
const FOLDERS: [&str; 4] = ["/etc/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"];

/// How loading the module would end: where it is, and what makes it doubtful; or why it cannot be loaded.
pub(super) fn usable(view: &View<'_>, name: &str) -> Result<(String, Option<String>), String> {
    let found = view.module(name)?;
    if view.is_builtin(name) {
        return Ok((found, None));
    }
    let listed = |list: &str| list.split(',').any(|it| same(it, name));
    for word in view.cmdline.iter().flatten() {
        if word.strip_prefix("module_blacklist=").is_some_and(listed) {
            return Err(format!("the kernel command line has `{word}`"));
        }
    }
    fits(view, name)?;
    let mut doubt = None;
    for word in view.cmdline.iter().flatten() {
        if word.strip_prefix("modprobe.blacklist=").is_some_and(listed) {
            doubt = Some(format!("the kernel command line has `{word}`: it is not loaded by its aliases"));
        }
    }
    for (file, text) in view.modules.configuration.get_or_init(|| configuration(view)) {
        for line in text.lines().map(str::trim) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            match words.as_slice() {
                ["install", module, command, ..] if same(module, name) && is_nothing(command) => {
                    return Err(format!("`{file}` has `{line}`"));
                }
                ["blacklist", module] if same(module, name) => {
                    doubt = Some(format!("`{file}` has `{line}`: it is not loaded by its aliases"));
                }
                _ => {}
            }
        }
    }
    Ok((found, doubt))
}

/// The module is built for this kernel.
fn fits(view: &View<'_>, name: &str) -> Result<(), String> {
    let (Some(info), Ok(kernel)) = (view.module_info(name), &view.kernel) else { return Ok(()) };
    let info = info?;
    let arch = view.facts.arch;
    if (info.machine, info.is_64_bit) != (arch.elf_machine(), arch.is_64_bit()) {
        let known = Arch::ALL.into_iter().find(|arch| arch.elf_machine() == info.machine);
        let found = known.map_or_else(|| format!("ELF machine {}", info.machine), |arch| arch.to_string());
        return Err(format!("module `{name}` is for {found}, the image for {arch}"));
    }
    match info.vermagic.as_deref().and_then(|magic| magic.split(' ').next()) {
        Some(release) if release == kernel.release => Ok(()),
        Some(release) => Err(format!("module `{name}` is for kernel {release}, this is {}", kernel.release)),
        None => Err(format!("module `{name}` does not say which kernel it is for")),
    }
}

fn same(a: &str, b: &str) -> bool {
    a.replace('-', "_") == b.replace('-', "_")
}

/// Whether the command of an `install` line loads nothing.
fn is_nothing(command: &str) -> bool {
    matches!(command.rsplit('/').next(), Some("true" | "false" | ":" | "exit"))
}

/// The files that `modprobe` reads, by name.
fn configuration(view: &View<'_>) -> BTreeMap<String, String> {
    let mut seen = BTreeSet::new();
    let mut files = BTreeMap::new();
    for folder in FOLDERS {
        let names = path(folder).into_iter().flat_map(|at| view.facts.tree.resolve(&at));
        let names =
            names.flat_map(|at| view.facts.tree.children(&at)).filter_map(|name| std::str::from_utf8(name).ok());
        for name in names.filter(|name| name.ends_with(".conf")) {
            if seen.insert(name) {
                let file = format!("{folder}/{name}");
                let text = view.text_or_empty(&file);
                files.insert(file, text);
            }
        }
    }
    files
}

/// How modules are compressed: the ending, the library that `kmod` reads it with, the symbol of a kernel that does it itself.
const COMPRESSIONS: [(&str, &str, &str); 3] = [
    (".gz", "libz.so", "MODULE_COMPRESS_GZIP"),
    (".xz", "liblzma.so", "MODULE_COMPRESS_XZ"),
    (".zst", "libzstd.so", "MODULE_COMPRESS_ZSTD"),
];

/// BusyBox's `modprobe` reads what its other applets unpack: the code is one and the same (`FEATURE_SEAMLESS_XZ`).
fn by_busybox<'a>(view: &View<'_>, busybox: &TreePath, endings: impl Iterator<Item = &'a str>) -> Outcome {
    let unpacker = |ending: &str| match ending {
        ".gz" => Some("gunzip"),
        ".xz" => Some("unxz"),
        _ => None,
    };
    let (mut unknown, mut fine) = (Vec::new(), Vec::new());
    for ending in endings {
        match unpacker(ending).filter(|name| view.programs.has_applet(busybox, name.as_bytes()) == Some(true)) {
            Some(name) => fine.push(format!("`{busybox}` has `{name}`, and reads `{ending}`")),
            _ => unknown.push(format!("whether `{busybox}` reads modules in {ending} is not known")),
        }
    }
    if unknown.is_empty() {
        Outcome::yes(fine.join(", "))
    } else {
        Outcome { evidence: unknown, ..Outcome::almost("") }
    }
}

pub(super) fn compression(view: &View<'_>) -> Outcome {
    if view.kernel.is_err() {
        return Outcome::unknown("there is no kernel");
    }
    let used = |ending: &str| view.modules.files().find(|file| file.ends_with(ending));
    let used: Vec<_> = COMPRESSIONS.iter().filter_map(|it| used(it.0).map(|file| (it, file))).collect();
    if used.is_empty() {
        return Outcome::yes("modules are not compressed");
    }
    let Some(modprobe) = find_in_path(view, "modprobe").and_then(|at| view.facts.tree.resolve(&at).ok()) else {
        return Outcome::no("no executable file `modprobe` in the PATH of a service");
    };
    if modprobe.name().is_some_and(|name| name.starts_with(b"busybox")) {
        return by_busybox(view, &modprobe, used.iter().map(|(it, _)| it.0));
    }
    let mut wrong = Vec::new();
    let mut fine = Vec::new();
    for ((ending, library, symbol), file) in used {
        if view.symbol("MODULE_DECOMPRESS") == Some("y") && view.symbol(symbol) == Some("y") {
            fine.push(format!("the kernel reads `{ending}` itself"));
            continue;
        }
        match library_of(view, &modprobe.to_string(), library) {
            Ok(found) => fine.push(format!("`{found}` reads `{ending}`")),
            Err(reason) => wrong.push(format!("`{file}` cannot be read: {reason}")),
        }
    }
    let met = if wrong.is_empty() { Met::Yes } else { Met::No };
    Outcome { met, evidence: if wrong.is_empty() { fine } else { wrong }, said: None }
}

/// The library beginning with `wanted` that `modprobe` or its own library names, whether it needs it or opens it later.
fn library_of(view: &View<'_>, modprobe: &str, wanted: &str) -> Result<String, String> {
    let folders = library_folders(view);
    let find = |name: &str| folders.iter().map(|folder| format!("{folder}/{name}")).find(|at| view.node(at).is_some());
    let programs = [Some(modprobe.to_owned()), find("libkmod.so.2")];
    for program in programs.into_iter().flatten() {
        let content = view.node(&program).and_then(|node| node.content());
        let Some(data) = content.and_then(|content| content.read(view.facts.blobs, MAX_PROGRAM).ok()) else { continue };
        let Some(at) = data.windows(wanted.len()).position(|window| window == wanted.as_bytes()) else { continue };
        let name = data[at..].iter().take(64).take_while(|b| b.is_ascii_alphanumeric() || b".-_".contains(b));
        let name = String::from_utf8_lossy(&name.copied().collect::<Vec<u8>>()).into_owned();
        return find(&name).ok_or_else(|| format!("`{program}` wants `{name}` for it, which is not there"));
    }
    Err(format!("`{modprobe}` was built without `{wanted}`"))
}

fn library_folders(view: &View<'_>) -> Vec<String> {
    let multiarch = view.facts.arch.multiarch();
    let mut folders = vec![format!("/usr/lib/{multiarch}"), format!("/lib/{multiarch}")];
    folders.extend(["/usr/lib64", "/lib64", "/usr/lib", "/lib"].map(str::to_owned));
    folders
}
