//! The binary hardware database of udev: `hwdb.bin`.
//!
//! Format: systemd, `src/libsystemd/sd-hwdb/hwdb-internal.h`. Integers are little-endian, offsets count from the file's
//! start, a node's children and values follow it, and a node comes after the nodes below it.
//!
//! | offset | size | holds                                                                                           |
//! |--------|------|-------------------------------------------------------------------------------------------------|
//! | 0      | 80   | `KSLPHHRH`, tool version, file size, sizes of the four structures, root node, lengths           |
//! | 80     | …    | nodes (24: prefix string, number of children and values), children (16: character, node), values|
//! |        |      | (32: key, value and file name strings, line, the file's rank)                                   |
//! | …      | …    | strings                                                                                         |

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;

use rootsmith_tree::{Blobs, Bytes, Content, DerivedKey, Tree};
use rootsmith_types::TreePath;

use super::conf_files::conf_files;
use super::lines::lines;
use super::strings::Strings;
use super::{invalid, read_text};

const HEADER_SIZE: usize = 80;
const NODE_SIZE: usize = 24;
const CHILD_SIZE: usize = 16;
const VALUE_SIZE: usize = 32;

/// Of what is kept: see [`DerivedKey::new`].
const FORM: &str = "hwdb.bin 1";

/// A record of many matches and many properties grows with their product: trixie has 170 thousand values.
const MAX_VALUES: usize = 4_000_000;
/// systemd's own limit (`LONG_LINE_MAX`).
const MAX_LINE: usize = 1 << 20;

/// `hwdb.bin` from `/etc/udev/hwdb.d` and `/usr/lib/udev/hwdb.d`; `None` when there is no source file.
pub(crate) fn hwdb_bin(tree: &Tree, blobs: &dyn Blobs) -> io::Result<Option<Content>> {
    let files = conf_files(tree, &["/etc/udev/hwdb.d", "/usr/lib/udev/hwdb.d"], ".hwdb");
    if files.is_empty() {
        return Ok(None);
    }
    let tool_version = tool_version(tree);
    let mut key = DerivedKey::new(FORM).with(&tool_version.to_le_bytes());
    for path in &files {
        key = key.with(path.as_bytes());
        key = match tree.lookup(path).and_then(|node| node.content()) {
            Some(content) => key.with_content(content, blobs)?,
            None => key.with(b""),
        };
    }
    let make = || {
        others_first();
        let mut texts = Vec::new();
        for path in files {
            // A masked file has no text but keeps its rank.
            let text = read_text(tree, blobs, &path)?.unwrap_or_default();
            texts.push((path, text));
        }
        compile(&texts, tool_version)
    };
    key.derive_content(blobs, make).map(Some)
}

/// Does what waits for a core, until nothing does. What takes one core long goes last: somebody else may then have something as long that
/// had to wait for the rest.
fn others_first() {
    while rayon::yield_now() == Some(rayon::Yield::Executed) {}
}

/// The database of these files, a later one winning over an earlier.
fn compile(files: &[(TreePath, Bytes)], tool_version: u64) -> io::Result<Vec<u8>> {
    let mut trie = Trie::new(files.iter().map(|(_, text)| text.len()).sum());
    for (i, (path, text)) in files.iter().enumerate() {
        // Ranks are 16 bits in the format, and the tool counts round as well.
        import(&mut trie, text, path, (i + 1) as u16)?;
    }
    Ok(trie.store(tool_version))
}

/// The version of the systemd in the tree, which its tool writes into the header and no reader looks at: the number in the
/// name of its private library, `libsystemd-shared-257.so`. 0 where there is none.
fn tool_version(tree: &Tree) -> u64 {
    let lib = TreePath::literal("/usr/lib");
    let own = TreePath::literal("/usr/lib/systemd");
    let multiarch = tree.children(&lib).filter_map(|name| lib.join(name).ok()?.join("systemd").ok());
    let version = |name: &[u8]| {
        let number = name.strip_prefix(b"libsystemd-shared-")?.split(|b| !b.is_ascii_digit()).next()?;
        std::str::from_utf8(number).ok()?.parse().ok()
    };
    std::iter::once(own)
        .chain(multiarch)
        .flat_map(|directory| tree.children(&directory).filter_map(version).max())
        .max()
        .unwrap_or(0)
}

/// Where a line of a source file stands in a record.
enum State {
    Between,
    Matches,
    Properties,
}

