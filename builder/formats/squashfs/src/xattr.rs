//! Extended attributes: each set of them is stored once, and each long value.

use std::collections::BTreeMap;
use std::io;

use rootsmith_tree::Metadata;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use crate::compress::Compressor;
use crate::format::{NO_TABLE, NONE, OUT_OF_LINE, Reference, XattrId, XattrTable};
use crate::metadata::{Chain, table};

/// The namespaces that have a number, which is their place.
const PREFIXES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];
/// Bytes of a name behind its prefix, at most.
const MAX_NAME: usize = 255;
/// Bytes of a value, at most: what Linux takes.
const MAX_VALUE: usize = 64 << 10;
/// A value that is not longer than this costs less than the place of another.
const SHORT: usize = 8;

type Set = BTreeMap<Vec<u8>, Vec<u8>>;

/// Why attributes cannot be stored.
#[derive(Debug)]
pub(crate) enum XattrError {
    /// None of the namespaces, or no usable name.
    Unknown(String),
    /// Longer than Linux takes.
    TooLong(String),
}

/// The sets of attributes of all inodes.
#[derive(Debug, Default)]
pub(crate) struct Xattrs<'a> {
    sets: Vec<&'a Set>,
    known: BTreeMap<&'a Set, u32>,
}

impl<'a> Xattrs<'a> {
    /// The number of an inode's attributes, or [`NONE`].
    pub(crate) fn add(&mut self, metadata: &'a Metadata) -> Result<u32, XattrError> {
        let Some(set) = metadata.xattrs.as_deref().filter(|set| !set.is_empty()) else { return Ok(NONE) };
        if let Some(&number) = self.known.get(set) {
            return Ok(number);
        }
        for (name, value) in set {
            let shown = || String::from_utf8_lossy(name).into_owned();
            let (_, rest) = split(name).ok_or_else(|| XattrError::Unknown(shown()))?;
            if rest.is_empty() {
                return Err(XattrError::Unknown(shown()));
            }
            if rest.len() > MAX_NAME || value.len() > MAX_VALUE {
                return Err(XattrError::TooLong(shown()));
            }
        }
        // Fewer than there can be inodes.
        let number = self.sets.len() as u32;
        self.sets.push(set);
        self.known.insert(set, number);
        Ok(number)
    }

    /// The table, when there is to be one, and where its head lies; `at` is where it begins.
    pub(crate) fn table(&self, compressor: &mut Compressor, at: u64) -> io::Result<(Vec<u8>, u64)> {
        if self.sets.is_empty() {
            return Ok((Vec::new(), NO_TABLE));
        }
        let mut chain = Chain::new(compressor);
        let mut values = BTreeMap::new();
        let mut ids = Vec::with_capacity(self.sets.len());
        for set in &self.sets {
            let xattr = chain.end().number();
            let mut size = 0;
            for (name, value) in *set {
                size += push(&mut chain, &mut values, name, value)?;
            }
            // An inode's attributes come from memory, a few at a time.
            ids.push(XattrId { xattr, count: U32::new(set.len() as u32), size: U32::new(size as u32) });
        }
        let (mut bytes, _) = chain.finish()?;
        let (list, head) = table(compressor, ids.as_bytes(), at + bytes.len() as u64)?;
        // The head comes between the blocks and the list of their places.
        let blocks = (head - at) as usize - bytes.len();
        bytes.extend_from_slice(&list[..blocks]);
        let xattr_ids = U32::new(self.sets.len() as u32);
        let table = XattrTable { xattr_table_start: U64::new(at), xattr_ids, unused: U32::new(0) };
        bytes.extend_from_slice(table.as_bytes());
        bytes.extend_from_slice(&list[blocks..]);
        Ok((bytes, head))
    }
}

/// Adds an attribute, its value only when it is new or short: the bytes that it has.
fn push<'a>(
    chain: &mut Chain<'_>,
    values: &mut BTreeMap<&'a [u8], Reference>,
    name: &[u8],
    value: &'a [u8],
) -> io::Result<usize> {
    // Names were looked at when they were taken in.
    let (prefix, rest) = split(name).unwrap_or_default();
    let elsewhere = values.get(value).copied();
    let kind = if elsewhere.is_some() { prefix | OUT_OF_LINE } else { prefix };
    chain.push([U16::new(kind), U16::new(rest.len() as u16)].as_bytes())?;
    chain.push(rest)?;
    match elsewhere {
        Some(place) => {
            chain.push(U32::new(8).as_bytes())?;
            chain.push(place.number().as_bytes())?;
        }
        None => {
            if value.len() > SHORT {
                values.insert(value, chain.end());
            }
            chain.push(U32::new(value.len() as u32).as_bytes())?;
            chain.push(value)?;
        }
    }
    Ok(name.len() + 1 + value.len())
}

/// The number of the namespace, and the rest of the name.
fn split(name: &[u8]) -> Option<(u16, &[u8])> {
    (0..).zip(PREFIXES).find_map(|(number, prefix)| Some((number, name.strip_prefix(prefix)?)))
}
