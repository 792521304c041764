//! The names of symbols that a file has for others, and that it needs of others.

use rootsmith_tree::{Blobs, Content};

use super::Unfit;
use super::read::Numbers;

/// No library has more; its names and entries take less than these.
const MAX_SYMBOLS: u64 = 1 << 18;
const MAX_NAMES: u64 = 32 << 20;
/// Names of C++ templates are long. The bound keeps overlapping names of a hostile file from being hashed for ever.
const MAX_NAME: usize = 16 << 10;
const MAX_SECTIONS: u64 = 256;

const SHT_DYNSYM: u32 = 11;

const BEYOND: Unfit = Unfit::Broken("a table of symbols lies beyond the end of the file");
const TOO_LARGE: Unfit = Unfit::Broken("it has too many symbols");

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
    /// Reads the table; `Unfit` also when its size cannot be told, or it is too large.
    pub(super) fn read(tables: &Tables, content: &Content, blobs: &dyn Blobs) -> Result<Symbols, Unfit> {
        let (mut defined, mut undefined) = (Vec::new(), Vec::new());
        each(tables, content, blobs, |name, side| match side {
            Side::Defined => defined.push(hash(name)),
            Side::Undefined => undefined.push(hash(name)),
        })?;
        defined.sort_unstable();
        Ok(Symbols { defined: defined.into(), undefined: undefined.into() })
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
    if read.is_err() { Vec::new() } else { names }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Defined,
    Undefined,
}

/// Calls `with` for each symbol that others see, or that others must have.
fn each(tables: &Tables, content: &Content, blobs: &dyn Blobs, mut with: impl FnMut(&[u8], Side)) -> Result<(), Unfit> {
    let bytes = |at: u64, size: u64| {
        at.checked_add(size).filter(|end| *end <= content.size()).ok_or(BEYOND)?;
        let mut data = vec![0; usize::try_from(size).map_err(|_| TOO_LARGE)?];
        content.read_at(blobs, at, &mut data).map_err(|error| Unfit::Unreadable(error.to_string()))?;
        Ok(data)
    };
    let numbers = tables.numbers;
    let entry = if numbers.is_64_bit { 24 } else { 16 };
    let count = count(tables, entry, &bytes)?;
    if count > MAX_SYMBOLS || tables.names_size > MAX_NAMES {
        return Err(TOO_LARGE);
    }
    let names = bytes(tables.names, tables.names_size)?;
    let table = bytes(tables.symbols, count * entry)?;
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
    Ok(())
}

/// How many symbols there are: the section says so, or the old hash table, or the names, which linkers put right behind.
fn count(tables: &Tables, entry: u64, bytes: &dyn Fn(u64, u64) -> Result<Vec<u8>, Unfit>) -> Result<u64, Unfit> {
    let numbers = tables.numbers;
    let (size, wide) = if numbers.is_64_bit { (64, 8) } else { (40, 4) };
    let sections = u64::from(tables.section_count).min(MAX_SECTIONS);
    let fits = u64::from(tables.section_size) == size;
    let table = match bytes(tables.sections, if fits { sections * size } else { 0 }) {
        // Loaders do without, so it may be cut off.
        Err(Unfit::Broken(_) | Unfit::NotElf) => Vec::new(),
        read => read?,
    };
    for section in table.chunks_exact(size as usize) {
        let word = |at: usize| numbers.u32([section[at], section[at + 1], section[at + 2], section[at + 3]]);
        // Name, kind, flags, address, offset, size. What does not fit 32 bits is no table of symbols.
        let number = |at: usize| match (numbers.is_64_bit, numbers.is_big_endian) {
            (true, true) => Some(word(at + 4)).filter(|_| word(at) == 0),
            (true, false) => Some(word(at)).filter(|_| word(at + 4) == 0),
            (false, _) => Some(word(at)),
        };
        if word(4) == SHT_DYNSYM && number(8 + 2 * wide).map(u64::from) == Some(tables.symbols) {
            return number(8 + 3 * wide).map(|size| u64::from(size) / entry).ok_or(TOO_LARGE);
        }
    }
    if let Some(hash) = tables.hash {
        let head = bytes(hash, 8)?;
        return Ok(numbers.u32([head[4], head[5], head[6], head[7]]).into());
    }
    tables
        .names
        .checked_sub(tables.symbols)
        .map(|size| size / entry)
        .ok_or(Unfit::Broken("nothing tells how many symbols it has"))
}

fn text_at(names: &[u8], at: u32) -> &[u8] {
    let rest = names.get(at as usize..).unwrap_or_default();
    &rest[..memchr::memchr(0, rest).unwrap_or(rest.len())]
}

/// Eight bytes at a time, both halves of a product folded into one: two names that share one of 64 bits are not to be expected.
fn hash(name: &[u8]) -> u64 {
    name.chunks(8).fold(name.len() as u64, |hash, piece| {
        let mut word = [0; 8];
        word[..piece.len()].copy_from_slice(piece);
        let product = u128::from(hash ^ u64::from_le_bytes(word) ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        (product as u64) ^ (product >> 64) as u64
    })
}