fn import(trie: &mut Trie, text: &[u8], path: &TreePath, priority: u16) -> io::Result<()> {
    let mut state = State::Between;
    let mut matches: Vec<&[u8]> = Vec::new();
    let mut repeated = Repeated::default();
    for (i, line) in lines(text).enumerate() {
        if line.len() > MAX_LINE {
            return Err(invalid(format!("`{path}` has a line longer than 1 MiB")));
        }
        if line.first() == Some(&b'#') {
            continue;
        }
        let line = &line[..memchr::memchr(b'#', line).unwrap_or(line.len())];
        let line = trim_end(line);
        let indented = line.first() == Some(&b' ');
        state = match state {
            State::Between if line.is_empty() || indented => State::Between,
            State::Between | State::Matches if !line.is_empty() && !indented => {
                matches.push(line);
                State::Matches
            }
            State::Matches | State::Properties if indented => {
                // Lines are at least a byte long and files at most `TEXT_LIMIT`.
                let place = Place { file: path.as_bytes(), line: (i + 1) as u32, priority };
                insert_property(trie, &mut repeated, &matches, line, &place)?;
                State::Properties
            }
            _ => {
                matches.clear();
                State::Between
            }
        };
    }
    Ok(())
}

/// Where a property was written.
struct Place<'a> {
    file: &'a [u8],
    line: u32,
    priority: u16,
}

/// Where strings lie that nearly every property has anew: keys, and the name of the file. Looking for them among all strings takes longer than
/// everything else.
type Repeated<'a> = HashMap<&'a [u8], u32>;

fn insert_property<'a>(
    trie: &mut Trie,
    repeated: &mut Repeated<'a>,
    matches: &[&[u8]],
    line: &'a [u8],
    place: &Place<'a>,
) -> io::Result<()> {
    let Some(equals) = memchr::memchr(b'=', line) else { return Ok(()) };
    let (mut key, value) = (&line[..equals], &line[equals + 1..]);
    // One leading blank stays: it tells properties from others that may be stored one day.
    while let [first, second, ..] = key
        && is_blank(*first)
        && is_blank(*second)
    {
        key = &key[1..];
    }
    if key.len() < 2 {
        return Ok(());
    }
    let mut stored = None;
    for text in matches {
        let node = trie.insert(text)?;
        let value = match stored {
            Some(value) => value,
            // Only now: the tool stores the strings of the first match before these.
            None => *stored.insert(Value {
                key: again(repeated, &mut trie.strings, key)?,
                value: trie.strings.add(value)?,
                file: again(repeated, &mut trie.strings, place.file)?,
                line: place.line,
                priority: place.priority,
            }),
        };
        trie.set(node, value)?;
    }
    Ok(())
}

fn again<'a>(repeated: &mut Repeated<'a>, strings: &mut Strings, string: &'a [u8]) -> io::Result<u32> {
    Ok(match repeated.entry(string) {
        Entry::Occupied(there) => *there.get(),
        Entry::Vacant(free) => *free.insert(strings.add(string)?),
    })
}

fn is_blank(b: u8) -> bool {
    b == b' ' || b == b'\t'
}

fn trim_end(line: &[u8]) -> &[u8] {
    let is_space = |b: &u8| matches!(b, b' ' | b'\t'..=b'\r');
    &line[..line.iter().rposition(|b| !is_space(b)).map_or(0, |last| last + 1)]
}

/// A radix tree over the match strings.
struct Trie {
    nodes: Vec<Node>,
    strings: Strings,
    values: usize,
}

#[derive(Default)]
struct Node {
    /// Offset of the string that all below share.
    prefix: u32,
    /// By the character after the prefix, sorted.
    children: Vec<(u8, u32)>,
    /// In the order of the files, and sorted by key in the end.
    values: Vec<Value>,
}

/// A property: offsets of its strings and where it was written.
#[derive(Clone, Copy)]
struct Value {
    key: u32,
    value: u32,
    file: u32,
    line: u32,
    priority: u16,
}

impl Trie {
    /// A trie that is to take `sources` bytes of text.
    fn new(sources: usize) -> Trie {
        // One node for each fifty bytes of systemd's own: what grows by doubling is copied, and takes twice the memory.
        let mut nodes = Vec::with_capacity(1 + sources / 48);
        nodes.push(Node::default());
        Trie { nodes, strings: Strings::with_room(sources / 3, sources / 64), values: 0 }
    }

    /// The node of `text`, made if need be.
    fn insert(&mut self, text: &[u8]) -> io::Result<u32> {
        let mut at = 0u32;
        let mut rest = text;
        loop {
            let prefix = self.nodes[at as usize].prefix;
            let shared = self.shared(prefix, rest);
            let next = self.strings.byte(prefix as usize + shared);
            if next != 0 {
                self.split(at, shared, next)?;
            }
            rest = &rest[shared..];
            let Some((&first, tail)) = rest.split_first() else { return Ok(at) };
            let children = &self.nodes[at as usize].children;
            match children.binary_search_by_key(&first, |child| child.0) {
                Ok(i) => at = children[i].1,
                Err(i) => {
                    let prefix = self.strings.add(tail)?;
                    let new = self.push(Node { prefix, ..Node::default() });
                    self.nodes[at as usize].children.insert(i, (first, new));
                    return Ok(new);
                }
            }
            rest = tail;
        }
    }

