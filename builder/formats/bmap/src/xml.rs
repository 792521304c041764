//! The map as a file.

use std::fmt::Write;
use std::ops::Range;

use rootsmith_types::{NumBytes, Sha256Digest};
use roxmltree::{Document, Node};

use crate::{BlockMap, BmapError, Mapped};

/// A map is some lines for each range; an image that is all holes and blocks in turn has this many in 128 GiB.
const MAX_TEXT: usize = 64 << 20;
const NO_DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

pub(crate) fn write(map: &BlockMap) -> String {
    let blocks = map.image_size.div_ceil(map.block_size.max(1));
    let mapped: u64 = map.ranges.iter().map(|range| range.blocks.end - range.blocks.start).sum();
    let mut text = format!(
        "<?xml version=\"1.0\" ?>\n<bmap version=\"2.0\">\n    \
         <!-- Image size in bytes: {size} -->\n    <ImageSize> {} </ImageSize>\n    \
         <!-- Size of a block in bytes -->\n    <BlockSize> {} </BlockSize>\n    \
         <!-- Count of blocks in the image file -->\n    <BlocksCount> {blocks} </BlocksCount>\n    \
         <!-- Count of mapped blocks: {mapped_size} -->\n    <MappedBlocksCount> {mapped} </MappedBlocksCount>\n    \
         <!-- Type of checksum used in this file -->\n    <ChecksumType> sha256 </ChecksumType>\n    \
         <!-- The checksum of this file; in it, its own place counts as zeros -->\n    \
         <BmapFileChecksum> {NO_DIGEST} </BmapFileChecksum>\n    \
         <!-- The blocks that hold anything: a number, or the first and the last -->\n    <BlockMap>\n",
        map.image_size,
        map.block_size,
        size = NumBytes::new(map.image_size),
        mapped_size = NumBytes::new(map.mapped()),
    );
    for Mapped { blocks, sha256 } in &map.ranges {
        let last = blocks.end.saturating_sub(1);
        let numbers = if blocks.start == last { last.to_string() } else { format!("{}-{last}", blocks.start) };
        // Writing into a text cannot fail.
        let _ = writeln!(text, "        <Range chksum=\"{sha256}\"> {numbers} </Range>");
    }
    text.push_str("    </BlockMap>\n</bmap>\n");
    let digest = Sha256Digest::of(text.as_bytes()).to_string();
    text.replacen(NO_DIGEST, &digest, 1)
}

pub(crate) fn parse(text: &str) -> Result<BlockMap, BmapError> {
    let wrong = |reason: String| BmapError::Wrong(reason);
    if text.len() > MAX_TEXT {
        return Err(wrong(format!("more than {} of text", NumBytes::new(MAX_TEXT as u64))));
    }
    let document = Document::parse(text).map_err(|error| BmapError::Xml(error.to_string()))?;
    let root = document.root_element();
    let version = root.attribute("version").unwrap_or_default();
    if root.tag_name().name() != "bmap" || version.split('.').next() != Some("2") {
        return Err(wrong(format!("`{}` of version `{version}` is not `bmap` of version 2", root.tag_name().name())));
    }
    let child = |name: &str| -> Result<Node<'_, '_>, BmapError> {
        let found = root.children().find(|node| node.tag_name().name() == name);
        found.ok_or_else(|| wrong(format!("`{name}` is missing")))
    };
    let number = |name: &str| -> Result<u64, BmapError> {
        let text = child(name)?.text().unwrap_or_default().trim();
        text.parse().map_err(|_| wrong(format!("`{name}` is `{text}`, not a number")))
    };
    let kind = child("ChecksumType")?.text().unwrap_or_default().trim();
    if kind != "sha256" {
        return Err(wrong(format!("digests of the kind `{kind}`; `sha256` is read")));
    }
    let said = child("BmapFileChecksum")?.text().unwrap_or_default().trim();
    let digest: Sha256Digest = said.parse().map_err(|_| wrong(format!("`{said}` is no digest")))?;
    if Sha256Digest::of(text.replacen(said, NO_DIGEST, 1).as_bytes()) != digest {
        return Err(BmapError::Damaged);
    }
    let (image_size, block_size) = (number("ImageSize")?, number("BlockSize")?);
    if block_size == 0 || !block_size.is_power_of_two() || block_size > 1 << 30 {
        return Err(wrong(format!("blocks of {block_size} bytes")));
    }
    let blocks = image_size.div_ceil(block_size);
    let mut ranges: Vec<Mapped> = Vec::new();
    for node in child("BlockMap")?.children().filter(Node::is_element) {
        let numbers = node.text().unwrap_or_default().trim();
        let range = range(numbers).ok_or_else(|| wrong(format!("`{numbers}` is no range of blocks")))?;
        let after = ranges.last().map_or(0, |last| last.blocks.end);
        if range.start < after || range.end > blocks {
            return Err(wrong(format!("the range `{numbers}` is not between {after} and the last of {blocks} blocks")));
        }
        let digest = node.attribute("chksum").unwrap_or_default();
        let sha256 = digest.parse().map_err(|_| wrong(format!("`{digest}` is no digest of `{numbers}`")))?;
        ranges.push(Mapped { blocks: range, sha256 });
    }
    Ok(BlockMap { image_size, block_size, ranges })
}

/// `7`, or `3-9` with both ends in it.
fn range(numbers: &str) -> Option<Range<u64>> {
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some(first..last.checked_add(1)?)
}
