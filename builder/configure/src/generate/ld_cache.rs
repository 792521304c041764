//! The dynamic loader's cache: `/etc/ld.so.cache`, as glibc's `ldconfig` writes it.
//!
//! Format: glibc, `sysdeps/generic/dl-cache.h`, the new format alone. Little-endian here, as all our machines are.
//!
//! | offset       | size   | holds                                                                                  |
//! |--------------|--------|----------------------------------------------------------------------------------------|
//! | 0            | 48     | `glibc-ld.so.cache1.1`, number of entries, string bytes, endianness, extension offset  |
//! | 48           | 24 · n | entries: flags, soname and path (offsets from the file's start), 0, hwcap index        |
//! | …            | …      | strings, a tail of a longer one inside it                                              |
//! | aligned by 4 | …      | extensions: `glibc-hwcaps` names, the version of the tool                              |

mod conf;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

use rootsmith_tree::{Blobs, LeafId, NodeKind, Tree};
use rootsmith_types::{Arch, TreePath};

use super::invalid;
use super::library::{Library, library};

const HEADER_SIZE: usize = 48;
const ENTRY_SIZE: usize = 24;
const MAGIC: &[u8; 20] = b"glibc-ld.so.cache1.1";
const LITTLE_ENDIAN: u8 = 2;
const EXTENSION_MAGIC: u32 = 0xeaa4_2174;
const TAG_GENERATOR: u32 = 0;
const TAG_HWCAPS: u32 = 1;
/// In an entry's hwcap field: the lower half is an index into the names of the `TAG_HWCAPS` extension.
const HWCAP_EXTENSION: u64 = 1 << 62;
/// All offsets are 32 bits; real caches have a few hundred kilobytes.
const MAX_SIZE: usize = 64 << 20;
/// The tool is a static program of one megabyte.
const MAX_TOOL: u64 = 16 << 20;

/// What `ldconfig` would have written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LdSoCache {
    /// `/etc/ld.so.cache`.
    pub(crate) cache: Vec<u8>,
    /// Symbolic links named like a soname that are missing or lead elsewhere, and their targets. Packages ship theirs, so
    /// there are some only where a library was added by hand.
    pub(crate) links: Vec<(TreePath, Vec<u8>)>,
}

/// The cache of the libraries in the folders that `/etc/ld.so.conf` names and in the standard ones of `arch`.
pub(crate) fn ld_so_cache(tree: &Tree, blobs: &dyn Blobs, arch: Arch) -> io::Result<LdSoCache> {
    let mut scan = Scan { tree, blobs, arch, known: HashMap::new(), entries: Vec::new(), links: Vec::new() };
    let mut hwcaps = BTreeSet::new();
    for directory in directories(tree, blobs, arch)? {
        scan.directory(&directory);
        hwcaps.extend(directory.hwcaps);
    }
    let Scan { mut entries, mut links, .. } = scan;
    entries.sort_by(order);
    links.sort();
    let cache = store(&entries, &hwcaps, generator(tree, blobs)?.as_deref())?;
    Ok(LdSoCache { cache, links })
}

/// A folder that is searched.
#[derive(Debug)]
struct Directory {
    /// As it was written: the cache spells paths with it.
    shown: Vec<u8>,
    /// Where it leads.
    real: TreePath,
    /// The name below `glibc-hwcaps/`, if it is such a folder.
    hwcaps: Option<Vec<u8>>,
}

/// The folders in their order, each once, and the `glibc-hwcaps` folders in them.
fn directories(tree: &Tree, blobs: &dyn Blobs, arch: Arch) -> io::Result<Vec<Directory>> {
    let mut names = conf::directories(tree, blobs)?;
    let multiarch = arch.multiarch();
    names.extend([format!("/lib/{multiarch}"), format!("/usr/lib/{multiarch}")].map(String::into_bytes));
    names.extend([b"/lib".to_vec(), b"/usr/lib".to_vec()]);
    let mut found: Vec<Directory> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut add = |shown: Vec<u8>, hwcaps: Option<Vec<u8>>| {
        let real = tree.resolve(&TreePath::new(&shown).ok()?).ok()?;
        let new = tree.get(&real)?.is_directory() && seen.insert(real.clone());
        new.then(|| {
            found.push(Directory { shown, real: real.clone(), hwcaps });
            real
        })
    };
    for shown in names {
        let Some(real) = add(shown.clone(), None) else { continue };
        let Some(below) = real.join("glibc-hwcaps").ok().and_then(|path| tree.resolve(&path).ok()) else { continue };
        for name in tree.children(&below).filter(|name| name[0] != b'.' && !name.contains(&b':')) {
            add([&shown, &b"/glibc-hwcaps/"[..], name].concat(), Some(name.to_vec()));
        }
    }
    Ok(found)
}

/// A line of the cache.
#[derive(Debug)]
struct CacheEntry {
    soname: Vec<u8>,
    path: Vec<u8>,
    flags: u32,
    hwcaps: Option<Vec<u8>>,
}

