//! Layers, one over another (image-spec, `layer.md`).

use std::path::Path;
use std::sync::Arc;
use std::thread;

use rayon::prelude::*;
use rootsmith_tree::Tree;
use rootsmith_types::{Sha256Digest, Sha256Writer, TreePath};

use super::LAYER;
use super::image::Layer;
use super::store::{Store, check};
use crate::tar::budget::Budget;
use crate::tar::decompress::Compression;
use crate::tar::growing::Growing;
use crate::tar::members::{Ends, Member};
use crate::tar::packs::Packs;
use crate::{OpenError, Source, tar};

/// A name with this before it takes away what lower layers have of that name.
const WHITEOUT: &[u8] = b".wh.";
/// Takes away all that lower layers have in this directory.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// AUFS keeps its own files under such names.
const AUFS: &[u8] = b".wh..wh.";

/// The tree that the layers make.
pub(crate) fn apply(
    store: &dyn Store,
    layers: &[Layer],
    scratch: &Path,
    budget: &Budget,
) -> Result<(Tree, Packs), OpenError> {
    // Layers are decompressed side by side, and applied one after another.
    let read: Vec<_> = layers.par_iter().map(|layer| read(store, layer, scratch, budget)).collect();
    // No more than 256.
    let mut growing = Growing::new(LAYER, layers.len() as u32, budget);
    let mut wholes = Vec::with_capacity(layers.len());
    for (number, read) in read.into_iter().enumerate() {
        let (members, whole) = read?;
        apply_one(&mut growing, members, number as u32)?;
        wholes.push(whole);
    }
    Ok(growing.finish(wholes))
}

/// Takes away first: whiteouts are about lower layers, wherever they stand in their own.
fn apply_one(growing: &mut Growing<'_>, members: Vec<Member>, number: u32) -> Result<(), OpenError> {
    let mut added = Vec::with_capacity(members.len());
    for member in members {
        let Some(name) = member.path.name().filter(|name| name.starts_with(WHITEOUT)) else {
            added.push(member);
            continue;
        };
        // The root has no name.
        let parent = member.path.parent().unwrap_or_else(TreePath::root);
        if name == OPAQUE {
            let children: Vec<_> = growing.tree_mut().children(&parent).map(<[u8]>::to_vec).collect();
            for child in children.iter().filter_map(|child| parent.join(child).ok()) {
                growing.tree_mut().remove(&child);
            }
        } else if !name.starts_with(AUFS) {
            let hidden = &name[WHITEOUT.len()..];
            if matches!(hidden, b"" | b"." | b"..") {
                return Err(OpenError::damaged_at(LAYER, format_args!("`{}`", member.path), "a whiteout of nothing"));
            }
            if let Ok(path) = parent.join(hidden) {
                growing.tree_mut().remove(&path);
            }
        }
    }
    let ours = |member: &Member| member.path.components().any(|name| name.starts_with(AUFS));
    added.into_iter().filter(|member| !ours(member)).try_for_each(|member| growing.put(member, number))
}

/// The members of a layer, and where their contents are read. The blob is held against its digest meanwhile.
fn read(store: &dyn Store, layer: &Layer, scratch: &Path, budget: &Budget) -> Result<(Vec<Member>, Source), OpenError> {
    let (blob, wanted, name, ends) = match layer {
        Layer::Blob(descriptor) => {
            let (blob, digest) = store.required(descriptor)?;
            (blob, Some(digest), format!("sha256:{digest}"), Ends::Anywhere)
        }
        Layer::File(path, diff_id) => {
            let blob = store.open(path)?;
            // A layer's diff id is the digest of what is not compressed.
            let plain = matches!(Compression::of(&blob), Ok(Compression::Plain));
            let wanted = diff_id.filter(|_| plain);
            // Where neither a digest nor a compression tells that it is whole, its own end has to.
            let ends = if plain && wanted.is_none() { Ends::Marked } else { Ends::Anywhere };
            (blob, wanted, path.clone(), ends)
        }
    };
    let (digest, read) = thread::scope(|scope| {
        let digest = wanted.map(|wanted| (wanted, scope.spawn(|| digest(&blob))));
        let mut members = Vec::new();
        let read = tar::read(&blob, scratch, budget, ends, &mut |member| {
            // A tree has the last component of a path alone, and here all of them are kept for a while.
            budget.memory(LAYER, member.path.as_bytes().len())?;
            members.push(member);
            Ok(())
        });
        // A thread that only hashes does not panic; if it did, so do we.
        let digest = digest
            .map(|(wanted, found)| (wanted, found.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))));
        (digest, read.map(|whole| (members, whole)))
    });
    let at = |reason: &dyn std::fmt::Display| OpenError::damaged_at(LAYER, format_args!("layer `{name}`"), reason);
    // A blob that is not the one that was meant is wrong in that first, whatever else follows from it.
    if let Some((wanted, found)) = digest {
        check(&wanted, &found.map_err(|error| at(&format_args!("it cannot be read: {error}")))?)?;
    }
    read.map_err(|error| match error {
        OpenError::Damaged { .. } => at(&error),
        other => other,
    })
}

pub(crate) fn digest(source: &Source) -> std::io::Result<Sha256Digest> {
    use std::io::Write;
    const PIECE: u64 = 256 << 10;
    let source = Arc::clone(source);
    let mut writer = Sha256Writer::new(std::io::sink());
    let mut buf = vec![0; PIECE as usize];
    let mut at = 0;
    while at < source.size() {
        // At most `PIECE`.
        let n = (source.size() - at).min(PIECE) as usize;
        source.read_at(at, &mut buf[..n])?;
        writer.write_all(&buf[..n])?;
        at += n as u64;
    }
    Ok(writer.finish().1)
}
