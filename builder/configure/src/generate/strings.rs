//! The string table of systemd's databases: strings end with NUL, equal ones lie there once, and a string that is the
//! tail of an earlier one lies inside it. Which tails are found depends on the order of insertion, so to get the same
//! bytes one has to look for them in the same way: in a trie over the reversed strings.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;

use super::invalid;

/// What a table may hold: offsets are `u32` here, and no real database comes near.
const LIMIT: usize = 256 << 20;

/// A string table under construction. Offset 0 is the empty string.
pub(super) struct Strings {
    bytes: Vec<u8>,
    nodes: Vec<Stored>,
    /// From a node and the next character towards the front to a node.
    children: HashMap<u64, u32, BuildHasherDefault<Mix>>,
}

/// A string in the table that a trie node stands for.
#[derive(Clone, Copy)]
struct Stored {
    offset: u32,
    length: u32,
}

impl Strings {
    /// A table with only the empty string.
    pub(super) fn new() -> Strings {
        Strings { bytes: vec![0], nodes: vec![Stored { offset: 0, length: 0 }], children: HashMap::default() }
    }

    /// The same, with room for `count` strings of `bytes` in all.
    pub(super) fn with_room(bytes: usize, count: usize) -> Strings {
        let mut strings = Strings::new();
        strings.bytes.reserve(bytes);
        strings.nodes.reserve(count);
        strings.children.reserve(count);
        strings
    }

    /// The table as it is stored.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The string at `offset`, without its NUL.
    pub(super) fn get(&self, offset: u32) -> &[u8] {
        let bytes = self.bytes.get(offset as usize..).unwrap_or_default();
        &bytes[..memchr::memchr(0, bytes).unwrap_or(bytes.len())]
    }

    /// The byte at `offset`; NUL past the end.
    pub(super) fn byte(&self, offset: usize) -> u8 {
        self.bytes.get(offset).copied().unwrap_or(0)
    }

    /// Where `string` lies, after adding it if need be. It must not contain NUL. The same string is always found at the
    /// same place: the nodes on its way never change, new ones only hang below.
    pub(super) fn add(&mut self, string: &[u8]) -> io::Result<u32> {
        if string.is_empty() {
            return Ok(0);
        }
        let mut node = 0;
        for depth in 0..=string.len() {
            // After `depth` steps the node's string is known to end with the last `depth` bytes of this one.
            let Stored { offset, length } = self.nodes[node as usize];
            if length as usize >= string.len() {
                let start = offset as usize + length as usize - string.len();
                if self.bytes[start..].starts_with(string) {
                    return Ok(start as u32);
                }
            }
            // A node at this depth is at least as long, so the comparison above has found the whole string.
            let Some(&next) = string.iter().rev().nth(depth) else { break };
            let key = u64::from(node) << 8 | u64::from(next);
            if let Some(&child) = self.children.get(&key) {
                node = child;
                continue;
            }
            if self.bytes.len() + string.len() >= LIMIT {
                return Err(invalid("the strings of a database exceed 256 MiB".to_owned()));
            }
            // Both are below `LIMIT`, and there are fewer nodes than bytes.
            let stored = Stored { offset: self.bytes.len() as u32, length: string.len() as u32 };
            self.children.insert(key, self.nodes.len() as u32);
            self.nodes.push(stored);
            self.bytes.extend_from_slice(string);
            self.bytes.push(0);
            return Ok(stored.offset);
        }
        Ok(0)
    }
}

/// A hasher for one small dense number: Fibonacci multiplication, high bits folded down.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 << 8 | u64::from(byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_and_tails_share_their_place() {
        let mut strings = Strings::new();
        assert_eq!(strings.add(b"").unwrap(), 0);
        assert_eq!(strings.add(b"foobar").unwrap(), 1);
        assert_eq!(strings.add(b"bar").unwrap(), 4);
        assert_eq!(strings.add(b"xbar").unwrap(), 8);
        assert_eq!(strings.add(b"foobar").unwrap(), 1);
        assert_eq!(strings.add(b"r").unwrap(), 6);
        assert_eq!(strings.bytes(), b"\0foobar\0xbar\0");
        assert_eq!(strings.get(8), b"xbar");
        assert_eq!(strings.get(99), b"");
    }

    /// Checked against the tool: a longer string that came second does not take in the shorter one that came first.
    #[test]
    fn an_earlier_tail_stays_where_it_is() {
        let mut strings = Strings::new();
        assert_eq!(strings.add(b"bar").unwrap(), 1);
        assert_eq!(strings.add(b"foobar").unwrap(), 5);
        assert_eq!(strings.add(b"bar").unwrap(), 1);
        assert_eq!(strings.add(b"ar").unwrap(), 2);
    }
}
