//! What goes where.

use std::io;

use rootsmith_ondisk::{Image, Sink};
use rootsmith_types::{NumBytes, UnixTime};

use crate::descriptor::{Volume, end, volume};
use crate::directory::{Extent, path_table, root};
use crate::{BLOCK, Names, PlanError};

/// The first volume descriptor.
const DESCRIPTORS: u32 = 16;
/// The two path tables of each hierarchy.
const PATH_TABLES: [u32; 2] = [19, 21];
/// The root directory of each hierarchy.
const ROOTS: [u32; 2] = [23, 24];
/// The first block of a file.
const FILES: u32 = 25;

/// A file of the CD's one folder.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// 1 to 28 small letters, digits, `-` and `_`.
    pub name: &'a str,
    /// What is in it.
    pub content: &'a [u8],
}

/// What the files do not say.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// At most 16 capital letters, digits and `_`: what Joliet has room for, too.
    pub label: &'a str,
    /// When everything was made.
    pub date: UnixTime,
}

/// A CD that is ready to be written.
#[derive(Debug)]
pub struct Plan<'a> {
    /// From the first volume descriptor to the last directory.
    head: Vec<u8>,
    /// Each with its offset, ascending.
    files: Vec<(u64, &'a [u8])>,
    blocks: u32,
}

/// Puts descriptors, directories and files in their places.
pub fn plan<'a>(files: &[File<'a>], options: &Options<'_>) -> Result<Plan<'a>, PlanError> {
    let label = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if !(1..=16).contains(&options.label.len()) || !options.label.bytes().all(label) {
        return Err(PlanError::Label(options.label.to_owned()));
    }
    let mut sorted = files.to_vec();
    sorted.sort_by_key(|file| file.name);
    for pair in sorted.windows(2) {
        if pair[0].name == pair[1].name {
            return Err(PlanError::Twice(pair[0].name.to_owned()));
        }
    }
    let mut next = FILES;
    let mut extents = Vec::new();
    let mut contents = Vec::new();
    for file in &sorted {
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if !(1..=28).contains(&file.name.len()) || !file.name.bytes().all(known) {
            return Err(PlanError::Name(file.name.to_owned()));
        }
        let size = u32::try_from(file.content.len()).map_err(|_| PlanError::TooLarge)?;
        let blocks = u32::try_from(file.content.len().div_ceil(BLOCK)).map_err(|_| PlanError::TooLarge)?;
        // An empty file has no block, and readers look at none.
        extents.push((file.name, Extent { block: next, size }));
        contents.push((offset(next), file.content));
        next = next.checked_add(blocks).ok_or(PlanError::TooLarge)?;
    }

    let hierarchies = [Names::Primary, Names::Joliet];
    let roots = ROOTS.map(|block| Extent { block, size: 2048 });
    let mut head = Vec::new();
    for ((names, path_table), root) in hierarchies.into_iter().zip(PATH_TABLES).zip(roots) {
        let it = Volume { label: options.label, blocks: next, path_table, root, date: options.date };
        head.extend(volume(names, &it));
    }
    head.extend(end());
    for root in roots {
        for table in [
            path_table(root.block.to_le_bytes(), 1_u16.to_le_bytes()),
            path_table(root.block.to_be_bytes(), 1_u16.to_be_bytes()),
        ] {
            let mut block = table;
            block.resize(BLOCK, 0);
            head.extend(block);
        }
    }
    for (names, own) in hierarchies.into_iter().zip(roots) {
        head.extend(root(names, own, &extents, options.date).ok_or(PlanError::TooMany(files.len()))?);
    }
    Ok(Plan { head, files: contents, blocks: next })
}

impl Image for Plan<'_> {
    fn size(&self) -> NumBytes {
        NumBytes::new(offset(self.blocks))
    }

    fn write(&self, out: &mut dyn Sink) -> io::Result<()> {
        out.write_at(offset(DESCRIPTORS), &self.head)?;
        for (offset, content) in self.files.iter().filter(|(_, content)| !content.is_empty()) {
            out.write_at(*offset, content)?;
        }
        Ok(())
    }
}

fn offset(block: u32) -> u64 {
    u64::from(block).saturating_mul(BLOCK as u64)
}
