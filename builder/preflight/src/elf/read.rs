//! The part of an ELF file that its loader reads: header, program headers, dynamic section, names, versions.
//!
//! Specification: System V ABI, chapters 4 and 5; versions: Linux Standard Base 5.0, "Symbol Versioning". Both classes and
//! both byte orders are read; every offset and count comes from a stranger.

use std::collections::BTreeSet;

use super::Unfit;
use super::symbols::Tables;
use super::window::Window;

const MAX_PROGRAM_HEADERS: u64 = 512;
const MAX_DYNAMIC: u64 = 4096;
/// Libraries that one file asks for, and folders it names: no linker has seen more.
const MAX_NAMES: usize = 512;
/// All versions that one file has or needs; the index of a version has 15 bits.
const MAX_VERSIONS: usize = 1 << 15;
/// All its names together: many entries may share one name.
const MAX_NAMES_SIZE: usize = 1 << 20;
/// `PATH_MAX`.
const MAX_NAME: usize = 4096;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;

const DT_NEEDED: u64 = 1;
const DT_HASH: u64 = 4;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_STRSZ: u64 = 10;
const DT_SONAME: u64 = 14;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;
const DT_VERSYM: u64 = 0x6fff_fff0;
const DT_VERDEF: u64 = 0x6fff_fffc;
const DT_VERDEFNUM: u64 = 0x6fff_fffd;
const DT_VERNEED: u64 = 0x6fff_fffe;
const DT_VERNEEDNUM: u64 = 0x6fff_ffff;

/// `vna_flags`: the program can do without.
const VER_FLG_WEAK: u16 = 2;

/// Which machine a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Machine {
    /// `e_machine`.
    pub(crate) number: u16,
    pub(crate) is_64_bit: bool,
    pub(crate) is_big_endian: bool,
}

/// What a loader wants to know of an ELF file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elf {
    pub(crate) machine: Machine,
    /// `e_type`: 2 a program at a fixed address, 3 a library or a program at any address.
    pub(crate) kind: u16,
    pub(crate) interpreter: Option<String>,
    pub(crate) needed: Vec<String>,
    pub(crate) soname: Option<String>,
    /// Folders of DT_RPATH, `$ORIGIN` not yet replaced.
    pub(crate) rpath: Vec<String>,
    /// Folders of DT_RUNPATH.
    pub(crate) runpath: Option<Vec<String>>,
    /// Versions of libraries' symbols that it needs.
    pub(crate) requires: Vec<Requirement>,
    /// Versions of symbols that it has.
    pub(crate) provides: BTreeSet<String>,
    /// Whether its symbols have versions, be it only those that it needs of others.
    pub(crate) is_versioned: bool,
    /// Where its symbols are; none for a file without a dynamic section.
    pub(super) tables: Option<Tables>,
}

impl Elf {
    /// In memory, in bytes.
    pub(super) fn size(&self) -> usize {
        let lists = [&self.needed, &self.rpath].into_iter().chain(&self.runpath).flatten();
        let names: usize = lists.chain(&self.provides).map(|name| size_of::<String>() + name.len()).sum();
        let versions = self.requires.iter().map(|it| size_of::<Requirement>() + it.file.len() + it.version.len());
        size_of::<Elf>() + names + versions.sum::<usize>()
    }
}

/// One version that a file needs of a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// `libc.so.6`.
    pub(crate) file: String,
    /// `GLIBC_2.38`.
    pub(crate) version: String,
    pub(crate) weak: bool,
}

/// How numbers are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) is_64_bit: bool,
    pub(super) is_big_endian: bool,
}

impl Numbers {
    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.is_big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn u64(self, bytes: [u8; 8]) -> u64 {
        if self.is_big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) }
    }
}

/// A file's numbers, read where they are.
struct Reader<'w, 'a> {
    window: &'w mut Window<'a>,
    numbers: Numbers,
}

impl Reader<'_, '_> {
    fn half(&mut self, at: u64) -> Result<u16, Unfit> {
        Ok(self.numbers.u16(self.window.array(at)?))
    }

    fn word(&mut self, at: u64) -> Result<u32, Unfit> {
        Ok(self.numbers.u32(self.window.array(at)?))
    }

    /// An address or an offset: as wide as the class.
    fn address(&mut self, at: u64) -> Result<u64, Unfit> {
        match self.numbers.is_64_bit {
            true => Ok(self.numbers.u64(self.window.array(at)?)),
            false => self.word(at).map(u64::from),
        }
    }

