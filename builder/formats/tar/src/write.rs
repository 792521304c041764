//! The stream: every entry's blocks, in the tree's order.

use std::io::{self, Write};

use rootsmith_tree::{Blobs, NodeKind, Tree};
use rootsmith_types::TreePath;

use crate::header;

/// Writes `tree` as one tar archive.
pub fn write(tree: &Tree, blobs: &dyn Blobs, out: &mut dyn Write) -> io::Result<()> {
    let mut first: Vec<Option<TreePath>> = vec![None; tree.leaf_slots()];
    for entry in tree.walk() {
        let at = |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", entry.path));
        let slot = entry.leaf.map(|leaf| &mut first[leaf.index()]);
        let link = slot.as_ref().and_then(|slot| slot.as_ref());
        out.write_all(&header::blocks(&entry.path, entry.node, link)?)?;
        if link.is_some() {
            continue;
        }
        if let NodeKind::File(content) = &entry.node.kind {
            content.copy_to(blobs, out).map_err(at)?;
            let padding = content.size().wrapping_neg() % 512;
            out.write_all(&[0; 512][..padding as usize])?;
        }
        if let Some(slot) = slot {
            *slot = Some(entry.path);
        }
    }
    out.write_all(&[0; 1024])
}

/// The same, compressed with Zstandard at `level`.
pub fn write_zstd(tree: &Tree, blobs: &dyn Blobs, level: i32, workers: u32, out: &mut dyn Write) -> io::Result<()> {
    compress(out, level, workers, |out| write(tree, blobs, out))
}

/// Compresses what `fill` writes with Zstandard at `level`. The bytes depend on `level` alone: with at least one worker the
/// input is cut into the same jobs however many there are, and 0 is taken as 1.
pub fn compress(
    out: &mut dyn Write,
    level: i32,
    workers: u32,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(out, level)?;
    encoder.include_checksum(true)?;
    encoder.multithread(workers.max(1))?;
    // Headers and small files come in crumbs; each call into the encoder costs.
    let mut buffered = io::BufWriter::with_capacity(256 << 10, &mut encoder);
    fill(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    encoder.finish()?.flush()
}
