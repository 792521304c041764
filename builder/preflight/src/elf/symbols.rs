//! The names of symbols that a file has for others, and that it needs of others.

use rootsmith_tree::{Blobs, Content};

use super::read::Numbers;

/// No library has more; its names and entries take less than these.
const MAX_SYMBOLS: u64 = 1 << 18;
const MAX_NAMES: u64 = 32 << 20;
/// Names of C++ templates are long. The bound keeps overlapping names of a hostile file from being hashed for ever.
const MAX_NAME: usize = 16 << 10;
const MAX_SECTIONS: u64 = 256;

const SHT_DYNSYM: u32 = 11;

/// Where the symbols are, as offsets in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tables {
    pub(super) numbers: Numbers,
    pub(super) symbols: u64,
    pub(super) names: u64,
    pub(super) names_size: u64,
    pub(super) hash: Option<u64>,
    pub(super) sections: u64,
    pub(super) section_size: u16,
    pub(super) section_count: u16,
}

/// The symbols of one file that matter to others, as hashes of their names: an image has hundreds of thousands of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Symbols {
    /// Sorted.
    defined: Box<[u64]>,
    pub(super) undefined: Box<[u64]>,
}

impl Symbols {
    /// Reads the table; `None` when its size cannot be told, or it is broken or too large: then nothing is known.
    pub(super) fn read(tables: &Tables, content: &Content, blobs: &dyn Blobs) -> Option<Symbols> {
        let (mut defined, mut undefined) = (Vec::new(), Vec::new());
        each(tables, content, blobs, |name, side| match side {
            Side::Defined => defined.push(hash(name)),
            Side::Undefined => undefined.push(hash(name)),
        })?;
        defined.sort_unstable();
        Some(Symbols { defined: defined.into(), undefined: undefined.into() })
    }

    /// In memory, in bytes.
    pub(super) fn size(&self) -> usize {
        size_of_val(&*self.defined) + size_of_val(&*self.undefined)
    }

    pub(super) fn defines(&self, hash: u64) -> bool {
        self.defined.binary_search(&hash).is_ok()
    }
}

/// The names of the undefined symbols with these hashes (sorted), in the order of the table.
pub(super) fn names(tables: &Tables, content: &Content, blobs: &dyn Blobs, wanted: &[u64]) -> Vec<String> {
    let mut names = Vec::new();
    let read = each(tables, content, blobs, |name, side| {
        if side == Side::Undefined && wanted.binary_search(&hash(name)).is_ok() {
            names.push(String::from_utf8_lossy(name).into_owned());
        }
    });
    // What was read a moment ago is read again.
    if read.is_none() { Vec::new() } else { names }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Defined,
    Undefined,
}

/// Calls `with` for each symbol that others see, or that others must have.
fn each(tables: &Tables, content: &Content, blobs: &dyn Blobs, mut with: impl FnMut(&[u8], Side)) -> Option<()> {
    let bytes = |at: u64, size: u64| {
        at.checked_add(size).filter(|end| *end <= content.size())?;
        let mut data = vec![0; usize::try_from(size).ok()?];
        content.read_at(blobs, at, &mut data).ok()?;
        Some(data)
    };
    let numbers = tables.numbers;
    let entry = if numbers.is_64_bit { 24 } else { 16 };
    let count = count(tables, entry, &bytes).filter(|count| *count <= MAX_SYMBOLS)?;
    let names = bytes(tables.names, Some(tables.names_size).filter(|size| *size <= MAX_NAMES)?)?;
    let table = bytes(tables.symbols, count.checked_mul(entry)?)?;
    // The entry at 0 is nobody's.
    for symbol in table.chunks_exact(entry as usize).skip(1) {
        // 32 bits: name, value, size, info, other, section; 64 bits: name, info, other, section, value, size.
        let (info, other, section) = if numbers.is_64_bit { (4, 5, 6) } else { (12, 13, 14) };
        let name = text_at(&names, numbers.u32([symbol[0], symbol[1], symbol[2], symbol[3]]));
        let is_defined = numbers.u16([symbol[section], symbol[section + 1]]) != 0;
        // Bindings: 0 local, 1 global, 2 weak, 10 unique; visibility: 0 default, 3 protected.
        match (symbol[info] >> 4, symbol[other] & 3) {
            _ if name.is_empty() || name.len() > MAX_NAME => {}
            (1 | 2 | 10, 0 | 3) if is_defined => with(name, Side::Defined),
            (1 | 10, _) if !is_defined => with(name, Side::Undefined),
            _ => {}
        }
    }
    Some(())
}

/// How many symbols there are: the section says so, or the old hash table, or the names, which linkers put right behind.
fn count(tables: &Tables, entry: u64, bytes: &dyn Fn(u64, u64) -> Option<Vec<u8>>) -> Option<u64> {
    let numbers = tables.numbers;
    let (size, wide) = if numbers.is_64_bit { (64, 8) } else { (40, 4) };
    let sections = u64::from(tables.section_count).min(MAX_SECTIONS);
    if u64::from(tables.section_size) == size
        && let Some(table) = bytes(tables.sections, sections * size)
    {
        for section in table.chunks_exact(size as usize) {
            let word = |at: usize| numbers.u32([section[at], section[at + 1], section[at + 2], section[at + 3]]);
            // Name, kind, flags, address, offset, size. What does not fit 32 bits is no table of symbols.
            let number = |at: usize| match (numbers.is_64_bit, numbers.is_big_endian) {
                (true, true) => Some(word(at + 4)).filter(|_| word(at) == 0),
                (true, false) => Some(word(at)).filter(|_| word(at + 4) == 0),
                (false, _) => Some(word(at)),
            };
            if word(4) == SHT_DYNSYM && number(8 + 2 * wide).map(u64::from) == Some(tables.symbols) {
                return number(8 + 3 * wide).map(|size| u64::from(size) / entry);
            }
        }
    }
    if let Some(hash) = tables.hash {
        let head = bytes(hash, 8)?;
        return Some(numbers.u32([head[4], head[5], head[6], head[7]]).into());
    }
    tables.names.checked_sub(tables.symbols).map(|size| size / entry)
}

fn text_at(names: &[u8], at: u32) -> &[u8] {
    let rest = names.get(at as usize..).unwrap_or_default();
    &rest[..rest.iter().position(|&b| b == 0).unwrap_or(rest.len())]
}

/// FNV-1a: two names that share one of 64 bits are not to be expected.
fn hash(name: &[u8]) -> u64 {
    name.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