    /// `wide` in the 64-bit class, `narrow` in the other.
    fn choose(&self, narrow: u64, wide: u64) -> u64 {
        if self.numbers.is_64_bit { wide } else { narrow }
    }
}

/// A segment that is loaded: where in the file what address begins, and how long it is there.
#[derive(Debug, Clone, Copy)]
struct Segment {
    address: u64,
    offset: u64,
    size: u64,
}

/// Reads what a loader would; `Unfit::NotElf` when it is something else altogether.
pub(super) fn read_window(window: &mut Window<'_>) -> Result<Elf, Unfit> {
    let ident: [u8; 6] = match window.head(6)?.try_into() {
        Ok(ident) => ident,
        Err(_) => return Err(Unfit::NotElf),
    };
    let [0x7f, b'E', b'L', b'F', class @ 1..=2, order @ 1..=2] = ident else { return Err(Unfit::NotElf) };
    let numbers = Numbers { is_64_bit: class == 2, is_big_endian: order == 2 };
    let mut reader = Reader { window, numbers };
    let kind = reader.half(16)?;
    let machine =
        Machine { number: reader.half(18)?, is_64_bit: numbers.is_64_bit, is_big_endian: numbers.is_big_endian };
    let mut elf = Elf {
        machine,
        kind,
        interpreter: None,
        needed: Vec::new(),
        soname: None,
        rpath: Vec::new(),
        runpath: None,
        requires: Vec::new(),
        provides: BTreeSet::new(),
        is_versioned: false,
        tables: None,
    };
    let (mut segments, mut dynamic) = (Vec::new(), None);
    let (at, size) = (reader.choose(28, 32), reader.choose(32, 56));
    let table = reader.address(at)?;
    let (entry_size, count) = (reader.choose(42, 54), reader.choose(44, 56));
    let (entry_size, count) = (u64::from(reader.half(entry_size)?), u64::from(reader.half(count)?));
    if count > MAX_PROGRAM_HEADERS || (count > 0 && entry_size != size) {
        return Err(Unfit::Broken("its program headers are not of this world"));
    }
    for index in 0..count {
        // At most 512 of 56 bytes each.
        let Some(at) = table.checked_add(index * size) else {
            return Err(Unfit::Broken("its program headers are nowhere"));
        };
        let kind = reader.word(at)?;
        if !matches!(kind, PT_LOAD | PT_DYNAMIC | PT_INTERP) {
            continue;
        }
        // The first word was read, so the header's start is far from the end of all numbers.
        let offset = reader.address(at.saturating_add(reader.choose(4, 8)))?;
        let address = reader.address(at.saturating_add(reader.choose(8, 16)))?;
        let size = reader.address(at.saturating_add(reader.choose(16, 32)))?;
        match kind {
            PT_LOAD => segments.push(Segment { address, offset, size }),
            PT_DYNAMIC => dynamic = Some((offset, size)),
            _ => elf.interpreter = Some(reader.window.string(offset, MAX_NAME)?),
        }
    }
    if let Some((offset, size)) = dynamic {
        read_dynamic(&mut reader, &mut elf, &segments, offset, size)?;
    }
    Ok(elf)
}