/// The loader searches the sorted entries by halves: soname downwards, then flags downwards, then the `glibc-hwcaps` ones
/// before the plain one.
fn order(a: &CacheEntry, b: &CacheEntry) -> Ordering {
    let hwcaps = a.hwcaps.is_none().cmp(&b.hwcaps.is_none()).then_with(|| a.hwcaps.cmp(&b.hwcaps));
    compare_names(&b.soname, &a.soname).then(b.flags.cmp(&a.flags)).then(hwcaps)
}

/// glibc's order of library names: runs of digits by their value, and after everything else.
fn compare_names(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
        let (m, n) = (digits(a), digits(b));
        if m > 0 && n > 0 {
            let ((x, rest_a), (y, rest_b)) = (a.split_at(m), b.split_at(n));
            (a, b) = (rest_a, rest_b);
            let value =
                |text: &[u8]| text.iter().fold(0u64, |v, d| v.saturating_mul(10).saturating_add(u64::from(d - b'0')));
            match value(x).cmp(&value(y)) {
                Ordering::Equal => continue,
                other => return other,
            }
        }
        match (a.split_first(), b.split_first()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some((x, _)), Some((y, _))) if x != y => {
                return x.is_ascii_digit().cmp(&y.is_ascii_digit()).then(x.cmp(y));
            }
            (Some((_, rest_a)), Some((_, rest_b))) => (a, b) = (rest_a, rest_b),
        }
    }
}

struct Scan<'a> {
    tree: &'a Tree,
    blobs: &'a dyn Blobs,
    arch: Arch,
    /// A library has several names: each is read once.
    known: HashMap<LeafId, Option<Library>>,
    entries: Vec<CacheEntry>,
    links: Vec<(TreePath, Vec<u8>)>,
}

/// The file that stands for a soname in one folder.
struct Candidate {
    name: Vec<u8>,
    flags: u32,
    is_link: bool,
}

impl Scan<'_> {
    fn directory(&mut self, directory: &Directory) {
        let mut chosen: BTreeMap<Vec<u8>, Candidate> = BTreeMap::new();
        for name in self.tree.children(&directory.real).filter(|name| is_library_name(name)) {
            let Some((soname, candidate)) = self.candidate(&directory.real, name) else { continue };
            match chosen.get_mut(&soname) {
                None => {
                    chosen.insert(soname, candidate);
                }
                // A file before a link, then the higher version.
                Some(old) => {
                    let newer = compare_names(&old.name, &candidate.name).is_lt();
                    if (!candidate.is_link && old.is_link) || (candidate.is_link == old.is_link && newer) {
                        *old = candidate;
                    }
                }
            }
        }
        for (soname, candidate) in chosen {
            // A plain entry names the soname, so that a library can be replaced without a new cache.
            let name = if directory.hwcaps.is_some() { &candidate.name } else { &soname };
            let path = [&directory.shown, &b"/"[..], name].concat();
            if directory.hwcaps.is_none() && !candidate.is_link {
                self.link(&directory.real, &soname, &candidate.name);
            }
            self.entries.push(CacheEntry { soname, path, flags: candidate.flags, hwcaps: directory.hwcaps.clone() });
        }
    }

    fn candidate(&mut self, directory: &TreePath, name: &[u8]) -> Option<(Vec<u8>, Candidate)> {
        let path = directory.join(name).ok()?;
        let mut is_link = matches!(self.tree.get(&path)?.kind, NodeKind::Symlink(_));
        let real = self.tree.resolve(&path).ok()?;
        let NodeKind::File(content) = &self.tree.get(&real)?.kind else { return None };
        let (blobs, arch) = (self.blobs, self.arch);
        let known = self.known.entry(self.tree.leaf_id(&real)?).or_insert_with(|| library(content, blobs, arch));
        let library = known.as_ref()?;
        let soname = library.soname.as_deref().unwrap_or(name);
        // `libx.so` beside `libx.so.1` is for the linker and stays a link; other links with a name that is not the
        // soname count as files.
        if is_link && name != soname {
            is_link = name.ends_with(b".so") && soname.starts_with(name);
        }
        let soname = if is_link { name } else { soname };
        Some((soname.to_vec(), Candidate { name: name.to_vec(), flags: library.flags, is_link }))
    }

    /// Remembers that the folder lacks a link, unless it has it or something else is in its place.
    fn link(&mut self, directory: &TreePath, soname: &[u8], name: &[u8]) {
        let (Ok(link), Ok(target)) = (directory.join(soname), directory.join(name)) else { return };
        let leaf = |path: &TreePath| self.tree.resolve(path).ok().and_then(|path| self.tree.leaf_id(&path));
        let in_the_way = self.tree.get(&link).is_some_and(|node| !matches!(node.kind, NodeKind::Symlink(_)));
        if !in_the_way && leaf(&link) != leaf(&target) {
            self.links.push((link, name.to_vec()));
        }
    }
}

