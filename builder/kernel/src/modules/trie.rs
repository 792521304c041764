//! The binary index of modprobe and udev: a trie over 7-bit keys, in pre-order, all numbers big-endian.
//!
//! | bytes      | holds                                                                                   |
//! |------------|-----------------------------------------------------------------------------------------|
//! | 0..4       | magic `0xb007f457`                                                                      |
//! | 4..8       | version 2.1: `0x00020001`                                                               |
//! | 8..12      | place of the root: its offset, and in the upper four bits what it has                   |
//! | then nodes | prefix with NUL; first and last child's byte and a place for each between; values       |
//!
//! A node has each of the three parts only if its place says so (`0x8…` prefix, `0x4…` values, `0x2…` children); a place
//! of zero is no child. Values are counted, and each is its priority and a text with NUL, ascending by priority.
//! Defined by kmod's libkmod/libkmod-index.c.

use std::collections::BTreeMap;

const MAGIC: u32 = 0xb007_f457;
const VERSION: u32 = 0x0002_0001;
const PREFIX: u32 = 0x8000_0000;
const VALUES: u32 = 0x4000_0000;
const CHILDREN: u32 = 0x2000_0000;
/// Offsets have 28 bits.
const MAX_OFFSET: usize = 0x0fff_ffff;

/// A trie being filled.
#[derive(Debug, Default)]
pub(super) struct Trie {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// What every key below has in common here.
    prefix: Vec<u8>,
    values: Vec<(u32, Vec<u8>)>,
    children: BTreeMap<u8, usize>,
}

impl Trie {
    pub(super) fn new() -> Trie {
        Trie { nodes: vec![Node::default()] }
    }

    /// Adds `value` under `key`. Values of one key stand in ascending priority; among equals the latest comes first, as
    /// readers have seen it since module-init-tools. False when either is not 7-bit text.
    pub(super) fn insert(&mut self, key: &[u8], value: &[u8], priority: u32) -> bool {
        let text = |bytes: &[u8]| bytes.iter().all(|b| (1..128).contains(b));
        if !text(key) || !text(value) {
            return false;
        }
        let mut at = 0;
        let mut rest = key;
        loop {
            let common = self.nodes[at].prefix.iter().zip(rest).take_while(|(a, b)| a == b).count();
            if common < self.nodes[at].prefix.len() {
                self.split(at, common);
            }
            rest = &rest[common..];
            let Some((&byte, below)) = rest.split_first() else { break };
            rest = below;
            at = match self.nodes[at].children.get(&byte) {
                Some(&child) => child,
                None => {
                    let child = self.nodes.len();
                    self.nodes.push(Node { prefix: rest.to_vec(), ..Node::default() });
                    self.nodes[at].children.insert(byte, child);
                    child
                }
            };
        }
        let values = &mut self.nodes[at].values;
        let place = values.partition_point(|(there, _)| *there < priority);
        values.insert(place, (priority, value.to_vec()));
        true
    }

    /// Cuts a node's prefix behind its first `keep` bytes; what was there moves into its only child.
    fn split(&mut self, at: usize, keep: usize) {
        let lower = self.nodes.len();
        let node = &mut self.nodes[at];
        let byte = node.prefix[keep];
        let below = Node {
            prefix: node.prefix.split_off(keep + 1),
            values: std::mem::take(&mut node.values),
            children: std::mem::replace(&mut node.children, BTreeMap::from([(byte, lower)])),
        };
        node.prefix.truncate(keep);
        self.nodes.push(below);
    }

    /// The file's bytes; `None` when it would outgrow its 28-bit offsets.
    pub(super) fn render(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC.to_be_bytes());
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&self.place(0, 12)?.to_be_bytes());
        // Pre-order, the first child first; each child's place is patched into its parent when the child is written.
        let mut todo = vec![(0, 8)];
        while let Some((at, patch)) = todo.pop() {
            let place = self.place(at, out.len())?;
            out[patch..patch + 4].copy_from_slice(&place.to_be_bytes());
            let node = &self.nodes[at];
            if !node.prefix.is_empty() {
                out.extend_from_slice(&node.prefix);
                out.push(0);
            }
            let ends = node.children.first_key_value().zip(node.children.last_key_value());
            if let Some(((&first, _), (&last, _))) = ends {
                out.extend_from_slice(&[first, last]);
                let table = out.len();
                out.resize(table + 4 * (usize::from(last - first) + 1), 0);
                for (&byte, &child) in node.children.iter().rev() {
                    todo.push((child, table + 4 * usize::from(byte - first)));
                }
            }
            if !node.values.is_empty() {
                out.extend_from_slice(&u32::try_from(node.values.len()).ok()?.to_be_bytes());
                for (priority, value) in &node.values {
                    out.extend_from_slice(&priority.to_be_bytes());
                    out.extend_from_slice(value);
                    out.push(0);
                }
            }
        }
        Some(out)
    }

    fn place(&self, at: usize, offset: usize) -> Option<u32> {
        if offset > MAX_OFFSET {
            return None;
        }
        let node = &self.nodes[at];
        let mut place = u32::try_from(offset).ok()?;
        for (has, flag) in [
            (!node.prefix.is_empty(), PREFIX),
            (!node.values.is_empty(), VALUES),
            (!node.children.is_empty(), CHILDREN),
        ] {
            place |= if has { flag } else { 0 };
        }
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_index_is_its_header() {
        assert_eq!(Trie::new().render().unwrap(), [0xb0, 7, 0xf4, 0x57, 0, 2, 0, 1, 0, 0, 0, 12]);
    }

    #[test]
    fn keys_with_a_common_beginning_share_it() {
        let mut trie = Trie::new();
        assert!(trie.insert(b"ab1", b"x", 5));
        assert!(trie.insert(b"ab2", b"y", 6));
        #[rustfmt::skip]
        let expected = [
            // header; the root has children only
            0xb0, 7, 0xf4, 0x57, 0, 2, 0, 1, 0x20, 0, 0, 12,
            // root: from `a` to `a`, which has a prefix and children, at 18
            b'a', b'a', 0xa0, 0, 0, 18,
            // `b`, from `1` to `2`, at 30 and 40, which have values only
            b'b', 0, b'1', b'2', 0x40, 0, 0, 30, 0x40, 0, 0, 40,
            // one value, priority 5, `x`
            0, 0, 0, 1, 0, 0, 0, 5, b'x', 0,
            0, 0, 0, 1, 0, 0, 0, 6, b'y', 0,
        ];
        assert_eq!(trie.render().unwrap(), expected);
    }

    #[test]
    fn values_of_one_key_ascend_and_the_latest_equal_comes_first() {
        let mut trie = Trie::new();
        for (value, priority) in [("a", 2), ("b", 1), ("c", 2)] {
            assert!(trie.insert(b"", value.as_bytes(), priority));
        }
        let bytes = trie.render().unwrap();
        assert_eq!(&bytes[12..], [0, 0, 0, 3, 0, 0, 0, 1, b'b', 0, 0, 0, 0, 2, b'c', 0, 0, 0, 0, 2, b'a', 0]);
    }

    #[test]
    fn only_7_bit_text_goes_in() {
        let mut trie = Trie::new();
        assert!(!trie.insert(b"caf\xe9", b"x", 0));
        assert!(!trie.insert(b"x", b"a\0b", 0));
        assert_eq!(trie.render(), Trie::new().render());
    }
}
