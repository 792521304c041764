//! A flattened device tree, taken apart: nodes with their properties, found by path, alias or phandle.

use std::collections::HashMap;

use super::{BEGIN_NODE, END, END_NODE, MAGIC, MAX_DEPTH, MAX_NODES, MAX_SIZE, NOP, PROP};
use crate::KernelError;

/// A device tree. It borrows the bytes it was read from.
#[derive(Debug, Clone)]
pub struct DeviceTree<'a> {
    /// In the order of the structure block: the root first, parents before children.
    nodes: Vec<Raw<'a>>,
    phandles: HashMap<u32, usize>,
}

#[derive(Debug, Clone)]
struct Raw<'a> {
    name: &'a str,
    parent: Option<usize>,
    properties: Vec<(&'a str, &'a [u8])>,
}

/// A node of a tree.
#[derive(Debug, Clone, Copy)]
pub struct Node<'t> {
    tree: &'t DeviceTree<'t>,
    index: usize,
}

impl<'a> DeviceTree<'a> {
    /// Reads the blob `dtb`; what stands behind its end is nobody's.
    pub fn read(dtb: &'a [u8]) -> Result<DeviceTree<'a>, KernelError> {
        blocks(dtb)
            .and_then(|(tokens, strings)| nodes(tokens, strings))
            .map_err(|reason| KernelError::BadDeviceTree(reason.to_owned()))
    }

    /// The node `/`.
    pub fn root(&self) -> Node<'_> {
        Node { tree: self, index: 0 }
    }

    /// Every node, parents before children.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        (0..self.nodes.len()).map(|index| Node { tree: self, index })
    }

    /// The node at a path (`/soc/serial@7e201000`), or behind an alias (`serial0`, `serial0/child`).
    pub fn node(&self, path: &str) -> Option<Node<'_>> {
        let (start, rest) = match path.strip_prefix('/') {
            Some(rest) => (self.root(), rest),
            None => {
                let (alias, rest) = path.split_once('/').unwrap_or((path, ""));
                let target = self.root().child("aliases")?.text(alias)?;
                // An alias of an alias is nothing the specification knows.
                (self.node(target).filter(|_| target.starts_with('/'))?, rest)
            }
        };
        rest.split('/').filter(|name| !name.is_empty()).try_fold(start, |at, name| at.child(name))
    }

    /// The node that others name by this number.
    pub fn by_phandle(&self, phandle: u32) -> Option<Node<'_>> {
        self.phandles.get(&phandle).map(|&index| Node { tree: self, index })
    }
}

impl<'t> Node<'t> {
    /// Its number in the tree: what a node is known by.
    pub fn index(self) -> usize {
        self.index
    }

    /// Name and unit address: `mmc@7e300000`; empty for the root.
    pub fn name(self) -> &'t str {
        self.raw().name
    }

    /// The name without the unit address: `mmc`.
    pub fn base_name(self) -> &'t str {
        self.name().split('@').next().unwrap_or_default()
    }

    /// `/soc/mmc@7e300000`.
    pub fn path(self) -> String {
        let mut names = vec![self.name()];
        names.extend(self.ancestors().map(Node::name));
        names.pop();
        if names.is_empty() {
            return "/".to_owned();
        }
        names.iter().rev().fold(String::new(), |path, name| path + "/" + name)
    }

    /// The node it is in.
    pub fn parent(self) -> Option<Node<'t>> {
        self.raw().parent.map(|index| Node { tree: self.tree, index })
    }

    /// The nodes it is in, the nearest first.
    pub fn ancestors(self) -> impl Iterator<Item = Node<'t>> {
        std::iter::successors(self.parent(), |node| node.parent())
    }

    /// The nodes right below it.
    pub fn children(self) -> impl Iterator<Item = Node<'t>> {
        let tree = self.tree;
        let own = (self.index + 1..tree.nodes.len()).map(move |index| Node { tree, index });
        // What is below a node comes before the next one that is not.
        own.take_while(move |node| node.raw().parent.is_some_and(|parent| parent >= self.index))
            .filter(move |node| node.raw().parent == Some(self.index))
    }

    /// The child of this name; without a unit address (`memory`), the first that has the name with one.
    pub fn child(self, name: &str) -> Option<Node<'t>> {
        self.children()
            .find(|node| node.name() == name)
            .or_else(|| self.children().find(|node| node.base_name() == name))
    }

    /// The names and values of its properties, in their order.
    pub fn properties(self) -> impl Iterator<Item = (&'t str, &'t [u8])> {
        self.raw().properties.iter().copied()
    }

    /// The value of a property.
    pub fn property(self, name: &str) -> Option<&'t [u8]> {
        self.raw().properties.iter().find(|(there, _)| *there == name).map(|(_, value)| *value)
    }

    /// The strings of a property; those that are no text are left out.
    pub fn texts(self, name: &str) -> impl Iterator<Item = &'t str> {
        let value = self.property(name).unwrap_or_default();
        value.split(|&b| b == 0).filter_map(|text| std::str::from_utf8(text).ok()).filter(|text| !text.is_empty())
    }

    /// The first string of a property.
    pub fn text(self, name: &str) -> Option<&'t str> {
        self.texts(name).next()
    }

    /// The 32-bit numbers of a property.
    pub fn cells(self, name: &str) -> Vec<u32> {
        cells(self.property(name).unwrap_or_default())
    }

    /// What it is, the most exact name first: `rockchip,rk3399-dw-mshc`, `rockchip,rk3288-dw-mshc`.
    pub fn compatible(self) -> impl Iterator<Item = &'t str> {
        self.texts("compatible")
    }

    /// Whether neither it nor a node it is in is switched off (`status`, 2.3.4).
    pub fn is_enabled(self) -> bool {
        let own = |node: Node<'_>| match node.property("status") {
            None => true,
            Some(_) => matches!(node.text("status"), Some("okay" | "ok")),
        };
        own(self) && self.ancestors().all(own)
    }

    /// The node that a number in one of its properties names.
    pub fn by_phandle(self, phandle: u32) -> Option<Node<'t>> {
        self.tree.by_phandle(phandle)
    }

    /// The node with a number that [`Node::index`] gave.
    pub fn at(self, index: usize) -> Option<Node<'t>> {
        (index < self.tree.nodes.len()).then_some(Node { tree: self.tree, index })
    }

    fn raw(self) -> &'t Raw<'t> {
        // Numbers of nodes are only made for those that are there.
        &self.tree.nodes[self.index]
    }
}