/// The values of the dynamic section by tag, in order.
fn read_dynamic(
    reader: &mut Reader<'_, '_>,
    elf: &mut Elf,
    segments: &[Segment],
    offset: u64,
    size: u64,
) -> Result<(), Unfit> {
    let width = reader.choose(4, 8);
    let mut entries = Vec::new();
    for index in 0..(size / (2 * width)).min(MAX_DYNAMIC) {
        let at = offset.saturating_add(index * 2 * width);
        match reader.address(at)? {
            0 => break,
            tag => entries.push((tag, reader.address(at.saturating_add(width))?)),
        }
    }
    let value = |wanted: u64| entries.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| *value);
    // Tables are given by their address in memory.
    let place = |tag: u64| value(tag).and_then(|address| offset_of(segments, address));
    let Some(names) = place(DT_STRTAB) else { return Ok(()) };
    let names_size = value(DT_STRSZ).unwrap_or(0);
    let mut left = MAX_NAMES_SIZE;
    let mut name = |reader: &mut Reader<'_, '_>, at: u64| {
        let at =
            names.checked_add(at).filter(|_| at < names_size).ok_or(Unfit::Broken("a name lies outside its table"))?;
        let name = reader.window.string(at, MAX_NAME)?;
        left = left.checked_sub(name.len()).ok_or(Unfit::Broken("its names are too long"))?;
        Ok(name)
    };
    for &(tag, value) in &entries {
        match tag {
            DT_NEEDED if elf.needed.len() >= MAX_NAMES => return Err(Unfit::Broken("it needs too many libraries")),
            DT_NEEDED => elf.needed.push(name(reader, value)?),
            DT_SONAME => elf.soname = Some(name(reader, value)?),
            DT_RPATH => elf.rpath = folders(&name(reader, value)?),
            DT_RUNPATH => elf.runpath = Some(folders(&name(reader, value)?)),
            _ => {}
        }
    }
    if let (Some(at), Some(count)) = (place(DT_VERNEED), value(DT_VERNEEDNUM)) {
        read_requires(reader, elf, at, count, &mut name)?;
    }
    if let (Some(at), Some(count)) = (place(DT_VERDEF), value(DT_VERDEFNUM)) {
        read_provides(reader, elf, at, count, &mut name)?;
    }
    elf.is_versioned = value(DT_VERSYM).is_some();
    let (sections, section_size, section_count) = (reader.choose(32, 40), reader.choose(46, 58), reader.choose(48, 60));
    if let Some(symbols) = place(DT_SYMTAB) {
        elf.tables = Some(Tables {
            numbers: reader.numbers,
            symbols,
            names,
            names_size,
            hash: place(DT_HASH),
            sections: reader.address(sections)?,
            section_size: reader.half(section_size)?,
            section_count: reader.half(section_count)?,
        });
    }
    Ok(())
}

type Name<'n> = &'n mut dyn FnMut(&mut Reader<'_, '_>, u64) -> Result<String, Unfit>;

/// `Verneed` (16 bytes: version, count, file, first version, next) and its `Vernaux` (16 bytes: hash, flags, index, name, next).
fn read_requires(reader: &mut Reader<'_, '_>, elf: &mut Elf, at: u64, count: u64, name: Name<'_>) -> Result<(), Unfit> {
    let mut at = at;
    for _ in 0..count.min(MAX_VERSIONS as u64) {
        let versions = reader.half(at.saturating_add(2))?;
        let file = reader.word(at.saturating_add(4))?;
        let file = name(reader, file.into())?;
        let mut aux = at.saturating_add(reader.word(at.saturating_add(8))?.into());
        for _ in 0..versions {
            if elf.requires.len() >= MAX_VERSIONS {
                return Err(Unfit::Broken("it needs too many versions"));
            }
            let weak = reader.half(aux.saturating_add(4))? & VER_FLG_WEAK != 0;
            let version = reader.word(aux.saturating_add(8))?;
            let version = name(reader, version.into())?;
            elf.requires.push(Requirement { file: file.clone(), version, weak });
            match reader.word(aux.saturating_add(12))? {
                0 => break,
                next => aux = aux.saturating_add(next.into()),
            }
        }
        match reader.word(at.saturating_add(12))? {
            0 => break,
            next => at = at.saturating_add(next.into()),
        }
    }
    Ok(())
}

/// `Verdef` (20 bytes: version, flags, index, count, hash, first name, next); the first `Verdaux` is the version's own name.
fn read_provides(reader: &mut Reader<'_, '_>, elf: &mut Elf, at: u64, count: u64, name: Name<'_>) -> Result<(), Unfit> {
    let mut at = at;
    for _ in 0..count.min(MAX_VERSIONS as u64) {
        let aux = at.saturating_add(reader.word(at.saturating_add(12))?.into());
        let version = reader.word(aux)?;
        let version = name(reader, version.into())?;
        elf.provides.insert(version);
        match reader.word(at.saturating_add(16))? {
            0 => break,
            next => at = at.saturating_add(next.into()),
        }
    }
    Ok(())
}

fn offset_of(segments: &[Segment], address: u64) -> Option<u64> {
    segments.iter().find_map(|segment| {
        let inside = address.checked_sub(segment.address)?;
        (inside < segment.size).then(|| segment.offset.checked_add(inside)).flatten()
    })
}

fn folders(text: &str) -> Vec<String> {
    text.split(':').filter(|folder| !folder.is_empty()).take(MAX_NAMES).map(str::to_owned).collect()
}