/// Names of libraries and of the loader, but not those that package managers use while they unpack.
fn is_library_name(name: &[u8]) -> bool {
    let has = |part: &[u8]| memchr::memmem::find(name, part).is_some();
    let library = (name.starts_with(b"lib") || name.starts_with(b"ld-")) && has(b".so");
    let temporary = name.contains(&b';')
        || [&b".dpkg-new"[..], b".dpkg-tmp", b".#prelink#"].iter().any(|end| name.ends_with(end))
        || name.len().checked_sub(17).is_some_and(|at| name[at..].starts_with(b".#prelink#."));
    (library || name.starts_with(b"ld.so.") || name.starts_with(b"ld64.so.")) && !temporary
}

/// The text with which the tree's own `ldconfig` would sign the cache: it is in the program as one string.
fn generator(tree: &Tree, blobs: &dyn Blobs) -> io::Result<Option<Vec<u8>>> {
    let Some(NodeKind::File(content)) = tree.lookup(&TreePath::literal("/sbin/ldconfig")).map(|node| &node.kind) else {
        return Ok(None);
    };
    if content.size() > MAX_TOOL {
        return Ok(None);
    }
    let program = content.read(blobs, MAX_TOOL)?;
    Ok(memchr::memmem::find_iter(&program, b"ldconfig (").find_map(|at| {
        let text = program[at..].get(..256)?;
        let text = &text[..memchr::memchr(0, text)?];
        memchr::memmem::find(text, b" release version ").map(|_| text.to_vec())
    }))
}

fn store(entries: &[CacheEntry], hwcaps: &BTreeSet<Vec<u8>>, generator: Option<&[u8]>) -> io::Result<Vec<u8>> {
    let used: BTreeSet<&Vec<u8>> = entries.iter().filter_map(|entry| entry.hwcaps.as_ref()).collect();
    let texts =
        entries.iter().flat_map(|entry| [&entry.soname[..], &entry.path]).chain(hwcaps.iter().map(|name| &name[..]));
    let strings_at = HEADER_SIZE + entries.len() * ENTRY_SIZE;
    let (strings, places) = string_table(texts)?;
    if strings_at + strings.len() > MAX_SIZE {
        return Err(invalid("the libraries' names do not fit a loader cache".to_owned()));
    }
    // Below `MAX_SIZE`, as is all that follows.
    let place = |text: &[u8]| (strings_at + places[text]) as u32;
    let extension_at = (strings_at + strings.len()).next_multiple_of(4);

    let mut out = Vec::with_capacity(extension_at + 256);
    out.extend_from_slice(MAGIC);
    out.extend((entries.len() as u32).to_le_bytes());
    out.extend((strings.len() as u32).to_le_bytes());
    out.extend([LITTLE_ENDIAN, 0, 0, 0]);
    out.extend((extension_at as u32).to_le_bytes());
    out.resize(HEADER_SIZE, 0);
    for entry in entries {
        let index = entry.hwcaps.as_ref().map(|name| used.iter().take_while(|used| *used < &name).count() as u64);
        for field in [entry.flags, place(&entry.soname), place(&entry.path), 0] {
            out.extend(field.to_le_bytes());
        }
        out.extend(index.map_or(0, |index| HWCAP_EXTENSION | index).to_le_bytes());
    }
    out.extend_from_slice(&strings);
    out.resize(extension_at, 0);

    let hwcaps: Vec<u8> = used.iter().flat_map(|name| place(name).to_le_bytes()).collect();
    let generator = generator.unwrap_or_default();
    let count = 1 + u32::from(!hwcaps.is_empty());
    let data_at = extension_at as u32 + 8 + 16 * count;
    for field in [EXTENSION_MAGIC, count] {
        out.extend(field.to_le_bytes());
    }
    let mut section = |tag: u32, offset: u32, size: usize| {
        [tag, 0, offset, size as u32].iter().for_each(|field| out.extend(field.to_le_bytes()));
    };
    section(TAG_GENERATOR, data_at + hwcaps.len() as u32, generator.len());
    if !hwcaps.is_empty() {
        section(TAG_HWCAPS, data_at, hwcaps.len());
    }
    out.extend(hwcaps);
    out.extend_from_slice(generator);
    Ok(out)
}

/// Where each text begins in the table.
type Places<'a> = HashMap<&'a [u8], usize>;

/// All texts with a NUL after each and where each begins. They lie in the falling order of their reversed bytes, so that a
/// text which ends another follows it and is found inside it.
fn string_table<'a>(texts: impl Iterator<Item = &'a [u8]>) -> io::Result<(Vec<u8>, Places<'a>)> {
    let mut texts: Vec<&[u8]> = texts.collect();
    texts.sort_by(|a, b| b.iter().rev().cmp(a.iter().rev()));
    texts.dedup();
    let mut table = Vec::new();
    let mut places = HashMap::new();
    let mut previous: &[u8] = b"";
    for text in texts {
        if !previous.ends_with(text) || table.is_empty() {
            if table.len() + text.len() >= MAX_SIZE {
                return Err(invalid("the libraries' names do not fit a loader cache".to_owned()));
            }
            table.extend_from_slice(text);
            table.push(0);
        }
        places.insert(text, table.len() - 1 - text.len());
        previous = text;
    }
    Ok((table, places))
}

#[cfg(test)]
mod tests;