pub(super) fn cells(value: &[u8]) -> Vec<u32> {
    value.chunks_exact(4).map(|cell| u32::from_be_bytes([cell[0], cell[1], cell[2], cell[3]])).collect()
}

/// The structure block and the strings block (5.2).
fn blocks(dtb: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let field = |at| word(dtb, at).ok_or("is shorter than its header");
    if field(0)? != MAGIC {
        return Err("does not begin with the magic of a device tree");
    }
    let size = index(field(4)?)?;
    if size > MAX_SIZE {
        return Err("is larger than 16 MiB");
    }
    let dtb = dtb.get(..size).ok_or("is shorter than its header says")?;
    if field(20)? < 17 || field(24)? > 17 {
        return Err("is not of version 17");
    }
    let block = |at: u32, length: u32| {
        let start = index(at)?;
        let end = start.checked_add(index(length)?).ok_or("has a block beyond its end")?;
        dtb.get(start..end).ok_or("has a block beyond its end")
    };
    Ok((block(field(8)?, field(36)?)?, block(field(12)?, field(32)?)?))
}

/// Walks the tokens of the structure block (5.4).
fn nodes<'a>(tokens: &'a [u8], strings: &'a [u8]) -> Result<DeviceTree<'a>, &'static str> {
    const CUT: &str = "ends in the middle of a node";
    let mut nodes: Vec<Raw<'a>> = Vec::new();
    let mut phandles = HashMap::new();
    // The nodes that are open, the innermost last.
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    loop {
        let token = word(tokens, at).ok_or(CUT)?;
        at += 4;
        match token {
            BEGIN_NODE => {
                let name = text(tokens, at).ok_or(CUT)?;
                at = aligned(at, name.len() + 1);
                if open.len() >= MAX_DEPTH {
                    return Err("has nodes more than 64 deep");
                }
                if nodes.len() >= MAX_NODES {
                    return Err("has more than 65,536 nodes");
                }
                if open.is_empty() && !nodes.is_empty() {
                    return Err("has two roots");
                }
                let name = std::str::from_utf8(name).map_err(|_| "has a node whose name is no text")?;
                nodes.push(Raw { name, parent: open.last().copied(), properties: Vec::new() });
                open.push(nodes.len() - 1);
            }
            END_NODE => {
                open.pop().ok_or("closes a node that was not opened")?;
            }
            PROP => {
                let length = index(word(tokens, at).ok_or(CUT)?)?;
                let name = index(word(tokens, at + 4).ok_or(CUT)?)?;
                let end = (at + 8).checked_add(length).ok_or(CUT)?;
                let value = tokens.get(at + 8..end).ok_or("has a property beyond its end")?;
                at = aligned(at + 8, length);
                let name = text(strings, name).ok_or("has a property without a name")?;
                let name = std::str::from_utf8(name).map_err(|_| "has a property whose name is no text")?;
                let here = *open.last().ok_or("has a property outside of every node")?;
                // Compilers of old wrote `linux,phandle` beside it.
                if let ("phandle" | "linux,phandle", &[a, b, c, d]) = (name, value) {
                    phandles.insert(u32::from_be_bytes([a, b, c, d]), here);
                }
                nodes[here].properties.push((name, value));
            }
            NOP => {}
            END if nodes.is_empty() || !open.is_empty() => return Err(CUT),
            END => return Ok(DeviceTree { nodes, phandles }),
            _ => return Err("has a token that no version knows"),
        }
    }
}

/// The place behind `length` bytes at `at`, rounded up to four. Both lie in a slice of at most 16 MiB.
fn aligned(at: usize, length: usize) -> usize {
    (at + length).next_multiple_of(4)
}

/// The bytes up to the next NUL.
fn text(data: &[u8], at: usize) -> Option<&[u8]> {
    let rest = data.get(at..)?;
    rest.iter().position(|&b| b == 0).map(|end| &rest[..end])
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(data.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn index(value: u32) -> Result<usize, &'static str> {
    usize::try_from(value).map_err(|_| "has an offset beyond its end")
}