    /// How many bytes the string at `prefix` and `text` have in common.
    fn shared(&self, prefix: u32, text: &[u8]) -> usize {
        let prefix = self.strings.bytes().get(prefix as usize..).unwrap_or_default();
        prefix.iter().zip(text).take_while(|(a, b)| a == b && **a != 0).count()
    }

    /// Cuts a node's prefix after `length` bytes; what it had moves to a new child for the byte that follows.
    fn split(&mut self, at: u32, length: usize, next: u8) -> io::Result<()> {
        let old = std::mem::take(&mut self.nodes[at as usize]);
        let start = old.prefix as usize;
        let head = self.strings.bytes()[start..start + length].to_vec();
        let child = Node { prefix: old.prefix + length as u32 + 1, ..old };
        let prefix = self.strings.add(&head)?;
        let child = self.push(child);
        self.nodes[at as usize] = Node { prefix, children: vec![(next, child)], values: Vec::new() };
        Ok(())
    }

    fn push(&mut self, node: Node) -> u32 {
        // Each node but the root has a byte of its own in a source file.
        self.nodes.push(node);
        (self.nodes.len() - 1) as u32
    }

    /// Gives a node a property.
    fn set(&mut self, node: u32, value: Value) -> io::Result<()> {
        self.nodes[node as usize].values.push(value);
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(invalid(format!("the hardware database has more than {MAX_VALUES} properties")));
        }
        Ok(())
    }

    /// Sorts each node's properties by key; of several with one key the last one stays.
    fn sort_values(&mut self) {
        let strings = &self.strings;
        // Equal keys lie at equal offsets, so that many comparisons need no look at the text.
        let order = |a: &Value, b: &Value| match a.key == b.key {
            true => Ordering::Equal,
            false => strings.get(a.key).cmp(strings.get(b.key)),
        };
        for node in &mut self.nodes {
            node.values.sort_by(order);
            // The later one of two neighbours takes the earlier one's place, which is then dropped.
            node.values.dedup_by(|later, kept| {
                let same = later.key == kept.key;
                if same {
                    *kept = *later;
                }
                same
            });
        }
        self.values = self.nodes.iter().map(|node| node.values.len()).sum();
    }

    fn store(mut self, tool_version: u64) -> Vec<u8> {
        self.sort_values();
        let nodes_size = self.nodes.len() * NODE_SIZE + (self.nodes.len() - 1) * CHILD_SIZE + self.values * VALUE_SIZE;
        let strings_at = (HEADER_SIZE + nodes_size) as u64;
        let string = |offset: u32| (strings_at + u64::from(offset)).to_le_bytes();
        let mut out = Vec::with_capacity(HEADER_SIZE + nodes_size + self.strings.bytes().len());
        out.resize(HEADER_SIZE, 0);

        // Children first, without recursion: a hostile source can make the tree as deep as it is long.
        let mut places = vec![0u64; self.nodes.len()];
        let mut stack = vec![(0u32, 0usize)];
        while let Some((index, child)) = stack.pop() {
            let node = &self.nodes[index as usize];
            if let Some(&(_, below)) = node.children.get(child) {
                stack.push((index, child + 1));
                stack.push((below, 0));
                continue;
            }
            places[index as usize] = out.len() as u64;
            out.extend(string(node.prefix));
            // Children differ in a byte that is not NUL, so there are at most 255.
            out.extend([node.children.len() as u8, 0, 0, 0, 0, 0, 0, 0]);
            out.extend((node.values.len() as u64).to_le_bytes());
            for &(c, below) in &node.children {
                out.extend([c, 0, 0, 0, 0, 0, 0, 0]);
                out.extend(places[below as usize].to_le_bytes());
            }
            for value in &node.values {
                let mut entry = [0; VALUE_SIZE];
                entry[0..8].copy_from_slice(&string(value.key));
                entry[8..16].copy_from_slice(&string(value.value));
                entry[16..24].copy_from_slice(&string(value.file));
                entry[24..28].copy_from_slice(&value.line.to_le_bytes());
                entry[28..30].copy_from_slice(&value.priority.to_le_bytes());
                out.extend(entry);
            }
        }
        let nodes_len = (out.len() - HEADER_SIZE) as u64;
        out.extend_from_slice(self.strings.bytes());

        let header = [
            u64::from_le_bytes(*b"KSLPHHRH"),
            tool_version,
            out.len() as u64,
            HEADER_SIZE as u64,
            NODE_SIZE as u64,
            CHILD_SIZE as u64,
            VALUE_SIZE as u64,
            places[0],
            nodes_len,
            self.strings.bytes().len() as u64,
        ];
        for (field, value) in out.chunks_exact_mut(8).zip(header) {
            field.copy_from_slice(&value.to_le_bytes());
        }
        out
    }
}

#[cfg(test)]
mod tests;
